"""The target `gcp-cloudrun`, planned: what there is, in which order it goes, what an old state and an upgrade show."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from automation.report.layout import RECORD
from stacks import gcp_cloudrun
from tests.components.gcp import judging
from tests.components.planned import UNKNOWN, Plan
from tests.stacks.earlier import MODEL, ROOT, Project, alone, needed, plain
from tests.stacks.gcp_plans import GcpFile
from tests.stacks.pictures import picture

FILE = GcpFile("gcp-cloudrun", gcp_cloudrun.deploy, {})
SNAPSHOT = Path(__file__).parent / "snapshots" / "gcp-cloudrun.txt"
SERVICE, TRAFFIC = "gcp:cloudrunv2/service:Service", "pulumi-python:dynamic/modelport:CloudRunTraffic"
CALLER, API = "gcp:cloudrunv2/serviceIamMember:ServiceIamMember", "gcp:projects/service:Service"
THERE = {
    "network_id": "projects/shop-net/global/networks/shop",
    "subnetwork_id": "projects/shop-net/regions/europe-west4/subnetworks/shop",
}
BUDGET = {"billing_account": "01ABCD-2345EF-67890A", "monthly_amount": 500, "currency": "EUR"}
LEFT_OUT: dict[str, Any] = {"network": None, "load_balancer": None, "monitoring": None}
NOBODY = "#!/bin/sh\nexit 255\n"


def whole() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.gcp-cloudrun.yaml").read_text())
    return found


def service(made: Plan) -> dict[str, Any]:
    return made.one(SERVICE).inputs


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    # Who would be asked for credentials; there are none.
    with alone(tmp_path_factory.mktemp("run"), {"gcloud": NOBODY}, "GOOGLE_", "CLOUDSDK_", "GCLOUD_") as made:
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
    assert changed == {MODEL: "update", TRAFFIC: "update", SERVICE: "update", RECORD: "update"}


def test_the_apis_stay_when_the_stack_goes_and_all_else_waits_for_them(made: Plan, tmp_path: Path) -> None:
    apis = made.all(API)
    assert {each.inputs["service"].partition(".")[0] for each in apis} == {
        *("artifactregistry", "certificatemanager", "cloudkms", "compute", "dns"),
        *("iam", "logging", "monitoring", "run"),
    }
    assert all(each.request["retainOnDelete"] and each.inputs["disableOnDestroy"] is False for each in apis)
    natives = [each for each in made.resources if each.type.startswith("gcp:") and each not in apis]
    urns = {each.urn for each in apis}
    assert all(urns <= set(each.request["dependencies"]) for each in natives)
    assert urns <= set(made.one(TRAFFIC).request["dependencies"])
    assert FILE.planned(tmp_path, cloudrun={"enable_apis": False}).all(API) == []


@pytest.mark.parametrize(
    ("changed", "more"),
    [
        ({}, set[str]()),
        ({"network": {"cidr": "10.20.0.0/24"}}, {"compute", "dns"}),
        ({"network": {"existing": THERE}}, {"compute"}),
        ({"budget": BUDGET}, {"billingbudgets", "pubsub"}),
        ({"instance": {"secrets": {"TOKEN": {"secret": "upstream"}}}}, {"secretmanager"}),
        ({"binary_authorization": True}, {"binaryauthorization"}),
    ],
)
def test_what_is_not_used_is_not_enabled(tmp_path: Path, changed: dict[str, Any], more: set[str]) -> None:
    # Without the file's own network beside it.
    section = {**LEFT_OUT, **changed}
    if "network" in changed:
        section["network"] = {"cidr": None, "nat": None, **changed["network"]}
    found = FILE.planned(tmp_path, cloudrun=section).all(API)
    usual = {"artifactregistry", "cloudkms", "iam", "logging", "monitoring", "run"}
    assert {each.inputs["service"].partition(".")[0] for each in found} == usual | more


def test_the_image_that_was_pushed_is_what_runs_and_a_first_preview_does_not_know_it(
    tmp_path: Path, made: Plan
) -> None:
    (container,) = service(made)["template"]["containers"]
    assert container["image"] == judging.outputs(made.one(MODEL))["reference"]
    # The project that tests plan is called so.
    assert made.one(MODEL).inputs["destination"] == "europe-west4-docker.pkg.dev/shop-prod/shop/digits"
    first = FILE.planned(tmp_path, preview=True)
    assert service(first)["template"] == UNKNOWN or service(first)["template"]["containers"][0]["image"] == UNKNOWN


def test_by_default_nobody_reaches_it_from_the_internet_and_nobody_may_call_it(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path, cloudrun={**LEFT_OUT, "invokers": None})
    assert service(found)["ingress"] == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    assert service(found)["invokerIamDisabled"] is False
    assert service(found)["deletionProtection"] is True
    assert not found.all(CALLER)
    assert "vpcAccess" not in service(found)["template"]


def test_behind_a_load_balancer_the_only_way_in_is_its_own(made: Plan) -> None:
    assert service(made)["ingress"] == "INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER"
    (caller,) = made.all(CALLER)
    assert caller.inputs["member"] == "serviceAccount:shop@shop-prod.iam.gserviceaccount.com"
    assert service(made)["customAudiences"] == ["https://digits.models.example.com"]
    group = made.one("gcp:compute/regionNetworkEndpointGroup:RegionNetworkEndpointGroup").inputs
    assert (group["cloudRun"]["service"], group["region"]) == ("models", "europe-west4")


def test_whoever_the_load_balancer_lets_in_is_answered_where_that_is_meant(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path, cloudrun={"invokers": None, "anonymous": True, "monitoring": {"uptime": True}})
    assert found.one(CALLER).inputs["member"] == "allUsers"
    assert "customAudiences" not in service(found)
    asked = found.one("gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig").inputs
    assert asked["monitoredResource"]["labels"]["host"] == "digits.models.example.com"


def test_what_the_file_says_of_instances_is_what_they_have(tmp_path: Path) -> None:
    instance = {
        "service_account": "server@shop-prod.iam.gserviceaccount.com",
        "secrets": {"TOKEN": {"secret": "upstream", "version": "3"}},
        "env": {"MODELPORT_QUEUE": "9"},
        "startup_boost": False,
        "cpu_always": True,
    }
    numbers = {"cpu": 4, "memory": 4096, "workers": 2, "concurrency": 8, "timeout": 30, "startup_seconds": 300}
    found = FILE.planned(tmp_path, cloudrun={"instance": {**instance, **numbers}, "binary_authorization": True})
    version = service(found)["template"]
    (container,) = version["containers"]
    assert container["resources"] == {
        "limits": {"cpu": "4", "memory": "4096Mi"},
        "cpuIdle": False,
        "startupCpuBoost": False,
    }
    env = {each["name"]: each for each in container["envs"]}
    assert (env["MODELPORT_WORKERS"]["value"], env["MODELPORT_QUEUE"]["value"]) == ("2", "9")
    assert env["TOKEN"]["valueSource"]["secretKeyRef"] == {"secret": "upstream", "version": "3"}
    assert (version["maxInstanceRequestConcurrency"], version["timeout"]) == (8, "30s")
    assert version["serviceAccount"] == "server@shop-prod.iam.gserviceaccount.com"
    assert service(found)["binaryAuthorization"] == {"useDefault": True}


def test_how_many_instances_there_are_is_the_word_of_autoscaling(tmp_path: Path, made: Plan) -> None:
    assert service(made)["scaling"] == {"minInstanceCount": 1}
    assert service(made)["template"]["scaling"] == {"maxInstanceCount": 20}
    asleep = FILE.planned(tmp_path, autoscaling={"min": 0})
    assert service(asleep)["scaling"] == {"minInstanceCount": 0}
    usual = FILE.planned(tmp_path, autoscaling=None)
    assert (service(usual)["scaling"], service(usual)["template"]["scaling"]) == (
        {"minInstanceCount": 0},
        {"maxInstanceCount": gcp_cloudrun.MOST},
    )
    (alert,) = [each for each in usual.all("gcp:monitoring/alertPolicy:AlertPolicy") if "instances" in each.name]
    assert alert.inputs["conditions"][0]["displayName"].startswith(f"all {gcp_cloudrun.MOST} instances")


@pytest.mark.parametrize(
    ("release", "stages"),
    [
        (None, "[[100, 0]]"),
        ({"strategy": "rolling", "steps": None}, "[[100, 0]]"),
        ({"strategy": "blue-green", "steps": None}, "[[100, 300]]"),
        ({"strategy": "blue-green", "steps": None, "pause": 600}, "[[100, 600]]"),
        ({"steps": [{"weight": 5}, {"weight": 50, "pause": 60}], "pause": 900}, "[[5, 300], [50, 60], [100, 900]]"),
        ({}, "[[10, 600], [100, 300]]"),
    ],
)
def test_the_words_of_a_release_are_the_platforms_own(tmp_path: Path, release: Any, stages: str) -> None:
    looked_at = stages != "[[100, 0]]"
    found = FILE.planned(tmp_path, release=release, cloudrun={} if looked_at else {"alarms": None})
    assert found.one(TRAFFIC).inputs["stages"] == stages


def test_what_sends_a_release_back_is_what_the_file_says(tmp_path: Path) -> None:
    policy = "projects/shop-prod/alertPolicies/1234567890123456789"
    alarms = {"error_percent": 0.5, "latency": 0.1, "policies": [policy]}
    found = FILE.planned(tmp_path, cloudrun={"alarms": alarms}).one(TRAFFIC).inputs["bounds"]
    assert found == f'{{"error_percent": 0.5, "latency": 0.1, "policies": ["{policy}"]}}'


def test_instances_reach_out_into_the_network_that_is_made_or_that_is_there(tmp_path: Path, made: Plan) -> None:
    (interface,) = service(made)["template"]["vpcAccess"]["networkInterfaces"]
    network, subnetwork = made.one("gcp:compute/network:Network"), made.one("gcp:compute/subnetwork:Subnetwork")
    assert interface == {"network": judging.identity(network), "subnetwork": judging.identity(subnetwork)}
    assert service(made)["template"]["vpcAccess"]["egress"] == "ALL_TRAFFIC"
    assert not made.all("gcp:compute/routerNat:RouterNat"), "nat: none leaves Google's own services alone"
    more = {"existing": THERE, "egress": "private-ranges-only", "tags": ["models"], "cidr": None, "nat": None}
    found = FILE.planned(tmp_path, cloudrun={"network": more})
    assert not found.all("gcp:compute/network:Network")
    assert service(found)["template"]["vpcAccess"] == {
        "egress": "PRIVATE_RANGES_ONLY",
        "networkInterfaces": [
            {"network": THERE["network_id"], "subnetwork": THERE["subnetwork_id"], "tags": ["models"]}
        ],
    }


def test_a_gpu_is_the_instances_and_the_file_is_told_that_it_stays_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", said.append)
    found = service(FILE.planned(tmp_path, cloudrun={"gpu": {"zonal_redundancy": False}}))["template"]
    assert found["nodeSelector"] == {"accelerator": "nvidia-l4"}
    assert found["gpuZonalRedundancyDisabled"] is True
    assert found["containers"][0]["resources"]["limits"] == {"cpu": "4", "memory": "16384Mi", "nvidia.com/gpu": "1"}
    assert said == [
        "cloudrun.gpu.type is nvidia-l4, whose GPUs stay idle: the server in the model's image computes on the CPU; "
        "leave gpu out, unless the machine is wanted for its CPUs and memory"
    ]


def test_what_was_released_is_written_down_behind_the_service(made: Plan) -> None:
    record = made.one(RECORD)
    assert (record.inputs["service"], record.inputs["version"], record.inputs["waited"]) == ("models", "1", True)
    assert any(urn.endswith(f"{SERVICE}::models") for urn in record.request["dependencies"])


def test_what_can_be_pasted_says_who_calls_unless_everybody_may(tmp_path: Path) -> None:
    spec = FILE.spec(tmp_path)
    assert spec.cloudrun is not None
    lines = gcp_cloudrun._lines(spec, spec.cloudrun, "https://digits.models.example.com")  # pyright: ignore[reportPrivateUsage]
    signed = 'curl -sS -H "Authorization: Bearer $(gcloud auth print-identity-token)" https://digits.models.example.com'
    assert len(lines) >= 3
    assert all(each.startswith(f"{signed}/v2/") for each in lines)
    everybody = FILE.spec(tmp_path, cloudrun={"invokers": None, "anonymous": True})
    assert everybody.cloudrun is not None
    told = gcp_cloudrun._lines(everybody, everybody.cloudrun, "https://a.run.app/")  # pyright: ignore[reportPrivateUsage]
    assert told[0] == "curl -sS https://a.run.app/v2/health/ready"


def test_the_picture_of_it_is_of_this_plan(made: Plan) -> None:
    page = ROOT / "docs" / "gcp-cloudrun.svg"
    drawn = picture("gcp-cloudrun", made)
    if not page.exists():
        page.write_text(drawn)
        raise AssertionError("docs/gcp-cloudrun.svg was drawn, look at it and run the test again")
    assert page.read_text() == drawn, "to draw it anew, delete docs/gcp-cloudrun.svg and run the test once"


def test_what_goes_first_when_all_goes(made: Plan) -> None:
    """An engine deletes nothing before what depends on it."""
    below = partial(needed, made)
    # Instances have addresses of the subnetwork for as long as they are.
    (running,) = [each for each in below("Service") if "CloudRunTraffic models" in each]
    assert {"Subnetwork models", "Repository models", "CryptoKeyIAMMember models-run"} <= running
    (backend,) = below("BackendService")
    assert {"RegionNetworkEndpointGroup models", "Service models"} <= backend
    ways = [each for each in below("GlobalForwardingRule") if "TargetHttpsProxy models" in each]
    assert len(ways) == 1
    assert {"URLMap models", "BackendService models-run"} <= ways[0]
