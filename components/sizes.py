"""How many nodes a group has, whoever's cloud they are of."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from components import checks


class Sizes(NamedTuple):
    """How many nodes a group has."""

    least: int
    desired: int
    most: int


def asked(what: str, args: Mapping[str, Any], prefix: str, usual: Sizes, greatest: int) -> Sizes:
    """`PREFIXmin`, `PREFIXdesired` and `PREFIXmax` of a component's arguments. Raises ArgsError.

    usual: what they are where the arguments say nothing; `desired` then follows `min`.
    greatest: nodes that a group may have at all.
    """
    least = args.get(f"{prefix}min", usual.least)
    checks.within(f"{what}.{prefix}min", least, 0, greatest, "nodes")
    most = args.get(f"{prefix}max", max(usual.most, least))
    checks.within(f"{what}.{prefix}max", most, 1, greatest, "nodes")
    desired = args.get(f"{prefix}desired", min(max(usual.desired, least), most))
    checks.within(f"{what}.{prefix}desired", desired, 0, greatest, "nodes")
    order = [("min", least), *([("desired", desired)] if f"{prefix}desired" in args else []), ("max", most)]
    checks.in_order([(f"{what}.{prefix}{word}", number) for word, number in order])
    return Sizes(int(least), int(desired), int(most))
