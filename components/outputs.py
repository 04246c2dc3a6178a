"""Values that are known without waiting, and one wait for those that are not.

An output costs some twenty steps of the event loop, and most of what a component is given is plain.
"""

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, cast

import pulumi

T = TypeVar("T")
_PLAIN = (str, int, bool, float, type(None))


def known(work: Callable[..., T], **given: Any) -> T:
    """`work(**given)`, at once where none of it is an output, else an output of it."""
    if not any(_waits(value) for value in given.values()):
        return work(**given)
    made = pulumi.Output.all(**given).apply(lambda found: work(**found))
    return cast("T", made)


def text(whole: Any) -> pulumi.Input[str]:
    """`whole` as JSON, whose leaves may be outputs."""
    return filled(json.dumps, whole)


def filled(work: Callable[[Any], T], whole: Any) -> pulumi.Input[T]:
    """`work(whole)` with what its leaves are once they are known: at once where none of them is an output.

    Only these become inputs of a new output: of `whole` itself Pulumi would make one for every field, some hundred.
    """
    leaves: list[Any] = []
    each(whole, leaves.append)
    if not leaves:
        return work(whole)

    def put_in(found: Sequence[Any]) -> T:
        left: Iterator[Any] = iter(found)
        return work(each(whole, lambda _: next(left)))

    return pulumi.Output.all(*leaves).apply(put_in)


def unknown() -> pulumi.Output[Any]:
    """An output that is not known, whether this is a preview or not."""
    value: asyncio.Future[Any] = asyncio.Future()
    value.set_result(None)
    known: asyncio.Future[bool] = asyncio.Future()
    known.set_result(False)
    return pulumi.Output(set(), value, known)


def once(value: pulumi.Input[str], there: Sequence[pulumi.Resource]) -> pulumi.Output[str]:
    """A value that is known once resources are made."""
    made = [cast("pulumi.CustomResource", each).id for each in there]
    return pulumi.Output.all(value, *made).apply(lambda known: str(known[0]))


def each(value: Any, of: Callable[[Any], Any]) -> Any:
    """`value` with `of(leaf)` in place of each leaf that is to be waited for, from the first to the last."""
    if type(value) in _PLAIN:  # most of it is text
        return value
    if isinstance(value, Mapping):
        return {key: each(item, of) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [each(item, of) for item in cast("Sequence[Any]", value)]
    return of(value) if _waits(value) else value


def _waits(value: object) -> bool:
    if type(value) in _PLAIN or isinstance(value, str | int | float):
        return False
    if isinstance(value, pulumi.Output):
        return True
    if isinstance(value, Mapping):
        return any(map(_waits, cast("Mapping[str, object]", value).values()))
    if isinstance(value, list | tuple):
        return any(map(_waits, cast("list[object]", value)))
    return inspect.isawaitable(value)
