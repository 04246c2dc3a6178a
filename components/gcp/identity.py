"""Who a pod or a service is to Google Cloud, and the little that it may do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, Final, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_gcp.artifactregistry.repository_iam_member import RepositoryIamMember
from pulumi_gcp.cloudrunv2.service_iam_member import ServiceIamMember
from pulumi_gcp.kms.crypto_key_iam_member import CryptoKeyIAMMember
from pulumi_gcp.projects.iam_member import IAMMember as ProjectMember
from pulumi_gcp.pubsub.subscription_iam_member import SubscriptionIAMMember
from pulumi_gcp.pubsub.topic_iam_member import TopicIAMMember
from pulumi_gcp.secretmanager.secret_iam_member import SecretIamMember
from pulumi_gcp.serviceaccount.account import Account
from pulumi_gcp.serviceaccount.iam_member import IAMMember as AccountMember
from pulumi_gcp.storage.bucket_iam_member import BucketIAMMember

from components import checks, outputs, pods
from components.gcp import checks as gcp

LONGEST: Final = 22
"""Characters of a name: an account's id has 30, and Pulumi's suffix takes 8 of them (IAM, "Create service accounts",
2026-11-22)."""
ROLE: Final = (
    r"roles/[a-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)+"
    r"|(projects/[a-z][a-z0-9.:-]{4,61}|organizations/[0-9]{1,19})/roles/[A-Za-z0-9_.]{3,64}"
)
"""Roles of one service, and those that somebody has made (IAM, "Roles and permissions", 2026-11-22). Basic roles
(owner, editor, viewer, admin, writer, reader, browser) have no service in their name."""
READS, WRITES = "roles/storage.objectViewer", "roles/storage.objectUser"
READS_SECRET: Final = "roles/secretmanager.secretAccessor"
DECRYPTS: Final = "roles/cloudkms.cryptoKeyDecrypter"
TAKES: Final = "roles/iam.workloadIdentityUser"
"""What lets a service account of Kubernetes be this one."""
HANDING_OUT: Final = ("roles/iam.", "roles/resourcemanager.", "roles/orgpolicy.", "roles/accesscontextmanager.")
"""What roles begin with that let one take another's place, or hand out rights, in a whole project."""
BUCKET: Final = r"(?!goog)[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"
"""Names of buckets (Cloud Storage, "About buckets", 2026-11-22)."""
_PROJECT = r"projects/[a-z0-9][a-z0-9.:-]{3,61}"
_PUBSUB = r"(?!goog)[A-Za-z][\w.~+%-]{2,254}"
_SHORT = r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?"


class GcpResourceKind(Enum):
    """What something may be allowed for."""

    PROJECT = "project"
    """All of the project."""
    BUCKET = "bucket"
    """A bucket of Cloud Storage, with what is in it."""
    KEY = "key"
    """A key of Cloud KMS."""
    REPOSITORY = "repository"
    """A repository of Artifact Registry."""
    RUN_SERVICE = "run-service"
    """A service of Cloud Run."""
    SECRET = "secret"
    """A secret of Secret Manager."""
    SUBSCRIPTION = "subscription"
    """A subscription of Pub/Sub."""
    TOPIC = "topic"
    """A topic of Pub/Sub."""


class GcpCondition(TypedDict):
    """When a statement holds. Projects, buckets, keys, secrets and services of Cloud Run take one."""

    title: str
    """What it is called, of at most 100 characters."""
    expression: str
    """What has to be true, in the Common Expression Language, as `request.time < timestamp("2027-01-01T00:00:00Z")`."""


class GcpStatement(TypedDict):
    """Something that is allowed."""

    role: str
    """The role that allows it, of one service, as `roles/pubsub.publisher`, or one of yours,
    `projects/shop-prod/roles/asks`."""
    kind: GcpResourceKind
    """What it is allowed for. A whole project only for what cannot be allowed for less."""
    resource: NotRequired[pulumi.Input[str]]
    """The whole name of that, as `projects/shop-prod/topics/asked`, or a bucket's name; none for the project."""
    condition: NotRequired[GcpCondition]
    """When. Default: always."""


class GcpObjects(TypedDict):
    """Objects in Cloud Storage under one prefix."""

    bucket: pulumi.Input[str]
    """Name of the bucket, which has uniform bucket-level access: another one takes no conditions."""
    prefix: str
    """What the objects' names begin with, up to a slash, as `models/digits/`."""


class GcpKubernetes(TypedDict):
    """Pods that are this account to Google, by what they run as."""

    namespace: pulumi.Input[str]
    """Their namespace."""
    service_account: pulumi.Input[str]
    """Their service account in it, the only one that may be this account. It needs the annotation
    `iam.gke.io/gcp-service-account` with this account's `email`."""
    workload_pool: NotRequired[pulumi.Input[str]]
    """Pool of the cluster, `PROJECT.svc.id.goog`: a GkeCluster's `workload_pool`. Default: that of this project."""


class GcpIdentityArgs(TypedDict):
    project: str
    """Id of the project, as `shop-prod`."""
    kubernetes: NotRequired[GcpKubernetes]
    """Pods in GKE that take it. Default: none, it is for what is given it by name, a service of Cloud Run for
    example."""
    reads_objects: NotRequired[Mapping[str, GcpObjects]]
    """Objects in Cloud Storage that it may list and read, by a short name of each. Default: none."""
    writes_objects: NotRequired[Mapping[str, GcpObjects]]
    """Objects that it may list, read, write and delete, by a short name of each. Default: none."""
    reads_secret_names: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Whole names of secrets in Secret Manager that it may read, `projects/PROJECT/secrets/NAME`, by a short name of
    each. Default: none."""
    decrypts_with_key_names: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Whole names of keys of Cloud KMS that it may decrypt with, by a short name of each. Default: none."""
    statements: NotRequired[Mapping[str, GcpStatement]]
    """What else it may do, by a short name of each. Default: nothing."""


Made = Callable[[str, pulumi.Input[str], Mapping[str, Any], pulumi.ResourceOptions], pulumi.Resource]


@dataclass(frozen=True)
class _Kind:
    """A resource that has a policy of its own."""

    service: str
    """Whose roles are for it."""
    role: str
    """One of these, for example."""
    pattern: str
    example: str
    made: Made
    conditional: bool
    """Whether its policy takes conditions."""


def _of(kind: Any, word: str) -> Made:
    """Makes members of one kind of policy. word: what the provider calls the resource that it is of."""

    def made(
        name: str, resource: pulumi.Input[str], more: Mapping[str, Any], opts: pulumi.ResourceOptions
    ) -> pulumi.Resource:
        return cast("pulumi.Resource", kind(name, **{word: resource}, **more, opts=opts))

    return made


# Which take conditions: IAM, "Resource types that accept conditional role bindings", 2026-11-22.
KINDS: Final[Mapping[GcpResourceKind, _Kind]] = {
    GcpResourceKind.BUCKET: _Kind(
        "storage", "objectViewer", BUCKET, "shop-models", _of(BucketIAMMember, "bucket"), conditional=True
    ),
    GcpResourceKind.KEY: _Kind(
        "cloudkms",
        "cryptoKeyDecrypter",
        gcp.KEY,
        "projects/shop-prod/locations/europe-west4/keyRings/models/cryptoKeys/models",
        _of(CryptoKeyIAMMember, "crypto_key_id"),
        conditional=True,
    ),
    GcpResourceKind.REPOSITORY: _Kind(
        "artifactregistry",
        "reader",
        rf"{_PROJECT}/locations/[a-z0-9-]+/repositories/[a-z][a-z0-9-]{{0,62}}",
        "projects/shop-prod/locations/europe-west4/repositories/models",
        _of(RepositoryIamMember, "repository"),
        conditional=False,
    ),
    GcpResourceKind.RUN_SERVICE: _Kind(
        "run",
        "invoker",
        rf"{_PROJECT}/locations/[a-z0-9-]+/services/[a-z][a-z0-9-]{{0,48}}",
        "projects/shop-prod/locations/europe-west4/services/digits",
        _of(ServiceIamMember, "name"),
        conditional=True,
    ),
    GcpResourceKind.SECRET: _Kind(
        "secretmanager",
        "secretAccessor",
        rf"{_PROJECT}/secrets/[A-Za-z0-9_-]{{1,255}}",
        "projects/shop-prod/secrets/upstream",
        _of(SecretIamMember, "secret_id"),
        conditional=True,
    ),
    GcpResourceKind.SUBSCRIPTION: _Kind(
        "pubsub",
        "subscriber",
        rf"{_PROJECT}/subscriptions/{_PUBSUB}",
        "projects/shop-prod/subscriptions/asked",
        _of(SubscriptionIAMMember, "subscription"),
        conditional=False,
    ),
    GcpResourceKind.TOPIC: _Kind(
        "pubsub",
        "publisher",
        rf"{_PROJECT}/topics/{_PUBSUB}",
        "projects/shop-prod/topics/asked",
        _of(TopicIAMMember, "topic"),
        conditional=False,
    ),
}
"""What has a policy of its own, beside the project."""


@dataclass(frozen=True)
class Grant:
    """A role that is given for one resource."""

    role: str
    kind: GcpResourceKind
    resource: pulumi.Input[str]
    condition: Mapping[str, Any] | None

    def made(self, name: str, member: pulumi.Input[str], opts: pulumi.ResourceOptions) -> pulumi.Resource:
        more: dict[str, Any] = {"role": self.role, "member": member}
        if self.condition is not None:
            more["condition"] = self.condition
        if self.kind is GcpResourceKind.PROJECT:
            return ProjectMember(name, project=self.resource, **more, opts=opts)
        return KINDS[self.kind].made(name, self.resource, more, opts)

    @property
    def same(self) -> object:
        """What is equal where two are one to Google; nothing where that is not known yet."""
        plain = isinstance(self.resource, str) and all(
            isinstance(each, str) for each in (self.condition or {}).values()
        )
        return (self.role, self.resource, repr(self.condition)) if plain else None


class GcpIdentity(pulumi.ComponentResource):
    """A service account that one service account of Kubernetes may be, or what is given it, and that may do what is
    named. It has no keys, so none can leak.

    What is allowed is known by its short name: another one for the same thing would take away at the end of an `up`
    what it gave in it. Pods get the rights within a minute or two: let what runs in them depend on this.
    Outputs: `email`, `member`, `id`.
    """

    email: pulumi.Output[str]
    """Address of the account, once it may do what it should: what `iam.gke.io/gcp-service-account` and a service of
    Cloud Run want."""
    member: pulumi.Output[str]
    """The account as a member of IAM, `serviceAccount:EMAIL`: for policies of others."""
    id: pulumi.Output[str]
    """Whole name of the account, `projects/PROJECT/serviceAccounts/EMAIL`."""

    def __init__(self, name: str, args: GcpIdentityArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("GcpIdentity", args, GcpIdentityArgs)
        gcp.named("GcpIdentity", name, LONGEST)
        gcp.project("GcpIdentity.project", args["project"])
        taker = _taker(args)
        grants = {
            **_objects("reads_objects", args.get("reads_objects"), READS, name),
            **_objects("writes_objects", args.get("writes_objects"), WRITES, name),
            **_named("reads_secret_names", args.get("reads_secret_names"), GcpResourceKind.SECRET, READS_SECRET),
            **_named("decrypts_with_key_names", args.get("decrypts_with_key_names"), GcpResourceKind.KEY, DECRYPTS),
            **statements("GcpIdentity", "statements", args.get("statements"), args["project"]),
        }
        once("GcpIdentity", grants)
        super().__init__("modelport:index:GcpIdentity", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = Account(name, project=args["project"], display_name=f"{name}, a workload", opts=child)
        settled = [grant.made(f"{name}-{slug(what)}", account.member, child) for what, grant in grants.items()]
        if taker is not None:
            settled.append(
                AccountMember(
                    f"{name}-kubernetes", service_account_id=account.name, role=TAKES, member=taker, opts=child
                )
            )
        self.email = outputs.once(account.email, settled)
        self.member = account.member
        self.id = account.name
        self.register_outputs({"email": self.email, "member": self.member, "id": self.id})


def _taker(args: GcpIdentityArgs) -> pulumi.Input[str] | None:
    """The service account of Kubernetes as a member of IAM, where one is named. Raises ArgsError."""
    given = args.get("kubernetes")
    if given is None:
        return None
    what = "GcpIdentity.kubernetes"
    checks.given(what, given, GcpKubernetes)
    pool = given.get("workload_pool", f"{args['project']}.svc.id.goog")
    return outputs.known(
        _in_cluster,
        pool=checks.asked(pool, partial(_pool, f"{what}.workload_pool")),
        namespace=checks.asked(given["namespace"], partial(pods.namespace, f"{what}.namespace")),
        account=checks.asked(given["service_account"], partial(pods.service_account, f"{what}.service_account")),
    )


def _in_cluster(pool: str, namespace: str, account: str) -> str:
    return f"serviceAccount:{pool}[{namespace}/{account}]"


def _below(bucket: str, prefix: str) -> str:
    """The condition that holds below a prefix alone. Listing is asked of the bucket, all else of objects."""
    return (
        f'resource.name.startsWith("projects/_/buckets/{bucket}/objects/{prefix}") || '
        f'api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("{prefix}")'
    )


def _pool(what: str, value: object) -> None:
    checks.fits(
        what, value, r"[a-z][a-z0-9.:-]{4,61}\.svc\.id\.goog", "the workload pool of a cluster", "shop-prod.svc.id.goog"
    )


def _objects(key: str, given: Mapping[str, GcpObjects] | None, role: str, name: str) -> dict[str, Grant]:
    found: dict[str, Grant] = {}
    for short, each in (given or {}).items():
        what = _short(key, short)
        checks.given(what, each, GcpObjects)
        bucket = checks.asked(each["bucket"], partial(_resource, f"{what}.bucket", GcpResourceKind.BUCKET))
        expected = "what names begin with, up to a slash and without wildcards or quotes"
        checks.fits(f"{what}.prefix", each["prefix"], r"(?!/)[^*?$\s\"'\\]*/", expected, "models/digits/")
        expression = outputs.known(
            _below,
            bucket=bucket,
            prefix=each["prefix"],
        )
        condition = {"title": f"{name}: {short}", "expression": expression}
        found[f"{key}.{short}"] = Grant(role, GcpResourceKind.BUCKET, bucket, condition)
    return found


def _named(
    key: str, given: Mapping[str, pulumi.Input[str]] | None, kind: GcpResourceKind, role: str
) -> dict[str, Grant]:
    return {
        f"{key}.{short}": Grant(role, kind, checks.asked(each, partial(_resource, _short(key, short), kind)), None)
        for short, each in (given or {}).items()
    }


def statements(component: str, key: str, given: Mapping[str, GcpStatement] | None, project: str) -> dict[str, Grant]:
    """What an argument allows, each by `KEY.SHORT`. Raises ArgsError for one that allows more than it names."""
    return {
        f"{key}.{short}": _statement(_short(key, short, component), each, project)
        for short, each in (given or {}).items()
    }


def _statement(what: str, given: GcpStatement, project: str) -> Grant:
    """One that somebody wrote. Raises ArgsError for one that allows more than it names."""
    checks.given(what, given, GcpStatement)
    kind = checks.choice(f"{what}.kind", given["kind"], GcpResourceKind)
    role = given["role"]
    expected = "a role of one service or one of your own, as a basic role allows what nobody thought of"
    checks.fits(f"{what}.role", role, ROLE, expected, "roles/pubsub.publisher")
    condition = _condition(f"{what}.condition", given.get("condition"), kind)
    resource = given.get("resource")
    if kind is GcpResourceKind.PROJECT:
        if resource is not None:
            raise checks.wrong(f"{what}.resource", resource, "nothing for a project", "leave resource out")
        _for_all(what, role, condition is not None)
        return Grant(role, kind, project, condition)
    known = KINDS[kind]
    if role.startswith("roles/") and not role.startswith(f"roles/{known.service}."):
        raise checks.wrong(
            f"{what}.role",
            role,
            f"a role that is for a {kind.value}, or one of your own",
            f"for example roles/{known.service}.{known.role}",
        )
    if resource is None:
        raise checks.wrong(f"{what}.resource", None, f"the {kind.value} that it is for", f"write {known.example}")
    return Grant(role, kind, checks.asked(resource, partial(_resource, f"{what}.resource", kind)), condition)


def _for_all(what: str, role: str, sometimes: bool) -> None:
    """Hold a role for a whole project to what can be had for nothing less. Raises ArgsError."""
    if role.startswith(HANDING_OUT):
        expected = "no role that hands out rights, or takes another's place, in a whole project"
        raise checks.wrong(f"{what}.role", role, expected, "give it where somebody looks at it, and not to a workload")
    narrower = [kind for kind, known in KINDS.items() if role.startswith(f"roles/{known.service}.")]
    if narrower and not sometimes:
        kinds = " or ".join(each.value for each in narrower)
        expected = f"a {kinds}, which {role} can be given for"
        raise checks.wrong(f"{what}.kind", "project", expected, "name it in resource, or say when in condition")


def _condition(what: str, given: GcpCondition | None, kind: GcpResourceKind) -> Mapping[str, Any] | None:
    if given is None:
        return None
    if kind is not GcpResourceKind.PROJECT and not KINDS[kind].conditional:
        raise checks.wrong(
            what, dict(given), f"none, as the policy of a {kind.value} takes no conditions", "leave it out"
        )
    checks.given(what, given, GcpCondition)
    checks.fits(f"{what}.title", given["title"], r"\S(.{0,98}\S)?", "1 to 100 characters", '"until 2027"')
    example = 'request.time < timestamp("2027-01-01T00:00:00Z")'
    checks.fits(f"{what}.expression", given["expression"], r"(?s).*\S.*", "an expression of CEL", example)
    return {"title": given["title"], "expression": given["expression"]}


def _resource(what: str, kind: GcpResourceKind, value: object) -> None:
    known = KINDS[kind]
    whole = "the name of a bucket" if kind is GcpResourceKind.BUCKET else f"the whole name of a {kind.value}"
    checks.fits(what, value, known.pattern, whole, known.example)


def _short(key: str, short: str, component: str = "GcpIdentity") -> str:
    """What one of several is called in a message. Raises ArgsError for a short name that is none."""
    expected = "a letter and at most 31 more of a-z, 0-9 and -, the last of them no -"
    checks.fits(f"a key of {component}.{key}", short, _SHORT, expected, "models")
    return f"{component}.{key}[{short!r}]"


def slug(what: str) -> str:
    """`reads_objects.models` as a part of a resource's name."""
    return what.replace("_", "-").replace(".", "-")


def once(component: str, grants: Mapping[str, Grant]) -> None:
    """Hold grants to one for each thing, as the end of one would be that of both. Raises ArgsError."""
    seen: dict[object, str] = {}
    for what, grant in grants.items():
        if grant.same is None:
            continue
        if grant.same in seen:
            key, short = what.split(".")
            raise checks.wrong(
                f"{component}.{key}[{short!r}]",
                grant.role,
                f"what {seen[grant.same]} does not allow already for {grant.resource}",
                "leave one of them out",
            )
        seen[grant.same] = what
