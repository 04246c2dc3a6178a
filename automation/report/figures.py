"""How a report writes its numbers and sums, the same in page and comment."""

from decimal import ROUND_HALF_UP, Decimal

from automation.report import texts
from automation.report.model import Cost, Model, Policies, Report

MINUS = "\N{MINUS SIGN}"
_TO_BE = {
    "create": "to create",
    "update": "to change",
    "replace": "to replace",
    "delete": "to delete",
    "import": "to take over",
    "discard": "to forget",
    "read": "to read",
    "refresh": "to read again",
}
SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": MINUS, "import": "=", "discard": "<", "read": ">"}
WORDS = {"create": "new", "update": "changed", "replace": "replaced", "delete": "deleted", "import": "taken over"}
NOT_KNOWN = "not known"


def changes(report: Report) -> str:
    """`3 to create, 1 to replace`."""
    found = [f"{count:,} {_TO_BE[op]}" for op, count in report.changes.items() if op in _TO_BE]
    return ", ".join(found) or "nothing changes"


def headline(report: Report) -> str:
    """The plan in one line."""
    if report.result == "interrupted":
        return f"Interrupted: {changes(report)} as far as it came"
    if report.result == "failed":
        return f"This change is refused: exit code {report.exit_code}"
    return changes(report)[:1].upper() + changes(report)[1:]


def good(report: Report) -> bool:
    """Whether nothing speaks against the change, and nothing that might is not known yet."""
    late = any(each.verdict == "not known yet" for each in report.policies.verdicts)
    return report.result == "planned" and not late and all(each.level == "low" for each in report.risks)


def money(amount: str | None, currency: str = "USD") -> str:
    """`$1,234.50`; what is below a cent in full."""
    if amount is None:
        return NOT_KNOWN
    number = Decimal(amount)
    cents = number.quantize(Decimal("0.01"), ROUND_HALF_UP)
    shown = f"{abs(cents):,.2f}" if cents or not number else f"{abs(number):f}"
    sign = MINUS if number < 0 else ""
    return f"{sign}${shown}" if currency == "USD" else f"{sign}{shown} {currency}"


def month(cost: Cost, *, before: bool = False) -> str:
    """The sum of a month: of what has a price, which is the least of it where something has none."""
    amount = cost.per_month_before if before else cost.per_month_after
    return _least(cost, amount, before=before)


def _least(cost: Cost, amount: str | None, *, before: bool) -> str:
    if amount is None or not (cost.unknown_before if before else cost.unknown_after):
        return money(amount, cost.currency)
    return f"at least {money(amount, cost.currency)}" if Decimal(amount) else NOT_KNOWN


def difference(cost: Cost) -> str:
    """`+$12.00 a month`; empty where there is nothing to compare with."""
    if cost.per_month_before is None or cost.per_month_after is None:
        return ""
    change = Decimal(cost.per_month_after) - Decimal(cost.per_month_before)
    if not change:
        return "as before"
    return ("+" if change > 0 else "") + money(str(change), cost.currency)


def per_million(cost: Cost, *, before: bool = False) -> str:
    amount = cost.per_million_before if before else cost.per_million_after
    if amount is not None:
        return _least(cost, amount, before=before)
    return NOT_KNOWN


def no_predictions(cost: Cost) -> str:
    """Why it is not known what a million predictions cost, where it is that nobody said how many there are."""
    return "" if cost.predictions_per_month else "cost.predictions_per_month is not set"


def verdict_counts(policies: Policies) -> dict[str, int]:
    words = ("mandatory", "not known yet", "advisory", "remediated")
    return {word: sum(each.verdict == word for each in policies.verdicts) for word in words}


def policies_told(policies: Policies) -> str:
    """One line on what the packs say."""
    if not policies.packs:
        return "No policy pack was asked, which says nothing about this change."
    counts = verdict_counts(policies)
    told = [
        f"{counts['mandatory']:,} mandatory broken",
        f"{counts['not known yet']:,} not known yet",
        f"{counts['advisory']:,} advisory",
    ]
    if counts["remediated"]:
        told.append(f"{counts['remediated']:,} put right")
    told.append(f"nothing found against {texts.counted(len(policies.kept), 'other')}")
    rest = "" if policies.finished else " The packs have not seen the whole plan."
    return ", ".join(told) + "." + rest


def number(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.4g}"


def size(value: int | None) -> str:
    return NOT_KNOWN if value is None else f"{value:,} bytes"


def milliseconds(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.3g} ms"


def short(digest: str | None) -> str:
    """The beginning of a digest, as people compare them."""
    if digest is None:
        return "none"
    kind, colon, rest = digest.partition(":")
    return f"{kind}:{rest[:12]}" if colon else kind[:12]


def quality(model: Model) -> str:
    """What is known of how good it is, in a few words."""
    if model.op in ("delete", "discard"):
        return "it goes"
    if model.passed is False:
        return f"it does not pass: {model.note}"
    if model.passed is None:
        return model.note
    source = {"state": "as it is", "cache": "measured in an earlier build", "build": "measured now"}[model.measured]
    metric = f"{model.metric} {number(model.metric_after)}" if model.metric and model.metric_after is not None else ""
    return ", ".join(part for part in (model.chosen_after or "", metric, source) if part)


def in_short(model: Model) -> str:
    """What is known of how good it is, where the reasons of a failure stand elsewhere."""
    if model.passed is False and model.op not in ("delete", "discard"):
        return "it does not pass its gate, and is not shipped" if model.candidates else "it could not be built"
    return quality(model)


def image(model: Model) -> str:
    """Its image after the change."""
    if model.op in ("delete", "discard"):
        return "none"
    if model.passed is False:
        return "not shipped"
    return short(model.digest_after) if model.digest_after else "known once it is built"
