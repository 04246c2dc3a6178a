"""What the manifests of all serving runtimes have in common. Pure functions on plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.kubernetes import names
from components.kubernetes.pod import DRAIN, PRE_STOP, USER, confined

Json = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """A model and what is to serve it."""

    name: str
    """Of the service, and of the model in it."""
    namespace: str
    image: str
    """The runtime's program, by digest. For ours, KServe and Seldon: a model image of this library."""
    files: str = ""
    """Image by digest that holds the model's files; for the other runtimes."""
    path: str = ""
    """Where the files lie in it, without a leading slash."""
    replicas: int = 2
    resources: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: {
            "requests": {"cpu": "500m", "memory": "1Gi", "ephemeral-storage": "64Mi"},
            "limits": {"cpu": "2", "memory": "2Gi", "ephemeral-storage": "1Gi"},
        }
    )

    def __post_init__(self) -> None:
        names.service(self.name)
        names.digest(self.image)
        if self.files:
            names.digest(self.files)


def labels(wanted: Wanted) -> Json:
    return names.labels(wanted.name, names.STABLE)


def meta(wanted: Wanted) -> Json:
    return {"name": wanted.name, "namespace": wanted.namespace, "labels": labels(wanted)}


def user() -> Json:
    """The security context of a pod."""
    return {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container(
    wanted: Wanted,
    arguments: Sequence[str],
    *,
    ports: Mapping[str, int],
    ready: str,
    live: str,
    mounts: Sequence[Json],
    env: Mapping[str, str] | None = None,
) -> Json:
    """A container of a runtime. ports: the one called `http` is asked whether it is ready and alive."""
    found: Json = {
        "name": names.CONTAINER,
        "image": wanted.image,
        "imagePullPolicy": "Always",
        "args": list(arguments),
        "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports.items()],
        "resources": {key: dict(value) for key, value in wanted.resources.items()},
        "startupProbe": {**_asked(ready), "periodSeconds": 2, "failureThreshold": 150},
        "readinessProbe": {**_asked(ready), "periodSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {**_asked(live), "periodSeconds": 10, "failureThreshold": 6},
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP}}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": confined(),
        "volumeMounts": list(mounts),
    }
    if env:
        found["env"] = [{"name": key, "value": value} for key, value in env.items()]
    return found


def deployed(wanted: Wanted, container: Json) -> list[Json]:
    """All that a runtime which is a program of its own is made of; the Service comes last."""
    volumes: list[Json] = [
        {"name": "scratch", "emptyDir": {"sizeLimit": "1Gi"}},
        # The model's files come as an image too: by digest, from the same registry, read by the kubelet alone.
        {"name": "model", "image": {"reference": wanted.files, "pullPolicy": "IfNotPresent"}},
    ]
    pod: Json = {
        "serviceAccountName": wanted.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": PRE_STOP + DRAIN + 5,
        "securityContext": user(),
        "containers": [container],
        "volumes": volumes,
    }
    selected = {"matchLabels": names.selector(wanted.name, names.STABLE)}
    port = {"name": names.PORT_NAME, "port": names.SERVICE_PORT, "targetPort": names.PORT_NAME, "protocol": "TCP"}
    inside: list[Json] = [{"podSelector": {}}]
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": meta(wanted),
            "automountServiceAccountToken": False,
        },
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": meta(wanted),
            "spec": {
                "podSelector": selected,
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [{"from": inside, "ports": [{"port": names.PORT_NAME, "protocol": "TCP"}]}],
            },
        },
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": meta(wanted),
            "spec": {"maxUnavailable": 1, "selector": selected},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": meta(wanted),
            "spec": {
                "replicas": wanted.replicas,
                "selector": selected,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
                "template": {"metadata": {"labels": labels(wanted)}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": meta(wanted),
            "spec": {"type": "ClusterIP", "selector": names.selector(wanted.name, names.STABLE), "ports": [port]},
        },
    ]


def scratch(place: str) -> Json:
    return {"name": "scratch", "mountPath": place}


def model(wanted: Wanted, place: str) -> Json:
    """The model's files at `place`."""
    mount: Json = {"name": "model", "mountPath": place, "readOnly": True}
    return {**mount, "subPath": wanted.path.strip("/")} if wanted.path.strip("/") else mount


def own(wanted: Wanted) -> Json:
    """The container of a model image of this library, for who makes pods himself."""
    asked = {"timeoutSeconds": 5, "periodSeconds": 5}
    return {
        "name": "kserve-container",
        "image": wanted.image,
        "imagePullPolicy": "Always",
        "env": [
            {"name": "MODELPORT_HOST", "value": "0.0.0.0"},
            {"name": "MODELPORT_PORT", "value": str(names.PORT)},
            {"name": "MODELPORT_REVISION", "value": names.revision(wanted.image)},
        ],
        "ports": [{"name": "http1", "containerPort": names.PORT, "protocol": "TCP"}],
        "resources": {key: dict(value) for key, value in wanted.resources.items()},
        "readinessProbe": {"httpGet": {"path": names.READY, "port": names.PORT}, **asked},
        "livenessProbe": {"httpGet": {"path": names.LIVE, "port": names.PORT}, **asked},
        "securityContext": confined(),
    }


def _asked(path: str) -> Json:
    return {"httpGet": {"path": path, "port": names.PORT_NAME}, "timeoutSeconds": 5}
