"""How a new version takes the place of the old one on Google Cloud, step by step, and what bounds it."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import pairwise
from typing import Any, Final, NamedTuple, cast

from components import checks

PAUSE: Final = (60, 86_400)
"""Seconds of a step. Cloud Monitoring tells of a request up to four minutes after it ("Google Cloud metrics": sampled
every 60 seconds, visible up to 180 seconds later, 2026-11-22)."""
PAUSE_USUAL: Final = 300
ROLLING, CANARY, BLUE_GREEN = "rolling", "canary", "blue-green"
"""Values of a component's own strategies."""


class Stage(NamedTuple):
    """A share of the requests, and how long it is looked at."""

    percent: int
    pause: int
    """Seconds."""


class Plan(NamedTuple):
    """A release as it is carried out."""

    strategy: str
    stages: tuple[Stage, ...]
    """The last of them is of all requests."""

    @property
    def looked_at(self) -> bool:
        """Whether anybody looks at the new version."""
        return any(each.pause for each in self.stages)

    def text(self) -> str:
        """As JSON, for a resource's input."""
        return json.dumps([list(each) for each in self.stages])


def stages(text: str) -> tuple[Stage, ...]:
    """What `Plan.text` says."""
    return tuple(Stage(int(percent), int(pause)) for percent, pause in json.loads(text))


def asked(what: str, given: Mapping[str, Any], release: type, step: type, strategies: type[Enum]) -> Plan:
    """A release, checked: `what` it is called, and the component's own types of it. Raises ArgsError."""
    checks.given(what, given, release)
    strategy = str(checks.choice(f"{what}.strategy", given.get("strategy", ROLLING), strategies).value)
    steps = list(given.get("steps") or [])
    if strategy != CANARY and steps:
        raise checks.wrong(f"{what}.steps", steps, f"none beside strategy {strategy}", "leave steps out")
    if strategy == ROLLING:
        if "pause" in given:
            raise checks.wrong(f"{what}.pause", given["pause"], "none beside strategy rolling", "leave pause out")
        return Plan(strategy, (Stage(100, 0),))
    last = Stage(100, _seconds(f"{what}.pause", given.get("pause", PAUSE_USUAL)))
    if strategy == BLUE_GREEN:
        return Plan(strategy, (last,))
    return Plan(strategy, (*_steps(f"{what}.steps", steps, step), last))


def _steps(what: str, steps: Sequence[Mapping[str, Any]], known: type) -> list[Stage]:
    found: list[Stage] = []
    for at, each in enumerate(steps):
        checks.given(f"{what}[{at}]", each, known)
        weight = checks.whole(f"{what}[{at}].weight", each["weight"], 1, 99, "percent")
        found.append(Stage(weight, _seconds(f"{what}[{at}].pause", each.get("pause", PAUSE_USUAL))))
    if not found:
        raise checks.wrong(what, [], "at least one step of a canary", "for example weight 10, pause 300")
    weights = [each.percent for each in found]
    if any(less >= more for less, more in pairwise(weights)):
        raise checks.wrong(what, weights, "weights each larger than the one before", f"write {sorted(set(weights))}")
    return found


def _seconds(what: str, seconds: object) -> int:
    checks.within(what, seconds, *PAUSE, "seconds")
    number = cast("float", seconds)
    if number % 1:
        raise checks.wrong(what, seconds, "whole seconds", f"write {math.ceil(number)}")
    return int(number)


class Bounds(NamedTuple):
    """What a version must keep, or it goes back."""

    error_percent: float
    latency: float | None
    """Seconds."""
    policies: tuple[str, ...] = ()
    """Alert policies of which no incident may be open."""

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Bounds":
        """From the inputs of a resource."""
        latency = told.get("latency")
        return cls(
            float(told["error_percent"]), None if latency is None else float(latency), tuple(told.get("policies") or ())
        )


def bounds(component: str, args: Mapping[str, Any], most: float) -> Bounds:
    """`error_percent` and `latency_seconds` of a component, the latter of `most` seconds. Raises ArgsError."""
    errors, latency = args.get("error_percent", 1), args.get("latency_seconds")
    checks.within(f"{component}.error_percent", errors, 0, 100, "percent")
    if latency is not None:
        checks.within(f"{component}.latency_seconds", latency, 0.001, most, "seconds")
    return Bounds(errors, latency)


def looked_at(component: str, args: Mapping[str, Any], plan: Plan) -> None:
    """Bounds that nothing would look at are refused. Raises ArgsError."""
    for key in ("error_percent", "latency_seconds", "alert_policies"):
        if args.get(key) is not None and not plan.looked_at:
            expected = f"none beside strategy {plan.strategy}, which looks at nothing"
            raise checks.wrong(f"{component}.{key}", args[key], expected, f"leave {key} out, or write strategy canary")


def policy(what: str, value: object, project: str) -> None:
    """The whole name of an alert policy of a project. Raises ArgsError."""
    expected = f"the whole name of an alert policy of {project}"
    example = f"projects/{project}/alertPolicies/1234567890123456789"
    checks.fits(what, value, rf"projects/{re.escape(project)}/alertPolicies/[0-9]+", expected, example)
