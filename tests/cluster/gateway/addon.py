"""The gateway as an add-on of the cluster: its pod, its Service, its classes, and the controller beside them."""

import sys
from pathlib import Path
from typing import Any

from tests.cluster.control import ControlPlane
from tests.cluster.gateway import CLASS, CONTROLLER, NAMESPACE, haproxy
from tests.cluster.gateway.proxy import Proxy
from tests.cluster.images import debian_files
from tests.cluster.kubernetes import Say
from tests.tools import debian

NEEDS = ("gateway_api",)
SHOWN_BY = "crd/httproutes.gateway.networking.k8s.io"
HTTP_PORT, HTTPS_PORT = 30080, 30443
"""Node ports of the gateway's ports 80 and 443."""

_ROOT = Path(__file__).resolve().parents[3]
_NAME = "gateway"
_LABELS = {"app.kubernetes.io/name": _NAME}
_Manifest = dict[str, Any]


def programs(say: Say) -> None:
    """Fetch HAProxy and nginx."""
    for package in ("haproxy", "nginx"):
        debian.folder(package)


def start(plane: ControlPlane) -> None:
    """Start data plane and controller, and come back when a Gateway would be served."""
    folder = plane.folder / _NAME
    # One that did not come up has left it, and its pod has it mounted: the next goes on with both.
    folder.mkdir(mode=0o700, exist_ok=True)
    program = debian.program("haproxy", "haproxy")
    Proxy(folder, program.path, program.env).begin()
    proxy = plane.load_image("haproxy", debian_files("haproxy", "haproxy"), ["/usr/sbin/haproxy"], user="0:0")
    files = {**debian_files("nginx", "nginx"), "/etc/nginx/nginx.conf": haproxy.nginx().encode(), "/etc/passwd": b""}
    mirror = plane.load_image("nginx-mirror", files, ["/usr/sbin/nginx", "-e", "stderr", "-c", "/etc/nginx/nginx.conf"])
    plane.apply([_namespace(), _service(), *_classes()])
    plane.apply([_deployment(folder, proxy, mirror)])
    address = plane.kubectl("get", "service", _NAME, "-n", NAMESPACE, "-o", "jsonpath={.spec.clusterIP}")
    plane.kubectl("rollout", "status", f"deployment/{_NAME}", "-n", NAMESPACE, "--timeout=180s")
    command = [sys.executable, "-m", __package__ or "", str(folder), str(program.path), address]
    paths = {"KUBECONFIG": str(plane.kubeconfig), "PYTHONPATH": str(_ROOT)}
    plane.run(_NAME, command, {**program.env, **paths})
    plane.kubectl("wait", f"gatewayclass/{CLASS}", "--for=condition=Accepted", "--timeout=120s")


def _namespace() -> _Manifest:
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def _classes() -> list[_Manifest]:
    gateways = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": CLASS}}
    ingresses = {"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": CLASS}}
    return [
        {**gateways, "spec": {"controllerName": CONTROLLER}},
        {**ingresses, "spec": {"controller": CONTROLLER}},
    ]


def _service() -> _Manifest:
    ports = [
        {"name": "http", "port": 80, "nodePort": HTTP_PORT},
        {"name": "https", "port": 443, "nodePort": HTTPS_PORT},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _NAME, "namespace": NAMESPACE},
        "spec": {"type": "NodePort", "selector": _LABELS, "ports": ports},
    }


def _deployment(folder: Path, proxy: str, mirror: str) -> _Manifest:
    containers = [
        {
            "name": "haproxy",
            "image": proxy,
            "args": ["-W", "-S", f"{folder}/master.sock,mode,600", "-f", f"{folder}/haproxy.cfg"],
            "volumeMounts": [{"name": "shared", "mountPath": str(folder)}],
        },
        {"name": "mirror", "image": mirror},
    ]
    spec = {
        # The folder is the controller's, which runs where node `one` does.
        "nodeName": "one",
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "containers": containers,
        "volumes": [{"name": "shared", "hostPath": {"path": str(folder), "type": "Directory"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": _NAME, "namespace": NAMESPACE},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _LABELS},
            "template": {"metadata": {"labels": _LABELS}, "spec": spec},
        },
    }
