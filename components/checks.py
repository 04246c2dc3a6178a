"""What arguments of a component must be, told in one line before anything is registered.

A component's constructor asks these of its arguments first. What is an output is asked once it is known: at the latest
in the `up`, before whatever it goes into is made.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from itertools import combinations, pairwise
from typing import Any, Final, TypeVar, cast

import pulumi

T = TypeVar("T")
E = TypeVar("E", bound=Enum)
Network = ipaddress.IPv4Network
OPEN: Final = 8
"""Bits of a network's prefix: a larger network than this is the internet, or half of it, and nobody's own."""


class ArgsError(pulumi.RunError, ValueError):
    """An argument is not what it must be. Pulumi shows the message alone, without a traceback."""


def wrong(what: str, got: object, expected: str, fix: str) -> ArgsError:
    """The one line: what, got, expected, and the fix."""
    return ArgsError(f"{what} is {got!r}, expected {expected}; {fix}")


def given(component: str, args: Mapping[str, Any], known: type) -> None:
    """Hold `args` to the keys of their TypedDict `known`. Raises ArgsError for one that is missing or unknown."""
    required, all_of_them = cast("Any", known).__required_keys__, list(known.__annotations__)
    for key in args:
        if key not in all_of_them:
            near = difflib.get_close_matches(key, all_of_them, 1)
            meant = f"did you mean {near[0]}" if near else f"it takes {', '.join(all_of_them)}"
            raise ArgsError(f"{component} has no argument {key!r}, {meant}")
    for key in all_of_them:
        if key in required and args.get(key) is None:
            raise ArgsError(f"{component}.{key} is missing, expected a value; write {key}: ...")


def asked(value: pulumi.Input[T], rule: Callable[[T], object]) -> pulumi.Input[T]:
    """`value`, which `rule` may refuse by raising: now, or once it is known where it is an output."""
    if not isinstance(value, pulumi.Output):
        rule(cast("T", value))
        return value

    def later(found: T) -> T:
        rule(found)
        return found

    return cast("pulumi.Output[T]", value).apply(later)


def fits(what: str, value: object, pattern: str, expected: str, example: str) -> None:
    """Hold a text to a whole pattern. Raises ArgsError."""
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise wrong(what, value, expected, f"for example {example}")


def one_of(what: str, value: object, choices: Iterable[str]) -> None:
    """Hold a text to some words. Raises ArgsError, which names the nearest of them."""
    known = list(choices)
    if value in known:
        return
    near = difflib.get_close_matches(str(value), known, 1)
    if not near or len(known) <= 6:
        raise wrong(what, value, f"one of {', '.join(known)}", f"write {near[0] if near else known[0]}")
    raise wrong(what, value, "one that there is", f"did you mean {near[0]}")


def choice(what: str, value: object, kind: type[E]) -> E:
    """The member of an Enum, given as itself or as its value. Raises ArgsError."""
    if not isinstance(value, kind):
        one_of(what, value, [str(each.value) for each in kind])
    return kind(value)


def within(what: str, value: object, least: float, most: float, unit: str = "") -> None:
    """Hold a number to a range, both ends in it. Raises ArgsError."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= cast("float", value) <= most:
        nearest = most if number and cast("float", value) > most else least
        raise wrong(what, value, f"{least:g} to {most:g}{unit and ' '}{unit}", f"write {nearest:g}")


def whole(what: str, value: object, least: int, most: int, unit: str = "") -> int:
    """A whole number of a range, both ends in it; other languages send 3 as 3.0. Raises ArgsError."""
    within(what, value, least, most, unit)
    number = cast("float", value)
    if int(number) != number:
        raise wrong(what, value, "a whole number", f"write {round(number)}")
    return int(number)


def in_order(what: Sequence[tuple[str, float]]) -> None:
    """Hold numbers to their order, each at most the next. Raises ArgsError."""
    for (low, less), (high, more) in pairwise(what):
        if less > more:
            raise wrong(low, less, f"at most {high}, which is {more:g}", f"raise {high} to {less:g}")


def network(what: str, value: object, *, largest: int = 8, smallest: int = 28) -> Network:
    """An IPv4 network by its CIDR. Raises ArgsError.

    largest, smallest: bounds of the prefix's length, in bits.
    """
    try:
        found = ipaddress.IPv4Network(value if isinstance(value, str) else "")
    except ValueError:
        try:
            meant = str(ipaddress.IPv4Network(str(value), strict=False))
        except ValueError:
            meant = "10.0.0.0/16"
        raise wrong(what, value, "an IPv4 network in CIDR notation", f"for example {meant}") from None
    if not largest <= found.prefixlen <= smallest:
        expected = f"a prefix of {largest} to {smallest} bits"
        nearest = Network((int(found.network_address), max(largest, min(smallest, found.prefixlen))), strict=False)
        raise wrong(what, value, expected, f"for example {nearest}")
    return found


def apart(networks: Mapping[str, Network]) -> None:
    """Hold networks, by what they are called, to sharing no address. Raises ArgsError."""
    for (one, first), (other, second) in combinations(networks.items(), 2):
        if first.overlaps(second):
            raise ArgsError(
                f"{other} is {str(second)!r}, which overlaps {one} ({first}), expected networks that share no "
                "address; change one of them"
            )


def wide(networks: Sequence[str]) -> str | None:
    """The first of some networks that is so large that it is the internet, or half of it."""
    return next((each for each in networks if int(each.partition("/")[2]) < OPEN), None)
