"""What an account may cost in a month, who hears of it when it will cost more, and what is done then."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_aws.budgets.budget import Budget
from pulumi_aws.budgets.budget_action import BudgetAction
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy

from components import budgets, checks, mails
from components.aws import checks as aws
from components.aws import policies, topics
from components.aws.tags import Tags

SERVICE: Final = "budgets.amazonaws.com"
MOST_ALERTS, MOST_MAILS = 10, 10
"""Alerts of a budget, and addresses of each beside the topic (botocore's model of CreateBudget, 2026-11-22)."""
MOST_ROLES: Final = 100
"""Roles that an action takes (botocore's model of CreateBudgetAction, 2026-11-22)."""
ROLE = r"(?!arn:)([!-~]+/)?[\w+=,.@-]{1,64}"


class AwsCostTag(TypedDict):
    """A tag by which costs are told apart. It has to be activated as a cost allocation tag in the account that pays."""

    key: str
    """Its key, as `team`."""
    values: Sequence[str]
    """Its values: what has any of them counts."""


class AwsBudgetAction(TypedDict):
    """A policy that roles are given when costs are too high, one that denies things for example."""

    policy_arn: pulumi.Input[str]
    """ARN of the policy."""
    role_names: Sequence[pulumi.Input[str]]
    """Names of the roles that it is attached to, with their path where they have one."""
    percent: NotRequired[float]
    """At which percentage of the budget. Default: 100."""
    forecast: NotRequired[bool]
    """Whether costs that are only expected count. Default: no, those that there are."""
    without_approval: NotRequired[bool]
    """Whether it is done at once. Default: no, somebody approves it, as it may stop what runs."""


class AwsBudgetArgs(TypedDict):
    account_id: str
    """Id of the account, twelve digits as text."""
    region: str
    """Region of topic and key, as `eu-central-1`: that of the AWS provider. A budget itself is of all regions."""
    monthly_usd: float
    """What a month may cost, in US dollars. Credits and refunds are not taken off."""
    cost_tag: NotRequired[AwsCostTag]
    """What counts. Default: all that the account costs."""
    actual_percents: NotRequired[Sequence[float]]
    """Percentages of it at which costs that there are get told. Default: 80 and 100."""
    forecast_percents: NotRequired[Sequence[float]]
    """Percentages of it at which costs that are expected for the month get told. Default: 100."""
    emails: NotRequired[Sequence[str]]
    """Who is told by mail, at most ten. Default: nobody, others may subscribe to the topic."""
    action: NotRequired[AwsBudgetAction]
    """What is done beyond telling. Default: nothing."""
    key_arn: NotRequired[pulumi.Input[str]]
    """KMS key of the topic, whose policy lets budgets.amazonaws.com use it. Default: one of its own, which rotates."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class Asked(NamedTuple):
    """What is asked of a budget, as AWS takes it."""

    limit: str
    filters: list[Any] | None
    alerts: list[tuple[str, float]]
    mails: list[str]
    action: AwsBudgetAction | None
    key: pulumi.Input[str] | None


class AwsBudget(pulumi.ComponentResource):
    """A monthly budget of costs, told when they are, or will be, above shares of it: by mail and to a topic.

    The topic is encrypted, and takes messages from this account's budgets alone. AWS counts costs a few times a day,
    so nothing here ends anything within minutes. Outputs: `name`, `arn`, `topic_arn`.
    """

    name: pulumi.Output[str]
    """Name of the budget."""
    arn: pulumi.Output[str]
    """ARN of the budget."""
    topic_arn: pulumi.Output[str]
    """ARN of the topic that is told."""

    def __init__(self, name: str, args: AwsBudgetArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        # A role's name has 64 characters, of which `-action` and Pulumi's suffix take 15.
        aws.named("AwsBudget", name, 49)
        found = asked(args)
        tags = Tags("AwsBudget.tags", name, args.get("tags"))
        super().__init__("modelport:index:AwsBudget", name, {}, opts)
        self._name, self._args, self._tags = name, args, tags
        self._child = pulumi.ResourceOptions(parent=self)
        account, part = args["account_id"], aws.partition(args["region"])
        key = found.key
        if key is None:
            users = [topics.uses_key("Budgets", SERVICE, account)]
            key = topics.key(name, f"What {name} tells", args["region"], account, users, tags, self._child)
        self._budgets = f"arn:{part}:budgets::{account}:*"
        teller = ("Budgets", SERVICE, self._budgets)
        topic, policy = topics.topic(name, key, teller, account, tags, self._child)
        told: dict[str, Any] = {"subscriber_sns_topic_arns": [topic.arn]}
        if found.mails:
            told["subscriber_email_addresses"] = found.mails
        made = Budget(
            name,
            account_id=account,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=found.limit,
            limit_unit="USD",
            cost_filters=found.filters,
            # Credits that run out would be told as costs that rise.
            cost_types={"include_credit": False, "include_refund": False},
            notifications=[
                cast(
                    "Any",
                    {
                        "notification_type": kind,
                        "comparison_operator": "GREATER_THAN",
                        "threshold": percent,
                        "threshold_type": "PERCENTAGE",
                        **told,
                    },
                )
                for kind, percent in found.alerts
            ],
            tags=tags.of(name),
            # A budget is not made while it may not tell its topic.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        if found.action is not None:
            self._act(found.action, made, topic.arn, found.mails)
        self.name, self.arn, self.topic_arn = made.name, made.arn, topic.arn
        self.register_outputs({"name": self.name, "arn": self.arn, "topic_arn": self.topic_arn})

    def _act(self, action: AwsBudgetAction, budget: Budget, topic: pulumi.Output[str], people: Sequence[str]) -> None:
        called = f"{self._name}-action"
        account, part = self._args["account_id"], aws.partition(self._args["region"])
        roles = list(action["role_names"])
        arns = [policies.joined(f"arn:{part}:iam::{account}:role/{{}}", each) for each in roles]
        role = Role(
            called,
            description=f"Gives roles a policy when {self._name} is spent",
            assume_role_policy=policies.trust(SERVICE, account, self._budgets),
            tags=self._tags.of(called),
            opts=self._child,
        )
        only = {"ArnEquals": {"iam:PolicyARN": action["policy_arn"]}}
        statement = policies.allow(["iam:AttachRolePolicy", "iam:DetachRolePolicy"], arns, only)
        rights = RolePolicy(called, role=role.name, policy=policies.text(policies.content(statement)), opts=self._child)
        told: list[Any] = [{"subscription_type": "SNS", "address": topic}]
        told += [{"subscription_type": "EMAIL", "address": each} for each in people]
        BudgetAction(
            called,
            account_id=account,
            budget_name=budget.name,
            action_type="APPLY_IAM_POLICY",
            approval_model="AUTOMATIC" if action.get("without_approval") else "MANUAL",
            notification_type=_kind(action.get("forecast", False)),
            action_threshold={
                "action_threshold_type": "PERCENTAGE",
                "action_threshold_value": float(action.get("percent", 100)),
            },
            definition={"iam_action_definition": {"policy_arn": action["policy_arn"], "roles": roles}},
            execution_role_arn=role.arn,
            subscribers=told,
            tags=self._tags.of(called),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[rights]),
        )


def asked(args: AwsBudgetArgs) -> Asked:
    """Raises ArgsError for what cannot be meant."""
    checks.given("AwsBudget", args, AwsBudgetArgs)
    aws.account("AwsBudget.account_id", args["account_id"])
    _region(args["region"])
    people = mails.addresses("AwsBudget.emails", args.get("emails") or [])
    if len(people) > MOST_MAILS:
        expected = f"at most {MOST_MAILS}, as a budget tells no more"
        raise checks.wrong("AwsBudget.emails", f"{len(people)} addresses", expected, "name a list of mail")
    limit, filters = _dollars(args["monthly_usd"]), _filters(args.get("cost_tag"))
    alerts = [(_kind(forecast), percent) for forecast, percent in budgets.alerts("AwsBudget", args, MOST_ALERTS)]
    return Asked(limit, filters, alerts, people, _action(args), _key(args))


def _kind(forecast: bool) -> str:
    return "FORECASTED" if forecast else "ACTUAL"


def _region(region: str) -> None:
    aws.region("AwsBudget.region", region)
    if aws.partition(region) == "aws-us-gov":
        # AWS has no endpoint of Budgets in this partition (botocore's endpoints, 2026-11-22).
        expected = "one of a partition that has budgets, as the account that pays for GovCloud is outside of it"
        raise checks.wrong("AwsBudget.region", region, expected, "make the budget there, in us-east-1")


def _dollars(value: object) -> str:
    """An amount as AWS has it: to the cent, without what says nothing. Raises ArgsError."""
    return f"{budgets.amount('AwsBudget.monthly_usd', value, 'US dollars'):.2f}".removesuffix(".00")


def _filters(tag: AwsCostTag | None) -> list[Any] | None:
    if tag is None:
        return None
    what = "AwsBudget.cost_tag"
    checks.given(what, tag, AwsCostTag)
    values = list(tag["values"])
    if isinstance(tag["values"], str):
        raise checks.wrong(f"{what}.values", tag["values"], "a list of values", f"write ['{tag['values']}']")
    if not values:
        raise checks.wrong(f"{what}.values", values, "at least one value", "name it, or leave cost_tag out")
    for each in values:
        aws.tags(what, {tag["key"]: each})
    # Tags that somebody gave are told from AWS's own by this word.
    return [{"name": "TagKeyValue", "values": [f"user:{tag['key']}${each}" for each in values]}]


def _action(args: AwsBudgetArgs) -> AwsBudgetAction | None:
    """Raises ArgsError for one that cannot be meant."""
    given = args.get("action")
    if given is None:
        return None
    what = "AwsBudget.action"
    checks.given(what, given, AwsBudgetAction)
    roles = list(given["role_names"])
    if isinstance(given["role_names"], str):
        raise checks.wrong(
            f"{what}.role_names", given["role_names"], "a list of names", f"write ['{given['role_names']}']"
        )
    if not 1 <= len(roles) <= MOST_ROLES:
        raise checks.wrong(f"{what}.role_names", f"{len(roles)} names", f"1 to {MOST_ROLES}", "name roles")
    named = partial(checks.fits, pattern=ROLE, expected="the name of a role, not its ARN", example="deployer")
    plain = [each for each in roles if isinstance(each, str)]
    if len(set(plain)) != len(plain):
        raise checks.wrong(f"{what}.role_names", plain, "each role once", f"write {sorted(set(plain))}")

    def policy(known: str) -> None:
        where = f"{what}.policy_arn"
        aws.arn(where, known, "iam", r"policy/[\w+=,.@/-]+", "policy/stop-spending")
        aws.here(where, known, args["region"])
        if known.split(":")[4] != "aws":
            aws.ours(where, known, args["account_id"])

    checks.within(f"{what}.percent", given.get("percent", 100), 1, 1000, "per cent")
    return {
        **given,
        "role_names": [checks.asked(each, partial(named, f"{what}.role_names[{at}]")) for at, each in enumerate(roles)],
        "policy_arn": checks.asked(given["policy_arn"], policy),
    }


def _key(args: AwsBudgetArgs) -> pulumi.Input[str] | None:
    given = args.get("key_arn")
    if given is None:
        return None

    def here(known: str) -> None:
        example = "key/1234abcd-12ab-34cd-56ef-1234567890ab"
        aws.arn("AwsBudget.key_arn", known, "kms", r"key/[a-zA-Z0-9-]+", example)
        aws.here("AwsBudget.key_arn", known, args["region"])

    return checks.asked(given, here)
