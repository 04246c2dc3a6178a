"""An architecture picture of a stack, made from its plan: components, what each is made of, and what waits for what.

assert picture("aws-ecs", plan) == Path("docs/aws-ecs.svg").read_text()
"""

import html
from collections import Counter
from typing import NamedTuple

from automation.report.layout import ITSELF, RECORD, called, made_of_others, needed, owner, ranks
from tests.components.planned import Plan

WIDE, HIGH, LINE, GAP, TITLE = 290, 46, 17, 60, 30
STYLE = (
    "text{font-family:system-ui,sans-serif;font-size:12px;fill:#1f2933}"
    ".title{font-size:14px;font-weight:600}.box{fill:#fff;stroke:#486581;stroke-width:1.5}"
    ".way{fill:none;stroke:#829ab1;stroke-width:1.5;marker-end:url(#tip)}"
)


class Box(NamedTuple):
    """A component, or a resource that is in none."""

    title: str
    lines: tuple[str, ...]

    @property
    def high(self) -> int:
        return HIGH + LINE * len(self.lines)


def boxes(plan: Plan) -> tuple[dict[str, Box], dict[str, set[str]]]:
    """The boxes by name, and for each whom it waits for."""
    owners: dict[str, str] = {}
    made: dict[str, Counter[str]] = {}
    for each in plan.resources:
        if each.type.startswith("pulumi:") or each.type == RECORD:
            continue
        kind = owners[each.urn] = owner(each.urn)
        counted = made.setdefault(kind, Counter())
        if not made_of_others(each.type) and each.type not in ITSELF:
            counted[called(each.type)] += 1
    waits: dict[str, set[str]] = {kind: set() for kind in made}
    # What is in a cluster waits for whatever its provider does.
    providers = {
        each.urn: each.request.get("dependencies", []) for each in plan.resources if each.type.startswith("pulumi:")
    }
    for each in plan.resources:
        through = providers.get(str(each.request.get("provider", "")).rpartition("::")[0], [])
        others = {owners[urn] for urn in [*each.request.get("dependencies", []), *through] if urn in owners}
        if each.urn in owners:
            waits[owners[each.urn]] |= others - {owners[each.urn]}
    found = {
        kind: Box(kind, tuple(name if count == 1 else f"{count} x {name}" for name, count in sorted(of.items())))
        for kind, of in made.items()
    }
    return found, waits


def picture(title: str, plan: Plan) -> str:
    """As SVG: what waits stands right of what it waits for."""
    found, waits = boxes(plan)
    count = sum(each.custom and each.type != RECORD for each in plan.resources)
    title = f"{title}: {count} resources, and what waits for what"
    places: dict[str, tuple[int, int]] = {}
    tallest = 0
    rows = ranks(waits)
    for across, row in enumerate(rows):
        down = GAP + TITLE // 2
        for kind in row:
            places[kind] = (GAP // 2 + across * (WIDE + GAP), down)
            down += found[kind].high + GAP // 2
        tallest = max(tallest, down)
    wide = len(rows) * (WIDE + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{tallest}" viewBox="0 0 {wide} {tallest}" '
        'role="img">',
        f"<title>{html.escape(title)}</title><style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0L8,4L0,8z" fill="#829ab1"/></marker></defs>',
        f'<rect width="100%" height="100%" fill="#f0f4f8"/><text class="title" x="{GAP // 2}" y="{TITLE}">'
        f"{html.escape(title)}</text>",
    ]
    for kind, other in needed(waits):
        parts.append(_way(places[other], found[other], places[kind], found[kind]))
    for kind, (x, y) in sorted(places.items()):
        box = found[kind]
        parts.append(f'<rect class="box" x="{x}" y="{y}" width="{WIDE}" height="{box.high}" rx="8"/>')
        parts.append(f'<text class="title" x="{x + 14}" y="{y + 26}">{html.escape(box.title)}</text>')
        for at, line in enumerate(box.lines):
            parts.append(f'<text x="{x + 14}" y="{y + HIGH + LINE * at}">{html.escape(line)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _way(start: tuple[int, int], first: Box, end: tuple[int, int], last: Box) -> str:
    x, y = start[0] + WIDE, start[1] + min(first.high, last.high) // 2
    to, down = end[0], end[1] + min(first.high, last.high) // 2
    middle = (x + to) // 2
    return f'<path class="way" d="M{x},{y}C{middle},{y} {middle},{down} {to},{down}"/>'
