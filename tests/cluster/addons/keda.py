"""KEDA: its operator, and the API of external metrics that the autoscaler of Kubernetes asks."""

import os
import shutil
from pathlib import Path
from typing import Any

from tests.cluster.addons import manifests
from tests.cluster.control import ControlPlane
from tests.cluster.kubernetes import Say
from tests.tools import golang

NEEDS: tuple[str, ...] = ()
SHOWN_BY = "crd/scaledobjects.keda.sh"
NAMESPACE = "keda"
_SERVICE, _API = "keda-metrics-apiserver", "v1beta1.external.metrics.k8s.io"
_METRICS, _HEALTH, _OPERATOR, _ADAPTER = 4446, 4447, 4448, 4449


def programs(say: Say) -> None:
    """Build it; its scalers bring the libraries of every cloud, which takes some minutes."""
    _parts(say)


def start(plane: ControlPlane) -> None:
    """Start both, and come back when the API server reaches external metrics."""
    parts = _parts()
    service = manifests.documents(parts, "config/metrics-server/api_service.yaml")
    plane.apply([manifests.namespace(NAMESPACE), *_kinds(parts)])
    for item in service:
        if item["kind"] == "APIService":
            item["spec"]["caBundle"] = manifests.authority(plane)
            plane.apply([item])
    plane.apply(manifests.in_front_of(plane, NAMESPACE, _SERVICE, _METRICS))
    kinds = "-l=app.kubernetes.io/part-of=keda-operator"
    plane.kubectl("wait", "crd", kinds, "--for=condition=Established", "--timeout=150s")
    keys = _keys(plane)
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "WATCH_NAMESPACE": ""}
    environment |= {"POD_NAMESPACE": NAMESPACE, "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE}
    operator = plane.run(
        "keda-operator",
        [
            str(parts / "bin" / "operator"),
            f"--cert-dir={keys}",
            f"--health-probe-bind-address=127.0.0.1:{_HEALTH}",
            f"--metrics-service-bind-address=127.0.0.1:{_OPERATOR}",
            "--enable-prometheus-metrics=false",
            "--zap-encoder=console",
        ],
        environment,
    )
    plane.until(lambda: manifests.answers(_HEALTH, "/readyz"), operator)
    adapter = plane.run(
        "keda-adapter",
        [
            str(parts / "bin" / "adapter"),
            *(f"--{part}-kubeconfig={plane.kubeconfig}" for part in ("lister", "authentication", "authorization")),
            f"--bind-address={plane.node_address}",
            f"--secure-port={_METRICS}",
            f"--port={_ADAPTER}",
            f"--cert-dir={keys}",
            f"--tls-cert-file={keys}/tls.crt",
            f"--tls-private-key-file={keys}/tls.key",
            f"--metrics-service-address=127.0.0.1:{_OPERATOR}",
            "--zap-log-level=error",
        ],
        environment,
    )
    plane.until(lambda: manifests.serves(plane, _API), adapter)


def _kinds(parts: Path) -> list[manifests.Manifest]:
    """The definitions with the patches that the release puts on them."""
    found = list(manifests.documents(parts, "config/crd/bases/*.yaml"))
    for kind in found:
        kind["metadata"].setdefault("labels", {})["app.kubernetes.io/part-of"] = "keda-operator"
        file = parts / "config" / "crd" / "patches" / f"{kind['spec']['names']['singular']}_patch.yaml"
        if file.exists():
            for operations in manifests.documents(file.parent, file.name):
                for operation in operations:
                    _patch(kind, operation)
    return found


def _patch(document: Any, operation: Any) -> None:
    """One of a JSON patch's operations, as far as the release uses them."""
    *way, last = operation["path"].strip("/").split("/")
    for step in way:
        document = document[int(step) if isinstance(document, list) else step]
    if operation["op"] == "remove":
        del document[last]
    elif last == "-":
        document.append(operation["value"])
    else:
        document[last] = operation["value"]


def _keys(plane: ControlPlane) -> Path:
    """What both show each other, and the adapter the API server, under the names that they look for."""
    plane.keys.sign(_SERVICE, names=[f"{_SERVICE}.{NAMESPACE}.svc", plane.node_address, "127.0.0.1"])
    folder = plane.folder / NAMESPACE
    folder.mkdir(mode=0o700, exist_ok=True)
    for ours, theirs in (("ca.crt", "ca.crt"), (f"{_SERVICE}.crt", "tls.crt"), (f"{_SERVICE}.key", "tls.key")):
        shutil.copyfile(plane.keys.file(ours), folder / theirs)
    return folder


def _parts(say: Say = print) -> Path:
    kept = ("config/crd/bases/*.yaml", "config/crd/patches/*.yaml", "config/metrics-server/api_service.yaml")
    return golang.parts(golang.KEDA, ("cmd/operator", "cmd/adapter"), keep=kept, say=say)
