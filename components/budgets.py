"""What a month may cost, whichever cloud it is spent on: how much, and at which shares of it somebody is told."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from components import checks

ACTUAL_PERCENT: Final = (80.0, 100.0)
FORECAST_PERCENT: Final = (100.0,)


def amount(what: str, value: object, unit: str) -> float:
    """An amount of money, to the cent. unit: what it is of, as `US dollars`. Raises ArgsError."""
    checks.within(what, value, 0.01, 1e9, unit)
    found = cast("float", value)
    if round(found, 2) != found:
        raise checks.wrong(what, value, "whole cents", f"write {round(found, 2):.2f}")
    return found


def alerts(component: str, args: Mapping[str, Any], most: int | None = None) -> list[tuple[bool, float]]:
    """When somebody is told: whether costs that are only expected count, and at which percentage. Raises ArgsError.

    args: with `actual_percents` and `forecast_percents`, or without. most: how many there may be.
    """
    found: list[tuple[bool, float]] = []
    for key, usual, forecast in (
        ("actual_percents", ACTUAL_PERCENT, False),
        ("forecast_percents", FORECAST_PERCENT, True),
    ):
        what = f"{component}.{key}"
        told = args.get(key, usual)
        if not isinstance(told, list | tuple):
            raise checks.wrong(what, told, "a list of percentages", f"write [{told!r}]")
        given = list(cast("Sequence[float]", told))
        for each in given:
            checks.within(what, each, 1, 1000, "per cent")
        if len(set(given)) != len(given):
            raise checks.wrong(what, given, "each of them once", f"write {sorted(set(given))}")
        found += [(forecast, float(each)) for each in given]
    what = f"{component}.actual_percents"
    if not found:
        raise checks.wrong(what, [], "one percentage at least", "write [100]")
    if most is not None and len(found) > most:
        expected = f"at most {most} with forecast_percents, as a budget tells no more"
        raise checks.wrong(what, f"{len(found)} percentages", expected, "leave some out")
    return found
