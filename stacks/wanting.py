"""What a stack file wants of its cluster and does not bring: add-ons, classes, issuers.

Asked for before anything is made, as what is not there, or has another name, would be waited for in vain.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pulumi

from stacks.spec import StackSpec
from stacks.specs.gateway import GatewaySpec, apart

if TYPE_CHECKING:
    from components.kubernetes.access import Cluster

GATEWAY_API = "/apis/gateway.networking.k8s.io/v1"
CERT_MANAGER = "/apis/cert-manager.io/v1"
OPERATOR = "/apis/monitoring.coreos.com/v1"
KEDA = "/apis/keda.sh/v1alpha1"


def refuse(spec: StackSpec, namespace: str) -> None:
    """Raises RunError with a line for each thing that is not there. namespace: the stack's own."""
    from components.kubernetes.access import Cluster
    from components.kubernetes.errors import ClusterError

    told = apart(spec.tenants, namespace)
    try:
        if not told and (spec.gateway or spec.monitoring or spec.autoscaling):
            with Cluster(spec.kubernetes.context) as cluster:
                told = list(missing(spec, namespace, cluster))
    except ClusterError as error:
        told = [error.message]
    if told:
        raise pulumi.RunError("\n".join(told))


def missing(spec: StackSpec, namespace: str, cluster: "Cluster") -> Iterator[str]:
    """A line for each thing that the cluster lacks."""
    if spec.gateway is not None:
        yield from _ways(spec.gateway, namespace, cluster)
    if spec.monitoring is not None and spec.monitoring.mode == "operator" and not _there(cluster, OPERATOR):
        yield (
            "monitoring.mode is operator, and the cluster has no Prometheus Operator, expected its ServiceMonitor and "
            "PrometheusRule; write mode: plain for any other Prometheus, or install the operator"
        )
    if spec.autoscaling is not None and spec.autoscaling.by_keda and not _there(cluster, KEDA):
        yield (
            "autoscaling wants KEDA, and the cluster has none, expected its ScaledObject; install KEDA 2.18 or later, "
            "or scale by cpu alone with min 1 or more"
        )


def _ways(gateway: GatewaySpec, namespace: str, cluster: "Cluster") -> Iterator[str]:
    routed = gateway.kind == "gateway"
    if routed and not _there(cluster, GATEWAY_API):
        yield (
            "gateway.kind is gateway, and the cluster has no Gateway API, expected its Gateway and HTTPRoute; install "
            "an implementation of it, or write kind: ingress"
        )
    else:
        classes = f"{GATEWAY_API}/gatewayclasses" if routed else "/apis/networking.k8s.io/v1/ingressclasses"
        kind = "GatewayClass" if routed else "IngressClass"
        yield from _named(cluster, "gateway.class_name", kind, classes, gateway.class_name)
    if not _there(cluster, CERT_MANAGER):
        yield (
            "gateway wants a certificate, and the cluster has no cert-manager to sign it, expected its Certificate; "
            "install cert-manager"
        )
    elif gateway.issuer is not None and gateway.issuer_kind == "ClusterIssuer":
        issuers = f"{CERT_MANAGER}/clusterissuers"
        yield from _named(cluster, "gateway.issuer", "ClusterIssuer", issuers, gateway.issuer)
    elif gateway.issuer is not None and _there(cluster, f"/api/v1/namespaces/{namespace}"):
        issuers = f"{CERT_MANAGER}/namespaces/{namespace}/issuers"
        yield from _named(cluster, "gateway.issuer", f"Issuer in namespace {namespace}", issuers, gateway.issuer)


def _named(cluster: "Cluster", key: str, kind: str, path: str, name: str) -> Iterator[str]:
    from components.kubernetes.access import items
    from components.kubernetes.errors import Refused

    if not _there(cluster, f"{path}/{name}"):
        known = "another"
        with contextlib.suppress(Refused):  # no right to list them
            there = sorted(str(each["metadata"]["name"]) for each in items(cluster.get(path)))
            known = f"one of {', '.join(there)}" if there else "one, and there is none at all"
        yield f"{key} is {name}, and the cluster has no {kind} of that name, expected {known}"


def _there(cluster: "Cluster", path: str) -> bool:
    """Whether there is such an object or API; who may not ask is not told that it is missing."""
    from components.kubernetes.errors import Refused

    try:
        return cluster.find(path) is not None
    except Refused as refused:
        if refused.status == 403:
            return True
        raise
