"""CoreDNS, as clusters have it: a deployment in kube-system behind the service `kube-dns`, a replica on each node."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.tools import golang

if TYPE_CHECKING:
    from tests.cluster.control import ControlPlane

NEEDS: tuple[str, ...] = ()
SHOWN_BY = "service/kube-dns --namespace=kube-system"

# What is outside has no name here: the cluster's namespaces have no way there.
_SETTINGS = """.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa {
        pods insecure
        ttl 5
    }
    cache 5
}
"""


def programs(say: Callable[[str], None]) -> None:
    """CoreDNS, built."""
    _program(say)


def start(plane: "ControlPlane") -> None:
    """Run it, and come back when it answers."""
    image = plane.load_image("coredns", {"/coredns": _program(lambda _: None)}, ["/coredns"], user="65532:65532")
    plane.apply(_objects(image, plane.network.dns))
    plane.kubectl("rollout", "status", "deployment/coredns", "--namespace=kube-system", "--timeout=170s")


def _program(say: Callable[[str], None]) -> Path:
    own = {"coredns": Path(__file__).with_name("dns.go")}
    return golang.parts(golang.COREDNS, own=own, say=say) / "bin" / "coredns"


def _objects(image: str, address: str) -> list[dict[str, Any]]:
    space, labels = "kube-system", {"k8s-app": "kube-dns"}
    meta = {"name": "coredns", "namespace": space}
    readable = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "coredns"}
    container = {
        "name": "coredns",
        "image": image,
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [{"name": name, "containerPort": 53, "protocol": name.upper()} for name in ("udp", "tcp")],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1, "failureThreshold": 10},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "resources": {"requests": {"cpu": "10m", "memory": "30Mi"}},
        "volumeMounts": [{"name": "settings", "mountPath": "/etc/coredns", "readOnly": True}],
    }
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    pod = {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "containers": [container],
        "topologySpreadConstraints": [{**spread, "labelSelector": {"matchLabels": labels}}],
        "securityContext": {"sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "53"}]},
        "volumes": [{"name": "settings", "configMap": {"name": "coredns"}}],
    }
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"Corefile": _SETTINGS}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": "coredns"},
            "rules": readable,
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "coredns"},
            "roleRef": role,
            "subjects": [{"kind": "ServiceAccount", **meta}],
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": space, "labels": labels},
            "spec": {
                "clusterIP": address,
                "selector": labels,
                "ports": [{"name": f"dns-{name}", "port": 53, "protocol": name.upper()} for name in ("udp", "tcp")],
            },
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {**meta, "labels": labels},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]
