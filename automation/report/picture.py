"""The architecture as SVG: what waits stands right of what it waits for, each box with what changes in it.

It is coloured by the page's style sheet, so that it follows light and dark.
"""

from collections.abc import Mapping

from automation.report import figures, layout, texts
from automation.report.model import Box, Picture
from automation.report.plan import Plan
from engine.display.facts import is_root
from model_build.report.markup import Child, Markup, tag

WIDE, HEAD, LINE, GAP = 216.0, 50.0, 16.0, 36.0
"""Four boxes beside each other are as wide as the page."""
_KINDS = 9
"""Lines of a box."""
_LETTERS = 30
_WORDS = {"create": "new", "import": "taken over", "update": "changed", "replace": "replaced", "delete": "deleted"}


def picture(plan: Plan, references: Mapping[str, tuple[str, ...]]) -> Picture:
    """The boxes of a plan."""
    nodes = [
        layout.Node(each.urn, each.type, each.op, tuple(references.get(each.urn, ())))
        for each in plan.resources.values()
        if not is_root(each.urn)
    ]
    boxes = [
        Box(
            title=texts.line(title, 80),
            made_of=[texts.line(line, 80) for line in group.lines()],
            changes={op: group.changes[op] for op in (*_WORDS, "same") if group.changes[op]},
            waits_for=sorted(texts.line(each, 80) for each in group.waits),
        )
        for title, group in sorted(layout.groups(nodes).items())
    ]
    return Picture(boxes=boxes, references=bool(references))


def told(box: Box) -> str:
    """`3 new, 1 changed`; `as it is` where nothing changes."""
    found = [f"{box.changes[op]} {word}" for op, word in _WORDS.items() if box.changes.get(op)]
    return ", ".join(found) or "as it is"


def _told(box: Box) -> str:
    """The same as far as a box is wide, else with the signs of the tree."""
    words = told(box)
    if len(words) <= _LETTERS:
        return words
    return ", ".join(f"{figures.SIGNS[op]} {box.changes[op]:,}" for op in _WORDS if box.changes.get(op))


def draw(found: Picture) -> Markup:
    """The picture of at least one box."""
    boxes = {box.title: box for box in found.boxes}
    waits = {box.title: {each for each in box.waits_for if each in boxes} for box in found.boxes}
    rows = layout.ranks(waits) if found.references else _columns(sorted(boxes))
    places: dict[str, tuple[float, float]] = {}
    tallest = 0.0
    for across, row in enumerate(rows):
        down = 1.0
        for title in row:
            places[title] = (1 + across * (WIDE + GAP), down)
            down += _high(boxes[title]) + GAP / 2
        tallest = max(tallest, down - GAP / 2 + 1)
    width = len(rows) * (WIDE + GAP) - GAP + 2
    lines = layout.needed(waits) if found.references else []
    tip = tag("path", d="M0,0L8,4L0,8z", class_="tip")
    marker = tag(
        "marker", tip, id="tip", viewBox="0 0 8 8", refX=8, refY=4, markerWidth=7, markerHeight=7, orient="auto"
    )
    names = "; ".join(f"{box.title}: {told(box)}" for box in found.boxes)
    return tag(
        "svg",
        tag("title", f"Architecture: {names}"),
        tag("defs", marker),
        [_way(places[other], boxes[other], places[kind], boxes[kind]) for kind, other in lines],
        [_box(boxes[title], place) for title, place in sorted(places.items())],
        viewBox=f"0 0 {width:.0f} {tallest:.0f}",
        width=f"{width:.0f}",
        height=f"{tallest:.0f}",
        role="img",
        class_="architecture",
    )


def _columns(titles: list[str]) -> list[list[str]]:
    """Boxes of which nobody knows what waits for what, in four columns."""
    count = min(4, len(titles))
    return [titles[at::count] for at in range(count)]


def _shown(box: Box) -> list[str]:
    lines = box.made_of
    if len(lines) > _KINDS:
        lines = [*lines[: _KINDS - 1], f"and {len(lines) - _KINDS + 1} more kinds"]
    return [line if len(line) <= _LETTERS else line[: _LETTERS - 1] + "…" for line in lines]


def _high(box: Box) -> float:
    shown = len(_shown(box))
    return HEAD + LINE * shown + (6 if shown else 0)


def _box(box: Box, place: tuple[float, float]) -> Child:
    x, y = place
    kind = next((op for op in ("delete", "replace", "create", "update", "import") if box.changes.get(op)), "same")
    title = box.title if len(box.title) <= 24 else box.title[:23] + "…"
    return tag(
        "g",
        tag("title", f"{box.title}: {told(box)}"),
        tag("rect", x=x, y=y, width=WIDE, height=_high(box), rx=7, class_="component"),
        tag("rect", x=x, y=y + 7, width=4, height=_high(box) - 14, class_=f"edge {kind}"),
        tag("text", title, x=x + 14, y=y + 22, class_="head"),
        tag("text", _told(box), x=x + 14, y=y + 39, class_=f"said {kind}"),
        [tag("text", line, x=x + 14, y=y + HEAD + 9 + LINE * at, class_="part") for at, line in enumerate(_shown(box))],
    )


def _way(start: tuple[float, float], first: Box, end: tuple[float, float], last: Box) -> Markup:
    level = min(_high(first), _high(last)) / 2
    x, y, to, down = start[0] + WIDE, start[1] + level, end[0], end[1] + level
    if to < x:  # a circle: back from the right
        x, to = start[0], end[0] + WIDE
    bend = (x + to) / 2
    return tag("path", d=f"M{x:.0f},{y:.0f}C{bend:.0f},{y:.0f} {bend:.0f},{down:.0f} {to:.0f},{down:.0f}", class_="way")
