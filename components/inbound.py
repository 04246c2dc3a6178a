"""What a program in another language gives a component, as the component's own arguments.

It arrives under the schema's names, with each number a float, each choice a text, and what is not known yet or secret
wherever it stood, or one level or more above: Pulumi's SDK makes an output of a whole argument of which a part is one.
A component is given what a program in Python would give it: names and choices of its own, and outputs only where its
types take them.
"""

import asyncio
import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeGuard, cast

import pulumi
from pulumi.output import Unknown
from pulumi.provider.experimental.analyzer import PropertyDefinition, PropertyType, TypeDefinition
from pulumi.runtime import rpc

from components.checks import ArgsError, shown, wrong

SCALARS: Final[Mapping[PropertyType, tuple[tuple[type, ...], str]]] = {
    PropertyType.STRING: ((str,), "a text"),
    PropertyType.INTEGER: ((int,), "a whole number"),
    PropertyType.NUMBER: ((int, float), "a number"),
    PropertyType.BOOLEAN: ((bool,), "true or false"),
}
Known = Mapping[str, PropertyDefinition]


class Reader:
    """Reads arguments by what the analysis of Pulumi's host says of their types."""

    def __init__(self, types: Mapping[str, TypeDefinition]) -> None:
        self._types = types

    def component(self, what: str, given: Mapping[str, Any], known: Known, names: Mapping[str, str]) -> dict[str, Any]:
        """The arguments of a component. Raises ArgsError for what it takes none of, and for what fits no type."""
        return self._fields(what, given, known, names)

    def _fields(self, what: str, given: Mapping[str, Any], known: Known, names: Mapping[str, str]) -> dict[str, Any]:
        for key in given:
            if key not in known:
                raise ArgsError(f"{what} has no argument {shown(key)}, {near(key, known)}")
        for key, each in known.items():
            if not each.optional and given.get(key) is None:
                raise ArgsError(f"{what}.{key} is missing, expected a value; write {key}: ...")
        return {
            names[key]: self._read(f"{what}.{key}", given[key], each)
            for key, each in known.items()
            if given.get(key) is not None
        }

    def _read(self, what: str, value: Any, kind: PropertyDefinition) -> Any:
        if _is_output(value):
            return self._of_output(what, value, kind)
        if isinstance(value, Unknown):
            if kind.plain:
                raise _too_early(what)
            return _output(None, known=False)
        if kind.ref is not None:
            return self._named(what, value, kind.ref)
        if kind.items is not None:
            item = kind.items
            if not _is_list(value):
                raise wrong(what, value, "a list", "write one")
            return [self._read(f"{what}[{at}]", each, item) for at, each in enumerate(value)]
        if kind.additional_properties is not None:
            entry = kind.additional_properties
            fields = _mapping(what, value).items()
            return {key: self._read(f"{what}.{key}", each, entry) for key, each in fields if each is not None}
        return _scalar(what, value, kind)

    def _named(self, what: str, value: Any, ref: str) -> Any:
        """A type of the package, or one of Pulumi's own, which is anything."""
        found = self._types.get(ref.rpartition(":")[2])
        if found is None:
            return _anything(value)
        if found.enum is None:
            return self._fields(what, _mapping(what, value), found.properties, found.properties_mapping)
        for choice in found.enum:
            if choice.value == value:
                return found.python_type(value)
        choices = [str(choice.value) for choice in found.enum]
        raise wrong(what, value, f"one of {', '.join(choices)}", _meant(str(value), choices))

    def _of_output(self, what: str, value: "pulumi.Output[Any]", kind: PropertyDefinition) -> Any:
        """What is an output: by its parts where their types take outputs, else one output of all that is in it."""
        data = value._data  # pyright: ignore[reportPrivateUsage]
        if not data.done():
            if kind.plain:
                raise _too_early(what)
            return value.apply(lambda there: self._read(what, there, kind))
        there = data.result()
        if isinstance(there.value, Unknown) or (not there.is_known and not _parts(there.value)):
            if kind.plain:
                raise _too_early(what)
            return _output(None, there.resources, known=False, secret=there.is_secret)
        if kind.plain and not _parts(there.value):
            return self._read(what, there.value, kind)
        if _parts(there.value) and (kind.plain or self._open(kind)):
            return self._read(what, _shared(there.value, there.resources, there.is_secret), kind)
        if rpc.contains_unknowns(there.value):
            return _output(None, there.resources, known=False, secret=there.is_secret)
        return _output(self._read(what, there.value, kind), there.resources, secret=there.is_secret)

    def _open(self, kind: PropertyDefinition, seen: frozenset[str] = frozenset()) -> bool:
        """Whether every part of it may be an output: nothing is lost of what it hangs on by handing out its parts."""
        for part in (kind.items, kind.additional_properties):
            if part is not None:
                return not part.plain and self._open(part, seen)
        if kind.ref is None:
            return True
        found = self._types.get(kind.ref.rpartition(":")[2])
        if found is None or found.enum is not None or found.name in seen:
            return True
        return all(not each.plain and self._open(each, seen | {found.name}) for each in found.properties.values())


def near(key: str, known: Iterable[str]) -> str:
    """How a message about an unknown name ends."""
    every = list(known)
    close = difflib.get_close_matches(key, every, 1)
    return f"did you mean {close[0]}" if close else f"it takes {', '.join(every)}"


def _meant(value: str, choices: list[str]) -> str:
    close = difflib.get_close_matches(value.lower(), choices, 1)
    return f"write {close[0]}" if close else "write one of them"


def _scalar(what: str, value: Any, kind: PropertyDefinition) -> Any:
    rule = SCALARS.get(kind.type) if kind.type is not None else None
    if rule is None:
        return _anything(value)
    types, expected = rule
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as a program in Python writes it: 2 and 2.0 make different texts
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        raise wrong(
            what, value, expected, "write one" if kind.type is not PropertyType.BOOLEAN else "write one of them"
        )
    return value


def _mapping(what: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise wrong(what, value, "a mapping", "write one")
    return cast("Mapping[str, Any]", value)


def _anything(value: Any) -> Any:
    """What has no type: outputs stay where they are, and what is not known becomes one."""
    if isinstance(value, Unknown):
        return _output(None, known=False)
    if _is_list(value):
        return [_anything(each) for each in value]
    if isinstance(value, dict):
        return {key: _anything(each) for key, each in cast("dict[str, Any]", value).items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_output(value: object) -> "TypeGuard[pulumi.Output[Any]]":
    return isinstance(value, pulumi.Output)


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _parts(value: Any) -> bool:
    return isinstance(value, dict | list)


def _shared(value: Any, resources: set[pulumi.Resource], secret: bool) -> Any:
    """Each part as an output of its own that hangs on the same and is as secret."""
    if isinstance(value, Unknown):
        return _output(None, resources, known=False, secret=secret)
    if _is_list(value):
        return [_shared(each, resources, secret) for each in value]
    if isinstance(value, dict):
        fields = cast("dict[str, Any]", value).items()
        return {key: _shared(each, resources, secret) for key, each in fields if each is not None}
    return value if _is_output(value) else _output(value, resources, secret=secret)


def _output(
    value: Any, resources: set[pulumi.Resource] | None = None, *, known: bool = True, secret: bool = False
) -> "pulumi.Output[Any]":
    from pulumi.output import _OutputData  # pyright: ignore[reportPrivateUsage]

    made: asyncio.Future[Any] = asyncio.Future()
    made.set_result(_OutputData(resources or set(), value, known, secret))
    there: pulumi.Output[Any] = pulumi.Output._from_data(made)  # pyright: ignore
    return there


def _too_early(what: str) -> ArgsError:
    return ArgsError(f"{what} is not known before the `up`, expected a value: it decides what is made; write one")
