"""The pod that serves a model, as plain dicts in Kubernetes' own words.

Pure functions: what makes the stable Deployment and what makes a release's candidate render the same pod. Leaf values
may be outputs of Pulumi, which pass through untouched.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.kubernetes import names, others, sizing
from components.kubernetes.others import ImageServer

Json = dict[str, Any]

USER = 65532
"""The image's own user."""
PRE_STOP = 5
"""Seconds in which a pod that ends still answers as ever, while proxies and gateways learn that it is gone."""
DRAIN = 30
"""Seconds that a server takes at most to finish what it has in hand."""
START = 300
"""Seconds that a model may take to load before its container is started anew."""
KEYS = "/etc/modelport/keys"


@dataclass(frozen=True)
class Pod:
    """All that decides a pod. Values of type Any may be outputs of Pulumi."""

    name: str
    """Of the service."""
    image: Any
    """By digest: `registry/repository@sha256:...`."""
    revision: Any
    """`names.revision(image)`."""
    digest: Any
    """`names.digest(image)`."""
    resources: Any
    """Requests and limits: `sizing.resources(...)`."""
    workers: Any = "1"
    """As text: it becomes an environment variable."""
    keys_secret: Any = None
    """Name of the Secret with the hashes of API keys; None: everybody is answered."""
    pull_secret: Any = None
    env: Mapping[str, Any] = field(default_factory=dict[str, Any])
    node_selector: Any = None
    tolerations: Any = None
    server: ImageServer = ImageServer.MODELPORT
    """What answers from the image."""
    model: str = ""
    """What the model is called in the image; for another's server."""


def template(pod: Pod, track: str = names.STABLE) -> Json:
    """A PodTemplateSpec."""
    spec: Json = {
        "serviceAccountName": pod.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": PRE_STOP + DRAIN + 5,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            _spread(pod.name, track, "kubernetes.io/hostname"),
            _spread(pod.name, track, "topology.kubernetes.io/zone"),
        ],
        "containers": [_container(pod)],
        "volumes": [{"name": "scratch", "emptyDir": {"sizeLimit": sizing.SCRATCH}}],
    }
    if pod.keys_secret is not None:
        # Not optional: without the Secret a pod does not start, where it would else answer everybody.
        spec["volumes"].append({"name": "keys", "secret": {"secretName": pod.keys_secret, "defaultMode": 0o440}})
    if pod.pull_secret is not None:
        spec["imagePullSecrets"] = [{"name": pod.pull_secret}]
    if pod.node_selector is not None:
        spec["nodeSelector"] = pod.node_selector
    if pod.tolerations is not None:
        spec["tolerations"] = pod.tolerations
    return {
        "metadata": {
            "labels": {**names.labels(pod.name, track), names.REVISION: pod.revision},
            "annotations": {names.DIGEST: pod.digest},
        },
        "spec": spec,
    }


def at(given: Json, reference: str, track: str) -> Json:
    """The same pod with another image, on another track. `given` holds no outputs and is left as it is.

    Raises ValueError for an image without a digest.
    """
    made = copy.deepcopy(given)
    labels: Json = made["metadata"]["labels"]
    labels[names.TRACK], labels[names.REVISION] = track, names.revision(reference)
    made["metadata"].setdefault("annotations", {})[names.DIGEST] = names.digest(reference)
    for constraint in made["spec"].get("topologySpreadConstraints", []):
        constraint["labelSelector"]["matchLabels"][names.TRACK] = track
    container = next(each for each in made["spec"]["containers"] if each["name"] == names.CONTAINER)
    container["image"] = reference
    for variable in container["env"]:
        if variable["name"] == "MODELPORT_REVISION":
            variable["value"] = names.revision(reference)
    return made


def deployment(name: str, pods: Any, track: str, replicas: Any, *, progress_deadline: Any) -> Json:
    """A DeploymentSpec for the template `pods`. replicas: None where something else says how many."""
    spec: Json = {
        "selector": {"matchLabels": names.selector(name, track)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"}},
        "progressDeadlineSeconds": progress_deadline,
        "revisionHistoryLimit": 3,
        "template": pods,
    }
    return spec if replicas is None else {"replicas": replicas, **spec}


def confined() -> Json:
    """A container's SecurityContext: the image's own user, with nothing that Pod Security `restricted` forbids."""
    return {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": USER,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _container(pod: Pod) -> Json:
    own = pod.server is ImageServer.MODELPORT
    ready, live = (names.READY, names.LIVE) if own else others.paths(pod.server, pod.model)
    asked = {"path": ready, "port": names.PORT_NAME}
    mounts: Sequence[Json] = [{"name": "scratch", "mountPath": "/tmp"}]
    ours: Json = {
        "MODELPORT_HOST": "0.0.0.0",
        "MODELPORT_PORT": str(names.PORT),
        "MODELPORT_WORKERS": pod.workers,
        "MODELPORT_REVISION": pod.revision,
        "MODELPORT_MAX_HELD_BYTES": str(sizing.HELD),
        "MODELPORT_DRAIN_TIMEOUT": str(DRAIN),
    }
    env: Json = {**(ours if own else {}), **pod.env}
    port: Json = {"name": names.PORT_NAME, "containerPort": names.PORT, "protocol": "TCP"}
    if pod.keys_secret is not None:
        env["MODELPORT_API_KEYS"] = KEYS
        mounts = [*mounts, {"name": "keys", "mountPath": KEYS, "readOnly": True}]
    return {
        "name": names.CONTAINER,
        "image": pod.image,
        # A digest is the same image wherever it comes from; the registry is asked all the same whether it may be used.
        "imagePullPolicy": "Always",
        "ports": [port, *([] if own else others.ports(pod.server))],
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "resources": pod.resources,
        "startupProbe": {"httpGet": asked, "periodSeconds": 1, "timeoutSeconds": 2, "failureThreshold": START},
        "readinessProbe": {"httpGet": asked, "periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 3},
        # Far slower to act than readiness: a pod that is merely busy is to lose traffic, not to be killed.
        "livenessProbe": {
            "httpGet": {"path": live, "port": names.PORT_NAME},
            "periodSeconds": 10,
            "timeoutSeconds": 10,
            "failureThreshold": 6,
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP}}},
        # What it printed last is its state's message when it fails: every tool that shows a pod shows it.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {**confined(), "runAsGroup": USER},
        "volumeMounts": mounts,
    }


def _spread(name: str, track: str, key: str) -> Json:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": names.selector(name, track)},
        # Each version spreads by itself, so that a rolling update does not heap the new one beside the old.
        "matchLabelKeys": ["pod-template-hash"],
    }
