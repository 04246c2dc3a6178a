"""Resources as a tree, each under its parent."""

from collections.abc import Sequence
from typing import NamedTuple

from automation.report.model import Resource


class Row(NamedTuple):
    depth: int
    resource: Resource


def rows(resources: Sequence[Resource]) -> tuple[list[Row], list[Row]]:
    """Those that change with those that they are in, and those that stay as they are; each in the order of the tree."""
    by_urn = {each.urn: each for each in resources}
    shown: set[str] = set()
    for each in resources:
        if each.op != "same":
            urn = each.urn
            while urn in by_urn and urn not in shown:
                shown.add(urn)
                urn = by_urn[urn].parent
    children: dict[str, list[Resource]] = {}
    for each in resources:
        children.setdefault(each.parent if each.parent in by_urn and each.parent != each.urn else "", []).append(each)
    order: list[Row] = []
    seen: set[str] = set()
    # By hand: a chain of parents may be longer than what Python calls within one another.
    waiting = [Row(0, each) for each in reversed(children.get("", []))]
    while waiting:
        row = waiting.pop()
        if row.resource.urn in seen:
            continue
        seen.add(row.resource.urn)
        order.append(row)
        waiting += [Row(row.depth + 1, each) for each in reversed(children.get(row.resource.urn, []))]
    changed = [row for row in order if row.resource.urn in shown]
    same = [Row(0, row.resource) for row in order if row.resource.op == "same" and not row.resource.component]
    return changed, same
