"""Readiness as a program asks for it (pulumi.com/waitFor), and as conditions of any object tell it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.json_path import Path, parsed
from engine.providers.kubernetes.objects import annotation, meta
from engine.providers.kubernetes.readiness import Common, Hopeless, Wait
from engine.providers.kubernetes.readiness_pods import condition_of
from engine.values import is_list, items, part

WAIT_FOR = "pulumi.com/waitFor"
_TIMED_OUT = "timed out waiting for the condition"


class Condition(Protocol):
    """One thing that is waited for."""

    def met(self, wait: Wait, live: Obj) -> bool:
        """Whether it is so; raises Hopeless where it cannot be told."""
        ...


class Conditions(Common):
    """All of the conditions that the program asked for, in place of what is usual for the kind."""

    timed_out = _TIMED_OUT
    cancelled = "context canceled"

    def __init__(self, wanted: "list[Condition]") -> None:
        self._wanted = wanted

    def ready(self, wait: Wait, live: Obj) -> bool:
        return all(condition.met(wait, live) for condition in self._wanted)


class Status(Common):
    """What the object's own conditions say: Reconciling, Stalled, Ready."""

    timed_out = _TIMED_OUT
    cancelled = "context canceled"

    def ready(self, wait: Wait, live: Obj) -> bool:
        done, words = status_of(live)
        wait.tell("info", words or "Waiting for readiness")
        return done


def wanted(live: Obj) -> list[Condition]:
    """The conditions in the object's annotation; raises ValueError with what is wrong with them."""
    text = annotation(live, WAIT_FOR)
    if not text:
        return []
    try:
        found = json.loads(text)
    except ValueError:
        found = text
    values = found if is_list(found) and all(isinstance(one, str) for one in found) else [text]
    if not values:
        raise ValueError("at least one condition must be specified")
    return [_condition(str(value)) for value in values]


def _condition(text: str) -> Condition:
    if text.startswith("jsonpath="):
        return _at_path(text.removeprefix("jsonpath="))
    if text.startswith("condition="):
        kind, has_status, status = text.removeprefix("condition=").partition("=")
        return _OfType(kind, status if has_status else "True")
    raise ValueError(f'expected a "jsonpath=" or "condition=" prefix, got {json.dumps(text)}')


@dataclass(frozen=True)
class _OfType:
    kind: str
    status: str

    def met(self, wait: Wait, live: Obj) -> bool:
        conditions = items(part(live, "status"), "conditions")
        if not conditions:
            wait.tell("warning", "Has no .status.conditions")
        for condition in conditions:
            if str(condition.get("type", "")).casefold() != self.kind.casefold() or "status" not in condition:
                continue
            seen = condition.get("observedGeneration", part(live, "status").get("observedGeneration"))
            generation = meta(live).get("generation")
            if seen is not None and generation is not None and seen < generation:
                wait.tell("info", f"Generation {seen} is less than expected {generation}")
                return False
            found = str(condition["status"])
            if found.casefold() == self.status.casefold():
                return True
            wait.tell("info", f"Resource has condition {self.kind}={found} (want {self.status})")
            return False
        return False


@dataclass(frozen=True)
class _AtPath:
    text: str
    path: Path
    value: str

    def met(self, wait: Wait, live: Obj) -> bool:
        generation, seen = meta(live).get("generation"), part(live, "status").get("observedGeneration")
        if generation is not None and seen is not None and seen < generation:
            return False
        title = f"{self.text}={self.value}" if self.value else self.text
        found = self.path(live)
        if not found:
            wait.tell("info", f"{self.text} selected nothing")
            return False
        if isinstance(found[0], (list, dict)):
            if self.value:
                raise Hopeless(f"{json.dumps(self.text)} has a non-primitive value ({found[0]})")
            wait.tell("info", f"Found {title}")
            return True
        words = found[0] if isinstance(found[0], str) else json.dumps(found[0])
        if self.value in ("", words):
            wait.tell("info", f"Found {title}")
            return True
        wait.tell("info", f"Waiting for {title} (found {json.dumps(words)})")
        return False


def _at_path(raw: str) -> _AtPath:
    """`{.path}` or `{.path}=value`; a `==` inside of a filter is no such separator."""
    mark = "\0"
    path, *values = [text.replace(mark, "==") for text in raw.replace("==", mark).split("=")]
    if len(values) > 1:
        raise ValueError(f"format should be {{.path}}=value or {{.path}}, got {json.dumps(raw)}")
    if values and not values[0]:
        raise ValueError(f"{path}= requires a value")
    if path.startswith("'") and path.endswith("'"):
        raise ValueError(f"{path} should omit shell quotes")
    start, end = path.find("{"), path.find("}")
    if start < 0 or end < start:
        raise ValueError(f"{path} should be wrapped in brackets {{ ... }}")
    try:
        return _AtPath(path, parsed(path[start + 1 : end].strip()), values[0] if values else "")
    except ValueError as error:
        raise ValueError(f"parsing {json.dumps(path)}: {error}") from None


def status_of(live: Obj) -> tuple[bool, str]:
    """Whether an object is as it was asked to be, by the conventions for every kind, and in words what it is at."""
    if meta(live).get("deletionTimestamp"):
        return False, "Resource scheduled for deletion"
    generation, seen = meta(live).get("generation"), part(live, "status").get("observedGeneration")
    kind = live.get("kind")
    if generation is not None and seen is not None and seen != generation:
        return False, f"{kind} generation is {generation}, but latest observed generation is {seen}"
    for name in ("Reconciling", "Stalled"):
        condition = condition_of(live, name) or {}
        if condition.get("status") == "True":
            return False, str(condition.get("message") or "")
    own = _OWN_RULES.get(f"{live.get('apiVersion')}/{kind}")
    if own is not None:
        return own(live)
    ready = condition_of(live, "Ready") or {}
    if ready.get("status") in ("False", "Unknown"):
        return False, str(ready.get("message") or "")
    return True, "Resource is Ready" if ready.get("status") == "True" else "Resource is current"


def _daemon_set(live: Obj) -> tuple[bool, str]:
    status = part(live, "status")
    if "observedGeneration" not in status:
        return False, "DaemonSet status.observedGeneration not found"
    wanted = status.get("desiredNumberScheduled")
    if wanted is None:
        return False, "Missing .status.desiredNumberScheduled"
    for words, key in (
        ("Current", "currentNumberScheduled"),
        ("Updated", "updatedNumberScheduled"),
        ("Available", "numberAvailable"),
        ("Ready", "numberReady"),
    ):
        there = status.get(key) or 0
        if there < wanted:
            return False, f"{words}: {there}/{wanted}"
    return True, f"All replicas scheduled as expected. Replicas: {wanted}"


def _replica_set(live: Obj) -> tuple[bool, str]:
    status, wanted = part(live, "status"), part(live, "spec").get("replicas", 1)
    if "observedGeneration" not in status:
        return False, "ReplicaSet status.observedGeneration not found"
    for words, key in (
        ("Labelled", "fullyLabeledReplicas"),
        ("Available", "availableReplicas"),
        ("Ready", "readyReplicas"),
    ):
        there = status.get(key) or 0
        if there < wanted:
            return False, f"{words}: {there}/{wanted}"
    if (status.get("replicas") or 0) > wanted:
        return False, f"Pending termination: {status['replicas'] - wanted}"
    return True, f"ReplicaSet is available. Replicas: {status.get('replicas') or 0}"


def _definition(live: Obj) -> tuple[bool, str]:
    refused, established = (condition_of(live, kind) or {} for kind in ("NamesAccepted", "Established"))
    if refused.get("status") == "False":
        return False, str(refused.get("message") or "")
    if established.get("status") == "True":
        return True, "CRD is established"
    return False, str(established.get("message") or "Install in progress")


_OWN_RULES: dict[str, Callable[[Obj], tuple[bool, str]]] = {
    "apps/v1/DaemonSet": _daemon_set,
    "apps/v1/ReplicaSet": _replica_set,
    "apiextensions.k8s.io/v1/CustomResourceDefinition": _definition,
}
