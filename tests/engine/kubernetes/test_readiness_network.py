"""Services and Ingresses are waited for until they lead somewhere, or said why not."""

import json

import pytest

from engine.providers.kubernetes import readiness_network
from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.readiness import NotReady
from tests.cluster.shared import Cluster
from tests.engine.kubernetes.waiting import Waiting, pod, service

NO_PODS = (
    "Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not match labels "
    "on any Pods"
)
NO_ADDRESS = "Service was not allocated an IP address; does your cloud provider support this?"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Endpoints come to rest sooner than in earnest, so that the tests do."""
    monkeypatch.setattr(readiness_network, "_SETTLE", 1.0)


def addressed(cluster: Cluster, space: str, kind: str, name: str) -> None:
    """What a cloud's controller does when it has found an address."""
    patch = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}})
    cluster.kubectl("patch", kind, name, "-n", space, "--subresource=status", "--type=merge", "-p", patch)


def placed(cluster: Cluster, space: str) -> None:
    """Wait until the pod has an address, and so is among its service's as one that is not ready."""
    cluster.kubectl("wait", "pod/web", "-n", space, "--for=jsonpath={.status.podIP}", "--timeout=120s")


def test_a_service_is_ready_when_its_pods_are(waiting: Waiting, cluster: Cluster) -> None:
    made = pod("web", "serve", "8080", "2s")
    made["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": 8080}, "periodSeconds": 1}
    waiting.make(made)
    placed(cluster, waiting.space)
    waiting.until_ready(waiting.make(service("web")))
    (subset,) = waiting.api.get("v1", "Endpoints", "web", waiting.space)["subsets"]
    assert "notReadyAddresses" not in subset
    assert len(subset["addresses"]) == 1


def test_a_service_waits_for_pods_that_are_not_ready(waiting: Waiting, cluster: Cluster) -> None:
    made = pod("web")
    made["spec"]["containers"][0]["readinessProbe"] = {"httpGet": {"port": 8080}}
    waiting.make(made)
    placed(cluster, waiting.space)
    live = waiting.make(service("web"))
    error = waiting.not_ready(live, seconds=5)
    assert str(error) == "'web' timed out waiting to be Ready"
    assert error.reasons == [NO_PODS]
    with pytest.raises(NotReady, match="was created but failed to initialize") as read:
        waiting.check(live)
    assert read.value.reasons == [NO_PODS]


@pytest.mark.parametrize(
    "spec",
    [
        {"clusterIP": "None"},
        {"type": "ExternalName", "externalName": "elsewhere.example", "selector": None, "ports": None},
        {"selector": None},
    ],
    ids=["headless", "external", "without selector"],
)
def test_a_service_that_leads_to_no_pods_of_its_own_is_ready_at_once(waiting: Waiting, spec: Obj) -> None:
    live = waiting.make(service("web", **spec))
    assert waiting.until_ready(live, seconds=0.01) == live


def test_a_load_balancer_is_ready_when_it_has_an_address(waiting: Waiting, cluster: Cluster) -> None:
    live = waiting.make(service("web", type="LoadBalancer"))
    error = waiting.not_ready(live)
    assert error.reasons == [NO_PODS, NO_ADDRESS]
    with waiting.in_a_moment(lambda: addressed(cluster, waiting.space, "service", "web")):
        ready = waiting.until_ready(live)
    assert ready["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.7"


def ingress(to: str) -> Obj:
    backend = {"service": {"name": to, "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec = {"rules": [{"host": "web.example", "http": {"paths": paths}}]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}, "spec": spec}


def test_an_ingress_is_ready_when_it_has_an_address(waiting: Waiting, cluster: Cluster) -> None:
    waiting.make(service("web"))
    live = waiting.make(ingress("web"))
    error = waiting.not_ready(live)
    assert str(error) == "'web' timed out waiting to be Ready"
    assert error.reasons == [
        "Ingress .status.loadBalancer field was not updated with a hostname/IP address. "
        "\n    for more information about this error, see https://pulumi.io/xdv72s"
    ]
    with waiting.in_a_moment(lambda: addressed(cluster, waiting.space, "ingress", "web")):
        waiting.until_ready(live)


def test_an_ingress_to_a_service_that_is_missing_says_so(waiting: Waiting, cluster: Cluster) -> None:
    live = waiting.make(ingress("none"))
    addressed(cluster, waiting.space, "ingress", "web")
    error = waiting.not_ready(live, seconds=3)
    assert error.reasons == ["Ingress has at least one rule with an unavailable target endpoint."]


def test_an_ingress_to_a_service_that_never_comes_is_ready_in_the_end(
    waiting: Waiting, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness_network, "_NOTHING_EVER", 1.0)
    live = waiting.make(ingress("none"))
    addressed(cluster, waiting.space, "ingress", "web")
    waiting.until_ready(live)
    words = 'No matching service found for ingress rule: "web.example/" -> "none"'
    assert ("warning", words) in waiting.said
