"""metrics-server: what pods and nodes use, for `kubectl top` and autoscaling on CPU and memory."""

from pathlib import Path

from tests.cluster.addons import manifests
from tests.cluster.control import ControlPlane
from tests.cluster.kubernetes import Say
from tests.tools import golang

NEEDS: tuple[str, ...] = ()
SHOWN_BY = "apiservice/v1beta1.metrics.k8s.io"
_NAME, _NAMESPACE, _PORT = "metrics-server", "kube-system", 4443


def programs(say: Say) -> None:
    """Build it."""
    _parts(say)


def start(plane: ControlPlane) -> None:
    """Start it, and come back when the API server reaches it; the first figures come some seconds later."""
    plane.apply([*_release(plane), *manifests.in_front_of(plane, _NAMESPACE, _NAME, _PORT)])
    plane.keys.sign(_NAME, names=[f"{_NAME}.{_NAMESPACE}.svc", plane.node_address])
    key = plane.keys.file
    config = plane.config(f"system:serviceaccount:{_NAMESPACE}:{_NAME}")
    server = plane.run(
        _NAME,
        [
            str(_parts() / "bin" / _NAME),
            *(f"--{part}kubeconfig={config}" for part in ("", "authentication-", "authorization-")),
            f"--bind-address={plane.node_address}",
            f"--secure-port={_PORT}",
            f"--tls-cert-file={key(f'{_NAME}.crt')}",
            f"--tls-private-key-file={key(f'{_NAME}.key')}",
            f"--kubelet-certificate-authority={key('ca.crt')}",
            "--kubelet-preferred-address-types=InternalIP",
            "--kubelet-use-node-status-port",
            "--metric-resolution=10s",  # it takes no less
            "--kubelet-request-timeout=5s",
        ],
    )
    plane.until(lambda: manifests.serves(plane, SHOWN_BY.partition("/")[2]), server)


def _release(plane: ControlPlane) -> list[manifests.Manifest]:
    """What the release brings, save what makes it a pod."""
    found = list(manifests.documents(_parts(), "manifests/base/*.yaml"))
    kept = [item for item in found if item["kind"] not in ("Deployment", "Service", "Kustomization")]
    for item in kept:
        if item["kind"] == "APIService":
            del item["spec"]["insecureSkipTLSVerify"]
            item["spec"]["caBundle"] = manifests.authority(plane)
    return kept


def _parts(say: Say = print) -> Path:
    return golang.parts(golang.METRICS_SERVER, ("cmd/metrics-server",), keep=("manifests/base/*.yaml",), say=say)
