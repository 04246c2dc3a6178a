"""Where the pods of a cluster's objects are, whatever makes them."""

from collections.abc import Iterator
from typing import Final

from policies.looking import Look

_TEMPLATE: Final = "spec.template"
_PLACES: Final = {
    "Pod": "",
    "PodTemplate": "template",
    "Deployment": _TEMPLATE,
    "StatefulSet": _TEMPLATE,
    "DaemonSet": _TEMPLATE,
    "ReplicaSet": _TEMPLATE,
    "ReplicationController": _TEMPLATE,
    "Job": _TEMPLATE,
    "CronJob": "spec.jobTemplate.spec.template",
    "ScaledJob": "spec.jobTargetRef.template",
    "Rollout": _TEMPLATE,
}
"""Where the metadata and spec of its pods stand in an object of a kind."""
_GROUPS: Final = {"ScaledJob": "keda.sh/", "Rollout": "argoproj.io/"}

PODS: Final = tuple(f"kubernetes:{_GROUPS.get(kind, '')}*:{kind}{many}" for kind in _PLACES for many in ("", "List"))
"""Tokens of everything that is a pod, makes pods, or lists what does, in any version of its API."""

LASTING: Final = tuple(
    f"kubernetes:*:{kind}"
    for kind in ("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController")
)
"""Those whose pods go on until somebody ends them."""

KINDS: Final = ("containers", "initContainers", "ephemeralContainers")


def kind(each: Look) -> str:
    """`Deployment` of `kubernetes:apps/v1:Deployment`."""
    return each.type.rpartition(":")[2]


def objects(each: Look) -> Iterator[Look]:
    """The object itself, or those of a list."""
    if kind(each).endswith("List"):
        yield from each.each("items")
    else:
        yield each


def pods(each: Look) -> Iterator[Look]:
    """The pod that each object makes: a thing with `metadata` and `spec`."""
    place = _PLACES[kind(each).removesuffix("List")]
    for one in objects(each):
        if not place:
            yield one
        elif one.at(place) is not None:
            yield one.part(place)


def containers(pod: Look, *kinds: str) -> Iterator[Look]:
    """The containers of a pod, of all kinds or of some."""
    for each in kinds or KINDS:
        yield from pod.each(f"spec.{each}")


def every_container(each: Look) -> Iterator[Look]:
    """Those of all pods that an object makes."""
    for pod in pods(each):
        yield from containers(pod)


def main_containers(each: Look) -> Iterator[Look]:
    """Those that do a pod's work: no init containers but those that go on beside, and none for debugging."""
    for pod in pods(each):
        yield from containers(pod, "containers")


def named(container: Look) -> str:
    """How a message names a container."""
    return f"container {container.at('name', '(without a name)')!r}"


def windows(pod: Look) -> bool:
    """Whether a pod says that it runs on Windows."""
    return bool(pod.at("spec.os.name") == "windows")


def own_users(pod: Look) -> bool:
    """Whether a pod has users of its own, so that its root is nobody on the node."""
    return pod.at("spec.hostUsers") is False
