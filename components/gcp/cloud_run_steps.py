"""How a new version takes the place of the old one on Cloud Run: the words of a release, and what bounds it."""

import json
import math
from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import pairwise
from typing import Any, Final, NamedTuple, NotRequired, TypedDict, cast

from components import checks

WHAT: Final = "CloudRunService.release"
PAUSE: Final = (60, 86_400)
"""Seconds of a step. Cloud Monitoring tells of a request up to four minutes after it ("Google Cloud metrics": sampled
every 60 seconds, visible up to 180 seconds later, 2026-11-22)."""
PAUSE_USUAL: Final = 300


class CloudRunStrategy(Enum):
    """How a new version comes to its requests."""

    ROLLING = "rolling"
    """All at once, as soon as it answers."""
    CANARY = "canary"
    """A share of the requests, larger step by step."""
    BLUE_GREEN = "blue-green"
    """All at once, and back where it does not hold."""


class CloudRunStep(TypedDict):
    """A step of a canary."""

    weight: int
    """Percent of the requests that the new version gets."""
    pause: NotRequired[float]
    """Seconds that the step takes, 60 at least. Default: 300, as what Cloud Run counts is seen some minutes later."""


class CloudRunRelease(TypedDict):
    """How a new version takes the place of the old one."""

    strategy: NotRequired[CloudRunStrategy]
    """How it comes to its requests. Default: rolling."""
    steps: NotRequired[Sequence[CloudRunStep]]
    """The steps of a canary, each larger than the one before."""
    pause: NotRequired[float]
    """Seconds for which the new version is looked at once it gets all requests: until then it goes back. Default: 300;
    with strategy rolling it is not looked at."""


class Stage(NamedTuple):
    """A share of the requests, and how long it is looked at."""

    percent: int
    pause: int
    """Seconds."""


class Plan(NamedTuple):
    """A release as it is carried out."""

    strategy: CloudRunStrategy
    stages: tuple[Stage, ...]
    """The last of them is of all requests."""

    def text(self) -> str:
        """As JSON, for a resource's input."""
        return json.dumps([list(each) for each in self.stages])


def stages(text: str) -> tuple[Stage, ...]:
    """What `Plan.text` says."""
    return tuple(Stage(int(percent), int(pause)) for percent, pause in json.loads(text))


def asked(given: CloudRunRelease) -> Plan:
    """A release, checked. Raises ArgsError."""
    checks.given(WHAT, given, CloudRunRelease)
    strategy = checks.choice(f"{WHAT}.strategy", given.get("strategy", CloudRunStrategy.ROLLING), CloudRunStrategy)
    steps = list(given.get("steps") or [])
    if strategy is not CloudRunStrategy.CANARY and steps:
        raise checks.wrong(f"{WHAT}.steps", steps, f"none beside strategy {strategy.value}", "leave steps out")
    if strategy is CloudRunStrategy.ROLLING:
        if "pause" in given:
            raise checks.wrong(f"{WHAT}.pause", given["pause"], "none beside strategy rolling", "leave pause out")
        return Plan(strategy, (Stage(100, 0),))
    last = Stage(100, _seconds(f"{WHAT}.pause", given.get("pause", PAUSE_USUAL)))
    if strategy is CloudRunStrategy.BLUE_GREEN:
        return Plan(strategy, (last,))
    return Plan(strategy, (*_steps(f"{WHAT}.steps", steps), last))


def _steps(what: str, steps: Sequence[CloudRunStep]) -> list[Stage]:
    found: list[Stage] = []
    for at, each in enumerate(steps):
        checks.given(f"{what}[{at}]", each, CloudRunStep)
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
