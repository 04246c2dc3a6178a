"""What has served of a model: the entries of a history, and how one of them is meant, in whichever target."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypedDict, cast

KEPT = 50
"""Promotions that a history tells of."""


class Promotion(TypedDict):
    """One entry of the history. The last one is what serves."""

    number: int
    digest: str
    reference: str
    version: str
    at: str


def of(olds: Mapping[str, Any]) -> list[Promotion]:
    """The history in a resource's state."""
    return list(cast("Sequence[Promotion]", olds.get("history") or ()))


def promoted(history: Sequence[Promotion], wanted: Promotion) -> list[Promotion]:
    """The history, with one that has just been promoted."""
    number = int(history[-1]["number"]) + 1 if history else 1
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return [*history, cast("Promotion", {**wanted, "number": number, "at": now})][-KEPT:]


def moved(history: Sequence[Promotion], reference: str) -> list[Promotion]:
    """The history, with the last version by another address: the same version is no promotion."""
    return [*history[:-1], cast("Promotion", {**history[-1], "reference": reference})]


def found(history: Sequence[Promotion], wanted: str) -> Promotion:
    """The promotion that is meant: by digest or the beginning of one, by number, or by version, the latest of it.

    Raises ValueError with what there is.
    """
    digest = wanted.removeprefix("sha256:")
    hexadecimal = bool(digest) and all(letter in "0123456789abcdef" for letter in digest)
    by_number = [each for each in history if wanted.isdigit() and int(each["number"]) == int(wanted)]
    by_digest = [each for each in history if hexadecimal and each["digest"].removeprefix("sha256:").startswith(digest)]
    by_version = [each for each in history if each["version"] and each["version"] == wanted]
    if len(digest) >= 6 and len({each["digest"] for each in by_digest}) == 1:
        return by_digest[-1]
    for several in (by_version, by_number):
        if several:
            return several[-1]
    alike = len({each["digest"] for each in by_digest}) > 1 and len(digest) >= 6
    what = "more than one version begins so" if alike else "no version is known by that"
    raise ValueError(f"{wanted}: {what}, expected a digest, number or version of: {_known(history)}")


def numbered(history: Sequence[Promotion], number: int) -> Promotion:
    """The promotion of that number, whatever versions are called. Raises ValueError with what there is."""
    for each in history:
        if int(each["number"]) == number:
            return each
    raise ValueError(f"{number}: no promotion has that number, expected one of: {_known(history)}")


def _known(history: Sequence[Promotion]) -> str:
    return "; ".join(described(each) for each in reversed(history)) or "none"


def described(entry: Promotion) -> str:
    """A promotion in one line: `3 sha256:a1b2c3d4e5f6 version 2 of 2026-01-31 12:00`."""
    version = f" version {entry['version']}" if entry["version"] else ""
    when = entry["at"][:16].replace("T", " ")
    return f"{int(entry['number'])} {entry['digest'][:19]}{version} of {when}"
