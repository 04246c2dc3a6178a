"""What the stack costs before and after, as the report has it."""

import re
from collections.abc import Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import TYPE_CHECKING

from automation.report import texts
from automation.report.model import Cost, CostLine
from automation.report.plan import Plan

if TYPE_CHECKING:
    from automation.costs.book import Book
    from automation.costs.estimate import Budget, Estimate, Line

_REGION = re.compile(r"[a-z]+(-[a-z]+)+-?[0-9]+")


def none(note: str) -> Cost:
    """Nothing was reckoned, and why."""
    return Cost(
        reckoned=False,
        note=note,
        currency="",
        book="",
        per_month_before=None,
        per_month_after=None,
        unknown_before=0,
        unknown_after=0,
        predictions_per_month=None,
        per_million_before=None,
        per_million_after=None,
        lines=[],
        warnings=[],
        refresh="",
    )


def cost(plan: Plan, book: "Book", *, predictions: int | None = None, budget: "Budget | None" = None) -> Cost:
    """What is there before and after the plan, by the prices of `book`."""
    from automation.costs.estimate import estimate, warnings

    olds = plan.states("old")
    before = estimate(olds, book) if any(each.get("custom") for each in olds) else None
    after = estimate(plan.states("new"), book)
    return Cost(
        reckoned=True,
        note="" if plan.finished else "the preview did not come to its end: what it had not come to is in no sum",
        currency=after.currency,
        book=after.book,
        per_month_before=_text(before.per_month) if before else None,
        per_month_after=_text(after.per_month),
        unknown_before=len(before.unknown) if before else 0,
        unknown_after=len(after.unknown),
        predictions_per_month=predictions,
        per_million_before=_text(before.per_million(predictions)) if before else None,
        per_million_after=_text(after.per_million(predictions)),
        lines=_lines(before, after),
        warnings=[texts.line(each, 600) for each in warnings(before, after, budget)],
        refresh=_refresh(after.lacking),
    )


def _refresh(regions: Sequence[str]) -> str:
    """What is run for prices of regions that a plan names; what looks like none is left out."""
    places = [each for each in regions if _REGION.fullmatch(each)]
    return " ".join(["modelport prices --update", *(f"--region {each}" for each in places)]) if places else ""


def _lines(before: "Estimate | None", after: "Estimate") -> list[CostLine]:
    """Those of both, one for each thing of a resource."""
    olds: dict[str, list[Line]] = {}
    news: dict[str, list[Line]] = {}
    for found, of in ((before, olds), (after, news)):
        for line in found.lines if found else ():
            of.setdefault(line.urn, []).append(line)
    out: list[CostLine] = []
    for urn in dict.fromkeys([*news, *olds]):
        for new, old in zip_longest(news.get(urn, []), olds.get(urn, [])):
            out.append(_line(urn, old, new))
    out.sort(key=lambda each: (-_size(each), each.urn, each.what))
    return out


def _line(urn: str, old: "Line | None", new: "Line | None") -> CostLine:
    shown = new or old
    assert shown is not None
    return CostLine(
        urn=texts.visible(urn),
        what=texts.line(shown.what),
        per_month_before=_text(old.per_month) if old else None,
        per_month=_text(new.per_month) if new else None,
        least=_text(new.least) if new else None,
        most=_text(new.most) if new else None,
        basis=shown.basis,
        why=texts.line(shown.why, 600),
        source=texts.line(shown.source),
        known=all(each is None or each.per_month is not None for each in (old, new)),
        there_before=old is not None,
        there_after=new is not None,
    )


def _size(line: CostLine) -> Decimal:
    return max(Decimal(line.per_month or 0), Decimal(line.per_month_before or 0))


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")
