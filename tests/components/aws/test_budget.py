"""A budget, its topic and what it does, as they would be registered."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.aws.budget import AwsBudget, AwsBudgetArgs
from components.checks import ArgsError
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
ARGS: AwsBudgetArgs = {"account_id": "123456789012", "region": "eu-central-1", "monthly_usd": 500}
STOP = "arn:aws:iam::123456789012:policy/stop-spending"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FULL: dict[str, Any] = {
    "cost_tag": {"key": "team", "values": ["ml", "shop"]},
    "emails": ["ops@example.com"],
    "action": {"policy_arn": STOP, "role_names": ["deployer", "ci/builder"], "percent": 120},
}
BUDGET, ACTION, TOPIC, POLICY, OWN_KEY, ROLE, RIGHTS = (
    "aws:budgets/budget:Budget",
    "aws:budgets/budgetAction:BudgetAction",
    "aws:sns/topic:Topic",
    "aws:sns/topicPolicy:TopicPolicy",
    "aws:kms/key:Key",
    "aws:iam/role:Role",
    "aws:iam/rolePolicy:RolePolicy",
)
ARN = "arn:aws:test:eu-central-1:123456789012:spend"


def planned(preview: bool = False, **changes: Any) -> Plan:
    given: Any = {**ARGS, **changes}
    return plan(lambda: AwsBudget("spend", given), preview=preview)


def statements(found: Planned, word: str = "policy") -> Any:
    return json.loads(found.inputs[word])["Statement"]


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, **FULL).holds(SNAPSHOTS / "budget.txt")


def test_what_a_budget_is() -> None:
    found = planned(emails=["ops@example.com"])
    told = {"subscriberSnsTopicArns": [ARN], "subscriberEmailAddresses": ["ops@example.com"]}
    above = {"comparisonOperator": "GREATER_THAN", "thresholdType": "PERCENTAGE", **told}
    assert found.one(BUDGET).inputs == {
        "accountId": "123456789012",
        "budgetType": "COST",
        "timeUnit": "MONTHLY",
        "limitAmount": "500",
        "limitUnit": "USD",
        "costTypes": {"includeCredit": False, "includeRefund": False},
        "notifications": [
            {"notificationType": "ACTUAL", "threshold": 80, **above},
            {"notificationType": "ACTUAL", "threshold": 100, **above},
            {"notificationType": "FORECASTED", "threshold": 100, **above},
        ],
        "tags": {"modelport:component": "spend", "Name": "spend"},
    }
    assert not found.all(ACTION) + found.all(ROLE), "nothing is done until it is asked for"


def test_a_preview_knows_all_that_there_is_to_know() -> None:
    found = planned(preview=True, **FULL)
    first = found.one(BUDGET).inputs["notifications"][0]
    assert first["subscriberSnsTopicArns"] == [UNKNOWN]
    assert first["subscriberEmailAddresses"] == ["ops@example.com"]
    assert found.one(POLICY).inputs["policy"] == UNKNOWN
    assert statements(found.one(RIGHTS))


def test_only_budgets_of_this_account_tell_its_topic_and_use_its_key() -> None:
    found = planned()
    assert found.one(TOPIC).inputs["kmsMasterKeyId"] == ARN
    lets, denies = statements(found.one(POLICY))
    assert lets == {
        "Sid": "Budgets",
        "Effect": "Allow",
        "Principal": {"Service": "budgets.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": ARN,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "123456789012"},
            "ArnLike": {"aws:SourceArn": "arn:aws:budgets::123456789012:*"},
        },
    }
    assert (denies["Effect"], denies["Principal"]) == ("Deny", "*")
    assert denies["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert found.one(OWN_KEY).inputs["enableKeyRotation"] is True
    administration, use = statements(found.one(OWN_KEY))
    assert not {"kms:*", "*", "kms:Decrypt", "kms:GenerateDataKey*"} & set(administration["Action"])
    assert use["Principal"] == {"Service": "budgets.amazonaws.com"}
    assert use["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    # AWS refuses a budget that may not tell its topic.
    needed = {urn.rpartition("$")[2] for urn in found.one(BUDGET).request["dependencies"]}
    assert "aws:sns/topicPolicy:TopicPolicy::spend" in needed


def test_a_given_key_is_used_as_it_is() -> None:
    found = planned(key_arn=KEY)
    assert not found.all(OWN_KEY)
    assert found.one(TOPIC).inputs["kmsMasterKeyId"] == KEY


def test_costs_are_told_apart_by_a_tag() -> None:
    (only,) = planned(**FULL).one(BUDGET).inputs["costFilters"]
    assert only == {"name": "TagKeyValue", "values": ["user:team$ml", "user:team$shop"]}


def test_thresholds_are_those_that_are_asked_for() -> None:
    told = planned(actual_percents=[50], forecast_percents=[]).one(BUDGET).inputs["notifications"]
    assert [(each["notificationType"], each["threshold"]) for each in told] == [("ACTUAL", 50)]


@pytest.mark.parametrize(("amount", "text"), [(500, "500"), (99.5, "99.50"), (0.01, "0.01"), (1e9, "1000000000")])
def test_amounts_are_written_as_aws_has_them(amount: float, text: str) -> None:
    assert planned(monthly_usd=amount).one(BUDGET).inputs["limitAmount"] == text


def test_an_action_waits_for_somebody_and_may_give_one_policy_to_named_roles_alone() -> None:
    found = planned(**FULL)
    action = found.one(ACTION)
    assert action.inputs["approvalModel"] == "MANUAL"
    assert action.inputs["actionType"] == "APPLY_IAM_POLICY"
    assert action.inputs["notificationType"] == "ACTUAL"
    assert action.inputs["actionThreshold"] == {"actionThresholdType": "PERCENTAGE", "actionThresholdValue": 120}
    definition = {"policyArn": STOP, "roles": ["deployer", "ci/builder"]}
    assert action.inputs["definition"] == {"iamActionDefinition": definition}
    assert action.inputs["subscribers"] == [
        {"subscriptionType": "SNS", "address": ARN},
        {"subscriptionType": "EMAIL", "address": "ops@example.com"},
    ]
    (rights,) = statements(found.one(RIGHTS))
    assert rights == {
        "Effect": "Allow",
        "Action": ["iam:AttachRolePolicy", "iam:DetachRolePolicy"],
        "Resource": ["arn:aws:iam::123456789012:role/deployer", "arn:aws:iam::123456789012:role/ci/builder"],
        "Condition": {"ArnEquals": {"iam:PolicyARN": STOP}},
    }
    (trust,) = statements(found.one(ROLE), "assumeRolePolicy")
    assert trust["Principal"] == {"Service": "budgets.amazonaws.com"}
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    at_once = planned(action={**FULL["action"], "without_approval": True, "forecast": True}).one(ACTION).inputs
    assert (at_once["approvalModel"], at_once["notificationType"]) == ("AUTOMATIC", "FORECASTED")


def test_outputs_and_tags() -> None:
    known: list[str] = []

    def program() -> None:
        made = AwsBudget("spend", {**ARGS, "tags": {"team": "ml"}})
        pulumi.Output.all(made.name, made.arn, made.topic_arn).apply(known.extend)

    found = plan(program, preview=False)
    assert known == ["spend", ARN, ARN]
    assert {each.inputs["tags"]["team"] for each in found.resources if "tags" in each.inputs} == {"ml"}


ACT = FULL["action"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"account_id": "1234"}, "AwsBudget.account_id is '1234', expected an AWS account id"),
        ({"region": "us-gov-west-1"}, "AwsBudget.region is 'us-gov-west-1', expected one of a partition that has"),
        ({"monthly_usd": 0}, "AwsBudget.monthly_usd is 0, expected 0.01 to 1e+09 US dollars; write 0.01"),
        ({"monthly_usd": 9.999}, "AwsBudget.monthly_usd is 9.999, expected whole cents; write 10.00"),
        ({"monthly_usd": "500"}, "AwsBudget.monthly_usd is '500', expected a number; write 500"),
        ({"actual_percents": [], "forecast_percents": []}, "AwsBudget.actual_percents is [], expected one percentage"),
        ({"actual_percents": [80, 80]}, "AwsBudget.actual_percents is [80, 80], expected each of them once"),
        ({"forecast_percents": [0]}, "AwsBudget.forecast_percents is 0, expected 1 to 1000 per cent; write 1"),
        ({"actual_percents": list(range(10, 110, 10))}, "is '11 percentages', expected at most 10 with"),
        ({"emails": "ops@example.com"}, "AwsBudget.emails is 'ops@example.com', expected a list of addresses"),
        ({"emails": ["ops"]}, "AwsBudget.emails is 'ops', expected e-mail addresses; for example ops@example.com"),
        ({"emails": [f"a{at}@example.com" for at in range(11)]}, "AwsBudget.emails is '11 addresses', expected"),
        ({"cost_tag": {"key": "team", "values": []}}, "AwsBudget.cost_tag.values is [], expected at least one value"),
        ({"cost_tag": {"key": "aws:x", "values": ["a"]}}, "a key of AwsBudget.cost_tag is 'aws:x', expected 1 to 128"),
        ({"cost_tag": {"key": "team", "values": "ml"}}, "expected a list of values; write ['ml']"),
        ({"action": {**ACT, "role_names": []}}, "AwsBudget.action.role_names is '0 names', expected 1 to 100"),
        ({"action": {**ACT, "role_names": [STOP]}}, "AwsBudget.action.role_names[0] is '" + STOP + "', expected"),
        ({"action": {**ACT, "role_names": ["ci", "ci"]}}, "AwsBudget.action.role_names is ['ci', 'ci'], expected each"),
        ({"action": {**ACT, "policy_arn": STOP.replace("123456789012", "999999999999")}}, "expected one of account 12"),
        ({"action": {**ACT, "policy_arn": "stop"}}, "AwsBudget.action.policy_arn is 'stop', expected an ARN of iam"),
        ({"action": {**ACT, "percent": 0}}, "AwsBudget.action.percent is 0, expected 1 to 1000 per cent; write 1"),
        ({"action": {**ACT, "roles": []}}, "AwsBudget.action has no argument 'roles', did you mean role_names"),
        ({"key_arn": KEY.replace("central", "west")}, "expected one of eu-central-1, where what uses it is"),
        ({"monthly": 5}, "AwsBudget has no argument 'monthly', did you mean monthly_usd"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_before_anything_is_planned(changes: dict[str, Any], said: str) -> None:
    given: Any = {**ARGS, **changes}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            AwsBudget("spend", given)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []


def test_a_name_that_leaves_no_room_for_its_role_is_refused() -> None:
    with pytest.raises(ArgsError, match="the name of AwsBudget is"):
        plan(lambda: AwsBudget("s" * 50, ARGS))


def test_what_is_known_late_is_asked_then() -> None:
    given: Any = {**ARGS, "action": {**ACT, "role_names": [pulumi.Output.from_input("not a role")]}}
    with pytest.raises(ValueError, match=r"AwsBudget\.action\.role_names\[0\] is 'not a role'"):
        plan(lambda: AwsBudget("spend", given), preview=False)
