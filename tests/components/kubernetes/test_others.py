"""Pods whose image another's server answers from; the engine is a stand-in."""

from typing import Any

import pytest

from components.kubernetes import ImageServer, ModelService, ModelServiceArgs, pod
from tests.components.kubernetes import checking

IMAGE = f"registry.example.com/team/digits@sha256:{'a' * 64}"


def service(**changed: Any) -> ModelService:
    given: Any = {"namespace": "shop", "image": IMAGE, "model": "digits", **changed}
    args: ModelServiceArgs = given
    return ModelService("seven", args)


def manifests(**changed: Any) -> list[dict[str, Any]]:
    return checking.rendered(lambda: service(**changed))


def container(**changed: Any) -> dict[str, Any]:
    (found,) = [each for each in manifests(**changed) if each["kind"] == "Deployment"]
    held: dict[str, Any] = found["spec"]["template"]["spec"]["containers"][0]
    return held


def test_triton_is_told_nothing_and_asked_where_it_says_that_it_is_ready() -> None:
    made = container(server=ImageServer.TRITON, env={"CUDA_VISIBLE_DEVICES": ""})
    assert made["env"] == [{"name": "CUDA_VISIBLE_DEVICES", "value": ""}]
    assert {each["name"]: each["containerPort"] for each in made["ports"]} == {
        "http": 8080,
        "grpc": 8001,
        "metrics": 8002,
    }
    assert made["readinessProbe"]["httpGet"] == {"path": "/v2/health/ready", "port": "http"}
    assert "command" not in made and "args" not in made


def test_tensorflow_serving_is_asked_for_its_model_by_name() -> None:
    made = container(server=ImageServer.TENSORFLOW_SERVING)
    probes = {made[each]["httpGet"]["path"] for each in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert probes == {"/v1/models/digits"}


@pytest.mark.parametrize(
    ("given", "requests", "limits"),
    [
        ({}, ("500m", "1Gi"), ("2", "2Gi")),
        ({"cpu": "4", "memory": "8Gi"}, ("4", "8Gi"), ("4", "8Gi")),
        ({"memory_limit": "512Mi"}, ("500m", "512Mi"), ("2", "512Mi")),
    ],
)
def test_what_it_asks_of_a_node_is_what_is_said_and_no_measure_of_our_server(
    given: dict[str, str], requests: tuple[str, str], limits: tuple[str, str]
) -> None:
    made = container(server=ImageServer.TRITON, resources=given, metrics={"bytes": 5e9, "p50_ms": 900.0})["resources"]
    assert (made["requests"]["cpu"], made["requests"]["memory"]) == requests
    assert (made["limits"]["cpu"], made["limits"]["memory"]) == limits


@pytest.mark.parametrize("key", ["keys_secret", "activated", "workers"])
def test_what_only_our_server_does_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"the service seven: {key} is given with server triton, expected none, as "):
        manifests(server=ImageServer.TRITON, **{key: "keys"})


def test_who_may_call_may_at_all_of_its_ports_and_nobody_else() -> None:
    (policy,) = [
        each
        for each in manifests(server=ImageServer.TRITON, allowed_namespaces=["monitoring"])
        if each["kind"] == "NetworkPolicy"
    ]
    (rule,) = policy["spec"]["ingress"]
    assert [each["port"] for each in rule["ports"]] == ["http", "grpc", "metrics"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]


def test_a_release_tries_the_same_pod_with_another_image() -> None:
    (found,) = [each for each in manifests(server=ImageServer.TRITON) if each["kind"] == "Deployment"]
    other = f"registry.example.com/team/digits@sha256:{'b' * 64}"
    moved = pod.at(found["spec"]["template"], other, "canary")
    assert moved["spec"]["containers"][0]["image"] == other


def test_the_published_schemas_take_all_of_it() -> None:
    assert checking.violations(manifests(server=ImageServer.TRITON), minors=1) == []
