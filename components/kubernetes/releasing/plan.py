"""What a release is told: its strategy with steps and pauses, and by what its analysis judges.

Both travel as canonical JSON, so that equal settings are equal text in the state.
"""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self, cast


class Strategy(StrEnum):
    """How the new version comes to its traffic."""

    ROLLING = "rolling"
    CANARY = "canary"
    AB = "ab"
    SHADOW = "shadow"
    BLUE_GREEN = "blue-green"


ROUTED = (Strategy.AB, Strategy.SHADOW, Strategy.BLUE_GREEN)
"""Strategies that only a route can carry out."""


class Inconclusive(StrEnum):
    """What becomes of a step whose measures say nothing, for want of requests or of data."""

    FAIL = "fail"
    WAIT = "wait"


@dataclass(frozen=True)
class Step:
    """`weight` percent of the traffic for `pause` seconds."""

    weight: int
    pause: float = 60.0


@dataclass(frozen=True)
class Match:
    """Who gets the new version in an A/B test: requests with this header, or with this cookie."""

    value: str
    header: str = ""
    cookie: str = ""


@dataclass(frozen=True)
class Plan:
    """A strategy with all that it needs. `pause`: seconds that A/B, shadow and blue-green are looked at."""

    strategy: Strategy = Strategy.ROLLING
    steps: tuple[Step, ...] = ()
    pause: float = 60.0
    match: Match | None = None
    baseline: bool = False
    replicas: int | None = None
    """Pods of the candidate. Default: in proportion to its weight."""
    ready: float = 300.0
    """Seconds that the candidate's pods may take to become ready."""

    def canonical(self) -> str:
        """The plan as text: the same for the same plan."""
        return _canonical(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with what is wrong, in words."""
        given = _object(text, "strategy")
        known = _known(given, "strategy", cls.__dataclass_fields__)
        steps = tuple(
            Step(int(_number(each, "weight", "steps", 0)), _number(each, "pause", "steps", 60.0))
            for each in cast("Sequence[Mapping[str, Any]]", known.get("steps") or ())
        )
        match = known.get("match")
        replicas = known.get("replicas")
        return cls(
            strategy=Strategy(known.get("strategy", Strategy.ROLLING)),
            steps=steps,
            pause=_number(known, "pause", "strategy", 60.0),
            match=Match(**cast("dict[str, str]", match)) if match else None,
            baseline=bool(known.get("baseline", False)),
            replicas=int(replicas) if replicas is not None else None,
            ready=_number(known, "ready", "strategy", 300.0),
        )

    def stages(self) -> tuple[Step, ...]:
        """The steps as they are gone through, one of its own for each strategy that has no weights."""
        match self.strategy:
            case Strategy.ROLLING:
                return ()
            case Strategy.CANARY:
                return self.steps
            case Strategy.AB | Strategy.SHADOW:
                return (Step(0, self.pause),)
            case Strategy.BLUE_GREEN:
                return (Step(100, self.pause),)

    def problems(self, *, routed: bool) -> list[str]:
        """What cannot be carried out, in words. routed: a route of a gateway leads to the service."""
        found: list[str] = []
        if self.strategy in ROUTED and not routed:
            found.append(
                f"strategy {self.strategy} needs a route to carry it out, and the service has none; "
                "give the stack a gateway, or choose canary, which splits by replicas without one"
            )
        if self.strategy is Strategy.CANARY and not self.steps:
            found.append("strategy canary has no steps, expected at least one; for example weight 10, pause 60")
        if self.strategy is not Strategy.CANARY and self.steps:
            found.append(
                f"strategy {self.strategy} takes no steps, and would not go through them, expected strategy canary; "
                "set it, or leave steps out"
            )
        weights = [step.weight for step in self.steps]
        if any(not 1 <= weight <= 100 for weight in weights):
            found.append(f"steps have the weights {weights}, expected each from 1 to 100")
        if any(a >= b for a, b in itertools.pairwise(weights)):
            found.append(f"steps have the weights {weights}, expected each larger than the one before")
        if any(not 0 <= seconds < math.inf for seconds in (self.pause, self.ready, *(s.pause for s in self.steps))):
            found.append("a pause is negative or endless, expected seconds from 0")
        if self.baseline and self.strategy is not Strategy.CANARY:
            found.append(f"strategy {self.strategy} takes no baseline, expected canary; leave baseline out")
        elif self.baseline and any(weight > 50 for weight in weights):
            found.append(
                f"steps have the weights {weights}, expected at most 50 with a baseline, which gets as much; lower them"
            )
        elif self.baseline and not routed:
            found.append("a baseline needs a route to get its traffic by, and the service has none; leave baseline out")
        if (self.strategy is Strategy.AB) != (self.match is not None):
            found.append("strategy ab needs match with header or cookie and value, and no other strategy takes it")
        elif self.match and bool(self.match.header) == bool(self.match.cookie):
            found.append("match names neither or both of header and cookie, expected one of them")
        return found


@dataclass(frozen=True)
class Bound:
    """What a measure must keep to: numbers, and relations to the same measure of the version that serves."""

    min: float | None = None
    max: float | None = None
    max_ratio: float | None = None
    """At most so many times the other version's."""
    max_drop: float | None = None
    """At most so much less than the other version's."""

    @property
    def relative(self) -> bool:
        return self.max_ratio is not None or self.max_drop is not None


@dataclass(frozen=True)
class Query:
    """A measure in PromQL: one number."""

    name: str
    promql: str
    bound: Bound


@dataclass(frozen=True)
class Analysis:
    """By what a step is judged. Without `prometheus` only the candidate's pods are looked at."""

    prometheus: str = ""
    """URL, or NAMESPACE/SERVICE:PORT to be reached through the API server."""
    success_rate: Bound | None = None
    p99_ms: Bound | None = None
    accuracy: Bound | None = None
    queries: tuple[Query, ...] = ()
    min_samples: int = 50
    """Requests, and for accuracy labels, that a measure needs to say anything."""
    inconclusive: Inconclusive = Inconclusive.FAIL
    wait: float = 300.0
    """Seconds that an inconclusive step may take beyond its pause."""
    interval: float = 10.0
    """Seconds between two looks during a pause."""

    def canonical(self) -> str:
        """The analysis as text: the same for the same analysis."""
        return _canonical(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError with what is wrong, in words."""
        given = _known(_object(text, "analysis"), "analysis", cls.__dataclass_fields__)
        bounds = {key: _bound(given[key]) for key in ("success_rate", "p99_ms", "accuracy") if given.get(key)}
        queries = tuple(
            Query(str(each["name"]), str(each["promql"]), _bound(each["bound"]))
            for each in cast("Sequence[Mapping[str, Any]]", given.get("queries") or ())
        )
        return cls(
            prometheus=str(given.get("prometheus") or ""),
            queries=queries,
            min_samples=int(_number(given, "min_samples", "analysis", 50)),
            inconclusive=Inconclusive(given.get("inconclusive", Inconclusive.FAIL)),
            wait=_number(given, "wait", "analysis", 300.0),
            interval=_number(given, "interval", "analysis", 10.0),
            **bounds,
        )

    @property
    def measures(self) -> bool:
        """Whether there is anything to measure."""
        return bool(self.success_rate or self.p99_ms or self.accuracy or self.queries)

    @property
    def relative(self) -> bool:
        """Whether a measure is compared with the version that serves."""
        return any(each is not None and each.relative for each in (self.success_rate, self.p99_ms, self.accuracy))

    def problems(self) -> list[str]:
        """What makes no sense, in words."""
        found: list[str] = []
        if self.measures and not self.prometheus:
            found.append(
                "the analysis has measures and no Prometheus to ask; set prometheus to its URL, "
                "or to NAMESPACE/SERVICE:PORT of one in the cluster"
            )
        if self.prometheus and not self.measures:
            found.append("the analysis has no measure, expected one at least; for example success_rate with min 0.99")
        if self.prometheus and "://" not in self.prometheus and not _is_service(self.prometheus):
            found.append(f"prometheus is {self.prometheus!r}, expected http://HOST:PORT or NAMESPACE/SERVICE:PORT")
        if self.min_samples < 1:
            found.append(f"min_samples is {self.min_samples}, expected at least 1")
        if not 0 < self.interval < math.inf or not 0 <= self.wait < math.inf:
            found.append("interval or wait is not a time, expected seconds, interval above 0")
        return found


NONE = Analysis()


def mismatched(plan: Plan, analysis: Analysis) -> list[str]:
    """Where strategy and analysis do not go together, in words."""
    if plan.strategy is Strategy.ROLLING and analysis.measures:
        return [
            "strategy rolling has no step at which the analysis would be asked, expected another strategy; "
            "set strategy canary with steps, or leave analysis out"
        ]
    return []


@dataclass(frozen=True)
class Subject:
    """What is released: a service in a namespace, and the routes that lead to it (`NAME` or `NAMESPACE/NAME`)."""

    name: str
    namespace: str
    routes: tuple[str, ...] = ()
    template: dict[str, Any] = field(default_factory=dict[str, Any])
    """The pod template, of any image and track."""
    owner: str = ""
    """Whose the release is, by the state (`owning`)."""


def _is_service(text: str) -> bool:
    namespace, slash, rest = text.partition("/")
    name, colon, port = rest.partition(":")
    return bool(namespace and slash and name and colon and port and "/" not in port)


def _bound(value: Mapping[str, Any]) -> Bound:
    known = _known(value, "a measure", Bound.__dataclass_fields__)
    return Bound(**{key: float(each) for key, each in known.items() if each is not None})


def _object(text: str, what: str) -> Mapping[str, Any]:
    try:
        value: object = json.loads(text or "{}")
    except ValueError:
        raise ValueError(f"{what} is not JSON, expected canonical() of a plan or an analysis") from None
    if not isinstance(value, dict):
        raise ValueError(f"{what} is {text[:40]!r}, expected a JSON object")
    return cast("Mapping[str, Any]", value)


def _known(given: Mapping[str, Any], what: str, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    unknown = sorted(set(given) - set(fields))
    if unknown:
        raise ValueError(f"{what} has unknown keys {', '.join(unknown)}, expected some of {', '.join(fields)}")
    return given


def _number(given: Mapping[str, Any], key: str, what: str, default: float) -> float:
    value: object = given.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} of {what} is {value!r}, expected a number")
    return float(value)


def _canonical(value: dict[str, Any]) -> str:
    return json.dumps(_bare(value), sort_keys=True, separators=(",", ":"))


def _bare(value: Any) -> Any:
    """Without what was not said, so that a new field changes no text that is in a state."""
    if isinstance(value, dict):
        entries = cast("dict[str, Any]", value)
        return {key: _bare(each) for key, each in entries.items() if each not in (None, "", (), [])}
    if isinstance(value, list | tuple):
        return [_bare(each) for each in cast("Sequence[Any]", value)]
    return value
