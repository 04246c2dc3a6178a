"""A sum of which a part has no price is told as the least that it can be."""

import pytest

from automation.report import figures
from automation.report.model import Cost


def _cost(amount: str | None, unknown: int, predictions: int | None = 1_000_000) -> Cost:
    million = amount if predictions else None
    return Cost(
        reckoned=True, note="", currency="USD", book="2026-01-01", per_month_before=amount, per_month_after=amount,
        unknown_before=unknown, unknown_after=unknown, predictions_per_month=predictions,
        per_million_before=million, per_million_after=million, lines=[], warnings=[], refresh="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "unknown", "told"),
    [
        ("10.95", 0, "$10.95"),
        ("10.95", 35, "at least $10.95"),
        ("0", 0, "$0.00"),
        ("0", 1, "not known"),
        (None, 0, "not known"),
    ],
)
@pytest.mark.parametrize("before", [False, True])
def test_what_has_a_price_is_the_least_of_it(amount: str | None, unknown: int, told: str, *, before: bool) -> None:
    cost = _cost(amount, unknown)
    assert figures.month(cost, before=before) == told
    assert figures.per_million(cost, before=before) == told


def test_a_million_predictions_of_nobody_knows_how_many() -> None:
    cost = _cost("10.95", 3, None)
    told = (figures.per_million(cost), figures.no_predictions(cost))
    assert told == ("not known", "cost.predictions_per_month is not set")
