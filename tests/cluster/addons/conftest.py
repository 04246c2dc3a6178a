"""What the tests of the add-ons share."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.addons.given import Exporter, Place
from tests.cluster.images import Image
from tests.cluster.shared import Cluster
from tests.tools import golang

_EXPORTER = Path(__file__).with_name("exporter.go")


@pytest.fixture
def place(cluster: Cluster) -> Iterator[Place]:
    name = f"addons-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield Place(cluster, name)
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def exporter(place: Place) -> Callable[..., Exporter]:
    """Makes one, with the labels and annotations that it is given."""
    image = Image({"/exporter": golang.single(_EXPORTER)}, ["/exporter", "8080"])
    name = f"{place.cluster.registry}/exporter@{image.push(place.cluster.registry, 'exporter')}"

    def make(labels: dict[str, str], annotations: dict[str, str]) -> Exporter:
        container: dict[str, Any] = {"name": "model", "image": name, "ports": [{"name": "http", "containerPort": 8080}]}
        container["readinessProbe"] = {"httpGet": {"path": "/metrics", "port": "http"}, "periodSeconds": 1}
        place.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "exporter", "labels": labels, "annotations": annotations},
                "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
            }
        )
        place.kubectl("wait", "pod/exporter", "--for=condition=Ready", "--timeout=120s")
        return Exporter(f"http://{place.kubectl('get', 'pod', 'exporter', '-o=jsonpath={.status.podIP}')}:8080")

    return make
