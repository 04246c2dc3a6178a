"""A model in Cloud Run functions as it would be registered: what Google builds, who may, and who may call it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from pulumi_gcp.compute.network import Network
from pulumi_gcp.pubsub.topic import Topic

from components.gcp import function_archive
from components.gcp.cloud_run import CloudRunEgress, CloudRunIngress
from components.gcp.function import CloudFunction, CloudFunctionArgs
from components.gcp.serverless import CALL
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
PROJECT, NUMBER, REGION = "shop-prod", "123456789012", "europe-west4"
DIGEST = f"sha256:0123456789ab{'0' * 52}"
IMAGE = f"{REGION}-docker.pkg.dev/{PROJECT}/models/digits@{DIGEST}"
KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys/models"
SHA256 = "5e" * 32
HERE: CloudFunctionArgs = {"project": PROJECT, "project_number": NUMBER, "region": REGION, "image": IMAGE}
FULL: CloudFunctionArgs = {
    **HERE,
    "layout_image": f"oci:/images@{DIGEST}",
    "cpu": 2,
    "memory": 4096,
    "concurrency": 16,
    "timeout": 120,
    "min": 1,
    "max": 4,
    "ingress": CloudRunIngress.LOAD_BALANCER,
    "invokers": {"shop": f"serviceAccount:shop@{PROJECT}.iam.gserviceaccount.com", "team": "group:ml@example.com"},
    "network": {
        "network_id": f"projects/{PROJECT}/global/networks/shop",
        "subnetwork_id": f"projects/{PROJECT}/regions/{REGION}/subnetworks/shop",
        "tags": ["models"],
        "egress": CloudRunEgress.PRIVATE_RANGES,
    },
    "build_worker_pool": f"projects/{PROJECT}/locations/{REGION}/workerPools/builds",
    "env": {"MODELPORT_QUEUE": "8"},
    "secrets": {
        "UPSTREAM_TOKEN": {"secret": "projects/shop-keys/secrets/upstream", "version": "3"},
        "OTHER": {"secret": "other"},
    },
    "binary_authorization": True,
    "labels": {"team": "ml"},
}
ASKED, ANSWERED = f"projects/{PROJECT}/topics/asked", "projects/shop-data/topics/answered"
OF_TOPIC: CloudFunctionArgs = {**HERE, "trigger": {"topic": ASKED, "results": ANSWERED}}
OF_BUCKET: CloudFunctionArgs = {
    **HERE,
    "trigger": {"bucket": "shop-asked", "bucket_location": "eu", "results": "shop-answered", "retry": False},
}
FUNCTION, SOURCE = "gcp:cloudfunctionsv2/function:Function", "pulumi-python:dynamic/modelport:FunctionSource"
ACCOUNT, CALLER = "gcp:serviceaccount/account:Account", "gcp:cloudrunv2/serviceIamMember:ServiceIamMember"
OBJECT, BUCKET = "gcp:storage/bucketObject:BucketObject", "gcp:storage/bucket:Bucket"
OF_BUCKETS, OF_TOPICS = "gcp:storage/bucketIAMMember:BucketIAMMember", "gcp:pubsub/topicIAMMember:TopicIAMMember"
OF_PROJECT = "gcp:projects/iAMMember:IAMMember"
REPOSITORY = "gcp:artifactregistry/repository:Repository"
OF_REPOSITORY = "gcp:artifactregistry/repositoryIamMember:RepositoryIamMember"
SECRETS = "gcp:secretmanager/secretIamMember:SecretIamMember"


def address(name: str) -> str:
    """That of an account which the component makes."""
    return f"{name}-1234567@{PROJECT}.iam.gserviceaccount.com"


def _function_told(made: Planned) -> dict[str, Any]:
    service = f"projects/{PROJECT}/locations/{REGION}/services/{made.name}"
    return {
        "serviceConfig": {**made.inputs["serviceConfig"], "uri": f"https://{made.name}.run.app", "service": service}
    }


TOLD: Mapping[str, Callable[[Planned], dict[str, Any]]] = {
    ACCOUNT: lambda made: {"email": address(made.name)},
    SOURCE: lambda _: {"sha256": SHA256, "runtime": "python311"},
    FUNCTION: _function_told,
}


def identity(made: Planned) -> str:
    """Ids that something is read out of are as Google's."""
    if made.type == REPOSITORY:
        return f"projects/{PROJECT}/locations/{REGION}/repositories/{made.inputs['repositoryId']}"
    return f"{made.name}-id"


def made_of(args: CloudFunctionArgs, *, preview: bool = False, name: str = "digits") -> Plan:
    return plan(lambda: CloudFunction(name, args), preview=preview, outputs=TOLD, ids=identity)


def changed(**more: Any) -> CloudFunctionArgs:
    return cast("CloudFunctionArgs", {**HERE, **more})


def _function(found: Plan) -> dict[str, Any]:
    return found.one(FUNCTION).inputs


def _run(found: Plan) -> dict[str, Any]:
    return cast("dict[str, Any]", _function(found)["serviceConfig"])


def _build(found: Plan) -> dict[str, Any]:
    return cast("dict[str, Any]", _function(found)["buildConfig"])


def _grants(found: Plan, type_: str) -> set[tuple[str, ...]]:
    """What is given, where: resource, role, member."""
    words = ("bucket", "topic", "repository", "secretId", "name")
    return {
        (next((each.inputs[word] for word in words if word in each.inputs), ""), each.inputs["role"],
         each.inputs["member"].removeprefix("serviceAccount:"))
        for each in found.all(type_)
    }  # fmt: skip


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("function", HERE),
        ("function-full", FULL),
        ("function-of-topic", OF_TOPIC),
        ("function-of-bucket", OF_BUCKET),
    ],
    ids=["usual", "full", "topic", "bucket"],
)
def test_names_and_parents_stay(name: str, args: CloudFunctionArgs, preview: bool) -> None:
    made_of(args, preview=preview).holds(SNAPSHOTS / f"{name}.txt")


def test_what_a_preview_cannot_know_is_left_unknown() -> None:
    def program() -> None:
        later: Any = Network("net").id
        network = {"network_id": later, "subnetwork_id": later}
        keys = ("image", "layout_image", "service_account", "build_service_account", "key_name", "repository")
        more: dict[str, Any] = {"network": network, "build_worker_pool": later}
        for key in keys:
            more[key] = later
        CloudFunction("digits", cast("CloudFunctionArgs", {**FULL, **more}))

    found = plan(program)
    build, run = _build(found), _run(found)
    assert build == {
        "runtime": UNKNOWN,
        "entryPoint": "answer",
        "source": {"storageSource": {"bucket": UNKNOWN, "object": UNKNOWN}},
        "dockerRepository": UNKNOWN,
        "serviceAccount": UNKNOWN,
        "workerPool": UNKNOWN,
        "automaticUpdatePolicy": {},
    }
    assert (found.one(SOURCE).inputs["image"], found.one(OBJECT).inputs["source"]) == (UNKNOWN, UNKNOWN)
    assert (run["serviceAccountEmail"], run["environmentVariables"]["MODELPORT_REVISION"]) == (UNKNOWN, UNKNOWN)
    assert _function(found)["kmsKeyName"] == UNKNOWN


def test_its_source_is_the_archive_of_the_image_by_what_is_in_it() -> None:
    found = made_of(FULL)
    given = {key: each for key, each in found.one(SOURCE).inputs.items() if key != "__provider" and each is not None}
    assert given == {"image": IMAGE, "layout_image": f"oci:/images@{DIGEST}", "memory": "4096"}
    archive = found.one(OBJECT).inputs
    assert (archive["name"], archive["bucket"], archive["contentType"]) == (
        f"{SHA256}.zip",
        "digits-source",
        "application/zip",
    )
    assert archive["source"]["path"] == str(function_archive.file(SHA256))
    build = _build(found)
    assert build["source"] == {"storageSource": {"bucket": "digits-source", "object": f"{SHA256}.zip"}}
    assert (build["runtime"], build["entryPoint"]) == ("python311", "answer")
    assert _run(found)["environmentVariables"]["MODELPORT_REVISION"] == "0123456789ab"


def test_what_an_instance_has_by_default() -> None:
    found = made_of(HERE)
    made, run = _function(found), _run(found)
    assert (made["name"], made["project"], made["location"]) == ("digits", PROJECT, REGION)
    assert run == {
        "availableCpu": "1",
        "availableMemory": "2048Mi",
        "timeoutSeconds": 60,
        "maxInstanceRequestConcurrency": 80,
        "minInstanceCount": 0,
        "maxInstanceCount": 10,
        "ingressSettings": "ALLOW_INTERNAL_ONLY",
        "allTrafficOnLatestRevision": True,
        "serviceAccountEmail": address("digits"),
        "environmentVariables": {
            "MODELPORT_REVISION": "0123456789ab",
            "MODELPORT_MAX_HELD_BYTES": str(64 * 2**20),
        },
    }
    assert "eventTrigger" not in made
    assert "workerPool" not in _build(found)


def test_everything_can_be_asked_for() -> None:
    found = made_of(FULL)
    run = _run(found)
    for key, value in {
        "availableCpu": "2",
        "availableMemory": "4096Mi",
        "timeoutSeconds": 120,
        "maxInstanceRequestConcurrency": 16,
        "minInstanceCount": 1,
        "maxInstanceCount": 4,
        "ingressSettings": "ALLOW_INTERNAL_AND_GCLB",
        "binaryAuthorizationPolicy": "default",
        "directVpcEgress": "VPC_EGRESS_PRIVATE_RANGES_ONLY",
        "directVpcNetworkInterfaces": [
            {
                "network": f"projects/{PROJECT}/global/networks/shop",
                "subnetwork": f"projects/{PROJECT}/regions/{REGION}/subnetworks/shop",
                "tags": ["models"],
            }
        ],
    }.items():
        assert run[key] == value, key
    assert run["environmentVariables"]["MODELPORT_QUEUE"] == "8"
    assert _build(found)["workerPool"] == FULL["build_worker_pool"]


@pytest.mark.parametrize(
    ("egress", "told"), [(None, "ALL_TRAFFIC"), (CloudRunEgress.PRIVATE_RANGES, "PRIVATE_RANGES_ONLY")]
)
def test_a_network_is_reached_by_a_connector_too(egress: CloudRunEgress | None, told: str) -> None:
    connector = f"projects/{PROJECT}/locations/{REGION}/connectors/shop"
    given: dict[str, Any] = {"connector": connector} | ({} if egress is None else {"egress": egress})
    run = _run(made_of(changed(connector=given)))
    assert (run["vpcConnector"], run["vpcConnectorEgressSettings"]) == (connector, told)
    assert "directVpcEgress" not in run


def test_what_goes_out_by_a_network_goes_there_whole_by_default() -> None:
    network = {key: value for key, value in FULL["network"].items() if key in ("network_id", "subnetwork_id")}
    assert _run(made_of(changed(network=network)))["directVpcEgress"] == "VPC_EGRESS_ALL_TRAFFIC"


def test_instances_may_do_nothing_but_read_their_own_secrets() -> None:
    found = made_of(HERE)
    given = [each for each in found.resources if str(each.inputs.get("member", "")).endswith(address("digits"))]
    assert given == []
    found = made_of(FULL)
    role = "roles/secretmanager.secretAccessor"
    assert _grants(found, SECRETS) == {("upstream", role, address("digits")), ("other", role, address("digits"))}
    assert {each.inputs["project"] for each in found.all(SECRETS)} == {"shop-keys", PROJECT}
    assert {each.name for each in found.all(SECRETS)} <= found.one(FUNCTION).depends_on
    own = made_of(changed(service_account=f"server@{PROJECT}.iam.gserviceaccount.com"))
    assert {each.name for each in own.all(ACCOUNT)} == {"digits-build"}
    assert _run(own)["serviceAccountEmail"] == f"server@{PROJECT}.iam.gserviceaccount.com"


def test_secrets_are_references_and_nowhere_a_value() -> None:
    assert _run(made_of(FULL))["secretEnvironmentVariables"] == [
        {"key": "OTHER", "projectId": PROJECT, "secret": "other", "version": "latest"},
        {"key": "UPSTREAM_TOKEN", "projectId": "shop-keys", "secret": "upstream", "version": "3"},
    ]


def test_who_builds_reads_the_source_writes_the_image_and_a_log_and_nothing_else() -> None:
    found = made_of(HERE)
    builder = address("digits-build")
    assert _build(found)["serviceAccount"] == f"projects/{PROJECT}/serviceAccounts/{builder}"
    viewer, writer, logs = "roles/storage.objectViewer", "roles/artifactregistry.writer", "roles/logging.logWriter"
    given = [each for each in found.resources if str(each.inputs.get("member", "")).endswith(builder)]
    assert {(each.type, each.inputs["role"]) for each in given} == {
        (OF_BUCKETS, viewer),
        (OF_PROJECT, viewer),
        (OF_PROJECT, logs),
        (OF_REPOSITORY, writer),
    }
    # Of the project's buckets it reads those alone that Google makes for sources.
    (condition,) = [each.inputs["condition"] for each in given if "condition" in each.inputs]
    copies = f"projects/_/buckets/gcf-v2-sources-{NUMBER}-{REGION}"
    assert condition["expression"] == f'resource.name.startsWith("{copies}")'
    assert {each.inputs["role"] for each in given if each.type == OF_PROJECT and "condition" not in each.inputs} == {
        logs
    }
    assert {each.name for each in given} <= found.one(FUNCTION).depends_on
    own = made_of(changed(build_service_account=f"builder@{PROJECT}.iam.gserviceaccount.com"))
    assert {each.name for each in own.all(ACCOUNT)} == {"digits"}
    assert _build(own)["serviceAccount"].endswith(f"/builder@{PROJECT}.iam.gserviceaccount.com")


def test_source_image_and_instances_are_encrypted_by_one_key_that_rotates() -> None:
    found = made_of(HERE)
    key = found.one("gcp:kms/cryptoKey:CryptoKey").inputs
    assert key["rotationPeriod"] == "7776000s"
    assert _function(found)["kmsKeyName"] == "digits-id"
    assert found.one(REPOSITORY).inputs["kmsKeyName"] == "digits-id"
    assert found.one(BUCKET).inputs["encryption"] == {"defaultKmsKeyName": "digits-id"}
    users = {each.inputs["member"] for each in found.all("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember")}
    assert users == {
        f"serviceAccount:service-{NUMBER}@{agent}.iam.gserviceaccount.com"
        for agent in (
            *("gcf-admin-robot", "gcp-sa-artifactregistry", "gcp-sa-eventarc", "gs-project-accounts"),
            "serverless-robot-prod",
        )
    }
    # Who is to use it is there before, and nothing is encrypted before that may be.
    there = {each.inputs["service"] for each in found.all("gcp:projects/serviceIdentity:ServiceIdentity")}
    assert there == {
        *("artifactregistry.googleapis.com", "cloudfunctions.googleapis.com", "eventarc.googleapis.com"),
        "run.googleapis.com",
    }
    grants = {each.name for each in found.all("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember")}
    for each in (FUNCTION, REPOSITORY, BUCKET):
        assert grants <= found.one(each).depends_on
    mine = made_of(changed(key_name=KEY))
    assert [each.type for each in mine.resources if "kms" in each.type or "serviceIdentity" in each.type] == []
    assert _function(mine)["kmsKeyName"] == KEY


def test_builds_go_to_a_repository_of_its_own_or_to_one_that_is_named() -> None:
    found = made_of(HERE)
    made = found.one(REPOSITORY).inputs
    assert (made["repositoryId"], made["format"], made["location"]) == ("digits-build", "DOCKER", REGION)
    assert _build(found)["dockerRepository"] == f"projects/{PROJECT}/locations/{REGION}/repositories/digits-build"
    agent = f"service-{NUMBER}@gcf-admin-robot.iam.gserviceaccount.com"
    assert _grants(found, OF_REPOSITORY) == {
        ("digits-build", "roles/artifactregistry.writer", address("digits-build")),
        ("digits-build", "roles/artifactregistry.admin", agent),
    }
    given = f"projects/shop-images/locations/{REGION}/repositories/functions"
    own = made_of(changed(repository=given, key_name=KEY))
    assert own.all(REPOSITORY) == []
    assert _build(own)["dockerRepository"] == given
    assert {(each.inputs["project"], each.inputs["repository"]) for each in own.all(OF_REPOSITORY)} == {
        ("shop-images", "functions")
    }


def test_nobody_else_gets_at_the_source() -> None:
    bucket = made_of(HERE).one(BUCKET).inputs
    assert (bucket["uniformBucketLevelAccess"], bucket["publicAccessPrevention"]) == (True, "enforced")
    assert (bucket["location"], bucket["forceDestroy"]) == (REGION, True)


def test_nobody_reaches_it_and_nobody_may_call_it_unless_told() -> None:
    found = made_of(HERE)
    assert _run(found)["ingressSettings"] == "ALLOW_INTERNAL_ONLY"
    assert found.all(CALLER) == []
    callers = made_of(FULL).all(CALLER)
    assert {each.name: each.inputs["member"] for each in callers} == {
        "digits-caller-shop": f"serviceAccount:shop@{PROJECT}.iam.gserviceaccount.com",
        "digits-caller-team": "group:ml@example.com",
    }
    place = {"project": PROJECT, "location": REGION, "name": "digits", "role": CALL}
    assert all(place.items() <= each.inputs.items() for each in callers)


def test_everybody_is_answered_only_when_that_is_meant() -> None:
    found = made_of(changed(anonymous=True, ingress="all"))
    (caller,) = found.all(CALLER)
    assert (caller.name, caller.inputs["member"]) == ("digits-anonymous", "allUsers")
    assert _run(found)["ingressSettings"] == "ALLOW_ALL"


def test_it_cannot_be_deleted_unless_told() -> None:
    assert _function(made_of(HERE))["deletionPolicy"] == "PREVENT"
    assert _function(made_of(changed(allow_deletion=True)))["deletionPolicy"] == "DELETE"


def test_all_requests_go_to_what_has_come_up_last_and_google_mends_what_lies_under_it() -> None:
    for args in (HERE, FULL, OF_TOPIC):
        found = made_of(args)
        assert _run(found)["allTrafficOnLatestRevision"] is True
        assert _build(found)["automaticUpdatePolicy"] == {}


def test_messages_of_a_topic_are_answered_to_another() -> None:
    found = made_of(OF_TOPIC)
    assert _function(found)["eventTrigger"] == {
        "eventType": "google.cloud.pubsub.topic.v1.messagePublished",
        "pubsubTopic": ASKED,
        "triggerRegion": REGION,
        "retryPolicy": "RETRY_POLICY_RETRY",
        "serviceAccountEmail": address("digits-event"),
    }
    assert _build(found)["entryPoint"] == "hear"
    assert _run(found)["environmentVariables"]["MODELPORT_RESULTS"] == ANSWERED
    (grant,) = found.all(OF_TOPICS)
    assert {key: grant.inputs[key] for key in ("project", "topic", "role", "member")} == {
        "project": "shop-data",
        "topic": "answered",
        "role": "roles/pubsub.publisher",
        "member": f"serviceAccount:{address('digits')}",
    }
    # Who brings them calls, and does nothing else.
    assert _grants(found, CALLER) == {("digits", CALL, address("digits-event"))}
    assert len([each for each in found.resources if address("digits-event") in str(each.inputs.get("member"))]) == 1


def test_objects_of_a_bucket_are_answered_to_another() -> None:
    found = made_of(OF_BUCKET)
    assert _function(found)["eventTrigger"] == {
        "eventType": "google.cloud.storage.object.v1.finalized",
        "eventFilters": [{"attribute": "bucket", "value": "shop-asked"}],
        "triggerRegion": "eu",
        "retryPolicy": "RETRY_POLICY_DO_NOT_RETRY",
        "serviceAccountEmail": address("digits-event"),
    }
    assert _run(found)["environmentVariables"]["MODELPORT_RESULTS"] == "gs://shop-answered"
    of_buckets = {each for each in _grants(found, OF_BUCKETS) if each[2] == address("digits")}
    assert of_buckets == {
        ("shop-asked", "roles/storage.objectViewer", address("digits")),
        ("shop-answered", "roles/storage.objectUser", address("digits")),
    }
    storage = f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
    of_project = {(each.inputs["role"], each.inputs["member"].partition(":")[2]) for each in found.all(OF_PROJECT)}
    assert {
        ("roles/eventarc.eventReceiver", address("digits-event")),
        ("roles/pubsub.publisher", storage),
    } <= of_project
    # A trigger is made with its function, and finds what it needs.
    for name in ("digits-asked", "digits-results", "digits-receive", "digits-tell"):
        assert name in found.one(FUNCTION).depends_on


def test_a_topic_that_the_same_program_makes_is_taken_by_its_id() -> None:
    def program() -> None:
        asked, answered = Topic("asked"), Topic("answered")
        CloudFunction("digits", changed(trigger={"topic": asked.id, "results": answered.id}))

    def whole(made: Planned) -> str:
        return f"projects/{PROJECT}/topics/{made.name}" if made.type.endswith(":Topic") else identity(made)

    found = plan(program, preview=False, outputs=TOLD, ids=whole)
    assert _function(found)["eventTrigger"]["pubsubTopic"] == ASKED
    (grant,) = found.all(OF_TOPICS)
    assert (grant.inputs["project"], grant.inputs["topic"]) == (PROJECT, "answered")


def test_what_it_tells_of_itself() -> None:
    told: dict[str, Any] = {}

    def program() -> None:
        made = CloudFunction("digits", FULL)
        for key in ("url", "name", "id", "service", "service_account", "source"):
            getattr(made, key).apply(lambda value, key=key: told.update({key: value}))

    plan(program, preview=False, outputs=TOLD, ids=identity)
    assert told == {
        "url": "https://digits.run.app",
        "name": "digits",
        "id": "digits-id",
        "service": f"projects/{PROJECT}/locations/{REGION}/services/digits",
        "service_account": address("digits"),
        "source": SHA256,
    }


def test_everything_that_takes_labels_has_them() -> None:
    found = made_of(FULL)
    for type_ in (FUNCTION, BUCKET, REPOSITORY, "gcp:kms/cryptoKey:CryptoKey"):
        assert found.one(type_).inputs["labels"] == {"team": "ml", "modelport-component": "digits"}
