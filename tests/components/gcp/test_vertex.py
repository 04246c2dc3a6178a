"""A model in Vertex AI as it would be registered: who may call it, what it may do, and how a version is released."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pulumi
import pytest
from pulumi_gcp.compute.network import Network

from components.gcp.gpus import GkeAttachedGpu
from components.gcp.vertex import VertexEndpoint, VertexEndpointArgs, VertexStrategy
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
PROJECT, NUMBER, REGION = "shop-prod", "123456789012", "europe-west4"
DIGEST = f"sha256:0123456789ab{'0' * 52}"
IMAGE = f"{REGION}-docker.pkg.dev/{PROJECT}/models/digits@{DIGEST}"
KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys/models"
POLICY = f"projects/{PROJECT}/alertPolicies/1234567890123456789"
ATTACHMENT = f"projects/tenant/regions/{REGION}/serviceAttachments/psc-1001"
AGENT = f"service-{NUMBER}@gcp-sa-aiplatform.iam.gserviceaccount.com"
HERE: VertexEndpointArgs = {"project": PROJECT, "project_number": NUMBER, "region": REGION, "image": IMAGE}
PRIVATE: Any = {
    "network_id": f"projects/{PROJECT}/global/networks/shop",
    "subnetwork_id": f"projects/{PROJECT}/regions/{REGION}/subnetworks/shop",
}
FULL: VertexEndpointArgs = {
    **HERE,
    "machine_type": "g2-standard-8",
    "spot": True,
    "min": 1,
    "max": 4,
    "cpu_target": 70,
    "gpu_target": 80,
    "workers": 2,
    "startup_seconds": 902,
    "private": PRIVATE | {"global_access": True, "projects": ["shop-tests"]},
    "invokers": {"shop": f"serviceAccount:shop@{PROJECT}.iam.gserviceaccount.com", "team": "group:ml@example.com"},
    "release": {
        "strategy": VertexStrategy.CANARY,
        "steps": [{"weight": 5, "pause": 600}, {"weight": 50}],
        "pause": 900,
    },
    "error_percent": 0.5,
    "latency_seconds": 0.25,
    "alert_policies": [POLICY],
    "service_account": f"server@{PROJECT}.iam.gserviceaccount.com",
    "env": {"MODELPORT_QUEUE": "8"},
    "logging": {"percent": 10},
    "access_logs": False,
    "labels": {"team": "ml"},
}
ENDPOINT, DEPLOYMENT = "gcp:vertex/aiEndpoint:AiEndpoint", "pulumi-python:dynamic/modelport:VertexDeployment"
MEMBER = "gcp:vertex/aiEndpointIamMember:AiEndpointIamMember"
DATASET = "gcp:bigquery/dataset:Dataset"


def _endpoint_told(made: Planned) -> dict[str, Any]:
    told = {"name": f"{made.name}-1234567"}
    if made.inputs.get("dedicatedEndpointEnabled"):
        told["dedicatedEndpointDns"] = f"https://{told['name']}.{REGION}-{NUMBER}.prediction.vertexai.goog"
    return told


def _deployment_told(made: Planned) -> dict[str, Any]:
    model = f"projects/{PROJECT}/locations/{REGION}/models/{made.inputs['endpoint']}@1"
    return {"deployed": "1001", "model": model, "attachment": ATTACHMENT if made.inputs["private"] else ""}


TOLD: Mapping[str, Callable[[Planned], dict[str, Any]]] = {
    ENDPOINT: _endpoint_told,
    DEPLOYMENT: _deployment_told,
    "gcp:compute/address:Address": lambda _: {"address": "10.0.0.9"},
    "gcp:projects/iAMCustomRole:IAMCustomRole": lambda made: {
        "name": f"projects/{PROJECT}/roles/{made.inputs['roleId']}"
    },
}


def made_of(args: VertexEndpointArgs, *, preview: bool = False, name: str = "digits") -> Plan:
    return plan(lambda: VertexEndpoint(name, args), preview=preview, outputs=TOLD)


def changed(**more: Any) -> VertexEndpointArgs:
    return cast("VertexEndpointArgs", {**HERE, **more})


def _endpoint(found: Plan) -> dict[str, Any]:
    return found.one(ENDPOINT).inputs


def _text(found: Plan, key: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(found.one(DEPLOYMENT).inputs[key]))


def _container(found: Plan) -> dict[str, Any]:
    return cast("dict[str, Any]", _text(found, "version")["model"]["containerSpec"])


def _env(found: Plan) -> dict[str, str]:
    return {each["name"]: each["value"] for each in _container(found)["env"]}


def _told(args: VertexEndpointArgs) -> dict[str, Any]:
    told: dict[str, Any] = {}

    def program() -> None:
        made = VertexEndpoint("digits", args)
        for key in VertexEndpoint.__annotations__:
            output: pulumi.Output[Any] = getattr(made, key)
            output.apply(partial(told.__setitem__, key))

    plan(program, preview=False, outputs=TOLD)
    return told


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(("name", "args"), [("vertex", HERE), ("vertex-full", FULL)], ids=["usual", "full"])
def test_names_and_parents_stay(name: str, args: VertexEndpointArgs, preview: bool) -> None:
    made_of(args, preview=preview).holds(SNAPSHOTS / f"{name}.txt")


def test_what_a_preview_cannot_know_is_left_unknown() -> None:
    def program() -> None:
        later: Any = Network("net").id
        private = {"network_id": later, "subnetwork_id": later}
        more = {"image": later, "service_account": later, "key_name": later, "private": private}
        VertexEndpoint("digits", cast("VertexEndpointArgs", {**FULL, **more}))

    found = plan(program)
    assert _endpoint(found)["encryptionSpec"] == {"kmsKeyName": UNKNOWN}
    deployment = found.one(DEPLOYMENT).inputs
    assert (deployment["version"], deployment["endpoint"]) == (UNKNOWN, UNKNOWN)
    assert json.loads(deployment["scale"])["maxReplicaCount"] == 4
    rule = found.one("gcp:compute/forwardingRule:ForwardingRule").inputs
    assert (rule["network"], rule["target"]) == (UNKNOWN, UNKNOWN)


def test_the_model_is_the_image_and_the_paths_that_its_server_answers() -> None:
    found = made_of(HERE)
    container = _container(found)
    assert (container["imageUri"], container["ports"]) == (IMAGE, [{"containerPort": 8080}])
    assert (container["predictRoute"], container["healthRoute"]) == ("/invocations", "/v2/health/ready")
    assert _env(found) == {
        "MODELPORT_HOST": "0.0.0.0",
        "MODELPORT_PORT": "8080",
        "MODELPORT_REVISION": "0123456789ab",
    }
    model = _text(found, "version")["model"]
    assert (model["displayName"], model["versionDescription"]) == ("digits", "0123456789ab")


def test_a_replica_is_a_machine_with_an_account_that_may_do_nothing() -> None:
    deployed = _text(made_of(HERE), "version")["deployed"]
    assert deployed == {
        "displayName": "digits-0123456789ab",
        "dedicatedResources": {"machineSpec": {"machineType": "n2-standard-2"}},
        "enableAccessLogging": True,
    }


def test_everything_can_be_asked_for() -> None:
    found = made_of(FULL)
    deployed = _text(found, "version")["deployed"]
    assert deployed["dedicatedResources"] == {
        "machineSpec": {"machineType": "g2-standard-8", "acceleratorType": "NVIDIA_L4", "acceleratorCount": 1},
        "spot": True,
    }
    assert deployed["serviceAccount"] == f"server@{PROJECT}.iam.gserviceaccount.com"
    assert deployed["enableAccessLogging"] is False
    assert (_env(found)["MODELPORT_WORKERS"], _env(found)["MODELPORT_QUEUE"]) == ("2", "8")
    metric = "aiplatform.googleapis.com/prediction/online"
    assert _text(found, "scale") == {
        "minReplicaCount": 1,
        "maxReplicaCount": 4,
        "autoscalingMetricSpecs": [
            {"metricName": f"{metric}/cpu/utilization", "target": 70},
            {"metricName": f"{metric}/accelerator/duty_cycle", "target": 80},
        ],
    }


def test_two_replicas_answer_unless_told_and_are_scaled_by_their_cpu() -> None:
    scale = _text(made_of(HERE), "scale")
    assert (scale["minReplicaCount"], scale["maxReplicaCount"]) == (2, 2)
    assert scale["autoscalingMetricSpecs"] == [
        {"metricName": "aiplatform.googleapis.com/prediction/online/cpu/utilization", "target": 60}
    ]


@pytest.mark.parametrize(
    ("args", "machine"),
    [
        ({"machine_type": "n1-standard-8", "gpu": "T4", "gpu_count": 2.0}, ("NVIDIA_TESLA_T4", 2)),
        ({"machine_type": "n1-standard-4", "gpu": GkeAttachedGpu.V100}, ("NVIDIA_TESLA_V100", 1)),
        ({"machine_type": "a2-highgpu-2g"}, ("NVIDIA_TESLA_A100", 2)),
        ({"machine_type": "a3-highgpu-8g"}, ("NVIDIA_H100_80GB", 8)),
        ({"machine_type": "c3-standard-8"}, (None, None)),
        ({"machine_type": "n1-standard-8"}, (None, None)),
    ],
)
def test_a_machine_has_the_gpus_that_it_has(args: dict[str, Any], machine: tuple[str | None, int | None]) -> None:
    told = _text(made_of(changed(**args)), "version")["deployed"]["dedicatedResources"]["machineSpec"]
    assert (told.get("acceleratorType"), told.get("acceleratorCount")) == machine


def test_a_start_has_its_time_and_a_deployment_that_of_machines_beside() -> None:
    container = _container(made_of(FULL))
    probe = container["startupProbe"]
    assert probe["httpGet"] == {"path": "/v2/health/ready", "port": 8080}
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 902
    assert container["deploymentTimeout"] == "2702s"
    assert container["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"
    for each in ("startupProbe", "healthProbe", "livenessProbe"):
        # Google's words for the two differ from Kubernetes', and both hold so.
        assert container[each]["periodSeconds"] < container[each]["timeoutSeconds"]


def test_the_model_and_the_endpoint_are_encrypted_by_a_key_of_their_own_that_rotates() -> None:
    found = made_of(HERE)
    assert found.one("gcp:kms/cryptoKey:CryptoKey").inputs["rotationPeriod"] == "7776000s"
    assert _endpoint(found)["encryptionSpec"] == {"kmsKeyName": "digits-id"}
    assert _text(found, "version")["model"]["encryptionSpec"] == {"kmsKeyName": "digits-id"}
    grant = found.one("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember")
    assert (grant.inputs["role"], grant.inputs["member"]) == (
        "roles/cloudkms.cryptoKeyEncrypterDecrypter",
        f"serviceAccount:{AGENT}",
    )
    # Who is to use it is there before, and nothing is encrypted before that may be.
    assert found.one("gcp:projects/serviceIdentity:ServiceIdentity").inputs["service"] == "aiplatform.googleapis.com"
    assert "digits" in grant.depends_on
    assert "digits-vertex" in found.one(ENDPOINT).depends_on
    mine = made_of(changed(key_name=KEY))
    assert [each.type for each in mine.resources if "kms" in each.type or "serviceIdentity" in each.type] == []
    assert _endpoint(mine)["encryptionSpec"] == {"kmsKeyName": KEY}


def test_nobody_may_call_it_unless_told_and_then_nothing_but_that() -> None:
    found = made_of(HERE)
    assert [each.type for each in found.resources if "iam" in each.type.lower() and "kms" not in each.type] == []
    found = made_of(FULL)
    role = found.one("gcp:projects/iAMCustomRole:IAMCustomRole").inputs
    assert (role["permissions"], role["roleId"]) == (["aiplatform.endpoints.predict"], "digits_europe_west4")
    callers = found.all(MEMBER)
    assert {each.name: each.inputs["member"] for each in callers} == {
        "digits-caller-shop": f"serviceAccount:shop@{PROJECT}.iam.gserviceaccount.com",
        "digits-caller-team": "group:ml@example.com",
    }
    place = {"project": PROJECT, "location": REGION, "endpoint": "digits-1234567"}
    place["role"] = f"projects/{PROJECT}/roles/digits_europe_west4"
    assert all(place.items() <= each.inputs.items() for each in callers)


def test_an_endpoint_on_the_internet_has_a_way_in_of_its_own_unless_told() -> None:
    assert _endpoint(made_of(HERE))["dedicatedEndpointEnabled"] is True
    shared = made_of(changed(dedicated=False))
    assert not {"dedicatedEndpointEnabled", "privateServiceConnectConfig"} & set(_endpoint(shared))
    assert _told(changed(dedicated=False))["host"] == f"{REGION}-aiplatform.googleapis.com"


def test_a_private_endpoint_is_reached_in_its_network_alone() -> None:
    found = made_of(changed(private=PRIVATE))
    made = _endpoint(found)
    assert made["privateServiceConnectConfig"] == {"enablePrivateServiceConnect": True, "projectAllowlists": [PROJECT]}
    assert "dedicatedEndpointEnabled" not in made
    address = found.one("gcp:compute/address:Address").inputs
    assert (address["addressType"], address["subnetwork"]) == ("INTERNAL", PRIVATE["subnetwork_id"])
    rule = found.one("gcp:compute/forwardingRule:ForwardingRule").inputs
    assert (rule["target"], rule["network"], rule["loadBalancingScheme"]) == (ATTACHMENT, PRIVATE["network_id"], "")
    assert (rule["allowPscGlobalAccess"], rule["recreateClosedPsc"]) == (False, True)
    host = f"digits-1234567-{REGION}-{NUMBER}.prediction.p.vertexai.goog"
    zone, record = found.one("gcp:dns/managedZone:ManagedZone").inputs, found.one("gcp:dns/recordSet:RecordSet").inputs
    assert (zone["dnsName"], zone["visibility"]) == (f"{host}.", "private")
    assert zone["privateVisibilityConfig"] == {"networks": [{"networkUrl": PRIVATE["network_id"]}]}
    assert (record["name"], record["rrdatas"]) == (f"{host}.", ["10.0.0.9"])
    everywhere = made_of(FULL)
    assert _endpoint(everywhere)["privateServiceConnectConfig"]["projectAllowlists"] == [PROJECT, "shop-tests"]
    assert everywhere.one("gcp:compute/forwardingRule:ForwardingRule").inputs["allowPscGlobalAccess"] is True


def test_requests_are_kept_where_nobody_else_reads_them_and_stay() -> None:
    found = made_of(changed(logging={"percent": 10}))
    dataset = found.one(DATASET)
    assert (dataset.inputs["datasetId"], dataset.inputs["location"]) == ("digits_europe_west4_requests", REGION)
    assert dataset.inputs["accesses"] == [
        {"role": "OWNER", "specialGroup": "projectOwners"},
        {"role": "WRITER", "userByEmail": AGENT},
    ]
    assert dataset.inputs["defaultEncryptionConfiguration"] == {"kmsKeyName": "digits-id"}
    assert dataset.inputs["deleteContentsOnDestroy"] is False
    kept = {each.type for each in found.resources if each.request.get("retainOnDelete")}
    assert kept == {
        DATASET,
        *(f"gcp:kms/{each}" for each in ("keyRing:KeyRing", "cryptoKey:CryptoKey")),
        "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
    }
    assert _endpoint(found)["predictRequestResponseLoggingConfig"] == {
        "enabled": True,
        "samplingRate": 0.1,
        "bigqueryDestination": {"outputUri": f"bq://{PROJECT}.digits_europe_west4_requests.requests"},
    }
    users = {each.inputs["member"] for each in found.all("gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember")}
    assert f"serviceAccount:bq-{NUMBER}@bigquery-encryption.iam.gserviceaccount.com" in users


def test_what_was_kept_goes_where_that_is_meant_and_may_be_somebody_elses() -> None:
    found = made_of(changed(logging={"percent": 100, "delete_data": True}))
    assert found.one(DATASET).inputs["deleteContentsOnDestroy"] is True
    assert [each.name for each in found.resources if each.request.get("retainOnDelete")] == []
    other = made_of(changed(logging={"percent": 100, "dataset": "shop-data.models"}))
    assert other.all(DATASET) == []
    told = _endpoint(other)["predictRequestResponseLoggingConfig"]["bigqueryDestination"]
    assert told == {"outputUri": "bq://shop-data.models.requests"}


def test_nothing_is_kept_of_requests_unless_told() -> None:
    assert "predictRequestResponseLoggingConfig" not in _endpoint(made_of(HERE))


def test_it_cannot_be_deleted_unless_told() -> None:
    found = made_of(HERE)
    assert (_endpoint(found)["deletionPolicy"], found.one(DEPLOYMENT).inputs["protected"]) == ("PREVENT", "yes")
    found = made_of(changed(allow_deletion=True))
    assert (_endpoint(found)["deletionPolicy"], found.one(DEPLOYMENT).inputs["protected"]) == ("DELETE", "")


def test_another_endpoint_in_its_place_is_refused_before_anything_is_made_unless_told() -> None:
    assert made_of(HERE).one(ENDPOINT).request["protect"] is True
    assert not any(each.request.get("protect") for each in made_of(changed(allow_deletion=True)).resources)


def test_who_gets_the_requests_is_not_the_endpoints_to_say() -> None:
    made = made_of(HERE).one(ENDPOINT)
    assert "trafficSplit" not in made.inputs
    assert made.request["ignoreChanges"] == ["trafficSplit"]


def test_a_release_is_carried_out_as_it_is_asked_for() -> None:
    found = made_of(FULL)
    inputs = found.one(DEPLOYMENT).inputs
    assert json.loads(inputs["stages"]) == [[5, 600], [50, 300], [100, 900]]
    assert _text(found, "bounds") == {"error_percent": 0.5, "latency": 0.25, "policies": [POLICY]}
    assert (inputs["endpoint"], inputs["private"]) == ("digits-1234567", "yes")
    assert json.loads(made_of(HERE).one(DEPLOYMENT).inputs["stages"]) == [[100, 0]]


def test_how_many_replicas_there_are_is_no_part_of_a_version() -> None:
    one, other = made_of(HERE), made_of(changed(min=3, max=9, cpu_target=50, labels={"team": "shop"}))
    assert _text(one, "version") == _text(other, "version")


def test_outputs_tell_where_it_answers_and_with_what() -> None:
    path = f"/v1/projects/{PROJECT}/locations/{REGION}/endpoints/digits-1234567"
    host = f"digits-1234567.{REGION}-{NUMBER}.prediction.vertexai.goog"
    assert _told(HERE) == {
        "url": f"https://{host}{path}:rawPredict",
        "host": host,
        "endpoint_id": "digits-1234567",
        "endpoint_name": path.removeprefix("/v1/"),
        "deployed_model_id": "1001",
        "model_version": f"projects/{PROJECT}/locations/{REGION}/models/digits-1234567@1",
        "key_name": "digits-id",
        "address": "",
        "requests_table": "",
    }
    told = _told(FULL)
    assert told["url"].startswith(f"https://digits-1234567-{REGION}-{NUMBER}.prediction.p.vertexai.goog/v1/projects/")
    assert (told["address"], told["requests_table"]) == (
        "10.0.0.9",
        f"bq://{PROJECT}.digits_europe_west4_requests.requests",
    )


def _labelled(found: Plan) -> Iterator[Planned]:
    for each in found.resources:
        if "labels" in each.inputs and each.type != DEPLOYMENT:
            yield each


def test_everything_that_takes_labels_has_them() -> None:
    found = made_of(FULL)
    labels = {"team": "ml", "modelport-component": "digits"}
    assert {each.type.rpartition(":")[2] for each in _labelled(found)} == {
        *("AiEndpoint", "CryptoKey", "Dataset", "Address", "ForwardingRule", "ManagedZone"),
    }
    assert all(each.inputs["labels"] == labels for each in _labelled(found))
    assert _text(found, "labels") == labels
