"""What a namespace and a service are made of; the engine is a stand-in. Every manifest passes every check there is."""

import base64
import json
import pickle
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from components.kubernetes import ModelNamespace, ModelService, ModelServiceArgs, ModelServiceType, names, pod
from components.kubernetes.server import ModelServerProvider
from components.kubernetes.service import rendered
from tests.cluster.shared import Cluster
from tests.components.kubernetes import checking

DIGEST = "sha256:" + "a1b2c3d4e5f6" + "0" * 52
IMAGE = f"registry.example.com/team/digits@{DIGEST}"


def args(**changed: Any) -> ModelServiceArgs:
    given: Any = {"namespace": "shop", "image": IMAGE, **changed}
    return given  # type: ignore[no-any-return]


def service(**changed: Any) -> Callable[[], object]:
    return lambda: ModelService("digits", args(**changed))


FULL = service(
    replicas=3,
    max_replicas=9,
    workers=2,
    metrics={"bytes": 50e6, "p50_ms": 9.0},
    type=ModelServiceType.NODE_PORT,
    allowed_namespaces=["gateway-system"],
    allowed_networks=["10.0.0.0/8"],
    same_namespace=True,
    monitoring_namespace="monitoring",
    pull_secret="registry",
    keys_secret="digits-keys",
    env={"MODELPORT_QUEUE": "64"},
    node_selector={"kubernetes.io/arch": "amd64"},
    tolerations=[{"key": "models", "operator": "Exists", "effect": "NoSchedule"}],
    split_by_replicas=True,
)


def manifests(program: Callable[[], object]) -> dict[str, Any]:
    """By kind and name."""
    return {f"{each['kind']}/{each['metadata']['name']}": each for each in checking.rendered(program)}


def container(program: Callable[[], object]) -> Any:
    return manifests(program)["Deployment/digits"]["spec"]["template"]["spec"]["containers"][0]


def test_names_of_the_children_of_a_service() -> None:
    """They are part of every stack's state: a renamed child is a replaced resource."""
    assert sorted(f"{each.typ} {each.name}" for each in checking.registered(FULL)) == [
        "kubernetes:apps/v1:Deployment digits",
        "kubernetes:autoscaling/v2:HorizontalPodAutoscaler digits",
        "kubernetes:core/v1:Service digits",
        "kubernetes:core/v1:Service digits-canary",
        "kubernetes:core/v1:ServiceAccount digits",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy digits",
        "kubernetes:policy/v1:PodDisruptionBudget digits",
        "modelport:index:ModelService digits",
        "pulumi-python:dynamic/modelport:ModelServer digits",
    ]


def test_names_of_the_children_of_a_namespace() -> None:
    assert sorted(f"{each.typ} {each.name}" for each in checking.registered(lambda: ModelNamespace("shop", {}))) == [
        "kubernetes:core/v1:LimitRange shop",
        "kubernetes:core/v1:Namespace shop",
        "kubernetes:core/v1:ResourceQuota shop",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy shop",
        "modelport:index:ModelNamespace shop",
    ]


def test_a_namespace_is_restricted_and_closed() -> None:
    found = manifests(lambda: ModelNamespace("shop", {"quota": {"cpu": "4", "pods": 7}, "labels": {"team": "a"}}))
    labels = found["Namespace/shop"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted" and labels["team"] == "a"
    hard = {"requests.cpu": "4", "requests.memory": "32Gi", "pods": "7"}
    assert found["ResourceQuota/modelport"]["spec"] == {"hard": hard}
    closed = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert found["NetworkPolicy/deny-all"]["spec"] == closed


def test_a_pod_is_the_image_by_digest() -> None:
    template = manifests(service())["Deployment/digits"]["spec"]["template"]
    assert template["metadata"] == {
        "labels": {
            "app.kubernetes.io/name": "digits",
            "app.kubernetes.io/component": "model",
            "app.kubernetes.io/managed-by": "modelport",
            "modelport.io/track": "stable",
            "modelport.io/revision": "a1b2c3d4e5f6",
        },
        "annotations": {"modelport.io/digest": DIGEST},
    }
    made = container(service())
    assert (made["name"], made["image"]) == ("model", IMAGE)
    assert {"name": "MODELPORT_REVISION", "value": "a1b2c3d4e5f6"} in made["env"]


def test_no_pod_is_taken_away_before_a_new_one_is_ready() -> None:
    spec = manifests(service())["Deployment/digits"]["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": "25%"}
    assert spec["replicas"] == 2
    ending = spec["template"]["spec"]
    # The process has its whole drain after the wait in which the pod still answers.
    wait = ending["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert ending["terminationGracePeriodSeconds"] > wait + pod.DRAIN
    assert {"name": "MODELPORT_DRAIN_TIMEOUT", "value": str(pod.DRAIN)} in ending["containers"][0]["env"]


@pytest.mark.parametrize("changed", [{"max_replicas": 5}, {"autoscaled": True}])
def test_a_number_of_pods_that_something_else_keeps_is_not_ours(changed: dict[str, Any]) -> None:
    assert "replicas" not in manifests(service(**changed))["Deployment/digits"]["spec"]


def test_an_autoscaler_by_cpu() -> None:
    spec = manifests(service(replicas=2, max_replicas=5, cpu_target=60))["HorizontalPodAutoscaler/digits"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
    assert spec["metrics"][0]["resource"]["target"]["averageUtilization"] == 60
    assert "HorizontalPodAutoscaler/digits" not in manifests(service())


@pytest.mark.parametrize(("split", "track"), [(False, {"modelport.io/track": "stable"}), (True, {})])
def test_where_the_services_lead(split: bool, track: dict[str, str]) -> None:
    found = manifests(service(split_by_replicas=split))
    assert found["Service/digits"]["spec"]["selector"] == {"app.kubernetes.io/name": "digits", **track}
    assert found["Service/digits-canary"]["spec"]["selector"]["modelport.io/track"] == "canary"


def test_a_port_of_the_nodes_that_is_asked_for() -> None:
    (port,) = manifests(service(type="NodePort", node_port=30080))["Service/digits"]["spec"]["ports"]
    assert port["nodePort"] == 30080
    found = manifests(service(type="NodePort"))
    assert [
        "nodePort" in each for name in ("digits", "digits-canary") for each in found[f"Service/{name}"]["spec"]["ports"]
    ] == [False] * 2


def test_nobody_calls_a_pod_but_who_is_named() -> None:
    assert manifests(service())["NetworkPolicy/digits"]["spec"]["ingress"] == []
    (rule,) = manifests(FULL)["NetworkPolicy/digits"]["spec"]["ingress"]
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway-system"}}},
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
        {"ipBlock": {"cidr": "10.0.0.0/8"}},
        {"podSelector": {}},
    ]


def test_resources_come_from_the_report_unless_they_are_given() -> None:
    small = container(service(metrics={"bytes": 58_407, "p50_ms": 0.01}))["resources"]
    assert small["requests"] == {"cpu": "100m", "memory": "112Mi", "ephemeral-storage": "64Mi"}
    assert small["limits"]["cpu"] == "1"
    # 20 requests a second of 49 ms and one more are a core; 500 MB of weights are there twice.
    large = container(service(metrics={"bytes": 500e6, "p50_ms": 49.0}))["resources"]
    assert large["requests"]["cpu"] == "1000m"
    assert 1000 <= int(large["requests"]["memory"].removesuffix("Mi")) < 1200
    both = container(service(metrics={"bytes": 500e6}, workers=2, resources={"memory": "3Gi", "cpu_limit": "4"}))
    assert both["resources"]["requests"]["memory"] == both["resources"]["limits"]["memory"] == "3Gi"
    assert both["resources"]["limits"]["cpu"] == "4"


@pytest.mark.parametrize(("cpu", "most"), [("500m", "2"), ("2", "2"), ("2500m", "2500m"), ("20", "20"), ("1k", "1k")])
def test_a_limit_is_not_below_what_is_set_aside(cpu: str, most: str) -> None:
    found = container(service(workers=2, resources={"cpu": cpu}))["resources"]
    assert (found["requests"]["cpu"], found["limits"]["cpu"]) == (cpu, most)


def test_keys_and_pull_secrets_are_mounted_where_they_are_named() -> None:
    spec = manifests(FULL)["Deployment/digits"]["spec"]["template"]["spec"]
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert {"name": "keys", "secret": {"secretName": "digits-keys", "defaultMode": 0o440}} in spec["volumes"]
    assert {"name": "MODELPORT_API_KEYS", "value": "/etc/modelport/keys"} in spec["containers"][0]["env"]


@pytest.mark.parametrize("name", ["Digits", "digits.v1", "1digits", "d" * 41, ""])
def test_a_name_that_no_service_may_have(name: str) -> None:
    with pytest.raises(ValueError, match=r"expected at most 40 lower-case letters, digits and hyphens"):
        names.service(name)
    assert names.service(names.fitting(name)) == names.fitting(name)


@pytest.mark.parametrize("image", ["registry/digits:latest", "registry/digits", "registry/digits@sha256:12"])
def test_an_image_by_tag_is_refused(image: str) -> None:
    with pytest.raises(ValueError, match="expected one by digest"):
        names.revision(image)


def _told(image: str, found: list[Any]) -> Callable[[], object]:
    return lambda: pulumi.Output.json_dumps(rendered("digits", args(image=image))).apply(found.append)


def test_the_same_pod_on_another_track_differs_in_image_and_track_alone() -> None:
    """So that a release's candidate is the pod that the stable Deployment will run."""
    found: list[Any] = []
    other = IMAGE.replace("a1b2", "ffff")
    for image in (IMAGE, other):
        checking.registered(_told(image, found))
    one, two = (json.loads(each) for each in found)
    assert pod.at(one, other, names.STABLE) == two
    moved = pod.at(one, IMAGE, names.CANARY)
    assert moved["metadata"]["labels"]["modelport.io/track"] == "canary"
    assert moved["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"] == names.selector(
        "digits", names.CANARY
    )
    assert pod.at(moved, IMAGE, names.STABLE) == one


def test_every_manifest_passes_checkov_and_the_schemas() -> None:
    found = checking.rendered(lambda: ModelNamespace("shop", {"quota": {"cpu": "4"}}))
    for program in (FULL, service()):
        found += checking.rendered(program)
    assert checking.checkov(found) == []
    assert checking.violations(found) == []


def test_the_api_server_takes_every_manifest(cluster: Cluster) -> None:
    assert checking.refused(cluster, [*checking.rendered(FULL), *checking.rendered(service())]) == []


def test_the_provider_in_the_state_is_a_reference_and_no_secret() -> None:
    (server,) = (each for each in checking.registered(service()) if "ModelServer" in each.typ)
    pickled = base64.b64decode(server.inputs["__provider"])
    assert len(pickled) < 100
    assert b"components.kubernetes.server" in pickled
    assert type(pickle.loads(pickled)) is ModelServerProvider


def _server_inputs(**changed: Any) -> dict[str, Any]:
    (server,) = (each for each in checking.registered(service(**changed)) if "ModelServer" in each.typ)
    return {key: value for key, value in server.inputs.items() if key != "__provider"}


def test_what_changes_a_pod_is_waited_for() -> None:
    before, provider = _server_inputs(), ModelServerProvider()
    assert provider.diff("shop/digits", before, _server_inputs()).changes is False
    for changed in ({"image": IMAGE.replace("a1", "b2")}, {"workers": 2}, {"env": {"A": "b"}}, {"replicas": 4}):
        assert provider.diff("shop/digits", before, _server_inputs(**changed)).changes is True
    # Another patience, another network: no pod is another one.
    for same in ({"ready_timeout": 10}, {"allowed_networks": ["10.0.0.0/8"]}):
        assert provider.diff("shop/digits", before, _server_inputs(**same)).changes is False
