"""Which addresses a network may have, whoever's cloud it is in."""

from collections.abc import Sequence
from typing import Final

from components import checks

RESERVED: Final = ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4")
"""Addresses that no network of anybody's has."""
DOCKER: Final = "172.17.0.0/16"
"""What Docker takes for its own bridge on every machine: who has these addresses in the network gets no answer from
one."""


def usable(what: str, whole: checks.Network, reserved: Sequence[str], example: str) -> None:
    """Hold a network to addresses that it can have, and that all in it can answer to. Raises ArgsError.

    reserved: what is not to be had there.
    """
    if any(whole.overlaps(checks.Network(each)) for each in reserved):
        raise checks.wrong(what, str(whole), "addresses that a network may have", f"for example {example}")
    if whole.overlaps(checks.Network(DOCKER)):
        expected = f"another network than {DOCKER}, which Docker has on every machine for its own containers"
        raise checks.wrong(what, str(whole), expected, f"for example {example}")


def clear(component: str, what: str, whole: checks.Network, apart_from: Sequence[str]) -> None:
    """Hold a network to sharing no address with those of a component's `apart_from`. Raises ArgsError."""
    for at, each in enumerate(apart_from):
        called = f"{component}.apart_from[{at}]"
        checks.apart({called: checks.network(called, each, largest=0, smallest=32), what: whole})
