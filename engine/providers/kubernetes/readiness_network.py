"""Objects that lead to pods: Service and Ingress."""

import json
import time
from typing import Final

from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.objects import meta, name
from engine.providers.kubernetes.readiness import Common, Wait
from engine.values import is_dict, items, part

_SETTLE: Final = 10.0
_NOTHING_EVER: Final = 60.0


class _Endpoints:
    """When endpoints have come to rest: ten seconds after a change of theirs with no other since that has."""

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}
        self._changes: list[float] = []

    def look(self, found: list[Obj]) -> None:
        versions = {name(one): str(meta(one).get("resourceVersion") or "") for one in found}
        if versions != self._versions:
            self._versions = versions
            self._changes.append(time.monotonic())

    @property
    def ever(self) -> bool:
        return bool(self._changes)

    def settled(self) -> bool:
        now = time.monotonic()
        rested = [moment + _SETTLE for moment in self._changes]
        return any(self._changes[-1] <= moment <= now for moment in rested)


class Service(Common):
    """A Service with an address, whose pods are all ready."""

    def __init__(self) -> None:
        self._endpoints = _Endpoints()
        self._allocated = self._has_pods = self._pending = False

    def ready(self, wait: Wait, live: Obj) -> bool:
        balanced = _type(live) == "LoadBalancer"
        self._allocated = not balanced or bool(items(part(part(live, "status"), "loadBalancer"), "ingress"))
        if not _leads_to_pods(live):
            return self._allocated
        wait.tell("info", "[1/3] Finding Pods to direct traffic to")
        found = wait.beside("v1", "Endpoints", name(live))
        self._endpoints.look([found] if found else [])
        subsets = items(found, "subsets") if found else []
        self._has_pods = any(items(subset, "addresses") for subset in subsets)
        self._pending = any(items(subset, "notReadyAddresses") for subset in subsets)
        settled = wait.settled or (self._endpoints.ever and self._endpoints.settled())
        if self._allocated and settled and not self._pending:
            wait.tell("info", "✅ Service initialization complete")
            return True
        if settled and self._has_pods:
            wait.tell("info", "[2/3] Attempting to allocate IP address to Service")
        return False

    def last_chance(self, wait: Wait, live: Obj) -> bool:
        return self._allocated and not self._pending

    def reasons(self, wait: Wait, live: Obj) -> list[str]:
        out: list[str] = []
        if part(live, "spec").get("clusterIP") == "None" or _type(live) == "ExternalName":
            return out
        if not self._has_pods:
            out.append(
                "Service does not target any Pods. Selected Pods may not be ready, or field '.spec.selector' may not "
                "match labels on any Pods"
            )
        if not self._allocated:
            out.append("Service was not allocated an IP address; does your cloud provider support this?")
        return out


def _type(service: Obj) -> str:
    return str(part(service, "spec").get("type") or "ClusterIP")


def _leads_to_pods(service: Obj) -> bool:
    spec = part(service, "spec")
    return _type(service) != "ExternalName" and spec.get("clusterIP") != "None" and bool(part(spec, "selector"))


class Ingress(Common):
    """An Ingress that has an address, and a Service for each of its paths."""

    def __init__(self) -> None:
        self._endpoints = _Endpoints()
        self._addressed = self._paths_ready = False

    def ready(self, wait: Wait, live: Obj) -> bool:
        wait.tell("info", "[1/3] Finding a matching service for each Ingress path")
        self._addressed = bool(items(part(part(live, "status"), "loadBalancer"), "ingress"))
        found = wait.of_namespace("v1", "Endpoints")
        self._endpoints.look(found)
        settled = wait.settled or (
            self._endpoints.settled() if self._endpoints.ever else time.monotonic() - wait.began >= _NOTHING_EVER
        )
        known = {name(one) for one in found}
        known |= {name(one) for one in wait.of_namespace("v1", "Service") if _type(one) == "ExternalName"}
        missing = [words for title, words in _backends(live) if title not in known]
        if settled:  # one that is not there by now may never be
            for words in missing:
                wait.tell("warning", f"No matching service found for ingress rule: {words}")
        self._paths_ready = settled or not missing
        if self._addressed and self._paths_ready:
            wait.tell("info", "✅ Ingress initialization complete")
            return True
        if self._paths_ready:
            wait.tell("info", "[2/3] Waiting for update of .status.loadBalancer with hostname/IP")
        return False

    def reasons(self, wait: Wait, live: Obj) -> list[str]:
        out: list[str] = []
        if not self._paths_ready:
            out.append("Ingress has at least one rule with an unavailable target endpoint.")
        if not self._addressed:
            out.append(
                "Ingress .status.loadBalancer field was not updated with a hostname/IP address. "
                "\n    for more information about this error, see https://pulumi.io/xdv72s"
            )
        return out


def _backends(ingress: Obj) -> list[tuple[str, str]]:
    """The Service of each path, with the path in words."""
    out: list[tuple[str, str]] = []
    for rule in items(part(ingress, "spec"), "rules"):
        for path in items(part(rule, "http"), "paths"):
            backend = part(path, "backend")
            service = backend.get("service")
            title = str((service.get("name") if is_dict(service) else backend.get("serviceName")) or "")
            if title:
                place = f"{rule.get('host') or ''}{path.get('path') or ''}"
                words = json.dumps(place) if place else '"" (default path)'
                out.append((title, f"{words} -> {json.dumps(title)}"))
    return out
