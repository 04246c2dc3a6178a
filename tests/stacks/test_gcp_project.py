"""What every target on Google Cloud takes of its project: a budget."""

import functools
import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.spec import SpecError, StackSpec
from stacks.specs.targets import ACCOUNTS, TARGETS
from tests.components.gcp import judging, judging_api, judging_terraform
from tests.components.planned import Plan

ROOT = Path(__file__).resolve().parents[2]
KEY = "projects/shop-prod/locations/europe-west4/keyRings/models/cryptoKeys/models"
BUDGET: dict[str, Any] = {
    "billing_account": "01ABCD-2345EF-67890A",
    "monthly_amount": 500,
    "currency": "EUR",
    "emails": ["ops@example.com"],
    "cost_label": "team",
    "forecast_percents": [],
    "payers": False,
    "after_credits": True,
    "key_name": KEY,
}
LEAST = {key: BUDGET[key] for key in ("billing_account", "monthly_amount", "currency")}
EVERY = [target for target in TARGETS if target.startswith("gcp-")]


def read(folder: Path, target: str, **added: Any) -> StackSpec:
    """The stack file of a target with keys put into its section. Raises SpecError."""
    whole: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{target}.yaml").read_text())
    whole["config"][f"modelport:{ACCOUNTS[target]}"].update(added)
    file = folder / f"Pulumi.{target}.yaml"
    file.write_text(yaml.safe_dump(whole, sort_keys=False))
    return StackSpec.from_file(file)


def of(folder: Path, target: str, **added: Any) -> Plan:
    """What an `up` of a target registers."""
    given = read(folder, target, **added)
    module = importlib.import_module(f"stacks.{target.replace('-', '_')}")
    return judging.planned(lambda: module.deploy(given))


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Any:
    @functools.cache
    def of_target(target: str) -> Plan:
        return of(tmp_path_factory.mktemp(target), target, labels={"team": "ml"}, budget=BUDGET)

    return of_target


@pytest.mark.parametrize("target", EVERY)
def test_every_target_makes_the_budget_that_its_section_asks_for(planned: Any, target: str) -> None:
    found = planned(target)
    budget = found.one("gcp:billing/budget:Budget").inputs
    assert budget["billingAccount"] == "01ABCD-2345EF-67890A"
    assert budget["amount"] == {"specifiedAmount": {"currencyCode": "EUR", "units": "500"}}
    assert budget["budgetFilter"] == {
        "calendarPeriod": "MONTH",
        "projects": ["projects/123456789012"],
        "creditTypesTreatment": "INCLUDE_ALL_CREDITS",
        "labels": {"team": "ml"},
    }
    assert [each["thresholdPercent"] for each in budget["thresholdRules"]] == [0.8, 1]
    assert budget["allUpdatesRule"]["disableDefaultIamRecipients"] is True
    assert len(budget["allUpdatesRule"]["monitoringNotificationChannels"]) == 1
    assert found.one("gcp:pubsub/topic:Topic").inputs["kmsKeyName"] == KEY


@pytest.mark.parametrize("target", EVERY)
def test_what_a_budget_asks_names_the_project_whose_quota_it_is(planned: Any, target: str) -> None:
    found = planned(target)
    provider = found.one("pulumi:providers:gcp", "gcp-budget").inputs
    assert (provider["billingProject"], provider["userProjectOverride"]) == ("shop-prod", "true")
    assert "::gcp-budget::" in found.one("gcp:billing/budget:Budget").request["provider"]


@pytest.mark.parametrize("target", EVERY)
def test_the_apis_of_a_budget_are_enabled_where_there_is_one_and_before_it(
    planned: Any, target: str, tmp_path: Path
) -> None:
    found, wanted = planned(target), {"billingbudgets.googleapis.com", "pubsub.googleapis.com"}
    apis = {each.inputs["service"]: each.urn for each in found.all("gcp:projects/service:Service")}
    assert wanted <= set(apis)
    for type_ in ("gcp:billing/budget:Budget", "gcp:pubsub/topic:Topic"):
        assert {apis[each] for each in wanted} <= set(found.one(type_).request["dependencies"])
    without = of(tmp_path, target).all("gcp:projects/service:Service")
    assert not wanted & {each.inputs["service"] for each in without}


@pytest.mark.parametrize("target", EVERY)
def test_the_judges_have_nothing_against_a_stack_with_a_budget(planned: Any, target: str) -> None:
    assert judging_terraform.misfits(planned(target)) == []
    assert judging_api.misfits(planned(target)) == []


@pytest.mark.parametrize("target", EVERY)
@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"cost_label": "team"},
         ": budget.cost_label is team, expected a key of labels, by which costs are told apart; write labels: {team: "
         "...}, or leave cost_label out"),
        ({"monthly_amount": 1.999}, ".budget.monthly_amount is 1.999, expected whole cents; write 2.00"),
        ({"currency": "euro"},
         ".budget.currency is 'euro', expected the three letters of a currency; for example EUR"),
        ({"billing_account": "my account"},
         ".budget.billing_account is 'my account', expected the id of an account that pays, three times six of 0-9 "
         "and A-Z; for example 01ABCD-2345EF-67890A"),
        ({"actual_percents": [], "forecast_percents": []},
         ".budget.actual_percents is [], expected one percentage at least; write [100]"),
        ({"actual_percents": [0.5]}, ".budget.actual_percents is 0.5, expected 1 to 1000 per cent; write 1"),
        ({"key_name": KEY.replace("west4", "west1")},
         f".budget.key_name is '{KEY.replace('west4', 'west1')}', expected a key of europe-west4, where what uses it "
         f"is; make or take one there: {KEY}"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_before_anything_is_planned(
    tmp_path: Path, target: str, budget: dict[str, Any], said: str
) -> None:
    with pytest.raises(SpecError) as error:
        read(tmp_path, target, budget={**LEAST, **budget})
    assert error.value.lines == [f"Pulumi.{target}.yaml: {ACCOUNTS[target]}{said}"]
