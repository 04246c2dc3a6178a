"""Ingresses: the older way to say the same, less of it."""

from tests.cluster.gateway import CLASS, services
from tests.cluster.gateway.routes import Answer
from tests.cluster.gateway.table import Certificate, Match, Redirect, Rule, Table
from tests.cluster.gateway.watching import Object, World, name_of

_PLAIN, _TLS = 80, 443


def read(world: World, table: Table, address: str) -> list[Answer]:
    """Put what Ingresses ask for into `table`. A host with TLS is answered on plain HTTP with its address there.

    That is how the common controllers have it unless they are told otherwise.
    """
    answers: list[Answer] = []
    for item in world.all("Ingress"):
        if item["spec"].get("ingressClassName") != CLASS:
            continue
        table.ports.add(_PLAIN)
        space, name = name_of(item)
        secure: set[str] = set()
        for part in item["spec"].get("tls") or []:
            pem = services.certificate(world, space, part.get("secretName", ""))
            hosts = part.get("hosts") or [""]
            secure |= set(hosts)
            if pem is not None:
                known = f"{space}.{name}.ingress.{part['secretName']}"
                table.certificates += [Certificate(_TLS, host, known, pem) for host in hosts]
        for number, spec in enumerate(item["spec"].get("rules") or []):
            host = spec.get("host", "")
            for at, path in enumerate((spec.get("http") or {}).get("paths") or []):
                age = (item["metadata"]["creationTimestamp"], space, name, f"{number:03}.{at:03}")
                table.rules += _rules(world, item, host, path, age, tls=host in secure)
        balancer = {"ingress": [{"ip": address}]}
        answers.append(Answer("Ingress", item, {"loadBalancer": balancer}))
    return answers


def _rules(world: World, item: Object, host: str, path: Object, age: tuple[str, ...], *, tls: bool) -> list[Rule]:
    target = path["backend"]["service"]
    found = services.backend(world, name_of(item)[0], target["name"], next(iter(target["port"].values())))
    match = Match("Exact" if path.get("pathType") == "Exact" else "PathPrefix", path.get("path", "/"))
    backends = ((found, 1),) if found else ()
    if not tls:
        return [Rule(_PLAIN, False, host, match, backends, age=age)]
    away = Rule(_PLAIN, False, host, match, redirect=Redirect(308, "https"), age=age)
    return [away, Rule(_TLS, True, host, match, backends, age=age)]
