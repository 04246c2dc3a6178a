"""JSONPath as far as conditions need it: names, indexes, wildcards and filters.

.status.phase   ['a.b']   .items[0]   .items[-1]   .items[*]   .conditions[?(@.type == 'Ready')].status
"""

import json
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from engine.values import is_dict, is_list

Path: TypeAlias = Callable[[Any], list[Any]]
"""Finds the values at a path, in order."""

_Test: TypeAlias = Callable[[Any], bool]

_NAME: Final = re.compile(r"\.?([A-Za-z_][\w-]*)")
_DOTTED_STAR: Final = re.compile(r"\.\*")
_BRACKET: Final = re.compile(
    r"\.?\[\s*(?:(?P<index>-?\d+)|(?P<star>\*)|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\")\s*\]"
)
_COMPARED: Final = re.compile(r"\s*(==|!=|>=|<=|>|<)\s*")


def parsed(text: str) -> Path:
    """The path in words; raises ValueError where it cannot be read."""
    rest = text.removeprefix("$")
    steps: list[Path] = []
    while rest:
        step, rest = _step(rest, text)
        steps.append(step)

    def find(value: Any) -> list[Any]:
        found = [value]
        for step in steps:
            found = [one for each in found for one in step(each)]
        return found

    return find


def _step(rest: str, whole: str) -> tuple[Path, str]:
    if match := _DOTTED_STAR.match(rest):
        return _every, rest[match.end() :]
    if (match := _NAME.match(rest)) and (rest.startswith(".") or rest == whole):
        return _named(match[1]), rest[match.end() :]
    if match := _BRACKET.match(rest):
        after = rest[match.end() :]
        if match["index"] is not None:
            return _indexed(int(match["index"])), after
        if match["star"] is not None:
            return _every, after
        return _named(match["single"] if match["single"] is not None else match["double"]), after
    opening = re.match(r"\.?\[\s*\?", rest)
    if opening:
        end = _closing(rest, opening.end(), whole)
        return _filtered(rest[opening.end() : end].strip(), whole), rest[end + 1 :]
    raise ValueError(f"no path at {json.dumps(rest)} of {json.dumps(whole)}, expected .name, [0], [*] or [?(...)]")


def _closing(text: str, start: int, whole: str) -> int:
    """Where the bracket ends that is open at `start`, quoted ones not counted."""
    depth, quote = 1, ""
    for place in range(start, len(text)):
        letter = text[place]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "[]":
            depth += 1 if letter == "[" else -1
            if not depth:
                return place
    raise ValueError(f"a bracket is not closed in {json.dumps(whole)}")


def _named(name: str) -> Path:
    def find(value: Any) -> list[Any]:
        return [value[name]] if is_dict(value) and name in value else []

    return find


def _indexed(index: int) -> Path:
    def find(value: Any) -> list[Any]:
        return [value[index]] if is_list(value) and -len(value) <= index < len(value) else []

    return find


def _every(value: Any) -> list[Any]:
    if is_dict(value):
        return list(value.values())
    return list(value) if is_list(value) else []


def _filtered(text: str, whole: str) -> Path:
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    test = _either(text, whole)

    def find(value: Any) -> list[Any]:
        return [one for one in _every(value) if test(one)]

    return find


def _either(text: str, whole: str) -> _Test:
    alternatives = [[_compared(one, whole) for one in both.split("&&")] for both in text.split("||")]

    def test(value: Any) -> bool:
        return any(all(one(value) for one in both) for both in alternatives)

    return test


def _compared(text: str, whole: str) -> _Test:
    sides = _COMPARED.split(text.strip(), maxsplit=1)
    left = _side(sides[0], whole)
    if len(sides) == 1:
        return lambda value: bool(left(value))
    operator, right = sides[1], _side(sides[2], whole)

    def test(value: Any) -> bool:
        one, other = left(value)[:1], right(value)[:1]
        if operator in ("==", "!="):
            return (one == other) is (operator == "==")
        if not one or not other or type(one[0]) is not type(other[0]) or not isinstance(one[0], (int, float, str)):
            return False
        smaller, equal = one[0] < other[0], one[0] == other[0]
        return (equal and "=" in operator) or (smaller if operator.startswith("<") else not smaller and not equal)

    return test


def _side(text: str, whole: str) -> Path:
    text = text.strip()
    if text.startswith("@"):
        return parsed(text[1:])
    if len(text) > 1 and text[0] == text[-1] == "'":
        text = json.dumps(text[1:-1])
    try:
        value = json.loads(text)
    except ValueError:
        raise ValueError(
            f"{json.dumps(text)} in {json.dumps(whole)} is neither a path such as @.name nor a value"
        ) from None
    return lambda _value: [value]
