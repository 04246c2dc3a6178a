"""Gateways and HTTPRoutes: what they ask for, and what is told back in their statuses."""

import datetime
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.gateway import CLASS, CONTROLLER, services
from tests.cluster.gateway.table import Certificate, Change, Match, Mirror, Redirect, Rule, Table
from tests.cluster.gateway.watching import Object, World, name_of

_GROUP = "gateway.networking.k8s.io"
_HEADERS = {"RequestHeaderModifier", "ResponseHeaderModifier"}
_FILTERS = {*_HEADERS, "RequestRedirect", "RequestMirror"}
_UNITS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


@dataclass
class Listener:
    """One listener of a Gateway of ours, and what became of it."""

    gateway: Object
    spec: Object
    certificate: str = ""
    trouble: str = ""
    routes: set[tuple[str, str]] = field(default_factory=lambda: set[tuple[str, str]]())

    @property
    def tls(self) -> bool:
        """Whether it ends TLS."""
        return bool(self.spec["protocol"] == "HTTPS")


@dataclass
class Answer:
    """A status to be written once the data plane does what it says."""

    kind: str
    item: Object
    status: Object


def read(world: World, table: Table, address: str) -> list[Answer]:
    """Put what Gateways and HTTPRoutes ask for into `table`; the answers to them, with `address` for the Gateways."""
    listeners = [
        Listener(gateway, spec)
        for gateway in world.all("Gateway")
        if gateway["spec"]["gatewayClassName"] == CLASS
        for spec in gateway["spec"]["listeners"]
    ]
    for listener in listeners:
        _open(world, table, listener)
    answers = [_route(world, table, route, listeners) for route in world.all("HTTPRoute")]
    answers = [each for each in answers if each.status["parents"]]
    for gateway in {name_of(each.gateway): each.gateway for each in listeners}.values():
        own = [each for each in listeners if each.gateway is gateway]
        answers.append(Answer("Gateway", gateway, _gateway_status(gateway, own, address)))
    for item in world.all("GatewayClass"):
        if item["spec"]["controllerName"] == CONTROLLER:
            told = conditions(item, item.get("status"), [("Accepted", True, "Accepted", "")])
            answers.append(Answer("GatewayClass", item, {"conditions": told}))
    return answers


def conditions(item: Object, was: Object | None, told: list[tuple[str, bool, str, str]]) -> list[Object]:
    """Conditions of this generation: type, holds, reason, message; the time is kept where nothing changed."""
    before = {each["type"]: each for each in (was or {}).get("conditions", [])}
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made: list[Object] = []
    for kind, holds, reason, message in told:
        status, old = "True" if holds else "False", before.get(kind, {})
        since = old["lastTransitionTime"] if old.get("status") == status else now
        known = {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}
        made.append({**known, "observedGeneration": item["metadata"]["generation"]})
    return made


def _open(world: World, table: Table, listener: Listener) -> None:
    """Take up a listener, or say in `trouble` why not."""
    spec = listener.spec
    if spec["protocol"] not in ("HTTP", "HTTPS"):
        listener.trouble = f"protocol {spec['protocol']} is not served here"
    elif not listener.tls:
        table.ports.add(spec["port"])
    elif (spec.get("tls") or {}).get("mode", "Terminate") != "Terminate":
        listener.trouble = "tls mode Passthrough is not served here"
    else:
        space, gateway = name_of(listener.gateway)
        for reference in spec["tls"]["certificateRefs"]:
            where = reference.get("namespace", space)
            pem = services.certificate(world, where, reference["name"])
            if where != space and not _granted(world, _GROUP, "Gateway", space, "", "Secret", where, reference["name"]):
                listener.trouble = f"no ReferenceGrant in {where} allows the Secret {reference['name']}"
            elif pem is None:
                listener.trouble = f"Secret {where}/{reference['name']} is missing or holds no certificate with its key"
            else:
                name = f"{space}.{gateway}.{spec['name']}.{reference['name']}"
                table.certificates.append(Certificate(spec["port"], spec.get("hostname", ""), name, pem))


def _gateway_status(gateway: Object, listeners: list[Listener], address: str) -> Object:
    was = gateway.get("status") or {}
    parts: list[Object] = []
    for each in listeners:
        old = next((part for part in was.get("listeners", []) if part["name"] == each.spec["name"]), None)
        good = not each.trouble
        unresolved = "InvalidCertificateRef" if each.tls else "InvalidRouteKinds"
        told = [
            ("Accepted", True, "Accepted", ""),
            ("Programmed", good, "Programmed" if good else "Invalid", each.trouble),
            ("ResolvedRefs", good, "ResolvedRefs" if good else unresolved, each.trouble),
            ("Conflicted", False, "NoConflicts", ""),
        ]
        kinds = [{"group": _GROUP, "kind": "HTTPRoute"}]
        known = {"name": each.spec["name"], "attachedRoutes": len(each.routes), "supportedKinds": kinds}
        parts.append({**known, "conditions": conditions(gateway, old, told)})
    trouble = "; ".join(f"listener {each.spec['name']}: {each.trouble}" for each in listeners if each.trouble)
    told = [
        ("Accepted", True, "Accepted", ""),
        ("Programmed", not trouble, "Invalid" if trouble else "Programmed", trouble),
    ]
    addresses = [{"type": "IPAddress", "value": address}]
    return {"addresses": addresses, "conditions": conditions(gateway, was, told), "listeners": parts}


def _route(world: World, table: Table, route: Object, listeners: list[Listener]) -> Answer:
    """Attach a route wherever it may be, and say so parent by parent."""
    was = (route.get("status") or {}).get("parents", [])
    parents = [each for each in was if each["controllerName"] != CONTROLLER]
    for parent in route["spec"].get("parentRefs") or []:
        space, name = parent.get("namespace", name_of(route)[0]), parent["name"]
        own = [each for each in listeners if name_of(each.gateway) == (space, name)]
        if not own or parent.get("kind", "Gateway") != "Gateway":
            continue
        found, reason, message = _attached(world, route, parent, own)
        rules, unresolved, unsupported = _rules(world, route, found)
        if unsupported:
            reason, message = "UnsupportedValue", unsupported
        elif not reason:
            table.rules += rules
            for listener, _ in found:
                listener.routes.add(name_of(route))
        told = [
            ("Accepted", not reason, reason or "Accepted", message),
            ("ResolvedRefs", not unresolved, unresolved[0] if unresolved else "ResolvedRefs", "".join(unresolved[1:])),
        ]
        old = next((each for each in was if each["parentRef"] == parent and each["controllerName"] == CONTROLLER), None)
        made = conditions(route, old, told)
        parents.append({"parentRef": parent, "controllerName": CONTROLLER, "conditions": made})
    return Answer("HTTPRoute", route, {"parents": parents})


def _attached(
    world: World, route: Object, parent: Object, listeners: list[Listener]
) -> tuple[list[tuple[Listener, str]], str, str]:
    """The listeners that take the route, each with a host; or the reason against and its words."""
    meant = [
        each
        for each in listeners
        if parent.get("sectionName", each.spec["name"]) == each.spec["name"]
        and parent.get("port", each.spec["port"]) == each.spec["port"]
    ]
    if not meant:
        return [], "NoMatchingParent", "the Gateway has no such listener"
    allowed = [each for each in meant if _allows(world, each, name_of(route)[0])]
    if not allowed:
        return [], "NotAllowedByListeners", "no listener takes routes of this namespace"
    hosts = route["spec"].get("hostnames") or [""]
    found = [(each, both) for each in allowed for host in hosts if (both := _both(each.spec.get("hostname", ""), host))]
    if not found:
        return [], "NoMatchingListenerHostname", "no listener has a hostname that fits"
    return [(each, "" if host == "*" else host) for each, host in found], "", ""


def _both(listener: str, route: str) -> str:
    """The host that both mean, "*" for any, "" for none."""
    if not listener or not route or listener == route:
        return route or listener or "*"
    if listener.startswith("*") and route.endswith(listener[1:]):
        return route
    return listener if route.startswith("*") and listener.endswith(route[1:]) else ""


def _allows(world: World, listener: Listener, namespace: str) -> bool:
    rule = (listener.spec.get("allowedRoutes") or {}).get("namespaces") or {}
    kind = rule.get("from", "Same")
    if kind == "Selector":
        labels = (world.get("Namespace", "", namespace) or {"metadata": {}})["metadata"].get("labels", {})
        selector = rule["selector"]
        wanted = selector.get("matchLabels", {}).items()
        return not selector.get("matchExpressions") and all(labels.get(key) == value for key, value in wanted)
    return bool(kind == "All" or namespace == name_of(listener.gateway)[0])


def _rules(world: World, route: Object, places: list[tuple[Listener, str]]) -> tuple[list[Rule], tuple[str, ...], str]:
    """Its rules at each place; (reason, message) of a reference that leads nowhere; what is not supported here."""
    space, name = name_of(route)
    made: list[Rule] = []
    unresolved: tuple[str, ...] = ()
    for number, spec in enumerate(route["spec"].get("rules") or []):
        filters = {each["type"]: each for each in spec.get("filters") or []}
        inner = any(each.get("filters") for each in spec.get("backendRefs") or [])
        if inner or set(filters) - _FILTERS:
            return [], (), f"rule {number}: {'filters of a backend' if inner else ', '.join(set(filters) - _FILTERS)}"
        backends: list[tuple[services.Backend, int]] = []
        for reference in spec.get("backendRefs") or []:
            found, trouble = _backend(world, space, reference)
            unresolved = unresolved or trouble
            # Requests to what is not there are answered with 500, as is asked of gateways.
            backends.append((found or services.Backend(space, "none", 0), reference.get("weight", 1)))
        mirror = None
        if "RequestMirror" in filters:
            mirror, trouble = _mirror(world, space, filters["RequestMirror"]["requestMirror"])
            unresolved = unresolved or trouble
        age = (route["metadata"]["creationTimestamp"], space, name, f"{number:03}")
        changes = [
            _changes(filters.get(kind, {}), kind) for kind in ("RequestHeaderModifier", "ResponseHeaderModifier")
        ]
        for at, match in enumerate(spec.get("matches") or [{}]):
            for listener, host in places:
                rule = Rule(
                    port=listener.spec["port"],
                    tls=listener.tls,
                    host=host,
                    match=_match(match),
                    backends=tuple(backends),
                    redirect=_redirect(filters.get("RequestRedirect")),
                    mirror=mirror,
                    request=changes[0],
                    response=changes[1],
                    timeout_ms=_milliseconds((spec.get("timeouts") or {}).get("request", "0s")),
                    age=(*age, f"{at:03}"),
                )
                made.append(rule)
    return made, unresolved, ""


def _backend(world: World, space: str, reference: Object) -> tuple[services.Backend | None, tuple[str, ...]]:
    if reference.get("kind", "Service") != "Service" or reference.get("group", ""):
        return None, ("InvalidKind", f"{reference.get('kind')} is no Service")
    where, name = reference.get("namespace", space), reference["name"]
    if where != space and not _granted(world, _GROUP, "HTTPRoute", space, "", "Service", where, name):
        return None, ("RefNotPermitted", f"no ReferenceGrant in {where} allows the Service {name}")
    found = services.backend(world, where, name, reference["port"])
    return found, () if found else ("BackendNotFound", f"Service {where}/{name} has no port {reference['port']}")


def _mirror(world: World, space: str, spec: Object) -> tuple[Mirror | None, tuple[str, ...]]:
    found, trouble = _backend(world, space, spec["backendRef"])
    fraction = spec.get("fraction") or {"numerator": spec.get("percent", 100), "denominator": 100}
    share = 1_000_000 * fraction["numerator"] // fraction.get("denominator", 100)
    return (Mirror(found, share) if found else None), trouble


def _granted(world: World, group: str, kind: str, space: str, *target: str) -> bool:
    to_group, to_kind, where, name = target
    for grant in world.all("ReferenceGrant"):
        spec = grant["spec"]
        source = any((each["group"], each["kind"], each["namespace"]) == (group, kind, space) for each in spec["from"])
        wanted = any(
            (each["group"], each["kind"]) == (to_group, to_kind) and each.get("name") in (None, name)
            for each in spec["to"]
        )
        if name_of(grant)[0] == where and source and wanted:
            return True
    return False


def _match(spec: Object) -> Match:
    path = spec.get("path") or {}

    def values(key: str) -> tuple[tuple[str, str, str], ...]:
        return tuple((each.get("type", "Exact"), each["name"], each["value"]) for each in spec.get(key) or [])

    return Match(
        path.get("type", "PathPrefix"),
        path.get("value", "/"),
        spec.get("method", ""),
        values("headers"),
        values("queryParams"),
    )


def _changes(spec: Object, kind: str) -> tuple[Change, ...]:
    known: Any = spec.get(kind[0].lower() + kind[1:]) or {}
    made = [Change(what, each["name"], each["value"]) for what in ("set", "add") for each in known.get(what) or []]
    return (*made, *(Change("del", name) for name in known.get("remove") or []))


def _redirect(spec: Object | None) -> Redirect | None:
    if spec is None:
        return None
    known = spec["requestRedirect"]
    path = (known.get("path") or {}).get("replaceFullPath", "")
    code = known.get("statusCode", 302)
    return Redirect(code, known.get("scheme", ""), known.get("hostname", ""), known.get("port", 0), path)


def _milliseconds(text: str) -> int:
    """A duration as the Gateway API writes it: 1h30m, 500ms."""
    total, number, unit = 0, "", ""
    for character in f"{text} ":
        if unit and not character.isalpha():
            total += int(number) * _UNITS[unit]
            number = unit = ""
        if character.isdigit():
            number += character
        else:
            unit += character.strip()
    return total
