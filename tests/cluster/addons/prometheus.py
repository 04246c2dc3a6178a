"""Prometheus: it scrapes the pods that ask for it, and takes its rules from ConfigMaps.

Scraped, every second: the port `http` of a pod with the label `app.kubernetes.io/component: model`, and a pod with the
annotation `prometheus.io/scrape: "true"` (with `prometheus.io/port`, `prometheus.io/path`, `prometheus.io/scheme`).
Each series has the labels namespace, pod, service, track and revision.

Rules: every key of a ConfigMap, in any namespace, with the label RULES is a rule file. One that Prometheus refuses
gives its ConfigMap an event with the reason RulesRefused.
"""

import json
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.addons import manifests
from tests.cluster.control import ControlPlane
from tests.cluster.kubernetes import Say
from tests.cluster.shared import Cluster
from tests.tools import golang

NEEDS: tuple[str, ...] = ()
SHOWN_BY = "service/prometheus --namespace=monitoring"
NAMESPACE = "monitoring"
RULES = ("modelport.io/prometheus-rules", "true")
IN_CLUSTER = f"http://prometheus.{NAMESPACE}.svc.cluster.local:9090"
"""Where pods and add-ons find it; see `address` for the host."""

_NAME, _PORT = "prometheus", 9090
_LABELS = {"app.kubernetes.io/name": _NAME}
_RULES = Path(__file__).with_name("rules.go")


def address(cluster: Cluster) -> str:
    """Where this machine finds it."""
    place = cluster.kubectl("get", "service", _NAME, f"--namespace={NAMESPACE}", "-o=jsonpath={.spec.clusterIP}")
    return f"http://{place}:{_PORT}"


def query(cluster: Cluster, expression: str) -> list[dict[str, Any]]:
    """What a PromQL expression gives now: for each series `metric`, its labels, and `value`, a time and a string."""
    place = f"{address(cluster)}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy reaches the cluster
    with opener.open(place, timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    return found


def programs(say: Say) -> None:
    """Build what its image holds."""
    _parts(say)
    golang.single(_RULES)


def start(plane: ControlPlane) -> None:
    """Start it, and come back when it answers."""
    files = {f"/usr/bin/{_NAME}": _parts() / "bin" / _NAME, "/usr/bin/rules": golang.single(_RULES)}
    image = plane.load_image(_NAME, files, [f"/usr/bin/{_NAME}"])
    plane.apply([_namespace(), *_account(), _settings(), _service()])
    plane.apply([_deployment(image)])
    plane.kubectl("rollout", "status", f"deployment/{_NAME}", f"--namespace={NAMESPACE}", "--timeout=170s")


def _namespace() -> manifests.Manifest:
    made = manifests.namespace(NAMESPACE)
    made["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "restricted"}
    return made


def _account() -> list[manifests.Manifest]:
    """Who may look for pods and rules everywhere."""
    watch = ["get", "list", "watch"]
    rules = [
        {"apiGroups": [""], "resources": ["pods", "configmaps"], "verbs": watch},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
    ]
    group, name = "rbac.authorization.k8s.io", f"{NAMESPACE}-{_NAME}"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _NAME, "namespace": NAMESPACE}},
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": _NAME, "namespace": NAMESPACE}],
        },
    ]


def _settings() -> manifests.Manifest:
    pod = "__meta_kubernetes_pod"

    def where(labels: list[str], regex: str, target: str, replacement: str = "$1") -> dict[str, Any]:
        return {"source_labels": labels, "regex": regex, "target_label": target, "replacement": replacement}

    def copy(label: str, target: str) -> dict[str, Any]:
        return where([label], "(.+)", target)

    asks = f"{pod}_annotation_prometheus_io"
    model = [f"{pod}_label_app_kubernetes_io_component", f"{pod}_container_port_name"]
    relabel = [
        where(model, "model;http", "__tmp_scrape", "yes"),
        where([f"{asks}_scrape"], "true", "__tmp_scrape", "yes"),
        {"source_labels": ["__tmp_scrape"], "regex": "yes", "action": "keep"},
        {"source_labels": [f"{pod}_phase"], "regex": "Succeeded|Failed", "action": "drop"},
        where([f"{pod}_ip", f"{asks}_port"], "(.+);(.+)", "__address__", "$1:$2"),
        copy(f"{asks}_path", "__metrics_path__"),
        copy(f"{asks}_scheme", "__scheme__"),
        copy("__meta_kubernetes_namespace", "namespace"),
        copy(f"{pod}_name", "pod"),
        copy(f"{pod}_label_app_kubernetes_io_name", "service"),
        copy(f"{pod}_label_modelport_io_track", "track"),
        copy(f"{pod}_label_modelport_io_revision", "revision"),
    ]
    job = {"job_name": "pods", "kubernetes_sd_configs": [{"role": "pod"}], "relabel_configs": relabel}
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": ["/rules/*.yml"],
        "scrape_configs": [job],
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _NAME, "namespace": NAMESPACE},
        "data": {"prometheus.yml": yaml.safe_dump(settings)},
    }


def _service() -> manifests.Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _NAME, "namespace": NAMESPACE},
        "spec": {"selector": _LABELS, "ports": [{"name": "http", "port": _PORT, "targetPort": "http"}]},
    }


def _deployment(image: str) -> manifests.Manifest:
    closed = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    rules = {"name": "rules", "mountPath": "/rules"}
    ready = {"httpGet": {"path": "/-/ready", "port": "http"}, "periodSeconds": 1}
    main = {
        "name": _NAME,
        "image": image,
        "args": [
            "--config.file=/settings/prometheus.yml",
            "--storage.tsdb.path=/data",
            "--web.enable-lifecycle",
            f"--web.listen-address=:{_PORT}",
        ],
        "ports": [{"name": "http", "containerPort": _PORT}],
        "readinessProbe": ready,
        "securityContext": closed,
        "volumeMounts": [
            {"name": "settings", "mountPath": "/settings"},
            {"name": "data", "mountPath": "/data"},
            {**rules, "readOnly": True},
        ],
    }
    beside = {
        "name": "rules",
        "image": image,
        "command": ["/usr/bin/rules", "=".join(RULES), "/rules", f"http://127.0.0.1:{_PORT}"],
        "securityContext": closed,
        "volumeMounts": [rules],
    }
    spec: dict[str, Any] = {
        "serviceAccountName": _NAME,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        # It stays where it is when a test drains the other node, and it need not wait when one drains this.
        "nodeSelector": {"kubernetes.io/hostname": "one"},
        "tolerations": [{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}],
        "containers": [main, beside],
        "volumes": [
            {"name": "settings", "configMap": {"name": _NAME}},
            {"name": "data", "emptyDir": {}},
            {"name": "rules", "emptyDir": {}},
        ],
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


def _parts(say: Say = print) -> Path:
    # Debian's has no discovery of pods; of its own this one needs no other.
    tags = ("remove_all_sd", "enable_kubernetes_sd")
    return golang.parts(golang.PROMETHEUS, ("cmd/prometheus",), tags=tags, say=say)
