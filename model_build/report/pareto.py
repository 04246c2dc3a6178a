"""What a little quality buys: candidates by quality against latency and size, and those that none beats in both.

The line runs along the candidates of the front: whoever wants something quicker or smaller than one of them has to take
less quality.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from model_build.report import charts, figures
from model_build.report.markup import Child, Markup, tag
from model_build.report.model import Candidate, Front

_LEFT, _TOP, _BOTTOM = 52.0, 14.0, 232.0
_CHARACTER, _LINE = 6.3, 13.0
"""Room that a label takes, a little more than it needs."""


@dataclass(frozen=True)
class Dot:
    label: str
    x: float
    y: float
    kind: str
    """`chosen`, `other`, `missed` or `peer`."""
    front: bool

    @property
    def style(self) -> str:
        return "label halo strong" if self.kind == "chosen" else "label halo"


def front(candidates: Sequence[Candidate], better: str) -> Front:
    """By name, from the quickest, and from the smallest; those that are only compared with are left out."""
    sign = 1 if better == "larger" else -1
    own = [c for c in candidates if not c.peer and c.metric is not None]
    by_latency = [(c.latency.p50_ms, sign * c.metric, c.name) for c in own if c.latency and c.metric is not None]
    by_size = [(float(c.file_bytes), sign * c.metric, c.name) for c in own if c.file_bytes and c.metric is not None]
    return Front(latency=_unbeaten(by_latency), size=_unbeaten(by_size))


def _unbeaten(points: list[tuple[float, float, str]]) -> list[str]:
    found: list[str] = []
    best = float("-inf")
    for _, quality, name in sorted(points, key=lambda point: (point[0], -point[1], point[2])):
        if quality > best:
            found.append(name)
            best = quality
    return found


def picture(title: str, dots: Sequence[Dot], spell: figures.Spell, better: str) -> Markup:
    """Quality upwards, the other thing to the right."""
    xs, ys = [d.x for d in dots], [d.y for d in dots]
    wide = (max(xs) - min(xs)) * 0.08 or max(xs) * 0.1 or 1.0
    high = (max(ys) - min(ys)) * 0.12 or max(abs(max(ys)) * 0.005, 1e-6)
    left, right = max(0.0, min(xs) - wide), max(xs) + wide
    x = charts.scale(left, right, _LEFT, charts.WIDTH - 2)
    # The best is on top, whichever way the metric runs.
    ends = (_BOTTOM, _TOP) if better == "larger" else (_TOP, _BOTTOM)
    y = charts.scale(min(ys) - high, max(ys) + high, *ends)
    area = tag("rect", x=_LEFT, y=_TOP, width=charts.WIDTH - 2 - _LEFT, height=_BOTTOM - _TOP, class_="cell")
    parts: list[Child] = [area, *charts.ticks(x, left, right, _BOTTOM, spell)]
    for tick in charts.nice(min(ys) - high, max(ys) + high):
        parts.append(tag("text", figures.number(tick), x=_LEFT - 5, y=y(tick) + 4, class_="note", text_anchor="end"))
    line = sorted((d for d in dots if d.front), key=lambda d: d.x)
    for one, other in pairwise(line):
        # A step: between the two there is nothing better to be had than the first.
        corners = f"{x(one.x):.1f},{y(one.y):.1f} {x(other.x):.1f},{y(one.y):.1f} {x(other.x):.1f},{y(other.y):.1f}"
        parts.append(tag("polyline", points=corners, class_="front"))
    taken = [(x(d.x) - 7, y(d.y) - 7, x(d.x) + 7, y(d.y) + 7) for d in dots]
    ranked = sorted(dots, key=lambda d: (d.kind != "chosen", not d.front, d.label))
    # Those that matter are drawn last, so that none covers them, and get their labels first.
    for dot in reversed(ranked):
        parts.append(tag("circle", cx=x(dot.x), cy=y(dot.y), r=6, class_=f"dot {dot.kind}"))
    for dot in ranked:
        if place := _room(dot, x(dot.x), y(dot.y), taken):
            at, level, anchor = place
            parts.append(tag("text", dot.label, x=at, y=level, class_=dot.style, text_anchor=anchor))
    return charts.picture(title, _BOTTOM + 24, parts)


def _room(
    dot: Dot, x: float, y: float, taken: list[tuple[float, float, float, float]]
) -> tuple[float, float, str] | None:
    """Where the label covers nothing; None where there is no such place, and the table has to do."""
    width = len(dot.label) * _CHARACTER + (4 if dot.kind == "chosen" else 0)
    places = [
        (x + 9, y + 4, "start"),
        (x - 9, y + 4, "end"),
        (x, y - 12, "middle"),
        (x, y + 18, "middle"),
        *((x + 6, y + move, "start") for move in (-12, 20)),
        *((x - 6, y + move, "end") for move in (-12, 20)),
    ]
    for at, level, anchor in places:
        start = at - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        box = (start, level - _LINE + 3, start + width, level + 3)
        inside = box[0] >= _LEFT and box[1] >= _TOP - 6 and box[2] <= charts.WIDTH and box[3] <= _BOTTOM
        own = (x - 7, y - 7, x + 7, y + 7)
        if inside and not any(_meet(box, other) for other in taken if other != own):
            taken.append(box)
            return at, level, anchor
    return None


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
