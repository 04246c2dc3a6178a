"""A model in Cloud Run as it would be registered: who may call it, what it may do, and how a version is released."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from pulumi_gcp.compute.network import Network
from pulumi_gcp.secretmanager.secret import Secret

from components.gcp.cloud_run import (
    CloudRunEgress,
    CloudRunGpu,
    CloudRunIngress,
    CloudRunService,
    CloudRunServiceArgs,
    CloudRunStrategy,
)
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
PROJECT, NUMBER, REGION = "shop-prod", "123456789012", "europe-west4"
DIGEST = f"sha256:0123456789ab{'0' * 52}"
IMAGE = f"{REGION}-docker.pkg.dev/{PROJECT}/models/digits@{DIGEST}"
KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys/models"
ACCOUNT = f"digits-1234567@{PROJECT}.iam.gserviceaccount.com"
POLICY = f"projects/{PROJECT}/alertPolicies/1234567890123456789"
HERE: CloudRunServiceArgs = {"project": PROJECT, "project_number": NUMBER, "region": REGION, "image": IMAGE}
FULL: CloudRunServiceArgs = {
    **HERE,
    "cpu": 8,
    "memory": 32_768,
    "gpu": CloudRunGpu.L4,
    "gpu_zonal_redundancy": False,
    "workers": 2,
    "concurrency": 16,
    "timeout": 120,
    "min": 1,
    "max": 4,
    "startup_boost": False,
    "startup_seconds": 900,
    "ingress": CloudRunIngress.LOAD_BALANCER,
    "invokers": {"shop": f"serviceAccount:shop@{PROJECT}.iam.gserviceaccount.com", "team": "group:ml@example.com"},
    "network": {
        "network_id": f"projects/{PROJECT}/global/networks/shop",
        "subnetwork_id": f"projects/{PROJECT}/regions/{REGION}/subnetworks/shop",
        "tags": ["models"],
        "egress": CloudRunEgress.PRIVATE_RANGES,
    },
    "release": {
        "strategy": CloudRunStrategy.CANARY,
        "steps": [{"weight": 5, "pause": 600}, {"weight": 50}],
        "pause": 900,
    },
    "error_percent": 0.5,
    "latency_seconds": 0.25,
    "alert_policies": [POLICY],
    "env": {"MODELPORT_QUEUE": "8"},
    "secrets": {
        "UPSTREAM_TOKEN": {"secret": "projects/shop-keys/secrets/upstream", "version": "3"},
        "OTHER": {"secret": "other"},
    },
    "binary_authorization": True,
    "labels": {"team": "ml"},
}
SERVICE, TRAFFIC = "gcp:cloudrunv2/service:Service", "pulumi-python:dynamic/modelport:CloudRunTraffic"


def _account(_: Planned) -> dict[str, Any]:
    return {"email": ACCOUNT}


def _told(made: Planned) -> dict[str, Any]:
    revision = f"projects/{PROJECT}/locations/{REGION}/services/{made.name}/revisions/{made.name}-00001-abc"
    return {"uri": f"https://{made.name}-1234567890ab.a.run.app", "latestReadyRevision": revision}


TOLD = {"gcp:serviceaccount/account:Account": _account, SERVICE: _told}


def made_of(args: CloudRunServiceArgs, *, preview: bool = False, name: str = "digits") -> Plan:
    return plan(lambda: CloudRunService(name, args), preview=preview, outputs=TOLD)


def changed(**more: Any) -> CloudRunServiceArgs:
    return cast("CloudRunServiceArgs", {**HERE, **more})


def _service(found: Plan) -> dict[str, Any]:
    return found.one(SERVICE).inputs


def _version(found: Plan) -> dict[str, Any]:
    return cast("dict[str, Any]", _service(found)["template"])


def _container(found: Plan) -> dict[str, Any]:
    (container,) = _version(found)["containers"]
    return cast("dict[str, Any]", container)


def _env(found: Plan) -> dict[str, Any]:
    return {
        each["name"]: {key: told for key, told in each.items() if key != "name"} for each in _container(found)["envs"]
    }


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(("name", "args"), [("cloud-run", HERE), ("cloud-run-full", FULL)], ids=["usual", "full"])
def test_names_and_parents_stay(name: str, args: CloudRunServiceArgs, preview: bool) -> None:
    made_of(args, preview=preview).holds(SNAPSHOTS / f"{name}.txt")


def test_what_a_preview_cannot_know_is_left_unknown() -> None:
    def program() -> None:
        later: Any = Network("net").id
        network = {"network_id": later, "subnetwork_id": later}
        more = {"image": later, "service_account": later, "key_name": later, "network": network}
        CloudRunService("digits", cast("CloudRunServiceArgs", {**FULL, **more}))

    found = plan(program)
    version = _version(found)
    assert (version["serviceAccount"], version["encryptionKey"]) == (UNKNOWN, UNKNOWN)
    assert version["vpcAccess"]["networkInterfaces"] == [{"network": UNKNOWN, "subnetwork": UNKNOWN}]
    assert (_container(found)["image"], _env(found)["MODELPORT_REVISION"]) == (UNKNOWN, {"value": UNKNOWN})
    assert (found.one(TRAFFIC).inputs["template"], _service(found)["traffics"]) == (UNKNOWN, UNKNOWN)
    assert version["maxInstanceRequestConcurrency"] == 16


def test_a_version_is_the_image_in_a_whole_linux() -> None:
    found = made_of(HERE)
    made, version, container = _service(found), _version(found), _container(found)
    assert (made["name"], made["project"], made["location"]) == ("digits", PROJECT, REGION)
    assert (version["executionEnvironment"], version["timeout"]) == ("EXECUTION_ENVIRONMENT_GEN2", "60s")
    assert (version["maxInstanceRequestConcurrency"], version["scaling"]) == (80, {"maxInstanceCount": 10})
    assert made["scaling"] == {"minInstanceCount": 0}
    assert (container["image"], container["ports"]) == (IMAGE, {"name": "http1", "containerPort": 8080})
    assert container["resources"] == {
        "limits": {"cpu": "1", "memory": "2048Mi"},
        "cpuIdle": True,
        "startupCpuBoost": True,
    }
    assert not {"nodeSelector", "gpuZonalRedundancyDisabled", "vpcAccess"} & set(version)
    assert "binaryAuthorization" not in made
    told = {key: each["value"] for key, each in _env(found).items()}
    assert told == {
        "MODELPORT_HOST": "0.0.0.0",
        "MODELPORT_PORT": "8080",
        "MODELPORT_REVISION": "0123456789ab",
        "MODELPORT_WORKERS": "1",
        "MODELPORT_MAX_HELD_BYTES": str(64 * 2**20),
        "MODELPORT_DRAIN_TIMEOUT": "8",
    }


def test_everything_can_be_asked_for() -> None:
    found = made_of(FULL)
    made, version, container = _service(found), _version(found), _container(found)
    assert container["resources"] == {
        "limits": {"cpu": "8", "memory": "32768Mi", "nvidia.com/gpu": "1"},
        "cpuIdle": False,
        "startupCpuBoost": False,
    }
    assert (version["nodeSelector"], version["gpuZonalRedundancyDisabled"]) == ({"accelerator": "nvidia-l4"}, True)
    assert (version["maxInstanceRequestConcurrency"], version["timeout"]) == (16, "120s")
    assert (version["scaling"], made["scaling"]) == ({"maxInstanceCount": 4}, {"minInstanceCount": 1})
    assert version["vpcAccess"] == {
        "networkInterfaces": [
            {
                "network": f"projects/{PROJECT}/global/networks/shop",
                "subnetwork": f"projects/{PROJECT}/regions/{REGION}/subnetworks/shop",
                "tags": ["models"],
            }
        ],
        "egress": "PRIVATE_RANGES_ONLY",
    }
    assert made["binaryAuthorization"] == {"useDefault": True}
    assert (_env(found)["MODELPORT_WORKERS"], _env(found)["MODELPORT_QUEUE"]) == ({"value": "2"}, {"value": "8"})


def test_the_servers_own_paths_say_whether_it_has_started_and_lives() -> None:
    container = _container(made_of(HERE))
    start, live = container["startupProbe"], container["livenessProbe"]
    assert start["httpGet"] == {"path": "/v2/health/ready", "port": 8080}
    assert live["httpGet"] == {"path": "/v2/health/live", "port": 8080}
    assert start["periodSeconds"] * start["failureThreshold"] == 240
    # Cloud Run's API wants it so.
    assert start["timeoutSeconds"] < start["periodSeconds"]
    assert live["timeoutSeconds"] < live["periodSeconds"]
    slow = _container(made_of(FULL))["startupProbe"]
    assert slow["periodSeconds"] * slow["failureThreshold"] == 900


@pytest.mark.parametrize(
    ("args", "limits"),
    [
        ({"cpu": 2}, ("2", "2048Mi")),
        ({"cpu": 2.0, "memory": 8192.0}, ("2", "8192Mi")),
        ({"cpu": 6}, ("6", "4096Mi")),
        ({"gpu": "nvidia-l4"}, ("4", "16384Mi")),
        ({"gpu": CloudRunGpu.RTX_PRO_6000}, ("20", "81920Mi")),
        ({"gpu": CloudRunGpu.RTX_PRO_6000, "cpu": 44, "memory": 180_224}, ("44", "180224Mi")),
    ],
)
def test_cpu_and_memory_are_a_pair_that_there_is(args: dict[str, Any], limits: tuple[str, str]) -> None:
    found = _container(made_of(changed(**args)))["resources"]["limits"]
    assert (found["cpu"], found["memory"]) == limits


def test_a_gpu_is_always_there_for_its_instance_and_in_a_second_zone() -> None:
    found = made_of(changed(gpu="nvidia-l4"))
    assert _container(found)["resources"]["cpuIdle"] is False
    assert _version(found)["gpuZonalRedundancyDisabled"] is False
    assert _container(made_of(changed(cpu_always=True)))["resources"]["cpuIdle"] is False


def test_instances_may_do_nothing_but_read_their_own_secrets() -> None:
    found = made_of(HERE)
    assert _version(found)["serviceAccount"] == ACCOUNT
    granting = [each.type for each in found.resources if "iam" in each.type.lower() and "kms" not in each.type]
    assert granting == []
    found = made_of(FULL)
    reads = {
        each.name: (each.inputs["project"], each.inputs["secretId"], each.inputs["role"], each.inputs["member"])
        for each in found.all("gcp:secretmanager/secretIamMember:SecretIamMember")
    }
    role, member = "roles/secretmanager.secretAccessor", f"serviceAccount:{ACCOUNT}"
    assert reads == {
        "digits-upstream-token": ("shop-keys", "upstream", role, member),
        "digits-other": (PROJECT, "other", role, member),
    }
    # A version that may not read its secrets does not start.
    for each in (SERVICE, TRAFFIC):
        assert set(reads) <= found.one(each).depends_on
    own = made_of(changed(service_account=f"server@{PROJECT}.iam.gserviceaccount.com"))
    assert own.all("gcp:serviceaccount/account:Account") == []
    assert _version(own)["serviceAccount"] == f"server@{PROJECT}.iam.gserviceaccount.com"


def test_secrets_are_references_and_nowhere_a_value() -> None:
    env = _env(made_of(FULL))
    assert env["UPSTREAM_TOKEN"] == {
        "valueSource": {"secretKeyRef": {"secret": "projects/shop-keys/secrets/upstream", "version": "3"}}
    }
    assert env["OTHER"] == {"valueSource": {"secretKeyRef": {"secret": "other", "version": "latest"}}}


def test_a_secret_that_the_same_program_makes_is_taken_by_its_id() -> None:
    def program() -> None:
        made: Any = Secret("upstream", secret_id="upstream", replication={"auto": {}})
        CloudRunService("digits", changed(secrets={"UPSTREAM": {"secret": made.id}}))

    whole = f"projects/{NUMBER}/secrets/upstream"
    found = plan(program, preview=False, outputs=TOLD, ids=lambda made: whole if made.name == "upstream" else made.name)
    grant = found.one("gcp:secretmanager/secretIamMember:SecretIamMember").inputs
    assert (grant["project"], grant["secretId"]) == (NUMBER, "upstream")
    assert _env(found)["UPSTREAM"]["valueSource"]["secretKeyRef"]["secret"] == whole


def test_the_image_is_encrypted_by_a_key_of_its_own_that_rotates() -> None:
    found = made_of(HERE)
    key = found.one("gcp:kms/cryptoKey:CryptoKey").inputs
    assert key["rotationPeriod"] == "7776000s"
    assert _version(found)["encryptionKey"] == "digits-id"
    grant = found.one("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember").inputs
    agent = f"serviceAccount:service-{NUMBER}@serverless-robot-prod.iam.gserviceaccount.com"
    assert (grant["role"], grant["member"]) == ("roles/cloudkms.cryptoKeyEncrypterDecrypter", agent)
    # Who is to use it is there before.
    assert found.one("gcp:projects/serviceIdentity:ServiceIdentity").inputs["service"] == "run.googleapis.com"
    assert "digits" in found.one("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember").depends_on
    # Nothing is encrypted before that may be.
    assert "digits-run" in found.one(SERVICE).depends_on
    mine = made_of(changed(key_name=KEY))
    assert [each.type for each in mine.resources if "kms" in each.type or "serviceIdentity" in each.type] == []
    assert _version(mine)["encryptionKey"] == KEY


def test_nobody_reaches_it_and_nobody_may_call_it_unless_told() -> None:
    found = made_of(HERE)
    assert (_service(found)["ingress"], _service(found)["invokerIamDisabled"]) == (
        "INGRESS_TRAFFIC_INTERNAL_ONLY",
        False,
    )
    assert found.all("gcp:cloudrunv2/serviceIamMember:ServiceIamMember") == []
    found = made_of(FULL)
    assert _service(found)["ingress"] == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    callers = found.all("gcp:cloudrunv2/serviceIamMember:ServiceIamMember")
    assert {each.name: each.inputs["member"] for each in callers} == {
        "digits-caller-shop": f"serviceAccount:shop@{PROJECT}.iam.gserviceaccount.com",
        "digits-caller-team": "group:ml@example.com",
    }
    place = {"project": PROJECT, "location": REGION, "name": "digits", "role": "roles/run.invoker"}
    assert all(place.items() <= each.inputs.items() for each in callers)


def test_a_token_is_for_the_service_itself_and_for_what_it_is_called_by() -> None:
    assert "customAudiences" not in made_of(HERE).one(SERVICE).inputs
    asked: CloudRunServiceArgs = {**HERE, "audiences": ["https://models.example.com"]}
    assert made_of(asked).one(SERVICE).inputs["customAudiences"] == ["https://models.example.com"]


def test_everybody_is_answered_only_when_that_is_meant() -> None:
    found = made_of(changed(anonymous=True, ingress="all"))
    (caller,) = found.all("gcp:cloudrunv2/serviceIamMember:ServiceIamMember")
    assert (caller.name, caller.inputs["member"]) == ("digits-anonymous", "allUsers")
    assert _service(found)["ingress"] == "INGRESS_TRAFFIC_ALL"


def test_it_cannot_be_deleted_unless_told() -> None:
    assert _service(made_of(HERE))["deletionProtection"] is True
    assert _service(made_of(changed(allow_deletion=True)))["deletionProtection"] is False


def test_what_goes_out_by_a_network_goes_there_whole_by_default() -> None:
    network = {key: value for key, value in FULL["network"].items() if key in ("network_id", "subnetwork_id")}
    access = _version(made_of(changed(network=network)))["vpcAccess"]
    assert access["egress"] == "ALL_TRAFFIC"
    assert "tags" not in access["networkInterfaces"][0]


def test_the_first_version_gets_all_requests_and_from_then_on_the_one_that_was_released() -> None:
    latest, fixed = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
    assert _service(made_of(HERE))["traffics"] == [{"type": latest, "percent": 100}]

    def released(_: Planned) -> dict[str, Any]:
        return {"revision": "digits-00002-xyz"}

    found = plan(lambda: CloudRunService("digits", HERE), preview=False, outputs={**TOLD, TRAFFIC: released})
    assert _service(found)["traffics"] == [{"type": fixed, "revision": "digits-00002-xyz", "percent": 100}]
    assert "digits" in found.one(SERVICE).depends_on


def test_a_release_makes_the_version_that_the_service_has() -> None:
    for args in (HERE, FULL):
        found = made_of(args)
        given = json.loads(found.one(TRAFFIC).inputs["template"])
        version = _version(found)
        (container,) = given["containers"]
        # What the SDK calls otherwise is all that differs.
        container["envs"], (container["ports"],) = container.pop("env"), container["ports"]
        assert given == version


def test_how_to_release_is_told_as_it_is_meant() -> None:
    told = made_of(HERE).one(TRAFFIC).inputs
    assert json.loads(told["stages"]) == [[100, 0]]
    told = made_of(FULL).one(TRAFFIC).inputs
    assert json.loads(told["stages"]) == [[5, 600], [50, 300], [100, 900]]
    assert json.loads(told["bounds"]) == {"error_percent": 0.5, "latency": 0.25, "policies": [POLICY]}
    assert (told["project"], told["region"], told["service"]) == (PROJECT, REGION, "digits")
    told = made_of(changed(release={"strategy": "blue-green"})).one(TRAFFIC).inputs
    assert json.loads(told["stages"]) == [[100, 300]]


def test_what_it_tells_of_itself() -> None:
    told: dict[str, Any] = {}

    def program() -> None:
        made = CloudRunService("digits", FULL)
        for key in ("url", "name", "revision", "service_account"):
            getattr(made, key).apply(lambda value, key=key: told.update({key: value}))

    plan(program, preview=False, outputs=TOLD)
    assert told == {
        "url": "https://digits-1234567890ab.a.run.app",
        "name": "digits",
        "revision": "digits-00001-abc",
        "service_account": ACCOUNT,
    }


def test_everything_that_takes_labels_has_them() -> None:
    found = made_of(FULL)
    for type_ in (SERVICE, "gcp:kms/cryptoKey:CryptoKey"):
        assert found.one(type_).inputs["labels"] == {"team": "ml", "modelport-component": "digits"}
    # They are no part of a version, which another label would release.
    assert "labels" not in _version(found)
