"""A rehearsal of components: each asks its arguments, and none is made.

A component asks its arguments before it registers anything, yet the third of a stack asks when two are registered, and
an `up` is making those by then. So a stack goes through its components once without making them, and then makes them.
"""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar, cast

import pulumi

from components.outputs import unknown

R = TypeVar("R")

_ON: ContextVar[bool] = ContextVar("rehearsal", default=False)


class _Asked(Exception):
    """All arguments were asked, and hold."""


class _Halt(pulumi.ComponentResource):
    """In a component's place behind its own class: what a component does first of all is to ask its arguments."""

    def __init__(self, *_: object, **__: object) -> None:
        raise _Asked


class _StandIn:
    """Stands for what was not made. Every output of it is unknown."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return unknown()


@contextmanager
def rehearsal() -> Generator[None, None, None]:
    """Within, `made` makes nothing. Raises ArgsError for the first argument that does not hold."""
    token = _ON.set(True)
    try:
        yield
    finally:
        _ON.reset(token)


def made(kind: type[R], name: str, *args: Any, **more: Any) -> R:
    """`kind(name, *args, **more)`, a resource; in a rehearsal what stands for it, once a component has been asked."""
    if not _ON.get():
        return cast("R", cast("Any", kind)(name, *args, **more))
    if issubclass(kind, pulumi.ComponentResource):
        bases: Any = (kind, _Halt)
        with suppress(_Asked):
            type(kind.__name__, bases, {})(name, *args, **more)
    return cast("R", _StandIn())
