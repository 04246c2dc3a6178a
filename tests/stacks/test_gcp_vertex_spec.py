"""What the section `vertex` may not say: told in one line each, before anything is planned."""

from pathlib import Path
from typing import Any

import pytest

from components.checks import ArgsError
from stacks import gcp_vertex
from stacks.spec import SpecError
from tests.components.planned import plan
from tests.stacks.test_gcp_vertex import FILE, PUBLIC

KEY = "projects/shop-prod/locations/us-east1/keyRings/a/cryptoKeys/b"
THERE = {
    "network_id": "projects/shop-prod/global/networks/shop",
    "subnetwork_id": "projects/shop-prod/regions/europe-west4/subnetworks/shop",
}
DIGEST = "sha256:" + "a" * 64


def told(folder: Path, **sections: Any) -> list[str]:
    with pytest.raises(SpecError) as raised:
        FILE.spec(folder, **sections)
    return [line.removeprefix("Pulumi.gcp-vertex.yaml: ") for line in raised.value.lines]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"project": "Shop"}, "vertex.project is 'Shop', expected the id of a project, 6 to 30 of a-z, 0-9 and -, "),
    ({"project_number": "12a"}, "vertex.project_number is '12a', expected the number of a project, digits as text, "),
    ({"region": "europe-wst4"}, "vertex.region is 'europe-wst4', expected one that there is; did you mean europe-"),
    ({"name": "Models"}, "vertex.name is 'Models', expected at most 22 lower-case letters, digits and hyphens, "),
    ({"name": "a" * 22, "region": "northamerica-northeast2"},
     f"vertex.name is '{'a' * 22}', expected at most 18 characters of a private endpoint in northamerica-northeast2"),
    ({"labels": {"Team": "ml"}}, "a key of vertex.labels is 'Team', expected a letter and at most 62 letters of "),
    ({"access": "public"}, "vertex.access is 'public', expected one of private, dedicated, shared"),
    ({"access": "dedicated"}, "vertex: network is set with access dedicated, expected none, as the endpoint is on "),
    ({"machine": {"type": "large"}}, "vertex.machine.type is 'large', expected a machine type of Compute Engine; "),
    ({"machine": {"type": "t2a-standard-4"}}, "vertex.machine.type is 't2a-standard-4', expected a machine that the "),
    ({"machine": {"type": "n1-standard-8", "gpu": "K80"}}, "vertex.machine.gpu is 'K80', expected one of T4, V100; "),
    ({"machine": {"type": "n1-standard-8", "gpu": "T4", "gpu_count": 3}},
     "vertex.machine.gpu_count is 3, expected one of 1, 2, 4; write 4"),
    ({"machine": {"gpu_busy": 50}}, "vertex.machine.gpu_busy is 50, expected none beside a machine without GPUs; "),
    ({"machine": {"workers": 0}}, "vertex.machine.workers is 0, expected a whole number from 1 to 256"),
    ({"machine": {"startup_seconds": 5}}, "vertex.machine.startup_seconds is 5, expected a whole number from 60 to"),
    ({"machine": {"env": {"AIP_MODE": "a"}}}, "a key of vertex.machine.env is 'AIP_MODE', expected one that Vertex"),
    ({"machine": {"env": {"SHOP_TOKEN": "a"}}}, "vertex.machine.env['SHOP_TOKEN'] has a value, expected nothing secre"),
    ({"machine": {"service_account": "server"}},
     "vertex.machine.service_account is 'server', expected the address of a service account; "),
    ({"machine": {"count": 4}}, "vertex.machine.count is 4 beside autoscaling, expected one of them; remove it, and "),
    ({"invokers": {"shop": "allUsers"}},
     "vertex.invokers['shop'] is 'allUsers', expected somebody by name; name them, as Vertex AI answers nobody with"),
    ({"network": {"apart_from": ["10.20.0.0/26"]}},
     "vertex.network.cidr is '10.20.0.0/24', which overlaps vertex.network.apart_from[0] (10.20.0.0/26), "),
    ({"network": {"existing": THERE}},
     "vertex.network: cidr is set beside existing, whose network has its own; leave one of them out"),
    ({"network": {"cidr": None, "existing": {**THERE, "network_id": "shop"}}},
     "vertex.network.existing.network_id is 'shop', expected the whole name of a network; "),
    ({"network": {"projects": ["shop-prod"]}},
     "vertex.network.projects is ['shop-prod'], expected each project once, and shop-prod not among them; write []"),
    ({"logging": {"percent": 0}}, "vertex.logging.percent is 0, expected a number from 0.01 to 100"),
    ({"logging": {"dataset": "models"}}, "vertex.logging.dataset is 'models', expected a dataset with its project; "),
    ({"logging": {"dataset": "shop-data.models", "delete_data": True}},
     "vertex.logging.delete_data is True, expected none beside dataset, which somebody else has made; leave it out"),
    ({"alarms": {"policies": ["errors"]}},
     "vertex.alarms.policies[0] is 'errors', expected the whole name of an alert policy of shop-prod; "),
    ({"key_name": KEY}, f"vertex.key_name is '{KEY}', expected a key of europe-west4, where what uses it is; "),
    ({"registry": {"key_name": KEY}},
     f"vertex.registry.key_name is '{KEY}', expected a key of europe-west4, where what uses it is; "),
    ({"instance": {}}, "unknown key 'instance' under vertex, expected one of access, access_logs, "),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "line"), WRONG)
def test_what_google_would_refuse(tmp_path: Path, changed: dict[str, Any], line: str) -> None:
    (only,) = told(tmp_path, vertex=changed)
    assert only.startswith(line), only


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        ({"release": {"strategy": "shadow", "steps": None}},
         "release.strategy is shadow with target gcp-vertex, expected one of rolling, canary, blue-green, as Vertex AI "
         "gives versions shares of the requests, and has no others; write canary"),
        ({"release": {"replicas": 2}},
         "release.replicas is set with target gcp-vertex, expected none, as Vertex AI has no counterpart; remove it"),
        ({"release": {"steps": [{"weight": 10, "pause": 30}]}},
         "release.steps[0].pause is 30.0, expected 60 to 86400 seconds; write 60"),
        ({"release": {"pin": "3"}},
         "release.pin is '3' with target gcp-vertex, expected the whole digest of a version, as sha256:...; "),
        ({"release": {"strategy": "rolling", "steps": None}},
         "vertex.alarms.error_percent is 1.0, expected none beside strategy rolling, which looks at nothing; leave "
         "error_percent out, or write strategy canary"),
        ({"autoscaling": {"min": 0}},
         "autoscaling.min is 0 with target gcp-vertex, expected 1 or more, as Vertex AI keeps a replica at least; "),
        ({"autoscaling": {"requests_in_flight": 8}},
         "autoscaling.requests_in_flight is set with target gcp-vertex, expected min, max and cpu alone, as Vertex "),
        ({"autoscaling": {"min": 9}}, "autoscaling: max is 8, expected at least min, which is 9; write max: 9"),
        ({"autoscaling": {"min": 8}}, "autoscaling.cpu is 60, expected a max above min (8) beside it; raise max"),
        ({"image": {"push": "registry.example.com/team/digits"}},
         "image.push is set with target gcp-vertex, expected none, as the stack makes its registry; remove it, and "
         "write vertex.registry.repository for another name"),
        ({"monitoring": {"namespace": "monitoring"}},
         "monitoring is set with target gcp-vertex, expected it with target kubernetes alone; remove it, and write "
         "vertex.alarms"),
        ({"service": {"replicas": 2}},
         "service is set with target gcp-vertex, expected it with target kubernetes or aws-eks or gcp-gke alone; "
         "remove it, and write vertex.machine"),
        ({"cloudrun": {"project": "shop-prod"}},
         "cloudrun is set with target gcp-vertex, expected it with target gcp-cloudrun alone; remove it, and write "
         "vertex"),
        ({"vertex": None},
         "vertex is missing, expected the project and what is made in it; write project, project_number and region"),
    ],
)  # fmt: skip
def test_what_vertex_ai_has_no_counterpart_of(tmp_path: Path, sections: dict[str, Any], line: str) -> None:
    assert any(each.startswith(line) for each in told(tmp_path, **sections)), told(tmp_path, **sections)


@pytest.mark.parametrize(
    "good",
    [
        {"release": {"pin": DIGEST}},
        {"autoscaling": None, "vertex": {"machine": {"count": 4}}},
        {"release": None, "vertex": {"alarms": None}},
        {"vertex": PUBLIC},
        {"vertex": {"network": None}},
        {"vertex": {"network": {"cidr": None, "existing": THERE}}},
    ],
)
def test_what_may_be_said(tmp_path: Path, good: dict[str, Any]) -> None:
    assert FILE.spec(tmp_path, **good).target == "gcp-vertex"


def test_what_only_a_component_knows_is_told_before_the_first_resource(tmp_path: Path) -> None:
    given = FILE.spec(tmp_path, vertex={"registry": {"repository": "a//b"}})
    found: list[str] = []

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            gcp_vertex.deploy(given)
        found.append(str(raised.value))

    assert plan(program).resources == []
    (line,) = found
    assert line.startswith("vertex.registry.repository is 'a//b', expected "), line
