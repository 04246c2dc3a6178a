"""metrics-server says what pods use, and an autoscaler hears it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.addons.given import Place, eventually
from tests.cluster.shared import Cluster

_IMAGE = "registry.k8s.io/pause:3.10"


@pytest.fixture(autouse=True)
def _addon(cluster: Cluster) -> Iterator[None]:
    with cluster.addon("metrics_server"):
        yield


def test_pods_and_nodes_have_figures_and_an_autoscaler_gets_its_value(place: Place) -> None:
    labels = {"app": "web"}
    container: dict[str, Any] = {"name": "web", "image": _IMAGE, "resources": {"requests": {"cpu": "10m"}}}
    place.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web"},
            "spec": {
                "minReplicas": 1,
                "maxReplicas": 2,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
                    }
                ],
            },
        },
    )
    place.kubectl("wait", "hpa/web", "--for=condition=ScalingActive", "--timeout=150s")
    value = place.kubectl("get", "hpa", "web", "-o=jsonpath={.status.currentMetrics[0].resource.current}")
    assert '"averageUtilization":' in value
    line = eventually(lambda: place.kubectl("top", "pod", "--no-headers")).split()
    assert line[0].startswith("web-")
    assert (line[1][-1:], line[2][-2:]) == ("m", "Mi")
    node = next(iter(place.cluster.node_addresses))  # others add nodes of kwok's meanwhile, which have no figures
    assert eventually(lambda: place.kubectl("top", "node", node, "--no-headers")).split()[1].endswith("m")
