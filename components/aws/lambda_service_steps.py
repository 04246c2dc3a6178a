"""Steps of a release as AWS's own services shift requests: one share and then all, or equal shares."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple, cast

from components import checks

MINUTES: Final = 2880
"""Minutes between two shifts, at most: two days, for which CodeDeploy waits (its quotas, 2026-11-22)."""


class Shift(NamedTuple):
    """A share of the requests, and minutes until the next; `linear`: as often as there are requests left."""

    percent: int
    minutes: int
    linear: bool


def steps(what: str, given: Sequence[Mapping[str, Any]], known: type) -> Shift:
    """The steps of a canary in AWS Lambda, each `weight` and `pause`. Raises ArgsError for what it cannot do.

    known: the TypedDict of a step.
    """
    for at, each in enumerate(given):
        checks.given(f"{what}[{at}]", each, known)
        checks.whole(f"{what}[{at}].weight", each["weight"], 1, 100, "percent")
    pauses = [minutes(f"{what}[{at}].pause", each.get("pause", 60)) for at, each in enumerate(given)]
    weights = [cast("int", each["weight"]) for each in given]
    if not weights:
        raise checks.wrong(what, [], "at least one step of a canary", "for example weight 10, pause 300")
    if any(less >= more for less, more in pairwise(weights)):
        raise checks.wrong(what, weights, "weights each larger than the one before", f"write {sorted(set(weights))}")
    first = weights[0]
    if len(weights) == 1:
        if first == 100:
            raise checks.wrong(f"{what}[0].weight", 100, "a share of the requests", "write 10, or strategy rolling")
        return Shift(first, pauses[0], linear=False)
    # The last step of equal ones is 100 with or without being written: the service goes there by itself.
    whole = [min(first * at, 100) for at in range(1, math.ceil(100 / first) + 1)]
    if weights not in (whole, whole[:-1]) or len(set(pauses)) > 1:
        equal = "steps of equal size and pause, or one, as CodeDeploy has no others"
        told = ", ".join(map(str, whole[:-1])) if 5 <= first <= 33 else "25, 50, 75"
        raise checks.wrong(what, weights, equal, f"write {told} with one pause, or a single step")
    return Shift(first, pauses[0], linear=True)


def minutes(what: str, seconds: object) -> int:
    """Minutes of a pause. Raises ArgsError."""
    checks.within(what, seconds, 60, MINUTES * 60, "seconds")
    number = cast("float", seconds)
    if number % 60:
        expected = "whole minutes, as CodeDeploy counts in these"
        raise checks.wrong(what, seconds, expected, f"write {math.ceil(number / 60) * 60}")
    return int(number // 60)
