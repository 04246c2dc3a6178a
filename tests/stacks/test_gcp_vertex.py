"""The target `gcp-vertex`, planned: what there is, in which order it goes, what an old state and an upgrade show."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.report.layout import RECORD
from stacks import gcp_vertex
from tests.components.gcp import judging
from tests.components.planned import UNKNOWN, Plan
from tests.stacks.earlier import MODEL, ROOT, Project, alone, needed, plain
from tests.stacks.gcp_plans import GcpFile
from tests.stacks.pictures import picture

FILE = GcpFile("gcp-vertex", gcp_vertex.deploy, {})
SNAPSHOT = Path(__file__).parent / "snapshots" / "gcp-vertex.txt"
ENDPOINT, DEPLOYMENT = "gcp:vertex/aiEndpoint:AiEndpoint", "pulumi-python:dynamic/modelport:VertexDeployment"
CALLER, API = "gcp:vertex/aiEndpointIamMember:AiEndpointIamMember", "gcp:projects/service:Service"
RULE, NETWORK = "gcp:compute/forwardingRule:ForwardingRule", "gcp:compute/network:Network"
PUBLIC: dict[str, Any] = {"access": "dedicated", "network": None}
NOBODY = "#!/bin/sh\nexit 255\n"


def whole() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.gcp-vertex.yaml").read_text())
    return found


def text(made: Plan, key: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.one(DEPLOYMENT).inputs[key])
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    # Who would be asked for credentials; there are none.
    with alone(tmp_path_factory.mktemp("vertex"), {"gcloud": NOBODY}, "GOOGLE_", "CLOUDSDK_", "GCLOUD_") as made:
        yield made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return FILE.planned(tmp_path_factory.mktemp("spec"))


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(tmp_path: Path, preview: bool) -> None:
    FILE.planned(tmp_path, preview=preview).holds(SNAPSHOT)


def test_a_preview_from_nothing_shows_all_of_it(project: Project, made: Plan) -> None:
    assert set(project.preview(whole()).changes) == {"create"}
    assert {plain(each.urn) for each in made.resources} <= {each["urn"] for each in project.steps}


@pytest.fixture(scope="module")
def up(project: Project, made: Plan) -> Project:
    """The stack as if it had been brought up."""
    project.bring_up(whole(), made, judging.TOLD, judging.identity)
    return project


def test_an_old_state_of_it_previews_clean(up: Project) -> None:
    up.preview(whole())
    assert [(each["urn"], each.get("diffs")) for each in up.steps if each["op"] != "same"] == []


def test_another_model_is_a_version_and_touches_nothing_around_it(up: Project) -> None:
    newer = whole()
    newer["config"]["modelport:model"]["optimize"] = {"candidates": ["fp32"]}
    up.preview(newer)
    steps = [each for each in up.steps if not each["type"].startswith("pulumi:providers:")]
    changed = {each["type"]: each["op"] for each in steps if each["op"] != "same"}
    # By what the way leads there is not known to a preview, while the model on the endpoint is another one.
    assert changed.pop(RULE, "update") == "update"
    assert changed == {MODEL: "update", DEPLOYMENT: "update", RECORD: "update"}


def test_more_replicas_are_no_version(up: Project) -> None:
    more = whole()
    more["config"]["modelport:autoscaling"]["max"] = 16
    up.preview(more)
    steps = [each for each in up.steps if not each["type"].startswith("pulumi:providers:")]
    changed = {each["type"]: each["op"] for each in steps if each["op"] != "same"}
    assert changed.pop(RULE, "update") == "update"
    assert changed == {DEPLOYMENT: "update"}


def test_the_apis_stay_when_the_stack_goes_and_all_else_waits_for_them(made: Plan, tmp_path: Path) -> None:
    apis = made.all(API)
    assert {each.inputs["service"].partition(".")[0] for each in apis} == {
        *("aiplatform", "artifactregistry", "bigquery", "cloudkms", "compute", "dns", "iam", "logging", "monitoring"),
    }
    assert all(each.request["retainOnDelete"] and each.inputs["disableOnDestroy"] is False for each in apis)
    natives = [each for each in made.resources if each.type.startswith("gcp:") and each not in apis]
    urns = {each.urn for each in apis}
    assert all(urns <= set(each.request["dependencies"]) for each in natives)
    assert urns <= set(made.one(DEPLOYMENT).request["dependencies"])
    assert FILE.planned(tmp_path, vertex={"enable_apis": False}).all(API) == []


def test_what_is_not_used_is_not_enabled(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path, vertex={**PUBLIC, "logging": None}).all(API)
    usual = {"aiplatform", "artifactregistry", "cloudkms", "iam", "logging", "monitoring"}
    assert {each.inputs["service"].partition(".")[0] for each in found} == usual


def test_the_image_that_was_pushed_is_what_runs_and_a_first_preview_does_not_know_it(
    tmp_path: Path, made: Plan
) -> None:
    container = text(made, "version")["model"]["containerSpec"]
    assert container["imageUri"] == judging.outputs(made.one(MODEL))["reference"]
    # The project that tests plan is called so.
    assert made.one(MODEL).inputs["destination"] == "europe-west4-docker.pkg.dev/shop-prod/shop/digits"
    assert FILE.planned(tmp_path, preview=True).one(DEPLOYMENT).inputs["version"] == UNKNOWN


def test_by_default_it_is_reached_in_a_network_of_its_own_and_nobody_may_call_it(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path, vertex={"network": None, "invokers": None})
    inputs = found.one(ENDPOINT).inputs
    assert inputs["privateServiceConnectConfig"]["projectAllowlists"] == ["shop-prod"]
    assert inputs["deletionPolicy"] == "PREVENT"
    assert found.one(RULE).inputs["network"] == judging.tells(found.one(NETWORK), "id")
    assert not found.all(CALLER)
    # Nothing of the network reaches the internet.
    assert not found.all("gcp:compute/routerNat:RouterNat")


def test_a_network_that_is_there_is_used(tmp_path: Path) -> None:
    there = {
        "network_id": "projects/shop-prod/global/networks/shop",
        "subnetwork_id": "projects/shop-prod/regions/europe-west4/subnetworks/shop",
    }
    network = {"cidr": None, "existing": there, "everywhere": True, "projects": ["shop-tests"]}
    found = FILE.planned(tmp_path, vertex={"network": network})
    assert not found.all(NETWORK)
    rule = found.one(RULE).inputs
    assert (rule["network"], rule["allowPscGlobalAccess"]) == (there["network_id"], True)
    allowed = found.one(ENDPOINT).inputs["privateServiceConnectConfig"]["projectAllowlists"]
    assert allowed == ["shop-prod", "shop-tests"]


@pytest.mark.parametrize(("access", "dedicated"), [("dedicated", True), ("shared", None)])
def test_on_the_internet_there_is_no_network(tmp_path: Path, access: str, dedicated: bool | None) -> None:
    found = FILE.planned(tmp_path, vertex={**PUBLIC, "access": access})
    assert found.one(ENDPOINT).inputs.get("dedicatedEndpointEnabled") is dedicated
    assert not [each for each in found.resources if each.type in (NETWORK, RULE)]


def test_what_the_file_says_is_what_runs(made: Plan) -> None:
    scale = text(made, "scale")
    assert (scale["minReplicaCount"], scale["maxReplicaCount"]) == (2, 8)
    assert [each["target"] for each in scale["autoscalingMetricSpecs"]] == [60]
    assert json.loads(made.one(DEPLOYMENT).inputs["stages"]) == [[10, 600], [100, 300]]
    assert text(made, "bounds") == {"error_percent": 1, "latency": 0.25, "policies": []}
    deployed = text(made, "version")["deployed"]
    assert deployed["dedicatedResources"]["machineSpec"] == {"machineType": "n2-standard-4"}
    (caller,) = made.all(CALLER)
    assert caller.inputs["member"] == "serviceAccount:shop@shop-prod.iam.gserviceaccount.com"


def test_a_machine_with_gpus_is_scaled_by_them_too(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path, vertex={"machine": {"type": "g2-standard-8", "gpu_busy": 70}})
    deployed = text(found, "version")["deployed"]["dedicatedResources"]["machineSpec"]
    assert deployed["acceleratorType"] == "NVIDIA_L4"
    assert [each["target"] for each in text(found, "scale")["autoscalingMetricSpecs"]] == [60, 70]


def test_what_is_pasted_says_who_calls_and_a_private_endpoint_is_trusted_by_its_own_certificate(
    tmp_path: Path,
) -> None:
    spec = FILE.spec(tmp_path)
    assert spec.vertex is not None
    about = "https://a.prediction.p.vertexai.goog/v1/a:rawPredict", "a.prediction.p.vertexai.goog", "models-1"
    lines = gcp_vertex._lines(spec, spec.vertex, *about)  # pyright: ignore[reportPrivateUsage]
    assert lines == [
        "gcloud ai endpoints describe models-1 --region europe-west4 --project shop-prod",
        "openssl s_client -showcerts -connect a.prediction.p.vertexai.goog:443 </dev/null | openssl x509 -outform pem "
        "> vertex.pem",
        'curl -sS -H "Authorization: Bearer $(gcloud auth print-access-token)" --cacert vertex.pem '
        f"{about[0]} -H 'Content-Type: application/json' -d @examples/digits/seven.json",
    ]
    public = FILE.spec(tmp_path, vertex=PUBLIC)
    assert public.vertex is not None
    told = gcp_vertex._lines(public, public.vertex, *about)  # pyright: ignore[reportPrivateUsage]
    assert (len(told), "vertex.pem" in told[1]) == (2, False)


def test_the_picture_of_it_is_of_this_plan(made: Plan) -> None:
    page = ROOT / "docs" / "gcp-vertex.svg"
    drawn = picture("gcp-vertex", made)
    if not page.exists():
        page.write_text(drawn)
        raise AssertionError("docs/gcp-vertex.svg was drawn, look at it and run the test again")
    assert page.read_text() == drawn, "to draw it anew, delete docs/gcp-vertex.svg and run the test once"


def test_what_goes_first_when_all_goes(made: Plan) -> None:
    """An engine deletes nothing before what depends on it."""
    below = partial(needed, made)
    # The model is off the endpoint when that goes, and the key and the image are there until then.
    (running,) = below("VertexDeployment")
    assert {"AiEndpoint models", "Repository models", "CryptoKeyIAMMember models-vertex"} <= running
    (way,) = below("ForwardingRule")
    assert {"VertexDeployment models", "Subnetwork models", "Address models"} <= way
