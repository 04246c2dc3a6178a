"""Which kinds are waited for, and by what."""

from collections.abc import Callable
from typing import Final

from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.readiness import Awaiter
from engine.providers.kubernetes.readiness_network import Ingress, Service
from engine.providers.kubernetes.readiness_pods import Pod
from engine.providers.kubernetes.readiness_storage import (
    PersistentVolume,
    PersistentVolumeClaim,
    ResourceQuota,
    TokenSecret,
)
from engine.providers.kubernetes.readiness_workloads import (
    DaemonSet,
    Deployment,
    Job,
    ReplicationController,
    StatefulSet,
)

_AWAITERS: Final[dict[str, Callable[[], Awaiter]]] = {
    "apps/v1/DaemonSet": DaemonSet,
    "apps/v1/Deployment": Deployment,
    "apps/v1/StatefulSet": StatefulSet,
    "batch/v1/Job": Job,
    "networking.k8s.io/v1/Ingress": Ingress,
    "v1/PersistentVolume": PersistentVolume,
    "v1/PersistentVolumeClaim": PersistentVolumeClaim,
    "v1/Pod": Pod,
    "v1/ReplicationController": ReplicationController,
    "v1/ResourceQuota": ResourceQuota,
    "v1/Service": Service,
}

READ_AGAIN: Final = frozenset(
    {
        "apps/v1/DaemonSet",
        "apps/v1/Deployment",
        "apps/v1/StatefulSet",
        "batch/v1/Job",
        "networking.k8s.io/v1/Ingress",
        "v1/Pod",
        "v1/Service",
    }
)
"""Kinds that a refresh looks at too: what they consist of may have stopped working since."""


def of_kind(live: Obj) -> Awaiter | None:
    """An awaiter for the object, None for one that is of use as soon as it is there."""
    if live.get("kind") == "Secret" and live.get("apiVersion") == "v1":
        return TokenSecret() if live.get("type") == "kubernetes.io/service-account-token" else None
    made = _AWAITERS.get(f"{live.get('apiVersion')}/{live.get('kind')}")
    return made() if made else None
