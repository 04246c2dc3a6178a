"""Pieces that several sections of the page are made of."""

from collections.abc import Sequence

from model_build.report import figures
from model_build.report.markup import Child, Markup, tag
from model_build.report.model import Candidate, Report


def subject(report: Report) -> Candidate | None:
    """The candidate that the page is about: the chosen one; where all missed, the one with the best metric."""
    measured = [(c.metric, c) for c in report.candidates if c.metric is not None]
    if report.choice or not measured:
        return report.choice
    sign = 1 if report.evaluation.better == "larger" else -1
    return max(measured, key=lambda pair: sign * pair[0])[1]


def chip(text: str, good: bool | None) -> Markup:
    """A verdict in words and a sign, so that nobody needs its colour to read it."""
    sign, kind = {True: ("✓ ", "chip good"), False: ("✗ ", "chip bad"), None: ("", "chip")}[good]
    return tag("span", sign + text, class_=kind)


def lead(*text: Child) -> Markup:
    return tag("p", *text, class_="lead")


def value(amount: float | None, spell: figures.Spell, key: str) -> Markup:
    """A number with its exact value for machines; a dash where there is none."""
    if amount is None:
        return tag("span", figures.NONE, aria_label="not measured")
    return figures.data(spell(amount), amount, key)


def row(name: Child, *cells: Child, chosen: bool = False) -> Markup:
    return tag("tr", tag("th", name, scope="row"), *cells, class_="chosen" if chosen else None)


def number(content: Child) -> Markup:
    return tag("td", content, class_="n")


def table(label: str, head: Sequence[str], rows: Child) -> Markup:
    """A table that scrolls by itself on a narrow screen, by keyboard too.

    head: a name that begins with - is of a column of numbers; an empty one is of a column for the eye only.
    """
    cells = [
        tag("th", name.removeprefix("-"), scope="col", class_="n" if name.startswith("-") else None)
        if name
        else tag("td", aria_hidden="true")
        for name in head
    ]
    inner = tag("table", tag("thead", tag("tr", cells)), tag("tbody", rows), aria_label=label)
    return tag("div", inner, class_="wide", tabindex="0", role="region", aria_label=label)


_SPELT = {
    "chrf": "chrF",
    **{name: name.upper() for name in ("mae", "medae", "mape", "rmse", "ndcg", "cer", "wer", "bleu")},
}


def title(text: str) -> str:
    """`balanced_accuracy` as `Balanced accuracy`; what is an abbreviation is in capitals."""
    return _SPELT.get(text) or text[:1].upper() + text[1:].replace("_", " ")


def counted(count: int, noun: str) -> str:
    return f"{count} {noun if count == 1 else noun + 's'}"
