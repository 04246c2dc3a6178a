"""Ranges of versions, as a program says which engine it needs: `>=3.5.0 !3.7.7 || 4.x`."""

import itertools
import json
import re
from collections.abc import Callable

from engine.errors import EngineError
from engine.state import ENGINE_VERSION

Version = tuple[int, int, int]

_TERM = re.compile(r"(==|=|!=|!|>=|<=|>|<|)\s*v?([0-9xX*]+(?:\.[0-9xX*]+){0,2})(?:[-+][0-9A-Za-z.+-]*)?")
_COMPARED: dict[str, Callable[[Version, Version], bool]] = {
    "": lambda a, b: a == b,
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "!": lambda a, b: a != b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
}


def require(wanted: str) -> None:
    """Refuse a range that this engine is not in: it counts as the official engine whose ways it has."""
    own = ENGINE_VERSION.removeprefix("v")
    if wanted and not within(own, wanted):
        raise EngineError(f"Pulumi CLI version {own} does not satisfy the version range {json.dumps(wanted)}")


def within(version: str, wanted: str) -> bool:
    """Whether a version, MAJOR.MINOR.PATCH, is in a range; raises EngineError where the range makes no sense."""
    own = _numbers(version)
    held = [_all(own, part, wanted) for part in wanted.split("||")]  # each is looked at, for each must make sense
    return any(held)


def older(version: str, wanted: str) -> bool:
    """Whether a version, `v1.2.3-alpha` or shorter, comes before another; what is no version does."""
    try:
        return _place(version) < _place(wanted)
    except ValueError:
        return True


def _place(version: str) -> tuple[list[int], bool]:
    numbers, dash, _ = version.removeprefix("v").partition("+")[0].partition("-")
    parts = [int(part) for part in numbers.split(".")]
    return [*parts, 0, 0][:3], not dash


def _all(own: Version, part: str, whole: str) -> bool:
    terms = re.sub(r"(==|=|!=|!|>=|<=|>|<)\s+", r"\1", part).split()
    if not terms:
        raise _senseless(whole, f"empty range part in {json.dumps(whole)}")
    held = [_holds(own, term, whole) for term in terms]
    return all(held)


def _holds(own: Version, term: str, whole: str) -> bool:
    found = _TERM.fullmatch(term)
    if found is None:
        raise _senseless(whole, f"Could not get version from string: {json.dumps(term)}")
    how, numbers = found.groups()
    parts = numbers.split(".")
    known = [part for part in parts if part.isdigit()]
    if len(known) == 3:
        return _COMPARED[how](own, _numbers(numbers))
    if len(parts) < 3 and len(known) == len(parts):
        said = json.dumps(term)
        why = f"Could not parse version {json.dumps(numbers)} in {said}: No Major.Minor.Patch elements found"
        raise _senseless(whole, f"Could not parse Range {said}: {why}")
    line = itertools.takewhile(str.isdigit, parts)
    return _within_line(own, how, [int(part) for part in line])


def _within_line(own: Version, how: str, line: list[int]) -> bool:
    """Compare with a whole line of versions, such as 3.x or 3.7.x."""
    if not line:
        return how not in ("!", "!=", "<", ">")
    first, beyond = _filled(line), _filled([*line[:-1], line[-1] + 1])
    if how in ("", "=", "=="):
        return first <= own < beyond
    if how in ("!", "!="):
        return not first <= own < beyond
    return {">": own >= beyond, ">=": own >= first, "<": own < first, "<=": own < beyond}[how]


def _filled(line: list[int]) -> Version:
    major, minor, patch = [*line, 0, 0][:3]
    return major, minor, patch


def _numbers(version: str) -> Version:
    major, minor, patch = (int(part) for part in re.split(r"[-+]", version)[0].split("."))
    return major, minor, patch


def _senseless(whole: str, why: str) -> EngineError:
    return EngineError(f"parsing CLI version range {json.dumps(whole)}: {why}")
