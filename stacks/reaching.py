"""Whether the cluster of a stack is there and takes what it is given: asked once, before anything is made."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pulumi

if TYPE_CHECKING:
    from components.kubernetes.access import Cluster

_SYSTEM = "kube-system"
_MANAGED_BY = "app.kubernetes.io/managed-by"


def identity(context: str | None, namespace: str, tenants: Iterable[str] = (), *, own: bool = True) -> str | None:
    """What a cluster is known by whatever its address and the credentials: with it another kubeconfig for the same
    cluster changes nothing. None in a plan that is made without any kubeconfig, which is said.

    own: whether the stack makes the namespace, as it makes those of the tenants; else it has to be there.
    Raises RunError, before any resource.
    """
    from components.kubernetes.access import Cluster
    from components.kubernetes.errors import ClusterError, NoKubeconfig, Refused

    try:
        with Cluster(context) as cluster:
            _takes(cluster, namespace, own=own, other="set another in modelport:kubernetes.namespace")
            for name in tenants:
                _takes(cluster, name, own=True, other="give the tenant another name")
            try:
                return str(cluster.get(f"/api/v1/namespaces/{_SYSTEM}")["metadata"]["uid"])
            except Refused as refused:
                # Who may see his own namespaces alone knows the cluster by its address.
                if refused.status != 403:
                    raise
                return cluster.address
    except Refused as refused:
        told = refused.message
        if refused.status == 401:
            told = f"the cluster refuses the kubeconfig's user ({told}), expected one that it knows; log in again"
        raise pulumi.RunError(told) from None
    except NoKubeconfig as error:
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(error.message) from None
        # Whoever reviews a change need not have credentials.
        pulumi.log.warn(f"planned from the stack file alone, as up would fail here: {error.message}")
        return None
    except ClusterError as error:
        raise pulumi.RunError(error.message) from None


def _takes(cluster: "Cluster", name: str, *, own: bool, other: str) -> None:
    from components.kubernetes.errors import ClusterError, Refused

    try:
        found = cluster.find(f"/api/v1/namespaces/{name}")
    except Refused as refused:
        if refused.status == 403:
            return
        raise
    if found is None and not own:
        raise ClusterError(
            f"the namespace {name} is not there, expected it, as kubernetes.create_namespace is false; "
            f"run kubectl create namespace {name}, or leave create_namespace out"
        )
    if found is None:
        return
    if found["metadata"].get("deletionTimestamp"):
        raise ClusterError(
            f"the namespace {name} is being deleted, expected one that takes objects; {_held(found)}wait until it is "
            f"gone and run modelport refresh, or {other}"
        )
    if own and not _by_a_stack(found["metadata"]):
        raise ClusterError(
            f"the namespace {name} is there and somebody else's, expected none, as the stack makes it; {other}, or "
            "live in one that is there with modelport:kubernetes.create_namespace: false"
        )


def _by_a_stack(about: dict[str, Any]) -> bool:
    """Whether a namespace was made by a stack, as far as the cluster remembers."""
    labels: dict[str, str] = about.get("labels") or {}
    fields: list[dict[str, Any]] = about.get("managedFields") or []
    return labels.get(_MANAGED_BY) == "modelport" or any(
        str(each.get("manager", "")).startswith("pulumi") for each in fields
    )


def _held(namespace: dict[str, Any]) -> str:
    """What a namespace that is being deleted still waits for, in the cluster's words."""
    conditions: list[dict[str, str]] = namespace.get("status", {}).get("conditions") or []
    told = [each["message"] for each in conditions if each.get("status") == "True" and each.get("message")]
    return f"it waits: {', '.join(told)}; " if told else ""
