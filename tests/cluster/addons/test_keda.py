"""KEDA scales on what Prometheus says, from none and back to none."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.cluster.addons import prometheus
from tests.cluster.addons.given import Exporter, Place, eventually
from tests.cluster.shared import Cluster

_IMAGE = "registry.k8s.io/pause:3.10"


@pytest.fixture(autouse=True)
def _addons(cluster: Cluster) -> Iterator[None]:
    with cluster.addon("prometheus"), cluster.addon("keda"):
        yield


def test_a_query_wakes_a_deployment_and_puts_it_to_sleep(place: Place, exporter: Callable[..., Exporter]) -> None:
    source = exporter({}, {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"})
    labels = {"app": "web"}
    trigger = {"serverAddress": prometheus.IN_CLUSTER, "threshold": "5", "activationThreshold": "0"}
    trigger["query"] = f'max(wanted{{namespace="{place.name}"}}) or vector(0)'
    place.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {"containers": [{"name": "web", "image": _IMAGE}], "terminationGracePeriodSeconds": 0},
                },
            },
        },
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": {"name": "web"},
            "spec": {
                "scaleTargetRef": {"name": "web"},
                "pollingInterval": 1,
                "cooldownPeriod": 1,
                "minReplicaCount": 0,
                "maxReplicaCount": 3,
                "triggers": [{"type": "prometheus", "metadata": trigger}],
            },
        },
    )
    place.kubectl("wait", "scaledobject/web", "--for=condition=Ready", "--timeout=120s")
    assert _replicas(place) == 0
    source.tell(4)
    place.kubectl("wait", "deployment/web", "--for=jsonpath={.status.readyReplicas}=1", "--timeout=120s")
    asked = f"/apis/external.metrics.k8s.io/v1beta1/namespaces/{place.name}/s0-prometheus"
    asked += "?labelSelector=scaledobject.keda.sh%2Fname%3Dweb"
    (answer,) = eventually(lambda: json.loads(place.kubectl("get", f"--raw={asked}"))["items"])
    assert answer["value"] == "4"
    source.tell(0)
    place.kubectl("wait", "deployment/web", "--for=jsonpath={.spec.replicas}=0", "--timeout=120s")


def _replicas(place: Place) -> int:
    return int(place.kubectl("get", "deployment", "web", "-o=jsonpath={.spec.replicas}"))
