"""Waiting for what another controller does to an object, while it is told what stands in the way, in its own words.

Pulumi's own provider waits for a condition without a word for ten minutes. Here each step is shown, and what does not
pass by itself ends the wait early with the reason and what there would be to choose from.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from components.kubernetes.access import Cluster, items
from components.kubernetes.errors import ClusterError, NotReady, Refused

Json = dict[str, Any]
Say = Callable[[str], None]

PATIENCE: Final = 15.0
"""Seconds that a mistake may stand which somebody may be mending: an issuer that comes a moment later."""
UNSEEN: Final = 60.0
"""Seconds in which a controller has to take notice of an object: longer than it takes to choose a new leader."""
_TICK = 0.25

GATEWAYS, CERTIFICATES, INGRESSES = "gateways", "certificates", "ingresses"
APIS: Final = {
    GATEWAYS: "/apis/gateway.networking.k8s.io/v1",
    CERTIFICATES: "/apis/cert-manager.io/v1",
    INGRESSES: "/apis/networking.k8s.io/v1",
}
_WORDS: Final = {GATEWAYS: "gateway", CERTIFICATES: "certificate", INGRESSES: "ingress"}


@dataclass(frozen=True)
class Sight:
    """How far an object is. `patience`: seconds after which the same sight ends the wait; None: none do."""

    ready: bool
    text: str = ""
    patience: float | None = None
    fix: str = ""


def path(namespace: str, kind: str, name: str) -> str:
    """Where an object lies. kind: one of APIS."""
    return f"{APIS[kind]}/namespaces/{namespace}/{kind}/{name}"


def wait(cluster: Cluster, namespace: str, kind: str, name: str, *, timeout: float, say: Say) -> Json:
    """Wait until the object's controllers have done their part; returns the object.

    say: called with a line for each step that can be seen. Raises NotReady, ClusterError.
    """
    begun = since = time.monotonic()
    seen = Sight(False)
    while True:
        found = cluster.find(path(namespace, kind, name))
        if found is None:
            raise ClusterError(f"{kind}/{name} in namespace {namespace} is gone, expected it to become ready")
        sight = look(cluster, found)
        if sight.ready:
            return found
        now = time.monotonic()
        if sight != seen:
            seen, since = sight, now
            say(f"waits: {sight.text}")
        late = now - begun > timeout
        if late or (sight.patience is not None and now - since > sight.patience):
            after = f"after {timeout:g} s: " if late else ""
            raise NotReady(
                f"the {found['kind']} {name} in namespace {namespace} does not become ready: {after}"
                f"{sight.text.rstrip('.')}, expected its controller to be done with it; {sight.fix or _look_at(found)}"
            )
        time.sleep(_TICK)


def look(cluster: Cluster, found: Json) -> Sight:
    """How far the object `found` is."""
    match found["kind"]:
        case "Gateway":
            return gateway(found)
        case "Certificate":
            return certificate(found, _requests(cluster, found))
        case _:
            return ingress(found)


def address(found: Json) -> str:
    """Where a Gateway or an Ingress answers, an address or a name; empty where it does not say."""
    status: Json = found.get("status") or {}
    balancer: Json = status.get("loadBalancer") or {}
    points: list[Json] = status.get("addresses") or balancer.get("ingress") or []
    return next((str(each.get("value") or each.get("ip") or each.get("hostname") or "") for each in points), "")


def gateway(found: Json) -> Sight:
    """How far a Gateway is: taken by its class's controller, then programmed."""
    known, called = _conditions(found), f"its class is {found['spec']['gatewayClassName']}"
    accepted, programmed = known.get("Accepted", {}), known.get("Programmed", {})
    if accepted.get("status") != "True":
        fix = "see modelport:gateway.class_name, and that the controller of that class runs"
        if accepted.get("status") != "False":
            return Sight(False, f"no controller has taken it ({called})", UNSEEN, fix)
        return Sight(False, _said(accepted), PATIENCE, _look_at(found))
    if programmed.get("status") == "True":
        return Sight(True)
    return Sight(False, _said(programmed) if programmed else "it is taken, and not programmed yet")


def certificate(found: Json, requests: list[Json]) -> Sight:
    """How far a Certificate is: what its newest request says is nearer to the reason than its own conditions."""
    if _conditions(found).get("Ready", {}).get("status") == "True":
        return Sight(True)
    if not _conditions(found):
        return Sight(False, "no controller has taken notice of it", UNSEEN, "see that cert-manager runs")
    if not requests:
        return Sight(False, _said(_conditions(found).get("Ready", {})))
    newest = _conditions(requests[-1])
    denied = newest.get("Denied", {}).get("status") == "True"
    told = newest["Denied"] if denied else newest.get("Ready", {})
    if not told:
        return Sight(False, "its request is not answered yet")
    issuer = found["spec"]["issuerRef"]
    text = f"{_said(told)} (its issuer is {issuer.get('kind', 'Issuer')} {issuer['name']})"
    final = denied or told.get("reason") in ("Failed", "Denied") or "not found" in str(told.get("message"))
    fix = "see modelport:gateway.issuer and issuer_kind"
    return Sight(False, text, PATIENCE, fix) if final else Sight(False, text)


def ingress(found: Json) -> Sight:
    """How far an Ingress is: its controller writes where it answers."""
    if address(found):
        return Sight(True)
    return Sight(False, f"no controller gave it an address (its class is {found['spec'].get('ingressClassName')})")


def say_of(name: str, kind: str) -> Say:
    """Lines of progress: what a plugin prints is shown by either engine."""

    def say(text: str) -> None:
        print(f"modelport: {name}: {_WORDS[kind]}: {text}", file=sys.stderr, flush=True)

    return say


def _conditions(found: Json) -> dict[str, Json]:
    """Conditions by type; those of an earlier content of the object are none."""
    generation = int(found["metadata"].get("generation", 0))
    status: Json = found.get("status") or {}
    told: list[Json] = status.get("conditions") or []
    return {str(each["type"]): each for each in told if int(each.get("observedGeneration", generation)) >= generation}


def _said(condition: Json) -> str:
    reason, message = str(condition.get("reason", "")), str(condition.get("message", ""))
    return ": ".join(each for each in (reason, message) if each) or "its controller has not said why"


def _requests(cluster: Cluster, found: Json) -> list[Json]:
    """What cert-manager has asked of the issuer for this content of a Certificate, the newest last."""
    about = found["metadata"]
    try:
        listed = cluster.get(f"{APIS[CERTIFICATES]}/namespaces/{about['namespace']}/certificaterequests")
    except Refused:
        return []
    ours = [
        each
        for each in items(listed)
        if any(owner["uid"] == about["uid"] for owner in each["metadata"].get("ownerReferences", []))
    ]
    return sorted(ours, key=lambda each: str(each["metadata"]["creationTimestamp"]))


def _look_at(found: Json) -> str:
    about = found["metadata"]
    return f"look at it with kubectl describe {found['kind'].lower()} {about['name']} --namespace {about['namespace']}"
