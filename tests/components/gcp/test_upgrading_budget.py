"""A budget that an earlier release has made stays the one that it is, whatever is asked of it later."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.gcp.budget import GcpBudget
from tests.components.gcp.test_budget import ARGS, FULL
from tests.components.upgrading import Earlier


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of."""
    args: Any = {**ARGS, **FULL, **changed}
    GcpBudget("spend", args)


EARLIER = Earlier("budget", shop)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


@pytest.mark.parametrize(
    "changed", [{"monthly_amount": 700.5}, {"actual_percents": [50]}, {"payers": False}, {"cost_label": None}]
)
def test_another_amount_or_share_updates_the_budget_alone(folder: Path, changed: dict[str, Any]) -> None:
    assert EARLIER.changes(folder, changed, typed=True) == {"update": {"gcp:billing/budget:Budget::spend"}}


def test_who_comes_and_goes_takes_nobody_else_along(folder: Path) -> None:
    found = EARLIER.changes(folder, {"emails": ["Ml@example.com", "new@example.com"]})
    assert found == {"create": {"spend-new-example-com"}, "delete": {"spend-ops-example-com"}, "update": {"spend"}}
