"""Rules of the whole stack that look at its resources one after another, each beside the others.

    StackRule(..., **beside(services, _judged))

What is not known yet of one resource leaves the others to be judged.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from policies.looking import Look, NotKnown
from policies.rules import Whole


def beside(over: Callable[[Whole], Iterable[Look]], judged: Callable[[Whole, Look], Iterable[str]]) -> dict[str, Any]:
    """`look` and `unknown` of a StackRule. over: what to judge, by types alone. judged: yields what is wrong of one."""

    def look(whole: Whole) -> Iterator[tuple[Look, str]]:
        for each in over(whole):
            try:
                for text in judged(whole, each):
                    yield each, text
            except NotKnown:
                continue  # `unknown` tells of it

    def unknown(whole: Whole) -> Iterator[str]:
        for each in over(whole):
            try:
                for _ in judged(whole, each):
                    pass
            except NotKnown as error:
                yield f"{error.path} of {each.name}"

    return {"look": look, "unknown": unknown}


def of(*types: str) -> Callable[[Whole], list[Look]]:
    """All resources of some types, for `beside`."""
    return lambda whole: whole.all(*types)
