"""How many of what answers there are, by what there is to do, whichever cloud has them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from components import checks


class Counts(NamedTuple):
    """How many there are."""

    least: int
    desired: int
    most: int
    cpu: float
    """Percent that is aimed at."""
    requests: float | None
    """Of each in a minute that are aimed at."""

    @property
    def scaled(self) -> bool:
        return self.most > self.least


class Counted(NamedTuple):
    """Whether somebody counts the requests, and what is said where nobody does."""

    there: bool
    expected: str
    fix: str
    least: float = 1
    most: float = 10_000_000
    """Requests a minute that can be aimed at."""


def counts(what: str, args: Mapping[str, Any], limit: int, unit: str, counted: Counted) -> Counts:
    """`min`, `desired` and `max` of the component `what`, and what is aimed at. Raises ArgsError."""
    for word in ("min", "desired", "max"):
        if word in args:
            checks.within(f"{what}.{word}", args[word], 1, limit, unit)
    least = args.get("min", 2)
    most = args.get("max", max(least, args.get("desired", 0)) if "min" in args or "desired" in args else 2)
    desired = args.get("desired", least)
    for word, number in (("min", least), ("desired", desired), ("max", most)):
        checks.within(f"{what}.{word}", number, 1, limit, unit)
    checks.in_order([(f"{what}.min", least), (f"{what}.desired", desired), (f"{what}.max", most)])
    cpu = args.get("cpu_target", 60)
    checks.within(f"{what}.cpu_target", cpu, 1, 100, "percent")
    requests = args.get("requests_target")
    for key in ("cpu_target", "requests_target"):
        if key in args and most == least:
            raise checks.wrong(f"{what}.{key}", args[key], f"a max above min ({least}) beside it", "raise max")
    if requests is not None:
        checks.within(f"{what}.requests_target", requests, counted.least, counted.most, "requests a minute")
        if not counted.there:
            raise checks.wrong(f"{what}.requests_target", requests, counted.expected, counted.fix)
    return Counts(int(least), int(desired), int(most), cpu, requests)
