"""A hundred nodes that nobody pays for."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.addons import kwok
from tests.cluster.addons.given import Place, eventually
from tests.cluster.shared import Cluster


@pytest.fixture(autouse=True)
def _addon(cluster: Cluster) -> Iterator[None]:
    with cluster.addon("kwok"):
        yield


def test_a_hundred_nodes_are_ready_and_so_are_their_pods(place: Place) -> None:
    mine = f"--selector={kwok.POOL}={place.name}"
    listed = {"apiVersion": "v1", "kind": "List", "items": kwok.nodes(100, place.name)}
    place.cluster.kubectl("create", "-f", "-", text=json.dumps(listed))
    try:
        # `kubectl wait` takes one after the other.
        eventually(lambda: place.cluster.kubectl("get", "node", mine, "--no-headers").count(" Ready ") == 100, 240)
        labels = {"app": "many"}
        spec = {
            "containers": [{"name": "one", "image": "nobodys"}],
            "nodeSelector": {kwok.POOL: place.name},
            "tolerations": [{"key": kwok.TAINT, "operator": "Exists"}],
        }
        place.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "many"},
                "spec": {
                    "replicas": 100,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": spec},
                },
            }
        )
        place.kubectl("rollout", "status", "deployment/many", "--timeout=120s")
        ready = place.kubectl("get", "deployment", "many", "-o=jsonpath={.status.readyReplicas}")
        assert ready == "100"
    finally:
        place.cluster.kubectl("delete", "node", mine, "--wait=false")
