"""kwok: nodes that only say that they run their pods, as many as a test wants."""

import os
from pathlib import Path

from tests.cluster.addons import manifests
from tests.cluster.control import ControlPlane
from tests.cluster.kubernetes import Say
from tests.tools import golang

NEEDS: tuple[str, ...] = ()
SHOWN_BY = ""
LABEL = ("type", "kwok")
"""What kwok takes a node by."""
POOL = "modelport.io/pool"
"""Whose nodes they are."""
TAINT = "kwok.x-k8s.io/node"
"""The key of the taint that keeps others' pods from such a node."""

ROOM = {"cpu": "1k", "memory": "1Ti", "ephemeral-storage": "1Ti", "pods": "1M"}
"""What such a node says that it has; kwok's own words know no storage."""

_STAGES = tuple(f"kustomize/stage/{name}-*.yaml" for name in ("node/fast/node", "node/heartbeat/node", "pod/fast/pod"))
"""What becomes of a node and of a pod: it is ready at once, and stays so."""


def nodes(number: int, pool: str) -> list[manifests.Manifest]:
    """Nodes to be created, with room for anything, by the label POOL=`pool`; whoever does takes them away too.

    By the label, as kubectl asks for a hundred names one after the other.
    """
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {LABEL[0]: LABEL[1], POOL: pool, "kubernetes.io/hostname": name}},
            "spec": {"taints": [{"key": TAINT, "value": "fake", "effect": "NoSchedule"}]},
            "status": {"capacity": ROOM, "allocatable": ROOM},
        }
        for name in (f"{pool}-{count}" for count in range(number))
    ]


def programs(say: Say) -> None:
    """Build it."""
    _parts(say)


def start(plane: ControlPlane) -> None:
    """Start it; it is at work as soon as there is a node for it."""
    parts = _parts()
    command = [str(parts / "bin" / "kwok"), f"--kubeconfig={plane.kubeconfig}"]
    command += [f"--manage-nodes-with-label-selector={'='.join(LABEL)}"]
    # Leases of many nodes are slow to be had, and a node without its lease does not become ready.
    command.append("--node-lease-duration-seconds=0")
    # Addresses that are nobody's: nothing of these pods can be reached.
    command += ["--cidr=198.18.0.0/15", "--node-ip=198.18.0.1"]
    command += [f"--config={file}" for pattern in _STAGES for file in sorted(parts.glob(pattern))]
    environment = {**os.environ, "HOME": str(plane.folder)}  # no settings of the user's
    plane.run("kwok", command, environment)


def _parts(say: Say = print) -> Path:
    return golang.parts(golang.KWOK, ("cmd/kwok",), keep=_STAGES, say=say)
