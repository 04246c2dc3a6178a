"""Accounts that pods or services take, and what they may do, as they would be registered."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pulumi import Output
from pulumi_gcp.storage.bucket import Bucket

from components.checks import ArgsError
from components.gcp.identity import HANDING_OUT, KINDS, GcpIdentity, GcpIdentityArgs, GcpResourceKind
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
PROJECT = "shop-prod"
HERE: GcpIdentityArgs = {"project": PROJECT}
PODS: GcpIdentityArgs = {**HERE, "kubernetes": {"namespace": "models", "service_account": "digits"}}
SECRET = f"projects/{PROJECT}/secrets/upstream"
KEY = f"projects/{PROJECT}/locations/europe-west4/keyRings/models/cryptoKeys/models"
TOPIC = f"projects/{PROJECT}/topics/asked"
FULL: GcpIdentityArgs = {
    **PODS,
    "reads_objects": {"models": {"bucket": "shop-models", "prefix": "digits/"}},
    "writes_objects": {"answers": {"bucket": "shop-answers", "prefix": "digits/"}},
    "reads_secret_names": {"upstream": SECRET},
    "decrypts_with_key_names": {"models": KEY},
    "statements": {
        "metrics": {"role": "roles/monitoring.metricWriter", "kind": GcpResourceKind.PROJECT},
        "asks": {"role": "roles/pubsub.publisher", "kind": GcpResourceKind.TOPIC, "resource": TOPIC},
    },
}
ACCOUNT, TAKEN = "gcp:serviceaccount/account:Account", "gcp:serviceaccount/iAMMember:IAMMember"
BUCKET, SECRETS = "gcp:storage/bucketIAMMember:BucketIAMMember", "gcp:secretmanager/secretIamMember:SecretIamMember"
MEMBER = f"serviceAccount:digits-1a2b3c4@{PROJECT}.iam.gserviceaccount.com"
EMAIL = MEMBER.partition(":")[2]


def _told(_: Planned) -> dict[str, Any]:
    return {"email": EMAIL, "member": MEMBER, "name": f"projects/{PROJECT}/serviceAccounts/{EMAIL}"}


TOLD = {ACCOUNT: _told}


def _made(args: GcpIdentityArgs, *, preview: bool = False) -> Plan:
    return plan(lambda: GcpIdentity("digits", args), preview=preview, outputs=TOLD)


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    _made(FULL, preview=preview).holds(SNAPSHOTS / "identity.txt")


def test_an_account_may_do_nothing_of_itself_and_has_no_key() -> None:
    found = _made(HERE)
    assert [each.type for each in found.resources] == ["modelport:index:GcpIdentity", ACCOUNT]
    assert found.one(ACCOUNT).inputs == {"project": PROJECT, "displayName": "digits, a workload"}
    assert not [each for each in _made(FULL).resources if "key:Key" in each.type]


def test_one_service_account_of_one_namespace_takes_it() -> None:
    found = _made(PODS)
    assert [each.type for each in found.resources] == ["modelport:index:GcpIdentity", ACCOUNT, TAKEN]
    assert found.one(TAKEN).inputs == {
        "serviceAccountId": f"projects/{PROJECT}/serviceAccounts/{EMAIL}",
        "role": "roles/iam.workloadIdentityUser",
        "member": f"serviceAccount:{PROJECT}.svc.id.goog[models/digits]",
    }


def test_a_cluster_of_another_project_has_a_pool_of_its_own() -> None:
    args: GcpIdentityArgs = {
        **HERE,
        "kubernetes": {
            "namespace": "models",
            "service_account": "digits",
            "workload_pool": "shop-clusters.svc.id.goog",
        },
    }
    assert _made(args).one(TAKEN).inputs["member"] == "serviceAccount:shop-clusters.svc.id.goog[models/digits]"


def test_objects_are_read_and_listed_below_their_prefix_alone() -> None:
    found = _made(FULL).one(BUCKET, "digits-reads-objects-models")
    assert found.inputs == {
        "bucket": "shop-models",
        "role": "roles/storage.objectViewer",
        "member": MEMBER,
        "condition": {
            "title": "digits: models",
            "expression": 'resource.name.startsWith("projects/_/buckets/shop-models/objects/digits/") || '
            'api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("digits/")',
        },
    }


def test_objects_are_written_below_their_prefix_alone() -> None:
    found = _made(FULL).one(BUCKET, "digits-writes-objects-answers").inputs
    assert (found["bucket"], found["role"]) == ("shop-answers", "roles/storage.objectUser")
    assert found["condition"]["expression"].startswith(
        'resource.name.startsWith("projects/_/buckets/shop-answers/objects/digits/") || '
    )


def test_what_is_named_may_be_read_or_used_and_nothing_beside_it() -> None:
    found = _made(FULL)
    assert found.one(SECRETS).inputs == {
        "secretId": SECRET,
        "role": "roles/secretmanager.secretAccessor",
        "member": MEMBER,
    }
    assert found.one("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember").inputs == {
        "cryptoKeyId": KEY,
        "role": "roles/cloudkms.cryptoKeyDecrypter",
        "member": MEMBER,
    }


def test_a_statement_is_one_role_for_one_resource() -> None:
    found = _made(FULL)
    assert found.one("gcp:pubsub/topicIAMMember:TopicIAMMember").inputs == {
        "topic": TOPIC,
        "role": "roles/pubsub.publisher",
        "member": MEMBER,
    }
    assert found.one("gcp:projects/iAMMember:IAMMember").inputs == {
        "project": PROJECT,
        "role": "roles/monitoring.metricWriter",
        "member": MEMBER,
    }


@pytest.mark.parametrize(
    ("kind", "type_", "word"),
    [
        (GcpResourceKind.BUCKET, BUCKET, "bucket"),
        (GcpResourceKind.KEY, "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember", "cryptoKeyId"),
        (
            GcpResourceKind.REPOSITORY,
            "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember",
            "repository",
        ),
        (GcpResourceKind.RUN_SERVICE, "gcp:cloudrunv2/serviceIamMember:ServiceIamMember", "name"),
        (GcpResourceKind.SECRET, SECRETS, "secretId"),
        (GcpResourceKind.SUBSCRIPTION, "gcp:pubsub/subscriptionIAMMember:SubscriptionIAMMember", "subscription"),
        (GcpResourceKind.TOPIC, "gcp:pubsub/topicIAMMember:TopicIAMMember", "topic"),
    ],
)
def test_every_kind_of_resource_has_its_own_policy(kind: GcpResourceKind, type_: str, word: str) -> None:
    known = KINDS[kind]
    role = f"roles/{known.service}.{known.role}"
    found = _made({**HERE, "statements": {"one": {"role": role, "kind": kind, "resource": known.example}}})
    assert found.one(type_).inputs == {word: known.example, "role": role, "member": MEMBER}
    assert [each.type for each in found.resources] == ["modelport:index:GcpIdentity", ACCOUNT, type_]


def test_all_kinds_of_resources_are_there() -> None:
    assert {*KINDS, GcpResourceKind.PROJECT} == set(GcpResourceKind)


def test_a_condition_says_when() -> None:
    condition: Any = {"title": "until 2027", "expression": 'request.time < timestamp("2027-01-01T00:00:00Z")'}
    statement: Any = {"role": "roles/storage.objectViewer", "kind": "project", "condition": condition}
    found = _made({**HERE, "statements": {"all": statement}})
    assert found.one("gcp:projects/iAMMember:IAMMember").inputs["condition"] == condition


def test_a_role_of_ones_own_is_taken_for_anything() -> None:
    role = "projects/shop-prod/roles/asks"
    statements: Any = {
        "topic": {"role": role, "kind": "topic", "resource": TOPIC},
        "all": {"role": "organizations/123456/roles/looks.around", "kind": "project"},
    }
    found = _made({**HERE, "statements": statements})
    assert found.one("gcp:pubsub/topicIAMMember:TopicIAMMember").inputs["role"] == role
    assert found.one("gcp:projects/iAMMember:IAMMember").inputs["role"] == "organizations/123456/roles/looks.around"


def test_outputs_wait_for_what_it_may_do() -> None:
    def program() -> None:
        who = GcpIdentity("digits", FULL)
        Bucket("told", labels={"email": who.email, "member": who.member, "id": who.id}, location="EU")

    told = plan(program, preview=False, outputs=TOLD).one("gcp:storage/bucket:Bucket", "told")
    assert told.inputs["labels"] == {
        "email": EMAIL,
        "member": MEMBER,
        "id": f"projects/{PROJECT}/serviceAccounts/{EMAIL}",
    }
    assert {"digits-reads-objects-models", "digits-statements-asks", "digits-reads-secret-names-upstream"} <= {
        each.rpartition("::")[2] for each in told.request["propertyDependencies"]["labels"]["urns"]
    }


def test_a_bucket_that_is_being_made_is_known_late() -> None:
    def program() -> None:
        models = Bucket("models", location="EU")
        GcpIdentity("digits", {**HERE, "reads_objects": {"models": {"bucket": models.name, "prefix": "digits/"}}})

    condition = plan(program).one(BUCKET).inputs["condition"]
    assert condition == {"title": "digits: models", "expression": UNKNOWN}
    known = plan(program, preview=False, outputs=TOLD).one(BUCKET).inputs
    assert known["bucket"] == "models"
    assert known["condition"]["expression"].startswith(
        'resource.name.startsWith("projects/_/buckets/models/objects/digits/")'
    )


def _allowing(**statement: Any) -> Any:
    return {**HERE, "statements": {"one": {"role": "roles/pubsub.publisher", "kind": "topic", **statement}}}


BASIC = (
    "expected a role of one service or one of your own, as a basic role allows what nobody thought of; for example "
    "roles/pubsub.publisher"
)
MISTAKES: list[tuple[Any, str]] = [
    ({}, "GcpIdentity.project is missing, expected a value; write project: ..."),
    (
        {"project": "Shop"},
        "GcpIdentity.project is 'Shop', expected the id of a project, 6 to 30 of a-z, 0-9 and -, beginning with a "
        "letter; for example shop-prod",
    ),
    (
        {**HERE, "kubernetes": {"namespace": "models"}},
        "GcpIdentity.kubernetes.service_account is missing, expected a value; write service_account: ...",
    ),
    (
        {**HERE, "kubernetes": {"namespace": "*", "service_account": "digits"}},
        "GcpIdentity.kubernetes.namespace is '*', expected the name of a namespace; for example models",
    ),
    (
        {**HERE, "kubernetes": {"namespace": "models", "service_account": "*"}},
        "GcpIdentity.kubernetes.service_account is '*', expected the name of a service account; for example digits",
    ),
    (
        {**HERE, "kubernetes": {"namespace": "models", "service_account": "digits", "workload_pool": "shop-prod"}},
        "GcpIdentity.kubernetes.workload_pool is 'shop-prod', expected the workload pool of a cluster; for example "
        "shop-prod.svc.id.goog",
    ),
    *(
        (
            _allowing(kind="project", role=f"roles/{basic}"),
            f"GcpIdentity.statements['one'].role is 'roles/{basic}', {BASIC}",
        )
        for basic in ("owner", "editor", "viewer", "admin", "writer", "reader", "browser")
    ),
    (_allowing(role="publisher"), f"GcpIdentity.statements['one'].role is 'publisher', {BASIC}"),
    (_allowing(role="roles/*"), f"GcpIdentity.statements['one'].role is 'roles/*', {BASIC}"),
    *(
        (
            _allowing(kind="project", role=f"{each}admin"),
            f"GcpIdentity.statements['one'].role is '{each}admin', expected no role that hands out rights, or takes "
            "another's place, in a whole project; give it where somebody looks at it, and not to a workload",
        )
        for each in HANDING_OUT
    ),
    (
        _allowing(kind="project", role="roles/storage.objectViewer"),
        "GcpIdentity.statements['one'].kind is 'project', expected a bucket, which roles/storage.objectViewer can be "
        "given for; name it in resource, or say when in condition",
    ),
    (
        _allowing(kind="project"),
        "GcpIdentity.statements['one'].kind is 'project', expected a subscription or topic, which "
        "roles/pubsub.publisher can be given for; name it in resource, or say when in condition",
    ),
    (
        _allowing(kind="project", role="roles/logging.logWriter", resource=PROJECT),
        "GcpIdentity.statements['one'].resource is 'shop-prod', expected nothing for a project; leave resource out",
    ),
    (
        _allowing(kind="folder"),
        "GcpIdentity.statements['one'].kind is 'folder', expected one of project, bucket, key, repository, "
        "run-service, secret, subscription, topic; write project",
    ),
    (
        _allowing(role="roles/storage.admin", resource=TOPIC),
        "GcpIdentity.statements['one'].role is 'roles/storage.admin', expected a role that is for a topic, or one of "
        "your own; for example roles/pubsub.publisher",
    ),
    (
        _allowing(),
        "GcpIdentity.statements['one'].resource is None, expected the topic that it is for; write "
        "projects/shop-prod/topics/asked",
    ),
    (
        _allowing(resource="asked"),
        "GcpIdentity.statements['one'].resource is 'asked', expected the whole name of a topic; for example "
        "projects/shop-prod/topics/asked",
    ),
    (
        _allowing(resource=TOPIC, condition={"title": "a", "expression": "true"}),
        "GcpIdentity.statements['one'].condition is {'title': 'a', 'expression': 'true'}, expected none, as the "
        "policy of a topic takes no conditions; leave it out",
    ),
    (
        _allowing(kind="secret", role="roles/secretmanager.viewer", resource=SECRET, condition={"title": "a"}),
        "GcpIdentity.statements['one'].condition.expression is missing, expected a value; write expression: ...",
    ),
    (
        _allowing(
            kind="secret",
            role="roles/secretmanager.viewer",
            resource=SECRET,
            condition={"title": "a", "expression": " "},
        ),
        "GcpIdentity.statements['one'].condition.expression is ' ', expected an expression of CEL; for example "
        'request.time < timestamp("2027-01-01T00:00:00Z")',
    ),
    (
        {**HERE, "statements": {"One": {"role": "roles/pubsub.publisher", "kind": "topic", "resource": TOPIC}}},
        "a key of GcpIdentity.statements is 'One', expected a letter and at most 31 more of a-z, 0-9 and -, the last "
        "of them no -; for example models",
    ),
    (
        {**HERE, "reads_objects": {"models": {"bucket": "models", "prefix": "digits"}}},
        "GcpIdentity.reads_objects['models'].prefix is 'digits', expected what names begin with, up to a slash and "
        "without wildcards or quotes; for example models/digits/",
    ),
    (
        {**HERE, "writes_objects": {"models": {"bucket": "models", "prefix": 'a") || ("/'}}},
        "GcpIdentity.writes_objects['models'].prefix is 'a\") || (\"/', expected what names begin with, up to a slash "
        "and without wildcards or quotes; for example models/digits/",
    ),
    (
        {**HERE, "reads_objects": {"models": {"bucket": "Models", "prefix": "digits/"}}},
        "GcpIdentity.reads_objects['models'].bucket is 'Models', expected the name of a bucket; for example "
        "shop-models",
    ),
    (
        {**HERE, "reads_secret_names": {"upstream": "upstream"}},
        "GcpIdentity.reads_secret_names['upstream'] is 'upstream', expected the whole name of a secret; for example "
        "projects/shop-prod/secrets/upstream",
    ),
    (
        {**HERE, "decrypts_with_key_names": {"models": SECRET}},
        f"GcpIdentity.decrypts_with_key_names['models'] is '{SECRET}', expected the whole name of a key; for example "
        "projects/shop-prod/locations/europe-west4/keyRings/models/cryptoKeys/models",
    ),
    (
        {
            **HERE,
            "reads_secret_names": {"upstream": SECRET},
            "statements": {
                "again": {"role": "roles/secretmanager.secretAccessor", "kind": "secret", "resource": SECRET}
            },
        },
        "GcpIdentity.statements['again'] is 'roles/secretmanager.secretAccessor', expected what "
        f"reads_secret_names.upstream does not allow already for {SECRET}; leave one of them out",
    ),
    ({**HERE, "role": "x"}, "GcpIdentity has no argument 'role', it takes project, kubernetes, reads_objects, "
     "writes_objects, reads_secret_names, decrypts_with_key_names, statements"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "line"), MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_registered(args: Any, line: str) -> None:
    found = Plan()

    def program() -> None:
        with pytest.raises(ArgsError) as told:
            GcpIdentity("digits", args)
        assert str(told.value) == line

    found = plan(program)
    assert found.resources == []


def test_a_name_too_long_for_an_account_is_refused() -> None:
    with pytest.raises(ArgsError, match=r"^the name of GcpIdentity is 'd{23}', expected a letter and at most 21 more"):
        plan(lambda: GcpIdentity("d" * 23, HERE))


LATE: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: {"reads_secret_names": {"upstream": Output.from_input("upstream")}},
        r"GcpIdentity.reads_secret_names\['upstream'\] is 'upstream', expected the whole name of a secret",
    ),
    (
        lambda: {"kubernetes": {"namespace": Output.from_input("*"), "service_account": "digits"}},
        r"GcpIdentity.kubernetes.namespace is '\*', expected the name of a namespace",
    ),
    (
        lambda: {"reads_objects": {"models": {"bucket": Output.from_input("A"), "prefix": "digits/"}}},
        r"GcpIdentity.reads_objects\['models'\].bucket is 'A', expected the name of a bucket",
    ),
]


@pytest.mark.parametrize(("args", "line"), LATE)
def test_what_is_known_late_is_asked_late(args: Callable[[], Any], line: str) -> None:
    def program() -> None:
        given: Any = {**HERE, **args()}
        GcpIdentity("digits", given)

    with pytest.raises(ValueError, match=line):
        plan(program, preview=False, outputs=TOLD)
