"""Arguments as a program in another language would send them, and programs whose components get them that way."""

import functools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import Enum
from typing import Any
from unittest import mock

import pulumi
from pulumi.provider.experimental.analyzer import PropertyDefinition, TypeDefinition

from components import hosted, inbound
from components.hosting import NAME, Component

Types = Mapping[str, TypeDefinition]


def sent(value: Any, kind: PropertyDefinition, types: Types) -> Any:
    """A value under the schema's names, choices as texts and numbers as floats."""
    if isinstance(value, pulumi.Output):
        return value.apply(lambda there: sent(there, kind, types))
    if isinstance(value, Enum):
        return value.value
    known = types.get(kind.ref.rpartition(":")[2]) if kind.ref else None
    if known is not None and isinstance(value, Mapping):
        theirs = {ours: name for name, ours in known.properties_mapping.items()}
        return {theirs[key]: sent(each, known.properties[theirs[key]], types) for key, each in value.items()}
    if kind.items is not None and isinstance(value, list | tuple):
        return [sent(each, kind.items, types) for each in value]
    if kind.additional_properties is not None and isinstance(value, Mapping):
        return {key: sent(each, kind.additional_properties, types) for key, each in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@functools.cache
def analysed(name: str) -> Component:
    return Component([hosted.component(name)], NAME, None, "0.1.0")


def read(name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """What the plugin gives a component, of what a program in Python would give it."""
    by = analysed(name)
    known, types = by._component_defs[name], by._type_defs
    theirs = {ours: told for told, ours in known.inputs_mapping.items()}
    wire = {theirs[key]: sent(each, known.inputs[theirs[key]], types) for key, each in args.items()}
    return inbound.Reader(types).component(name, wire, known.inputs, known.inputs_mapping)


@contextmanager
def through_the_plugin() -> Iterator[list[str]]:
    """Within it every component that a program makes is given its arguments by way of the plugin; which, is told."""
    made: list[str] = []
    with ExitStack() as patched:
        for kind in hosted.components():
            patched.enter_context(mock.patch.object(kind, "__init__", _by_way(kind, made)))
        yield made


def _by_way(kind: type[pulumi.ComponentResource], made: list[str]) -> Any:
    plainly: Any = kind.__init__
    analysed(kind.__name__)  # by the class as it is

    @functools.wraps(plainly)
    def init(self: Any, name: str, args: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        made.append(kind.__name__)
        plainly(self, name, read(kind.__name__, args), opts)

    return init
