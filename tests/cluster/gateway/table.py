"""What the gateway is to do, in words that are neither Kubernetes' nor HAProxy's."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Backend:
    """A port of a Service. endpoints: "ADDRESS:PORT" of the pods that take requests."""

    namespace: str
    service: str
    port: int
    endpoints: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What HAProxy calls it."""
        return f"{self.namespace}:{self.service}:{self.port}"


@dataclass(frozen=True)
class Match:
    """A condition on a request. kind: Exact, PathPrefix, RegularExpression; empty texts ask for nothing."""

    path_kind: str = "PathPrefix"
    path: str = "/"
    method: str = ""
    headers: tuple[tuple[str, str, str], ...] = ()
    """(kind, name, value)"""
    queries: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Redirect:
    """Another address, sent back; empty parts stay as they were asked for."""

    code: int = 302
    scheme: str = ""
    host: str = ""
    port: int = 0
    path: str = ""


@dataclass(frozen=True)
class Mirror:
    """A copy of some requests, the answers to which go nowhere. share: of a million."""

    backend: Backend
    share: int = 1_000_000


@dataclass(frozen=True)
class Change:
    """One change of a header. what: set, add, del."""

    what: str
    name: str
    value: str = ""


@dataclass(frozen=True)
class Rule:
    """What is done with the requests to `host` on `port` that fit `match`. No backend: they are answered with 500."""

    port: int
    tls: bool
    host: str
    """ "" any; "*.example.com" everything below it."""
    match: Match
    backends: tuple[tuple[Backend, int], ...] = ()
    redirect: Redirect | None = None
    mirror: Mirror | None = None
    request: tuple[Change, ...] = ()
    response: tuple[Change, ...] = ()
    timeout_ms: int = 0
    age: tuple[str, ...] = ()
    """Decides between rules that are as particular as one another: the smaller one wins."""

    def rank(self) -> tuple[object, ...]:
        """Smaller for what is more particular; the Gateway API says in which order things count."""
        host = (0, 0) if self.host and not self.host.startswith("*") else (1, -len(self.host))
        kind = {"Exact": 0, "RegularExpression": 1, "PathPrefix": 2}[self.match.path_kind]
        found = (-len(self.match.path), not self.match.method, -len(self.match.headers), -len(self.match.queries))
        return (*host, kind, *found, self.age)


@dataclass(frozen=True)
class Certificate:
    """What is shown to clients that ask for `host` ("" for any). pem: certificate, chain and key."""

    port: int
    host: str
    name: str
    pem: str


@dataclass
class Table:
    """All of it."""

    rules: list[Rule] = field(default_factory=lambda: list[Rule]())
    certificates: list[Certificate] = field(default_factory=lambda: list[Certificate]())
    ports: set[int] = field(default_factory=lambda: set[int]())
    """Ports that speak plain HTTP; those with a certificate speak TLS."""

    def backends(self) -> list[Backend]:
        """Every backend that a rule names, each once."""
        found = {each.name: each for rule in self.rules for each, _ in rule.backends}
        found |= {rule.mirror.backend.name: rule.mirror.backend for rule in self.rules if rule.mirror}
        return [found[name] for name in sorted(found)]
