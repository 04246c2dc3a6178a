"""The pictures: inline SVG, coloured by the page's style sheet so that they follow light and dark.

Every picture is drawn for a width of 360 and placed in a grid that never shrinks it much: its text stays readable on a
phone. Every one has a title for screen readers, and its numbers stand in a table too.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model_build.report.figures import milliseconds, number
from model_build.report.markup import Child, Markup, tag
from model_build.report.model import Confusion, Latency, Points

WIDTH = 360.0
_CELL_TEXT = 24  # labels up to which a cell still holds a number
_AXIS_TEXT = 44  # labels up to which the axes still name each one
_DOTS = 800
_BINS = 36


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    text: str
    chosen: bool
    passed: bool

    @property
    def kind(self) -> str:
        return "chosen" if self.chosen else "other" if self.passed else "missed"


def bars(title: str, rows: Sequence[Bar], *, limit: tuple[float, str] | None, zoom: bool) -> Markup:
    """One row for each candidate. zoom: dots on an axis around the values, for numbers whose zero means nothing."""
    row, top = 40.0, 8.0
    values = [r.value for r in rows]
    # A bound far above all values would squeeze them into a corner: it is then told, not drawn.
    drawn = limit is not None and (zoom or limit[0] <= 4 * max(values))
    if limit is not None and drawn:
        values.append(limit[0])
    low, high = 0.0, max(values) or 1.0
    if zoom:
        pad = max((high - min(values)) * 0.15, abs(high) * 0.005, 1e-9)
        low, high = min(values) - pad, high + pad
    along = scale(low, high, 1, WIDTH - 7)
    bottom = top + row * len(rows)
    parts: list[Child] = []
    for index, bar in enumerate(rows):
        y = top + index * row
        track = y + 20
        parts += [
            tag("text", bar.label, x=0, y=y + 10, class_="label strong" if bar.chosen else "label"),
            tag("text", bar.text, x=WIDTH, y=y + 10, class_="value", text_anchor="end"),
            tag("rect", x=0, y=track, width=WIDTH, height=8, rx=4, class_="track"),
        ]
        if zoom:
            parts.append(tag("circle", cx=along(bar.value), cy=track + 4, r=6, class_=f"dot {bar.kind}"))
        else:
            width = max(along(bar.value), 4.0)
            parts.append(tag("rect", x=0, y=track, width=width, height=8, rx=4, class_=f"bar {bar.kind}"))
        if limit is not None and drawn:
            x = along(limit[0])
            parts.append(tag("line", x1=x, x2=x, y1=track - 4, y2=track + 12, class_="bound"))
    if limit is not None:
        x = along(limit[0]) if drawn else WIDTH
        anchor = "end" if x > WIDTH / 2 else "start"
        parts.append(tag("text", limit[1], x=x, y=bottom + 8, class_="note", text_anchor=anchor))
    return picture(title, bottom + (14 if limit else 0), parts)


def histogram(title: str, latency: Latency, upto: float) -> Markup:
    """How long single calls took, from 0 to `upto` ms, with p50 and p99 marked."""
    top, bottom, height = 30.0, 110.0, 130.0
    x = scale(0, upto, 2, WIDTH - 2)
    counts = [0] * _BINS
    for sample in latency.samples_ms:
        if sample <= upto:
            counts[min(int(sample / upto * _BINS), _BINS - 1)] += 1
    tallest = max(counts, default=0) or 1
    step = (WIDTH - 4) / _BINS
    parts: list[Child] = [tag("line", x1=0, x2=WIDTH, y1=bottom, y2=bottom, class_="axis")]
    for index, count in enumerate(counts):
        if count:
            tall = max((bottom - top - 8) * count / tallest, 1.5)
            parts.append(
                tag("rect", x=2 + index * step, y=bottom - tall, width=step - 1, height=tall, rx=1, class_="bar chosen")
            )
    parts += ticks(x, 0, upto, bottom, milliseconds)
    middle, late = x(min(latency.p50_ms, upto)), x(min(latency.p99_ms, upto))
    # The words stand outside of the two lines where there is room, so that neither line runs through them.
    for value, name, level, at, left in (
        (latency.p50_ms, "p50", 11, middle, middle > 80),
        (latency.p99_ms, "p99", 25, late, late > WIDTH - 80),
    ):
        anchor, shift = ("end", -4) if left else ("start", 4)
        parts += [
            tag("line", x1=at, x2=at, y1=level - 9, y2=bottom, class_="mark"),
            tag("text", f"{name} {milliseconds(value)}", x=at + shift, y=level, class_="note", text_anchor=anchor),
        ]
    return picture(title, height, parts)


def confusion(title: str, table: Confusion) -> tuple[Markup, int]:
    """Rows are what was expected, columns what was answered, shaded by the share of the row.

    Returns the picture and how many labels it leaves out: with many labels, those that no row has or got.
    """
    used = [i for i in range(len(table.labels)) if any(table.matrix[i]) or any(row[i] for row in table.matrix)]
    shown = used if len(table.labels) > _CELL_TEXT else list(range(len(table.labels)))
    count = max(len(shown), 1)
    names = [_short(table.labels[i]) for i in shown]
    named, filled = count <= _AXIS_TEXT, count <= _CELL_TEXT
    longest = max((len(n) for n in names), default=1)
    left = 26.0 + (longest * 6.2 if named else 0.0)
    upright = longest <= 3 and filled
    head = 24.0 + (14.0 if upright else longest * 5.4 if named else 0.0)
    cell = (WIDTH - left) / count
    font = min(12.0, cell * 0.42)
    axis = min(12.0, cell * 0.85)
    parts: list[Child] = [
        tag("text", "answered", x=left + (WIDTH - left) / 2, y=12, class_="note", text_anchor="middle"),
        tag("text", "expected", transform=f"translate(11 {head + cell * count / 2:.1f}) rotate(-90)", class_="note",
            text_anchor="middle"),
    ]  # fmt: skip
    if not filled:  # one ground instead of thousands of empty cells
        parts.append(tag("rect", x=left, y=head, width=cell * count, height=cell * count, class_="cell"))
    for place, label in enumerate(shown):
        centre = head + (place + 0.5) * cell
        across = left + (place + 0.5) * cell
        row = table.matrix[label]
        total = sum(row)
        if named:
            turn, slant = ("", across) if upright else (" rotate(-60)", across + axis * 0.3)
            anchor, move = ("middle" if upright else "start"), f"translate({slant:.1f} {head - 5:.1f}){turn}"
            y = centre + axis * 0.35
            parts += [
                tag("text", names[place], x=left - 5, y=y, class_="name", text_anchor="end", font_size=axis),
                tag("text", names[place], transform=move, class_="name", text_anchor=anchor, font_size=axis),
            ]
        for column, other in enumerate(shown):
            many = row[other]
            if not many and not filled:
                continue
            x, y = left + column * cell, head + place * cell
            right = label == other
            part = many / total if total else 0.0
            kind = "cell" if not many else "cell right" if right else "cell wrong"
            shade = part if right else 0.2 + 0.8 * part**0.5  # mistakes are rare: a single one must be seen
            parts.append(
                tag("rect", x=x + 0.5, y=y + 0.5, width=cell - 1, height=cell - 1, rx=min(2.0, cell / 8), class_=kind,
                    fill_opacity=max(shade, 0.12) if many else None)
            )  # fmt: skip
            if filled and many:
                parts.append(
                    tag("text", str(many), x=x + cell / 2, y=y + cell / 2 + font * 0.36, text_anchor="middle",
                        class_="count inverse" if shade > 0.55 else "count", font_size=font)
                )  # fmt: skip
    return picture(title, head + cell * count + 1, parts), len(table.labels) - len(shown)


def parity(title: str, points: Points) -> tuple[Markup, int]:
    """Expected against actual with the line on which both are equal. Returns the picture and how many dots it shows."""
    pairs = sorted(zip(points.expected, points.actual, strict=True))
    every = max(1, math.ceil(len(pairs) / _DOTS))
    shown = pairs[::every]
    values = [v for pair in pairs for v in pair] or [0.0, 1.0]
    pad = (max(values) - min(values)) * 0.04 or 1.0
    low, high = min(values) - pad, max(values) + pad
    left, bottom = 44.0, 316.0
    x, y = scale(low, high, left, WIDTH - 2), scale(low, high, bottom, 4)
    parts: list[Child] = [
        tag("rect", x=left, y=4, width=WIDTH - 2 - left, height=bottom - 4, class_="cell"),
        *ticks(x, low, high, bottom, number),
    ]
    for tick in nice(low, high):
        parts.append(tag("text", number(tick), x=left - 5, y=y(tick) + 4, class_="note", text_anchor="end"))
    parts += [tag("circle", cx=x(a), cy=y(b), r=2.6, class_="point") for a, b in shown]
    parts += [
        tag("line", x1=x(low), y1=y(low), x2=x(high), y2=y(high), class_="limit"),
        tag("text", "expected", x=(left + WIDTH) / 2, y=bottom + 34, class_="note", text_anchor="middle"),
        tag("text", "actual", transform=f"translate(11 {bottom / 2}) rotate(-90)", class_="note", text_anchor="middle"),
    ]
    return picture(title, bottom + 40, parts), len(shown)


def picture(title: str, height: float, parts: list[Child]) -> Markup:
    return tag(
        "svg",
        tag("title", title),
        parts,
        viewBox=f"0 0 {WIDTH:g} {height:g}",
        role="img",
        class_="chart",
        xmlns="http://www.w3.org/2000/svg",
    )


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def nice(low: float, high: float) -> list[float]:
    """About four round numbers between the two."""
    raw = (high - low) / 4 or 1.0
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def ticks(
    x: Callable[[float], float], low: float, high: float, bottom: float, text: Callable[[float], str]
) -> list[Child]:
    parts: list[Child] = []
    for tick in nice(low, high):
        at = x(tick)
        told = text(tick) if tick else "0"
        anchor = "start" if at < 12 else "end" if at > WIDTH - 24 else "middle"
        parts += [
            tag("line", x1=at, x2=at, y1=bottom, y2=bottom + 4, class_="axis"),
            tag("text", told, x=at, y=bottom + 16, class_="note", text_anchor=anchor),
        ]
    return parts


def _short(label: str) -> str:
    return label if len(label) <= 12 else label[:11] + "…"
