"""A model that answers in Cloud Run functions: Google builds and runs what a model's image has in it."""

from typing import Any, Optional, cast

import pulumi
from pulumi_gcp.artifactregistry.repository import Repository
from pulumi_gcp.artifactregistry.repository_iam_member import RepositoryIamMember
from pulumi_gcp.cloudfunctionsv2.function import Function
from pulumi_gcp.cloudrunv2.service_iam_member import ServiceIamMember
from pulumi_gcp.projects.iam_member import IAMMember
from pulumi_gcp.projects.service_identity import ServiceIdentity
from pulumi_gcp.serviceaccount.account import Account
from pulumi_gcp.storage.bucket import Bucket
from pulumi_gcp.storage.bucket_iam_member import BucketIAMMember
from pulumi_gcp.storage.bucket_object import BucketObject

from components import outputs
from components.gcp import checks as gcp
from components.gcp import function_archive, function_events, keys, secret_reads, serverless
from components.gcp.function_asked import (
    INGRESS,
    Asked,
    CloudFunctionArgs,
    CloudFunctionConnector,
    CloudFunctionTrigger,
)
from components.gcp.function_source import FunctionSource
from components.gcp.labels import Labels
from components.kubernetes import names, sizing

__all__ = ["CloudFunction", "CloudFunctionArgs", "CloudFunctionConnector", "CloudFunctionTrigger"]

AGENTS = {
    "functions": "gcf-admin-robot",
    "registry": "gcp-sa-artifactregistry",
    "events": "gcp-sa-eventarc",
    "storage": "gs-project-accounts",
    "run": "serverless-robot-prod",
}
"""Google's own accounts that encrypt what a function is made of ("Protect your data with CMEK" of Cloud Run functions,
2026-11-22)."""
_SERVICES = {
    "functions": "cloudfunctions.googleapis.com",
    "registry": "artifactregistry.googleapis.com",
    "events": "eventarc.googleapis.com",
    "run": "run.googleapis.com",
}
"""What each is asked for by, where it can be asked for before it is needed."""
_READ, _LOG = "roles/storage.objectViewer", "roles/logging.logWriter"
_WRITE, _ADMIN = "roles/artifactregistry.writer", "roles/artifactregistry.admin"
_CLEANUP = [
    {"id": "keep-newest", "action": "KEEP", "most_recent_versions": {"keep_count": 100}},
    {"id": "delete-old", "action": "DELETE", "condition": {"tag_state": "ANY", "older_than": f"{30 * 24 * 60 * 60}s"}},
]
"""What was built stays for thirty days, and the newest hundred of it for good; a rule that keeps goes before."""


class CloudFunction(pulumi.ComponentResource):
    """A function of the second generation that answers for one model, called as the component is.

    Its source is made of the image's own model and serving code, so that what misses its gate never gets here; it is
    made wherever Pulumi runs, in a preview too, and is the same for the same image. Each `up` with another image is
    built by Google and takes all requests once it has come up; where a build fails or the new version does not come
    up, the old one goes on answering and the `up` fails. There is no other release: a CloudRunService has canaries, and
    takes an image whole. A first `up` may come before Google knows of the accounts that it has made; a second goes on.
    Outputs: `url`, `name`, `id`, `service`, `service_account`, `source`.
    """

    url: pulumi.Output[str]
    """URL of the function, `https://...run.app`, there once who may call it may."""
    name: pulumi.Output[str]
    """Name of the function."""
    id: pulumi.Output[str]
    """Whole name of the function, `projects/PROJECT/locations/REGION/functions/NAME`."""
    service: pulumi.Output[str]
    """Whole name of the service of Cloud Run that it is underneath, `projects/.../services/NAME`."""
    service_account: pulumi.Output[str]
    """Address of what the instances are to Google Cloud."""
    source: pulumi.Output[str]
    """Hex of the SHA-256 of its source."""

    def __init__(self, name: str, args: CloudFunctionArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        asked = Asked(name, args)
        labels = Labels("CloudFunction.labels", name, args.get("labels"))
        super().__init__("modelport:index:CloudFunction", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        source = self._source(name, asked)
        account = asked.account
        if account is None:
            account = Account(name, project=asked.project, display_name=f"Instances of {name}", opts=child).email
        builder = asked.builder
        if builder is None:
            builder = Account(
                f"{name}-build", project=asked.project, display_name=f"Builds of {name}", opts=child
            ).email
        key = asked.key if asked.key is not None else self._key(name, asked, labels)
        repository, may_write = self._repository(name, asked, builder, key, labels)
        bucket = self._bucket(name, asked, key, labels)
        archive = self._archive(name, bucket, source)
        before: list[pulumi.Resource] = [
            *may_write,
            *self._builds(name, asked, builder, bucket),
            *secret_reads.reads(self, name, asked.project, asked.secrets, account),
        ]
        heard = function_events.heard(self, name, asked, account)
        rest: dict[str, Any] = {}
        if heard is not None:
            before += heard.before
            rest["event_trigger"] = heard.trigger
        function = Function(
            name,
            # What it is underneath is called so too.
            name=name,
            project=asked.project,
            location=asked.region,
            description=f"Answers for the model of {name}",
            kms_key_name=key,
            build_config=self._build(asked, source, archive, repository, builder),
            service_config=_run(asked, account),
            deletion_policy="DELETE" if asked.allow_deletion else "PREVENT",
            labels=labels.all(),
            **rest,
            opts=pulumi.ResourceOptions(parent=self, depends_on=before),
        )
        callers = self._callers(name, asked, function, {} if heard is None else heard.callers)
        told = pulumi.Output.all(function.service_config, *(each.id for each in callers))
        self.url = told.apply(lambda known: _of_service(known[0], "uri"))
        self.name, self.id = function.name, function.id
        self.service = function.service_config.apply(lambda known: _of_service(known, "service"))
        self.service_account = pulumi.Output.from_input(account)
        self.source = source.sha256
        self.register_outputs(
            {
                "url": self.url,
                "name": self.name,
                "id": self.id,
                "service": self.service,
                "service_account": self.service_account,
                "source": self.source,
            }
        )

    def _source(self, name: str, asked: Asked) -> FunctionSource:
        about: dict[str, Any] = {
            "image": asked.image,
            "layout_image": "" if asked.layout_image is None else asked.layout_image,
            # As text: a number in a dynamic resource's input comes back as a float.
            "memory": str(asked.memory),
        }
        return FunctionSource(name, about, pulumi.ResourceOptions(parent=self))

    def _key(self, name: str, asked: Asked, labels: Labels) -> pulumi.Output[str]:
        # Those that encrypt are there from the first function on, unless they are asked for before.
        there = [
            ServiceIdentity(
                f"{name}-{who}", project=asked.project, service=service, opts=pulumi.ResourceOptions(parent=self)
            )
            for who, service in _SERVICES.items()
        ]
        return keys.made(
            name,
            project=asked.project,
            location=asked.region,
            agents={who: gcp.agent(asked.number, account) for who, account in AGENTS.items()},
            labels=labels,
            opts=pulumi.ResourceOptions(parent=self, depends_on=there),
        )

    def _repository(
        self, name: str, asked: Asked, builder: pulumi.Input[str], key: pulumi.Input[str], labels: Labels
    ) -> tuple[pulumi.Input[str], list[pulumi.Resource]]:
        """Where builds write to, by its whole name, and that they may."""
        child, whole = pulumi.ResourceOptions(parent=self), asked.repository
        place: dict[str, Any] = {"location": asked.region}
        if whole is not None:
            place |= {
                word: outputs.known(_part, whole=cast("Any", whole), at=at)
                for word, at in (("project", 1), ("repository", 5))
            }
        else:
            made = Repository(
                name,
                project=asked.project,
                location=asked.region,
                repository_id=f"{name}-build",
                format="DOCKER",
                mode="STANDARD_REPOSITORY",
                description=f"What {name} is built to",
                kms_key_name=key,
                cleanup_policies=cast("Any", _CLEANUP),
                cleanup_policy_dry_run=False,
                vulnerability_scanning_config={"enablement_config": "INHERITED"},
                labels=labels.all(),
                opts=child,
            )
            whole = made.id
            place |= {"project": asked.project, "repository": made.repository_id}
        member = pulumi.Output.concat("serviceAccount:", builder)
        return whole, [
            RepositoryIamMember(
                f"{name}-{who}",
                **place,
                role=role,
                member=each,
                opts=child,
            )
            for who, role, each in (
                ("build", _WRITE, member),
                ("functions", _ADMIN, gcp.agent(asked.number, AGENTS["functions"])),
            )
        ]

    def _bucket(self, name: str, asked: Asked, key: pulumi.Input[str], labels: Labels) -> Bucket:
        """Where the source is given to Google, who takes a copy of it."""
        return Bucket(
            f"{name}-source",
            project=asked.project,
            location=asked.region,
            uniform_bucket_level_access=True,
            public_access_prevention="enforced",
            encryption={"default_kms_key_name": key},
            # What is in it can be made again from the image.
            force_destroy=True,
            labels=labels.all(),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _archive(self, name: str, bucket: Bucket, source: FunctionSource) -> BucketObject:
        """The source, called by its content: another one is another object, and the old one goes when it has served."""
        return BucketObject(
            name,
            bucket=bucket.name,
            name=source.sha256.apply(lambda known: f"{known}.zip"),
            source=source.sha256.apply(lambda known: pulumi.FileAsset(str(function_archive.file(known)))),
            content_type="application/zip",
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _builds(self, name: str, asked: Asked, builder: pulumi.Input[str], bucket: Bucket) -> list[pulumi.Resource]:
        """What who builds may do beside writing to the repository: read the source, and write a log."""
        child, member = pulumi.ResourceOptions(parent=self), pulumi.Output.concat("serviceAccount:", builder)
        copies = f"projects/_/buckets/gcf-v2-sources-{asked.number}-{asked.region}"
        return [
            BucketIAMMember(f"{name}-build", bucket=bucket.name, role=_READ, member=member, opts=child),
            IAMMember(
                f"{name}-build-source",
                project=asked.project,
                role=_READ,
                member=member,
                # Google's copies are in a bucket that it makes with a region's first function, by that name and with
                # something of the key's behind it.
                condition={
                    "title": "Source of functions",
                    "description": "Google's copies of what functions are built from",
                    "expression": f'resource.name.startsWith("{copies}")',
                },
                opts=child,
            ),
            IAMMember(f"{name}-build-log", project=asked.project, role=_LOG, member=member, opts=child),
        ]

    def _build(
        self,
        asked: Asked,
        source: FunctionSource,
        archive: BucketObject,
        repository: pulumi.Input[str],
        builder: pulumi.Input[str],
    ) -> Any:
        made: dict[str, Any] = {
            "runtime": source.runtime,
            "entry_point": function_archive.HTTP if asked.trigger is None else function_archive.EVENT,
            "source": {"storage_source": {"bucket": archive.bucket, "object": archive.name}},
            "docker_repository": repository,
            "service_account": pulumi.Output.concat(f"projects/{asked.project}/serviceAccounts/", builder),
            # Google mends what lies under a function without a build.
            "automatic_update_policy": {},
        }
        if asked.pool is not None:
            made["worker_pool"] = asked.pool
        return made

    def _callers(
        self, name: str, asked: Asked, function: Function, more: dict[str, pulumi.Input[str]]
    ) -> list[ServiceIamMember]:
        callers = {f"{name}-caller-{who}": member for who, member in asked.invokers.items()} | more
        if asked.anonymous:
            callers = {f"{name}-anonymous": "allUsers"}
        return [
            ServiceIamMember(
                called,
                project=asked.project,
                location=asked.region,
                name=function.name,
                role=serverless.CALL,
                member=member,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for called, member in callers.items()
        ]


def _run(asked: Asked, account: pulumi.Input[str]) -> Any:
    env: dict[str, pulumi.Input[str]] = {
        "MODELPORT_REVISION": outputs.known(names.revision, reference=cast("Any", asked.image)),
        "MODELPORT_MAX_HELD_BYTES": str(sizing.HELD),
        **asked.env,
    }
    if asked.trigger is not None:
        env[function_events.RESULTS] = function_events.place(asked.trigger)
    made: dict[str, Any] = {
        "available_cpu": str(asked.cpu),
        "available_memory": f"{asked.memory}Mi",
        "timeout_seconds": asked.timeout,
        "max_instance_request_concurrency": asked.concurrency,
        "min_instance_count": asked.min,
        "max_instance_count": asked.max,
        "ingress_settings": INGRESS[asked.ingress],
        "all_traffic_on_latest_revision": True,
        "service_account_email": account,
        "environment_variables": env,
        **asked.egress,
    }
    if asked.secrets:
        made["secret_environment_variables"] = [
            {
                "key": variable,
                "project_id": outputs.known(secret_reads.whose, secret=each["secret"], usual=asked.project),
                "secret": outputs.known(secret_reads.alone, secret=each["secret"]),
                "version": each["version"],
            }
            for variable, each in sorted(asked.secrets.items())
        ]
    if asked.binary_authorization:
        made["binary_authorization_policy"] = "default"
    return made


def _part(whole: str, at: int) -> str:
    return whole.split("/")[at]


def _of_service(told: Any, word: str) -> str:
    """What Google says of the service; nothing in a stack that was never made whole."""
    if told is None:
        return ""
    found = cast("dict[str, Any]", told).get(word) if isinstance(told, dict) else getattr(told, word)
    return str(found or "")
