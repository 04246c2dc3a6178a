"""How a new version takes the place of the old one on EC2: the words of a release, as an instance refresh has them."""

import math
from collections.abc import Sequence
from enum import Enum
from itertools import pairwise
from typing import Any, Final, NamedTuple, NotRequired, TypedDict, cast

from components import checks

WHAT: Final = "Ec2Service.release"
SECONDS: Final = 172_800
"""That a checkpoint or what comes after the last one takes, at most (the model of StartInstanceRefresh in botocore
1.43, 2026-11-22)."""
LEAST_HEALTHY, MOST_HEALTHY = 100, 150
"""Percent of the instances: a new one answers before an old one goes, for half as many more at once."""
ALARMS: Final = 10
"""That an instance refresh looks at, at most (the same)."""


class Ec2Strategy(Enum):
    """How a new version comes to its instances."""

    ROLLING = "rolling"
    """One after the other, or half of them at once, without a stop."""
    CANARY = "canary"
    """A share of the instances, larger step by step."""


class Ec2Step(TypedDict):
    """A step of a canary."""

    weight: int
    """Percent of the instances that have the new version, and so of the requests; one instance at least."""
    pause: NotRequired[float]
    """Seconds that the step takes, the same for all. Default: 60."""


class Ec2Release(TypedDict):
    """How a new version takes the place of the old one."""

    strategy: NotRequired[Ec2Strategy]
    """How it comes to its instances. Default: rolling."""
    steps: NotRequired[Sequence[Ec2Step]]
    """The steps of a canary."""
    pause: NotRequired[float]
    """Seconds for which the new version is looked at once it has all instances: until then it is rolled back.
    Default: 60 for a canary, none for a rolling release."""


class Release(NamedTuple):
    """A release as EC2 Auto Scaling takes it."""

    preferences: dict[str, Any]


def asked(given: Ec2Release) -> Release:
    """A release, checked. Raises ArgsError for what an instance refresh has no counterpart of."""
    checks.given(WHAT, given, Ec2Release)
    strategy = checks.choice(f"{WHAT}.strategy", given.get("strategy", Ec2Strategy.ROLLING), Ec2Strategy)
    steps = list(given.get("steps") or [])
    canary = strategy is Ec2Strategy.CANARY
    if not canary and steps:
        raise checks.wrong(f"{WHAT}.steps", steps, f"none beside strategy {strategy.value}", "leave steps out")
    bake = _seconds(f"{WHAT}.pause", given.get("pause", 60 if canary else 0))
    preferences: dict[str, Any] = {
        "MinHealthyPercentage": LEAST_HEALTHY,
        "MaxHealthyPercentage": MOST_HEALTHY,
        # What has the new version already is not replaced by it once more.
        "SkipMatching": True,
        "ScaleInProtectedInstances": "Refresh",
        "StandbyInstances": "Ignore",
    }
    if bake:
        preferences["BakeTime"] = bake
    return Release({**preferences, **(_checkpoints(steps) if canary else {})})


def _checkpoints(steps: Sequence[Ec2Step]) -> dict[str, Any]:
    what = f"{WHAT}.steps"
    for at, each in enumerate(steps):
        checks.given(f"{what}[{at}]", each, Ec2Step)
        checks.whole(f"{what}[{at}].weight", each["weight"], 1, 100, "percent")
    weights = [int(each["weight"]) for each in steps]
    pauses = [_seconds(f"{what}[{at}].pause", each.get("pause", 60)) for at, each in enumerate(steps)]
    if not weights:
        raise checks.wrong(what, [], "at least one step of a canary", "for example weight 10, pause 300")
    if any(less >= more for less, more in pairwise(weights)):
        raise checks.wrong(what, weights, "weights each larger than the one before", f"write {sorted(set(weights))}")
    if len(set(pauses)) > 1:
        longest = f"write {max(pauses)} for each"
        raise checks.wrong(f"{what} pauses", pauses, "one pause, as an instance refresh has no others", longest)
    # Without 100 at its end a refresh stops where it is.
    return {"CheckpointPercentages": [*weights, *([] if weights[-1] == 100 else [100])], "CheckpointDelay": pauses[0]}


def _seconds(what: str, seconds: object) -> int:
    checks.within(what, seconds, 0, SECONDS, "seconds")
    number = cast("float", seconds)
    if number % 1:
        raise checks.wrong(what, seconds, "whole seconds", f"write {math.ceil(number)}")
    return int(number)
