"""The kinds of the Gateway API, of its standard channel; what serves them is another add-on."""

from pathlib import Path

from tests.cluster.addons import manifests
from tests.cluster.control import ControlPlane
from tests.cluster.kubernetes import Say
from tests.tools import golang

NEEDS: tuple[str, ...] = ()
SHOWN_BY = "crd/httproutes.gateway.networking.k8s.io"


def programs(say: Say) -> None:
    """Fetch the definitions."""
    _parts(say)


def start(plane: ControlPlane) -> None:
    """Define them, and come back when the API server serves them."""
    kinds = list(manifests.documents(_parts(), "config/crd/standard/*.yaml"))
    plane.apply(kinds)
    names = [f"crd/{item['metadata']['name']}" for item in kinds if item["kind"] == "CustomResourceDefinition"]
    plane.kubectl("wait", *names, "--for=condition=Established", "--timeout=150s")


def _parts(say: Say = print) -> Path:
    return golang.parts(golang.GATEWAY_API, keep=("config/crd/standard/*.yaml",), say=say)
