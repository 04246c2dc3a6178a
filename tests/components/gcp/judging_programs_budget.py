"""Budgets that the judges judge: by default, and with every argument."""

from collections.abc import Callable
from typing import Final

from components.gcp.budget import GcpBudget, GcpBudgetArgs
from tests.components.gcp.judging import NUMBER, PROJECT, REGION

_HERE: Final[GcpBudgetArgs] = {
    "project": PROJECT,
    "project_number": NUMBER,
    "region": REGION,
    "billing_account": "01ABCD-2345EF-67890A",
    "monthly_amount": 500,
    "currency": "EUR",
}
_MORE: Final[GcpBudgetArgs] = {
    **_HERE,
    "monthly_amount": 99.5,
    "cost_label": {"key": "team", "value": "ml"},
    "after_credits": True,
    "actual_percents": [50, 100],
    "forecast_percents": [120],
    "emails": ["ops@example.com", "Team.ML@example.com"],
    "payers": False,
    "key_name": f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys/models",
    "labels": {"team": "ml"},
}


def budget() -> None:
    GcpBudget("spend", _HERE)


def budget_with_everything() -> None:
    GcpBudget("spend", _MORE)


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "budget": budget,
    "budget-with-everything": budget_with_everything,
}
