"""The activator's pods and what lets them reach and be reached: plain dicts in Kubernetes' own words, pure functions.

An activator is the serving program in another role (`python -m serving activator`): it stands before pods of which
there may be none, holds what comes, and tells how much waits.
"""

from collections.abc import Sequence
from typing import Any

from components.kubernetes import names, network, scalers
from components.kubernetes.pod import USER, confined

Json = dict[str, Any]

GRACE, DRAIN = 5, 30
"""Seconds in which an activator that ends still takes connections, and those that it has to finish what waits."""


def labels(name: str) -> Json:
    """Not those of the service: what selects a model's pods must not find these."""
    return {
        names.APP: scalers.activator(name),
        names.COMPONENT: scalers.ACTIVATOR,
        names.MANAGED_BY: "modelport",
        "app.kubernetes.io/part-of": name,
    }


def selector(name: str) -> Json:
    return {names.APP: scalers.activator(name)}


def deployment(name: str, image: Any, *, replicas: Any, arguments: Any, pull_secret: Any = None) -> Json:
    """A DeploymentSpec. arguments: of `python -m serving`. Leaf values may be outputs of Pulumi."""
    spread: Json = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": selector(name)},
    }
    alive: Json = {"httpGet": {"path": "/metrics", "port": scalers.COUNTS_NAME}, "timeoutSeconds": 5}
    spec: Json = {
        "serviceAccountName": scalers.activator(name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE + DRAIN + 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [spread],
        "containers": [
            {
                "name": scalers.ACTIVATOR,
                "image": image,
                "imagePullPolicy": "Always",
                "args": arguments,
                "ports": [
                    {"name": names.PORT_NAME, "containerPort": names.PORT, "protocol": "TCP"},
                    {"name": scalers.COUNTS_NAME, "containerPort": scalers.COUNTS, "protocol": "TCP"},
                ],
                "resources": {
                    "requests": {"cpu": "50m", "memory": "48Mi", "ephemeral-storage": "16Mi"},
                    "limits": {"cpu": "1", "memory": "256Mi", "ephemeral-storage": "64Mi"},
                },
                "startupProbe": {**alive, "periodSeconds": 1, "failureThreshold": 60},
                "readinessProbe": {**alive, "periodSeconds": 2, "failureThreshold": 3},
                "livenessProbe": {**alive, "periodSeconds": 10, "failureThreshold": 6},
                "terminationMessagePolicy": "FallbackToLogsOnError",
                "securityContext": confined(),
            }
        ],
    }
    if pull_secret is not None:
        spec["imagePullSecrets"] = [{"name": pull_secret}]
    return {
        "replicas": replicas,
        "selector": {"matchLabels": selector(name)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "revisionHistoryLimit": 3,
        "template": {"metadata": {"labels": labels(name)}, "spec": spec},
    }


def arguments(name: str, namespace: str, *, hold: float, polling: float) -> list[str]:
    """Of `python -m serving`. What is told of a moment is still told at the next questions."""
    window = max(5.0, 3 * polling)
    upstream = f"{scalers.origin(name)}.{namespace}.svc:{names.SERVICE_PORT}"
    return ["activator", "--upstream", upstream, "--hold", f"{hold:g}", "--window", f"{window:g}"]


def origin(name: str) -> Json:
    """A ServiceSpec: the model's own pods."""
    port = {"name": names.PORT_NAME, "port": names.SERVICE_PORT, "targetPort": names.PORT_NAME, "protocol": "TCP"}
    return {"type": "ClusterIP", "selector": names.selector(name, names.STABLE), "ports": [port]}


def counts(name: str) -> Json:
    """A ServiceSpec: who asks for counts asks each of the activator's pods."""
    port = {"name": scalers.COUNTS_NAME, "port": scalers.COUNTS, "targetPort": scalers.COUNTS_NAME, "protocol": "TCP"}
    return {"type": "ClusterIP", "clusterIP": "None", "selector": selector(name), "ports": [port]}


def budget(name: str) -> Json:
    """A PodDisruptionBudgetSpec."""
    pods = {"matchLabels": selector(name)}
    return {"maxUnavailable": 1, "selector": pods, "unhealthyPodEvictionPolicy": "AlwaysAllow"}


def guard(name: str, callers: Sequence[Json], scaler: Sequence[Json]) -> Json:
    """A NetworkPolicySpec of the activator's pods: who may call, who may count; out only to the model and to DNS."""
    dns = [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
    model = {"podSelector": {"matchLabels": names.selector(name, names.STABLE)}}
    return {
        "podSelector": {"matchLabels": selector(name)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [*network.ingress(callers, names.PORT_NAME), *network.ingress(scaler, scalers.COUNTS_NAME)],
        "egress": [
            {"to": [model], "ports": [{"port": names.PORT_NAME, "protocol": "TCP"}]},
            {"to": [network.space("kube-system")], "ports": dns},
        ],
    }


def entrance(name: str) -> Json:
    """A NetworkPolicySpec of the model's pods: the activator may call."""
    who = {"podSelector": {"matchLabels": selector(name)}}
    return {
        "podSelector": {"matchLabels": names.selector(name, names.STABLE)},
        "policyTypes": ["Ingress"],
        "ingress": network.ingress([who], names.PORT_NAME),
    }
