"""Stack files whose model another's server answers for: which targets carry it, and what they may not say beside it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.samples import Samples, requests
from stacks.spec import SpecError, StackSpec
from tests.stacks import gcp_plans

MODEL: dict[str, Any] = {
    "name": "digits",
    "source": "a.b:c",
    "server": "triton",
    "base": f"registry.example.com/tritonserver@sha256:{'a' * 64}",
    "evaluate": {"data": "a.b:d"},
}
PLAIN: dict[str, Any] = {"target": "kubernetes", "model": MODEL, "image": {"push": "registry.example.com/digits"}}
ANALYSIS = {"prometheus": "monitoring/prometheus:9090"}


def told(folder: Path, whole: dict[str, Any]) -> list[str]:
    file = folder / "Pulumi.f.yaml"
    file.write_text(yaml.safe_dump({"config": {f"modelport:{key}": value for key, value in whole.items()}}))
    try:
        StackSpec.from_file(file)
    except SpecError as error:
        return [line.removeprefix("Pulumi.f.yaml: ") for line in error.lines]
    return []


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"target": "local", "image": {}},
            "model.server is triton with target local, expected it with kubernetes, aws-eks, gcp-gke, as the others "
            "speak to the library's own server; write server: modelport, or take one of those targets",
        ),
        (
            {"gateway": {"hostname": "m.example.com", "class_name": "haproxy", "namespace": "edge"}},
            "gateway.anonymous is false with model.server triton, expected true, as API keys are checked by the "
            "library's own server alone, and everybody would be answered; write anonymous: true, and ask callers in "
            "front of the model",
        ),
        (
            {"monitoring": {}},
            "monitoring is set with model.server triton, expected none, as it counts by the names of the library's own "
            "server; remove it, and scrape the server's own metrics",
        ),
        (
            {"service": {"workers": 2}},
            "service.workers is set with model.server triton, expected none, as it is about the library's own server; "
            "write service.resources",
        ),
        (
            {"autoscaling": {"min": 0, "max": 3}},
            "autoscaling.min is 0 with model.server triton, expected 1 or more, as the activator is a part of the "
            "library's own server; write 1",
        ),
        (
            {"autoscaling": {"max": 3, "requests_in_flight": 2}},
            "autoscaling.requests_in_flight is set with model.server triton, expected none, as it counts by the names "
            "of the library's own server; write cpu, gpu or queue",
        ),
        (
            {
                "release": {
                    "strategy": "canary",
                    "steps": [{"weight": 50}],
                    "analysis": {**ANALYSIS, "p99_ms": {"max": 9}},
                }
            },
            "release.analysis.p99_ms is set with model.server triton, expected none, as it counts by the names of the "
            "library's own server; write release.analysis.queries, PromQL of the server's own metrics",
        ),
        (
            {"runtime": {"program": "kserve"}},
            "runtime.program is kserve with model.server triton, expected none, as the image has its server; remove "
            "runtime",
        ),
    ],
)
def test_what_only_our_server_does_is_one_line(tmp_path: Path, change: dict[str, Any], line: str) -> None:
    assert told(tmp_path, {**PLAIN, **change}) == [line]


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"autoscaling": {"max": 3, "cpu": 60}},
        {"gateway": {"hostname": "m.example.com", "class_name": "haproxy", "namespace": "edge", "anonymous": True}},
        {
            "release": {
                "strategy": "canary",
                "steps": [{"weight": 50}],
                "analysis": {
                    **ANALYSIS,
                    "queries": [{"name": "failed", "promql": "sum(nv_inference_request_failure)", "max": 0}],
                },
            }
        },
    ],
)
def test_what_needs_no_server_of_ours_stays(tmp_path: Path, change: dict[str, Any]) -> None:
    assert told(tmp_path, {**PLAIN, **change}) == []


def cluster(server: str) -> dict[str, Any]:
    """`Pulumi.gcp-gke.yaml` without what counts and asks for keys."""
    whole = gcp_plans.document(monitoring=None, load_balancer={"anonymous": True})
    recipe = whole["config"]["modelport:model"]
    recipe |= {"server": server, "base": MODEL["base"], "optimize": {"candidates": ["fp32"]}}
    recipe.pop("classify")
    whole["config"]["modelport:service"] = {"resources": {"memory": "4Gi"}}
    return whole


def test_the_pods_of_a_cluster_that_is_made_answer_by_the_image_s_own_server(tmp_path: Path) -> None:
    found = gcp_plans.planned(gcp_plans.spec(tmp_path, cluster("triton")))
    made = found.one("kubernetes:apps/v1:Deployment", "digits").inputs
    container = made["spec"]["template"]["spec"]["containers"][0]
    assert [each["name"] for each in container["ports"]] == ["http", "grpc", "metrics"]
    assert (container["env"], container["resources"]["limits"]["memory"]) == ([], "4Gi")


def test_a_load_balancer_that_asks_where_tensorflow_serving_says_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"gcp\.load_balancer is set with .* tensorflow-serving, expected none"):
        gcp_plans.spec(tmp_path, cluster("tensorflow-serving"))


def test_tensorflow_serving_is_asked_in_its_own_protocol() -> None:
    url = "http://127.0.0.1:8080"
    lines = requests(url, {"name": "m"}, Samples(), classify=False, server="tensorflow-serving")
    assert lines == [f"curl -sS {url}/v1/models/m", f"curl -sS {url}/v1/models/m/metadata"]
