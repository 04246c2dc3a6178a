"""What arguments of a component must be, told in one line before anything is registered.

A component's constructor asks these of its arguments first. What is an output is asked once it is known: at the latest
in the `up`, before whatever it goes into is made.
"""

import difflib
import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import Enum
from functools import cache, partial
from itertools import combinations, pairwise
from types import NoneType, UnionType
from typing import Any, Final, NotRequired, Required, TypeVar, Union, cast, get_args, get_origin, is_typeddict

import pulumi

T = TypeVar("T")
E = TypeVar("E", bound=Enum)
Network = ipaddress.IPv4Network
OPEN: Final = 8
"""Bits of a network's prefix: a larger network than this is the internet, or half of it, and nobody's own."""
SHOWN: Final = 200
"""Characters of a value that a message repeats."""


class ArgsError(pulumi.RunError, ValueError):
    """An argument is not what it must be. Pulumi shows the message alone, without a traceback."""


def wrong(what: str, got: object, expected: str, fix: str) -> ArgsError:
    """The one line: what, got, expected, and the fix."""
    told = f"{what} is {shown(got)}, expected {expected}; {fix.replace(repr(got), shown(got))}"
    # Half of a pair of surrogates is no character, and nothing could write it.
    return ArgsError(told.encode(errors="backslashreplace").decode())


def shown(value: object) -> str:
    """A value as a message repeats it: on one line, and no longer than anybody reads."""
    if isinstance(value, pulumi.Output):
        return "an output"
    told = repr(value)
    if len(told) <= SHOWN:
        return told
    return f"{told[: SHOWN // 2]}... ({len(told)} characters)"


def given(component: str, args: Mapping[str, Any], known: type) -> None:
    """Hold `args` to their TypedDict `known`: to its keys, and to the types of those that take no output.

    Types are asked because nothing holds a program to them, and `pulumi.Config().get()` gives texts, of which "false"
    would count as true.

    Raises ArgsError for a key that is missing or unknown, and for a value of another type.
    """
    required, all_of_them = cast("Any", known).__required_keys__, list(known.__annotations__)
    if not isinstance(cast("object", args), Mapping):
        expected = f"a mapping of {', '.join(all_of_them)}"
        raise wrong(component, args, expected, f"write {{{next(iter(required), all_of_them[0])!r}: ...}}")
    for key in args:
        if key not in all_of_them:
            near = difflib.get_close_matches(str(key), all_of_them, 1)
            meant = f"did you mean {near[0]}" if near else f"it takes {', '.join(all_of_them)}"
            raise ArgsError(f"{component} has no argument {shown(key)}, {meant}")
    for key in all_of_them:
        if key in required and args.get(key) is None:
            raise ArgsError(f"{component}.{key} is missing, expected a value; write {key}: ...")
    for key, rule in _rules(known).items():
        if key in args:
            rule(f"{component}.{key}", args[key])


@cache
def _rules(known: type) -> dict[str, Callable[[str, object], None]]:
    """What values of a TypedDict's keys are held to, for each that takes no output."""
    found: dict[str, Callable[[str, object], None]] = {}
    for key, annotation in known.__annotations__.items():
        kind: Any = annotation
        origin: Any = get_origin(kind)
        while origin in (NotRequired, Required):
            kind = get_args(kind)[0]
            origin = get_origin(kind)
        later = optional = False
        if origin in (Union, UnionType):
            members = [each for each in get_args(kind) if each is not NoneType]
            # An Input is what it is of, or one of those that it is later.
            optional, later = len(members) < len(get_args(kind)), len(members) > 1
            kind = members[0]
        origin = Mapping if is_typeddict(kind) else get_origin(kind) or kind
        rule = _RULES.get(origin)
        if rule is None or (later and rule not in (_list, _mapping)):
            continue
        if rule is _list and get_args(kind)[:1] == (str,):
            rule = _texts
        found[key] = partial(_now, rule) if later else partial(_if_any, rule) if optional else rule
    return found


def _now(rule: Callable[[str, object], None], what: str, value: object) -> None:
    """Hold an Input to a rule where it is there already."""
    if not isinstance(value, pulumi.Output | Awaitable):
        rule(what, value)


def _if_any(rule: Callable[[str, object], None], what: str, value: object) -> None:
    if value is not None:
        rule(what, value)


def _truth(what: str, value: object) -> None:
    if isinstance(value, bool):
        return
    if value is None:
        raise wrong(what, value, "True or False", "leave it out")
    meant = isinstance(value, str | int | float) and str(value).strip().lower() in ("true", "yes", "on", "1", "1.0")
    raise wrong(what, value, "True or False", f"write {meant}")


def _number(what: str, value: object) -> None:
    if value is None or isinstance(value, int | float):
        return
    try:
        meant = f"write {float(value):g}" if isinstance(value, str) else "write one"
    except ValueError:
        meant = "write one"
    raise wrong(what, value, "a number", meant)


def _text(what: str, value: object) -> None:
    # A number is told by the rule of its argument, which knows what it stands for.
    if value is not None and not isinstance(value, str | int | float):
        raise wrong(what, value, "a text", "write one")


def _list(what: str, value: object) -> None:
    # A text is told by the rule of its argument, which knows what it is a list of.
    if value is not None and (isinstance(value, bytes) or not isinstance(value, Sequence)):
        raise wrong(what, value, "a list", f"write [{shown(value)}]" if isinstance(value, int | float) else "write one")


def _texts(what: str, value: object) -> None:
    _list(what, value)
    if not isinstance(value, str):
        for at, each in enumerate(cast("Sequence[object] | None", value) or ()):
            if not isinstance(each, str):
                raise wrong(f"{what}[{at}]", each, "a text", "write one")


def _mapping(what: str, value: object) -> None:
    if value is not None and not isinstance(value, Mapping):
        raise wrong(what, value, "a mapping", "write {...}")


_RULES: Final[Mapping[type, Callable[[str, object], None]]] = {
    bool: _truth,
    int: _number,
    float: _number,
    str: _text,
    Sequence: _list,
    list: _list,
    Mapping: _mapping,
    dict: _mapping,
}


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
