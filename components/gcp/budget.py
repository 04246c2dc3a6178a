"""What a project may cost in a month, and who hears of it when it will cost more."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple, NotRequired, Optional, TypedDict

import pulumi
from pulumi_gcp.billing.budget import Budget

from components import budgets, checks, mails
from components.gcp import checks as gcp
from components.gcp import keys, topics
from components.gcp.labels import Labels

TELLER: Final = "serviceAccount:billing-budget-alert@system.gserviceaccount.com"
"""Who tells topics of budgets, for all accounts that pay (Cloud Billing, "Set up programmatic notifications", and
AllUpdatesRule of its API, 2026-11-22)."""
MOST_MAILS: Final = 5
"""Channels of a budget beside its topic (NotificationsRule of the Cloud Billing Budget API, 2026-11-22)."""
ACCOUNT: Final = r"[0-9A-Z]{6}-[0-9A-Z]{6}-[0-9A-Z]{6}"
"""Id of an account that pays (Cloud Billing, `billing_account_id` of its exports, 2026-11-22)."""


class GcpCostLabel(TypedDict):
    """A label by which costs are told apart; of one budget there is one (Filter of the same API, 2026-11-22)."""

    key: str
    """Its key, as `team`."""
    value: str
    """Its value: what has it counts."""


class GcpBudgetArgs(TypedDict):
    project: str
    """Id of the project, as `shop-prod`: what it costs counts, and the topic is in it."""
    project_number: str
    """Number of the project, digits as text: costs and the account that encrypts the topic are told by it."""
    region: str
    """Region of topic and key, as `europe-west4`. A budget itself is of all regions."""
    billing_account: str
    """Id of the account that pays for the project, as `01ABCD-2345EF-67890A`: `gcloud billing projects describe`."""
    monthly_amount: float
    """What a month may cost. A month is one of US Pacific time."""
    currency: str
    """What that is an amount of, three letters, as `EUR`: the currency of the account that pays, and no other."""
    cost_label: NotRequired[GcpCostLabel]
    """What counts. Default: all that the project costs."""
    after_credits: NotRequired[bool]
    """Whether credits are taken off first: discounts are some, but so are vouchers that run out. Default: no."""
    actual_percents: NotRequired[Sequence[float]]
    """Percentages of it at which costs that there are get told. Default: 80 and 100."""
    forecast_percents: NotRequired[Sequence[float]]
    """Percentages of it at which costs that are expected for the month get told. Default: 100."""
    emails: NotRequired[Sequence[str]]
    """Who is told by mail, at most five. Default: nobody beyond `payers`; others may subscribe to the topic."""
    payers: NotRequired[bool]
    """Whether administrators and users of the account that pays are told by mail. Default: yes, as Google does."""
    key_name: NotRequired[pulumi.Input[str]]
    """Whole name of the key of Cloud KMS that encrypts the topic, in `region`; the account
    `service-NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com` has to be allowed to encrypt and decrypt with it. Default:
    one made for it, which rotates and which that account may use."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of everything that is made and can have some, beside this library's. Default: none."""


class Asked(NamedTuple):
    """What is asked of a budget, as Google takes it."""

    amount: Any
    filters: Any
    thresholds: list[Any]
    mails: list[str]
    key: pulumi.Input[str] | None


class GcpBudget(pulumi.ComponentResource):
    """A monthly budget of a project's costs: when they are, or will be, above shares of it, people and a topic hear.

    Google tells and stops nothing; of its own it has no action as AWS has. What subscribes to the topic may stop
    things: take the project's billing away, say, which ends all that is in it. The topic is encrypted, and takes
    messages from budgets of Cloud Billing alone. Costs are counted a few times a day, so nothing is told within
    minutes. Who makes it needs `roles/billing.costsManager` on the account that pays, and where that is a person's own
    login, a provider with `user_project_override`. Outputs: `name`, `topic_id`.
    """

    name: pulumi.Output[str]
    """Whole name of the budget, `billingAccounts/ACCOUNT/budgets/ID`, once it may tell its topic."""
    topic_id: pulumi.Output[str]
    """Id of the topic that is told, `projects/PROJECT/topics/TOPIC`: of each count of costs, above a share or not."""

    def __init__(self, name: str, args: GcpBudgetArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        # A ring of keys' name has 63 characters, of which Pulumi's suffix takes 8; that of a budget has 60.
        gcp.named("GcpBudget", name, gcp.LONGEST - gcp.SUFFIX)
        found = asked(args)
        labels = Labels("GcpBudget.labels", name, args.get("labels"))
        super().__init__("modelport:index:GcpBudget", name, {}, opts)
        child, project = pulumi.ResourceOptions(parent=self), args["project"]
        topic = topics.kept(name, project, args["project_number"], args["region"], found.key, labels, child)
        told = topics.may_tell(name, project, topic, TELLER, child)
        people = topics.by_mail(name, project, found.mails, labels, child)
        rule: Any = {
            "pubsub_topic": topic.id,
            "schema_version": "1.0",
            "disable_default_iam_recipients": not args.get("payers", True),
        }
        if people:
            rule["monitoring_notification_channels"] = [each.id for each in people]
        made = Budget(
            name,
            billing_account=args["billing_account"],
            display_name=name,
            amount={"specified_amount": found.amount},
            budget_filter=found.filters,
            threshold_rules=found.thresholds,
            all_updates_rule=rule,
            # A budget is not made while it may not tell its topic.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[told]),
        )
        self.name, self.topic_id = made.id, topic.id
        self.register_outputs({"name": self.name, "topic_id": self.topic_id})


def asked(args: GcpBudgetArgs) -> Asked:
    """Raises ArgsError for what cannot be meant."""
    what = "GcpBudget"
    checks.given(what, args, GcpBudgetArgs)
    gcp.project(f"{what}.project", args["project"])
    gcp.number(f"{what}.project_number", args["project_number"])
    gcp.region(f"{what}.region", args["region"])
    expected = "the id of an account that pays, three times six of 0-9 and A-Z"
    checks.fits(f"{what}.billing_account", args["billing_account"], ACCOUNT, expected, "01ABCD-2345EF-67890A")
    checks.fits(f"{what}.currency", args["currency"], "[A-Z]{3}", "the three letters of a currency", "EUR")
    people = mails.addresses(f"{what}.emails", args.get("emails") or [])
    if len(people) > MOST_MAILS:
        expected = f"at most {MOST_MAILS}, as a budget tells no more"
        raise checks.wrong(f"{what}.emails", f"{len(people)} addresses", expected, "name a list of mail")
    thresholds: list[Any] = [
        {
            # Google has shares, and 80 per cent of a float is no whole number of hundredths.
            "threshold_percent": float(Decimal(str(percent)) / 100),
            "spend_basis": "FORECASTED_SPEND" if forecast else "CURRENT_SPEND",
        }
        for forecast, percent in budgets.alerts(what, args)
    ]
    key = keys.given(f"{what}.key_name", args.get("key_name"), args["region"])
    return Asked(_money(args), _filters(args), thresholds, people, key)


def _money(args: GcpBudgetArgs) -> dict[str, Any]:
    """An amount as Google has it: whole units, and the rest in billionths. Raises ArgsError."""
    amount = Decimal(str(budgets.amount("GcpBudget.monthly_amount", args["monthly_amount"], args["currency"])))
    whole = int(amount)
    rest = {"nanos": int((amount - whole) * 10**9)} if amount != whole else {}
    return {"currency_code": args["currency"], "units": str(whole), **rest}


def _filters(args: GcpBudgetArgs) -> dict[str, Any]:
    """What counts, of which month, and what is taken off. Raises ArgsError."""
    found: dict[str, Any] = {
        "calendar_period": "MONTH",
        "projects": [f"projects/{args['project_number']}"],
        # Credits that run out would be told as costs that rise.
        "credit_types_treatment": "INCLUDE_ALL_CREDITS" if args.get("after_credits") else "EXCLUDE_ALL_CREDITS",
    }
    label = args.get("cost_label")
    if label is not None:
        what = "GcpBudget.cost_label"
        checks.given(what, label, GcpCostLabel)
        # Also one that Google sets, as k8s-namespace where a cluster tells costs apart, or goog-k8s-cluster-name.
        expected = "a letter and at most 62 letters of lower case, digits, _ and -"
        checks.fits(f"{what}.key", label["key"], "[a-z][a-z0-9_-]{0,62}", expected, "team")
        expected = "1 to 63 letters of lower case, digits, _ and -"
        checks.fits(f"{what}.value", label["value"], "[a-z0-9_-]{1,63}", expected, "ml")
        found["labels"] = {label["key"]: label["value"]}
    return found
