"""What is promised to the users of services in a cluster, whichever cloud watches it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from components import checks

LATENCY, ERROR_PERCENT = 0.25, 1.0
"""Seconds within which 99 of 100 requests are to be answered, and how many of a hundred may fail."""
_LABEL: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"


def promised(service: Mapping[str, Any]) -> tuple[float, float]:
    """Seconds, and requests of a hundred that may fail."""
    return service.get("latency", LATENCY), service.get("error_percent", ERROR_PERCENT)


def slug(service: Mapping[str, Any]) -> str:
    """What resources about a service are called."""
    return f"{service['namespace']}-{service['service']}"


def services(what: str, given: Sequence[Mapping[str, Any]], known: type, most: int, why: str) -> None:
    """Hold services that are watched to what they can be. Raises ArgsError.

    known: the TypedDict of one. most, why: how many there may be, and what allows no more.
    """
    if not given:
        example = '[{"namespace": "models", "service": "digits"}]'
        raise checks.wrong(what, list(given), "at least one service", f"write {example}")
    if len(given) > most:
        expected = f"at most {most}, as {why}"
        raise checks.wrong(what, f"{len(given)} services", expected, "watch the others with a component of their own")
    seen: set[str] = set()
    for each in given:
        checks.given(what, each, known)
        for key, example in (("namespace", "models"), ("service", "digits")):
            checks.fits(f"{what}[].{key}", each.get(key), _LABEL, "at most 63 of a-z, 0-9 and -", example)
        called = f"{each['namespace']}/{each['service']}"
        if slug(each) in seen:
            raise checks.wrong(what, called, "each service once", "leave one of them out")
        seen.add(slug(each))
        seconds, percent = promised(each)
        checks.within(f"{what}[{called!r}].latency", seconds, 0.0005, 300, "seconds")
        checks.within(f"{what}[{called!r}].error_percent", percent, 0.001, 100)
