"""What became of pods between two looks: a process that ended comes back within a second or two, and looks ready."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from components.kubernetes import names, rollout

Json = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod's name, and how often its process was begun again."""

    name: str
    restarts: int


Seen = Mapping[str, Pod]
"""Pods by uid."""


@dataclass(frozen=True)
class Lost:
    """Why pods are not those that they were; the pod that has more to say, where there is one."""

    text: str
    pod: Json | None = None


def seen(found: Iterable[Json]) -> Seen:
    """The pods as they are; those that are on their way out, or failed, are nobody's any more."""
    return {
        each["metadata"]["uid"]: Pod(each["metadata"]["name"], _restarts(each))
        for each in found
        if "deletionTimestamp" not in each["metadata"] and each.get("status", {}).get("phase") != "Failed"
    }


def lost(before: Seen, found: Iterable[Json]) -> Lost | None:
    """What happened to the pods `before` by the time of `found`; None when they are all there, and never stopped."""
    pods = {each["metadata"]["uid"]: each for each in found}
    now = seen(pods.values())
    for uid, was in before.items():
        if uid not in now:
            status: Json = pods.get(uid, {}).get("status") or {}
            why = status.get("message") or status.get("reason") or "it was deleted or evicted"
            return Lost(f"pod {was.name} of the new version is gone since the step began: {why}")
        again = now[uid].restarts - was.restarts
        if again > 0:
            pod = pods[uid]
            times = "once" if again == 1 else f"{again} times"
            return Lost(f"pod {was.name}: its process ended {times} since the step began{rollout.ended(pod)}", pod)
    return None


def addresses(found: Iterable[Json]) -> set[str]:
    """Where the pods answer that are ready and stay."""
    out: set[str] = set()
    for each in found:
        status: Json = each.get("status") or {}
        conditions: list[Json] = status.get("conditions") or []
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
        if ready and "deletionTimestamp" not in each["metadata"] and (address := status.get("podIP")):
            out.add(str(address))
    return out


def served(slices: Iterable[Json]) -> set[str]:
    """The addresses in EndpointSlices that take requests."""
    out: set[str] = set()
    for each in slices:
        endpoints: list[Json] = each.get("endpoints") or []
        for endpoint in endpoints:
            conditions: Json = endpoint.get("conditions") or {}
            if conditions.get("ready") is not False:
                out.update(endpoint["addresses"])
    return out


def _restarts(pod: Json) -> int:
    statuses: list[Json] = pod.get("status", {}).get("containerStatuses") or []
    return sum(int(each.get("restartCount", 0)) for each in statuses if each.get("name") == names.CONTAINER)
