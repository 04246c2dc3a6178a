"""A budget and its topic, as they would be registered."""

from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.checks import ArgsError
from components.gcp import budget
from components.gcp.budget import GcpBudget, GcpBudgetArgs
from tests.components.planned import UNKNOWN, Plan, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
ARGS: GcpBudgetArgs = {
    "project": "shop-prod",
    "project_number": "123456789012",
    "region": "europe-west4",
    "billing_account": "01ABCD-2345EF-67890A",
    "monthly_amount": 500,
    "currency": "EUR",
}
KEY = "projects/shop-prod/locations/europe-west4/keyRings/models/cryptoKeys/models"
FULL: dict[str, Any] = {"cost_label": {"key": "team", "value": "ml"}, "emails": ["ops@example.com", "Ml@example.com"]}
TELLER = "serviceAccount:billing-budget-alert@system.gserviceaccount.com"
BUDGET, TOPIC, TELLS, CHANNEL, IDENTITY = (
    "gcp:billing/budget:Budget",
    "gcp:pubsub/topic:Topic",
    "gcp:pubsub/topicIAMMember:TopicIAMMember",
    "gcp:monitoring/notificationChannel:NotificationChannel",
    "gcp:projects/serviceIdentity:ServiceIdentity",
)
OWN_KEY, USE = "gcp:kms/cryptoKey:CryptoKey", "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember"


def planned(preview: bool = False, **changes: Any) -> Plan:
    given: Any = {**ARGS, **changes}
    return plan(lambda: GcpBudget("spend", given), preview=preview)


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, **FULL).holds(SNAPSHOTS / "budget.txt")


def test_what_a_budget_is() -> None:
    assert planned().one(BUDGET).inputs == {
        "billingAccount": "01ABCD-2345EF-67890A",
        "displayName": "spend",
        "amount": {"specifiedAmount": {"currencyCode": "EUR", "units": "500"}},
        "budgetFilter": {
            "calendarPeriod": "MONTH",
            "projects": ["projects/123456789012"],
            "creditTypesTreatment": "EXCLUDE_ALL_CREDITS",
        },
        "thresholdRules": [
            {"thresholdPercent": 0.8, "spendBasis": "CURRENT_SPEND"},
            {"thresholdPercent": 1, "spendBasis": "CURRENT_SPEND"},
            {"thresholdPercent": 1, "spendBasis": "FORECASTED_SPEND"},
        ],
        "allUpdatesRule": {
            "pubsubTopic": "spend-id",
            "schemaVersion": "1.0",
            "disableDefaultIamRecipients": False,
        },
    }


def test_a_preview_knows_all_that_there_is_to_know() -> None:
    found = planned(preview=True, **FULL)
    rule = found.one(BUDGET).inputs["allUpdatesRule"]
    assert (rule["pubsubTopic"], rule["monitoringNotificationChannels"]) == (UNKNOWN, [UNKNOWN, UNKNOWN])
    assert found.one(BUDGET).inputs["budgetFilter"]["labels"] == {"team": "ml"}
    assert found.one(TELLS).inputs["member"] == TELLER


def test_budgets_of_cloud_billing_tell_its_topic_and_nobody_else_and_may_before_the_budget_is_made() -> None:
    found = planned()
    assert found.one(TELLS).inputs == {
        "project": "shop-prod",
        "topic": "spend",
        "role": "roles/pubsub.publisher",
        "member": TELLER,
    }
    assert found.one(TELLS).urn in found.one(BUDGET).request["dependencies"]


def test_the_topic_is_encrypted_and_kept_in_its_region() -> None:
    found = planned()
    assert found.one(TOPIC).inputs == {
        "project": "shop-prod",
        "kmsKeyName": "spend-id",
        "messageStoragePolicy": {"allowedPersistenceRegions": ["europe-west4"]},
        "labels": {"modelport-component": "spend"},
    }
    assert found.one(OWN_KEY).inputs["rotationPeriod"] == "7776000s"
    assert (
        found.one(USE).inputs["member"] == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"
    )
    assert found.one(IDENTITY).urn in found.one(USE).request["dependencies"]


@pytest.mark.parametrize("preview", [True, False])
def test_a_given_key_is_used_as_it_is(preview: bool) -> None:
    found = planned(preview, key_name=KEY)
    assert not found.all(OWN_KEY)
    assert found.one(TOPIC).inputs["kmsKeyName"] == KEY


def test_people_are_told_by_mail() -> None:
    found = planned(emails=["ops@example.com"])
    assert found.one(CHANNEL).inputs == {
        "project": "shop-prod",
        "displayName": "ops@example.com",
        "type": "email",
        "labels": {"email_address": "ops@example.com"},
        "userLabels": {"modelport-component": "spend"},
    }
    rule = found.one(BUDGET).inputs["allUpdatesRule"]
    assert rule["monitoringNotificationChannels"] == ["spend-ops-example-com-id"]


def test_who_pays_hears_of_it_unless_that_is_said() -> None:
    assert planned(payers=False).one(BUDGET).inputs["allUpdatesRule"]["disableDefaultIamRecipients"] is True


def test_costs_are_told_apart_by_a_label() -> None:
    assert planned(**FULL).one(BUDGET).inputs["budgetFilter"]["labels"] == {"team": "ml"}
    of_cluster = {"key": "goog-k8s-cluster-name", "value": "shop"}
    assert planned(cost_label=of_cluster).one(BUDGET).inputs["budgetFilter"]["labels"] == {
        "goog-k8s-cluster-name": "shop"
    }


def test_credits_are_taken_off_where_that_is_asked_for() -> None:
    filters = planned(after_credits=True).one(BUDGET).inputs["budgetFilter"]
    assert filters["creditTypesTreatment"] == "INCLUDE_ALL_CREDITS"


def test_thresholds_are_those_that_are_asked_for() -> None:
    told = planned(actual_percents=[29], forecast_percents=[]).one(BUDGET).inputs["thresholdRules"]
    assert told == [{"thresholdPercent": 0.29, "spendBasis": "CURRENT_SPEND"}]


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (500, {"units": "500"}),
        (99.5, {"units": "99", "nanos": 500_000_000}),
        (0.29, {"units": "0", "nanos": 290_000_000}),
        (1e9, {"units": "1000000000"}),
        (123_456_789.01, {"units": "123456789", "nanos": 10_000_000}),
    ],
)
def test_amounts_are_written_as_google_has_them(amount: float, told: dict[str, Any]) -> None:
    made = planned(monthly_amount=amount).one(BUDGET).inputs["amount"]["specifiedAmount"]
    assert made == {"currencyCode": "EUR", **told}


def test_outputs_and_labels() -> None:
    known: list[str] = []

    def program() -> None:
        made = GcpBudget("spend", {**ARGS, "emails": ["ops@example.com"], "labels": {"team": "ml"}})
        pulumi.Output.all(made.name, made.topic_id).apply(known.extend)

    found = plan(program, preview=False, ids=lambda made: f"{made.type.rpartition(':')[2]}/{made.name}")
    assert known == ["Budget/spend", "Topic/spend"]
    labelled = [each.inputs.get("userLabels", each.inputs.get("labels")) for each in found.resources]
    assert [each for each in labelled if each is not None] == [{"team": "ml", "modelport-component": "spend"}] * 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"project": "Shop"}, "GcpBudget.project is 'Shop', expected the id of a project"),
        ({"project_number": "shop-prod"}, "GcpBudget.project_number is 'shop-prod', expected the number of a project"),
        ({"region": "europe"}, "GcpBudget.region is 'europe', expected one that there is"),
        (
            {"billing_account": "billingAccounts/01ABCD-2345EF-67890A"},
            "GcpBudget.billing_account is 'billingAccounts/01ABCD-2345EF-67890A', expected the id of an account that "
            "pays, three times six of 0-9 and A-Z; for example 01ABCD-2345EF-67890A",
        ),
        ({"currency": "eur"}, "GcpBudget.currency is 'eur', expected the three letters of a currency; for example EUR"),
        ({"currency": "€"}, "GcpBudget.currency is '€', expected the three letters of a currency"),
        ({"monthly_amount": 0}, "GcpBudget.monthly_amount is 0, expected 0.01 to 1e+09 EUR; write 0.01"),
        ({"monthly_amount": 9.999}, "GcpBudget.monthly_amount is 9.999, expected whole cents; write 10.00"),
        ({"monthly_amount": "500"}, "GcpBudget.monthly_amount is '500', expected a number; write 500"),
        ({"monthly_amount": float("nan")}, "GcpBudget.monthly_amount is nan, expected 0.01 to 1e+09 EUR"),
        ({"actual_percents": [], "forecast_percents": []}, "GcpBudget.actual_percents is [], expected one percentage"),
        ({"actual_percents": [80, 80]}, "GcpBudget.actual_percents is [80, 80], expected each of them once"),
        ({"actual_percents": 80}, "GcpBudget.actual_percents is 80, expected a list; write [80]"),
        ({"forecast_percents": [0]}, "GcpBudget.forecast_percents is 0, expected 1 to 1000 per cent; write 1"),
        ({"emails": "ops@example.com"}, "GcpBudget.emails is 'ops@example.com', expected a list of addresses"),
        ({"emails": ["ops"]}, "GcpBudget.emails is 'ops', expected e-mail addresses; for example ops@example.com"),
        ({"emails": [f"a{at}@example.com" for at in range(6)]}, "GcpBudget.emails is '6 addresses', expected at most"),
        ({"cost_label": {"key": "Team", "value": "ml"}}, "GcpBudget.cost_label.key is 'Team', expected a letter"),
        ({"cost_label": {"key": "team", "value": ""}}, "GcpBudget.cost_label.value is '', expected 1 to 63 letters"),
        ({"cost_label": {"key": "team"}}, "GcpBudget.cost_label.value is missing"),
        ({"key_name": "models"}, "GcpBudget.key_name is 'models', expected the whole name of a key"),
        ({"key_name": KEY.replace("west4", "west1")}, "expected a key of europe-west4, where what uses it is"),
        ({"labels": {"Team": "x"}}, "a key of GcpBudget.labels is 'Team'"),
        ({"monthly": 5}, "GcpBudget has no argument 'monthly', did you mean monthly_amount"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_before_anything_is_planned(changes: dict[str, Any], said: str) -> None:
    given: Any = {**ARGS, **changes}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            GcpBudget("spend", given)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []


def test_a_name_that_leaves_no_room_for_its_ring_of_keys_is_refused() -> None:
    with pytest.raises(ArgsError, match="the name of GcpBudget is"):
        plan(lambda: GcpBudget("s" * 56, ARGS))
    assert plan(lambda: GcpBudget("s" * 55, ARGS)).resources


def test_what_is_known_late_is_asked_then() -> None:
    given: Any = {**ARGS, "key_name": pulumi.Output.from_input("models")}
    with pytest.raises(ArgsError, match=r"GcpBudget\.key_name is 'models'"):
        plan(lambda: budget.asked(given), preview=False)
