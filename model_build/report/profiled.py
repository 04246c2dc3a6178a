"""The section on what the data looked like: a line for each feature, with its distribution as a small picture."""

import re
from itertools import pairwise

from model_build.report import figures, parts
from model_build.report.markup import Child, Markup, tag
from model_build.report.model import Report
from model_build.report.profile import Feature

_SHOWN = 16  # features that the table lists
_TOLD = 3  # categories that a line names
_WIDTH, _HEIGHT = 120.0, 28.0
_SEEN = {"mean": "mean of a row", "spread": "spread of a row", "length": "characters of a row"}


def profile(report: Report) -> Child:
    found = report.profile
    if found is None:
        return None
    features = [
        *found.outputs.items(),
        *([("expected", found.expected)] if found.expected else []),
        *sorted(found.inputs.items(), key=_order),
    ]
    rows = [_row(name, each) for name, each in features[:_SHOWN]]
    more = len(features) - len(rows)
    left = f" {more} more are in profile.json." if more else ""
    told = (
        "How answers and inputs were distributed, for a look at drift later. No row is told of, and nothing that fewer "
        f"than {found.least} rows share.{left}"
    )
    head = ["Feature", "Distribution", "Typical", "-Rows", "-Missing"]
    return [
        tag("h2", "Reference profile"),
        parts.lead(told),
        parts.table("Reference profile of the evaluation data", head, rows),
    ]


def _order(item: tuple[str, Feature]) -> tuple[bool, list[tuple[str, int]]]:
    """What is the same in all rows comes last; then by name, x[2] before x[10]."""
    name, each = item
    return len(_shape(each)) < 2, [(text, int(number or 0)) for text, number in re.findall(r"(\D*)(\d*)", name)]


def _row(name: str, each: Feature) -> Markup:
    return parts.row(
        [name.partition(":")[0] if each.of in _SEEN else name.replace(":", ", "), _seen(each)],
        tag("td", _bars(name, _shape(each))),
        tag("td", _typical(each), class_="told"),
        parts.number(f"{each.count:,}"),
        parts.number(f"{each.missing:,}" if each.missing else figures.NONE),
    )


def _seen(each: Feature) -> Child:
    return [tag("br"), tag("span", _SEEN[each.of], class_="sub")] if each.of in _SEEN else None


def _typical(each: Feature) -> str:
    if each.kind == "categories":
        named = [f"{name} {figures.share(share)}" for name, share in list(each.categories.items())[:_TOLD]]
        rest = len(each.categories) - len(named)
        more = [f"{rest} more"] if rest > 0 else []
        other = [f"rare ones {figures.share(each.other)}"] if each.other else []
        return ", ".join([*named, *more, *other]) or "too few rows"
    low, middle, high = (each.quantiles.get(at) for at in ("0.05", "0.5", "0.95"))
    if middle is None:
        return "too few rows" if each.mean is None else f"mean {figures.brief(each.mean)}"
    if low is None or high is None:
        return f"median {figures.brief(middle)}"
    return f"median {figures.brief(middle)}, 5 to 95 %: {figures.brief(low)} to {figures.brief(high)}"


def _shape(each: Feature) -> list[tuple[float, float]]:
    """Height and width of bars: of categories as wide as each other, of numbers as wide as their bins.

    The area of a bin says how many are in it.
    """
    if each.kind == "categories":
        return [(share, 1.0) for share in [*each.categories.values(), *([each.other] if each.other else [])][:24]]
    if each.histogram is None or not each.histogram.edges:
        return []
    edges = each.histogram.edges
    inner = [high - low for low, high in pairwise(edges)]
    end = min(inner, default=1.0)  # the first and the last one have none
    widths = [end, *inner, end]
    return [(n / width, width) for n, width in zip(each.histogram.counts, widths, strict=True)]


def _bars(name: str, found: list[tuple[float, float]]) -> Child:
    if len(found) < 2:
        return figures.NONE
    tallest, whole = max(height for height, _ in found), sum(width for _, width in found)
    bars: list[Child] = []
    x = 0.0
    for height, width in found:
        wide, tall = _WIDTH * width / whole, max(_HEIGHT * height / tallest, 1.0)
        bars.append(tag("rect", x=x, y=_HEIGHT - tall, width=max(wide - 1, 1.0), height=tall, class_="bar chosen"))
        x += wide
    view = f"0 0 {_WIDTH:g} {_HEIGHT:g}"
    return tag("svg", tag("title", f"Distribution of {name}"), bars, viewBox=view, class_="spark", role="img")
