"""What values become between a large program and the engine. Loaded by lean.py, so it imports nothing of ours.

A class of a provider's SDK has types for its properties: by them names are translated (`cidr_block` is `cidrBlock` to
the engine), and what comes back becomes instances of the SDK's own classes. What a type says is worked out once here,
where the SDK does so for each value; what is out of the ordinary raises `Odd` and is left to the SDK.
"""

import functools
import inspect
import sys
import typing
from collections import abc
from enum import Enum
from typing import Any

outputs: Any = sys.modules["pulumi.output"]
rpc: Any = sys.modules["pulumi.runtime.rpc"]
types: Any = sys.modules["pulumi._types"]
exactly: Any = type

EXACT = 2**53
"""Whole numbers beyond it are not sent as they are: the SDK's are floating."""
UNKNOWN: str = rpc.UNKNOWN
TABLES = (dict, typing.Dict, abc.Mapping, typing.Mapping)  # noqa: UP006 - as the SDK compares them
ODD: Any = object()
"""In the place of what a type says, where the SDK has to see the value."""

Hole = tuple[Any, Any, Any, Any, Any]
"""A leaf that the SDK must see: its container, its place in there, itself, its key, and its type."""


class Odd(Exception):
    """A value that does not go or come as it stands, and not by its leaves either."""


# -- to the engine -----------------------------------------------------------------------------------------------------


@functools.cache
def properties(typ: Any) -> tuple[dict[str, tuple[str, Any]], dict[str, Any]]:
    """The properties of a class of inputs: what the engine calls each, with its type; and types by those names."""
    names, kinds = types.input_type_py_to_pulumi_names(typ), types.input_type_types(typ)
    return {name: (called or name, kinds.get(called or name)) for name, called in names.items()}, kinds


def plain(value: Any, container: Any, place: Any, key: Any, holes: list[Hole]) -> Any:
    """The value as it is sent. Leaves that the SDK must see are noted in `holes`; they belong at container[place]."""
    kind = exactly(value)
    if kind is str or kind is bool or kind is float or value is None:
        return value
    if kind is dict:
        out: dict[str, Any] = {}
        for name, item in value.items():
            if type(name) is not str:
                raise Odd
            out[name] = item if type(item) is str else plain(item, out, name, name, holes)
        return out
    if kind is list or kind is tuple:
        row: list[Any] = []
        for item in value:
            row.append(item if type(item) is str else plain(item, row, len(row), key, holes))
        return row
    if kind is int:
        return value if -EXACT <= value <= EXACT else float(value)
    holes.append((container, place, value, key, None))
    return None


def sent(value: Any, typ: Any, container: Any, place: Any, key: Any, holes: list[Hole]) -> Any:
    """`plain`, of a value that has a type."""
    if typ is None:
        return plain(value, container, place, key, holes)
    kind = exactly(value)
    if kind is dict:
        found = _table(typ)
        if found is ODD:
            raise Odd
        if found is None:
            return plain(value, container, place, key, holes)
        names, each = found
        out: dict[str, Any] = {}
        for name, item in value.items():
            if type(name) is not str:
                raise Odd
            called, of = (name, each) if names is None else names.get(name) or (name, each.get(name))
            if called in out:  # under its own name and under the engine's
                raise Odd
            out[called] = None  # a hole comes at its place
            out[called] = item if type(item) is str else sent(item, of, out, called, name, holes)
        return out
    if kind is list or kind is tuple:
        of = _element(typ)
        if of is ODD:
            raise Odd
        row: list[Any] = []
        for item in value:
            row.append(item if type(item) is str else sent(item, of, row, len(row), key, holes))
        return row
    if kind is str or kind is bool or kind is float or kind is int or value is None:
        return plain(value, container, place, key, holes)
    holes.append((container, place, value, key, typ))
    return None


@functools.cache
def _table(typ: Any) -> Any:
    """Of a dict of a type: its names and their types, or nothing and the type of each; None where nobody knows more."""
    typ = types.unwrap_type(typ)
    if typ is Any:
        return None
    if types.is_discriminated_union(typ):
        return ODD
    if types.is_input_type(typ):
        return properties(typ)
    args = typing.get_args(typ)
    if (typ is dict or typing.get_origin(typ) in TABLES) and len(args) == 2 and args[0] is str:
        return None, args[1]
    return None


@functools.cache
def _element(typ: Any) -> Any:
    """The type of each of a list."""
    typ = types.unwrap_type(typ)
    return _of_list(None if typ is Any else typ)


def _of_list(typ: Any) -> Any:
    try:
        return rpc._get_list_element_type(typ)
    except AssertionError:
        return ODD  # a list where none is expected is refused by the SDK, in its words


# -- from the engine ---------------------------------------------------------------------------------------------------


@functools.cache
def results(kind: type, typed: bool) -> tuple[dict[str, str], dict[str, Any]]:
    """What a class of resources calls what the engine tells, and the types of that by the engine's names."""
    return types.resource_pulumi_to_py_names(kind) if typed else {}, types.resource_types(kind)


def came(value: Any, typ: Any) -> Any:
    """What the program sees of what the engine says: nulls in tables are left out, and types are the class's."""
    kind = exactly(value)
    if kind is dict:
        found = _made(typ)
        if found is ODD:
            raise Odd
        made, kinds, each = found
        read = {name: came(item, kinds.get(name, each)) for name, item in value.items() if item is not None}
        return read if made is None else types.output_type_from_dict(made, read)
    if kind is list:
        of = _of_each(typ)
        if of is ODD:
            raise Odd
        return [came(item, of) for item in value]
    if kind is str and value == UNKNOWN:
        return outputs.Unknown()
    if typ is None or typ is str or value is None:
        return value
    typ = _bare(typ)
    if inspect.isclass(typ) and issubclass(typ, Enum):
        return typ(value)
    return int(value) if kind is float and typ is int else value


@functools.cache
def _bare(typ: Any) -> Any:
    typ = types.unwrap_optional_type(typ)
    return None if typ is Any else typ


@functools.cache
def _made(typ: Any) -> Any:
    """Of a table of a type: the class that is made of it, the types of its entries, and that of all others."""
    typ = _bare(typ) if typ else typ
    if typ is None:
        return None, {}, None
    if types.is_discriminated_union(typ):
        return ODD
    if types.is_output_type(typ):
        return typ, types.output_type_types(typ), None
    if typ is dict or typing.get_origin(typ) in TABLES:
        args = typing.get_args(typ)
        return None, {}, args[1] if len(args) == 2 and args[0] is str else None
    return ODD


@functools.cache
def _of_each(typ: Any) -> Any:
    return _of_list(_bare(typ) if typ else typ)
