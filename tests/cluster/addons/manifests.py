"""Objects that several add-ons need."""

import base64
import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.control import ControlPlane

Manifest = dict[str, Any]


def documents(folder: Path, pattern: str) -> Iterator[Manifest]:
    """The objects in the files that a release brings."""
    for file in sorted(folder.glob(pattern)):
        yield from (item for item in yaml.safe_load_all(file.read_text()) if item)


def namespace(name: str) -> Manifest:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def in_front_of(plane: ControlPlane, namespace: str, name: str, port: int) -> list[Manifest]:
    """A Service on port 443 for a process beside the API server that listens on `port`."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"ports": [{"name": "https", "port": 443, "targetPort": port}]},
    }
    addresses = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace, "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [plane.node_address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
    }
    return [service, addresses]


def authority(plane: ControlPlane) -> str:
    """The certificate of the cluster's authority as objects hold it."""
    return base64.b64encode(Path(plane.keys.file("ca.crt")).read_bytes()).decode()


def serves(plane: ControlPlane, service: str) -> bool:
    """Whether the API server has reached the API that `service` (such as v1beta1.metrics.k8s.io) stands for."""
    found = plane.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{service}")
    conditions: list[Manifest] = found.get("status", {}).get("conditions", []) if found else []
    return any(item["type"] == "Available" and item["status"] == "True" for item in conditions)


def answers(port: int, path: str) -> bool:
    """Whether a process beside the API server says over HTTP that it is well."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
