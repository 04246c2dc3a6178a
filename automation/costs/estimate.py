"""What a stack costs a month: a line for each thing that is paid for, and what is not known of it.

Nothing is guessed. What a plan does not know, what the book has no price of and what depends on how much it is used
stands beside the sum and is never part of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final, Literal

from automation.costs.book import Book
from automation.costs.metering import Charge, Free, Stack, Unpriced, Usage
from automation.costs.reading import NotKnown, Resource, resource

Basis = Literal["on-demand", "spot", "usage", "free", "unknown"]
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True)
class Line:
    """One thing that is paid for."""

    urn: str
    what: str
    """In words, as "2 nodes g5.xlarge, eu-central-1, on-demand"."""
    per_month: Decimal | None
    """None: not known."""
    least: Decimal | None
    """Where an autoscaler decides: of its minimum, else as `per_month`."""
    most: Decimal | None
    """Where an autoscaler decides: of its maximum, else as `per_month`; None where it has none."""
    basis: Basis
    why: str
    """How it was reckoned, or why it is not known."""
    source: str
    """The book's entry: price list and date; empty where none was used."""


@dataclass(frozen=True)
class Estimate:
    """What a stack costs a month."""

    lines: tuple[Line, ...]
    currency: str
    per_month: Decimal
    """The sum of what is known."""
    unknown: tuple[Line, ...]
    """What is not in the sum: without a price, not known before it is made, or paid by use."""
    book: str
    """From when to when the book's prices are."""
    lacking: tuple[str, ...] = ()
    """Regions where the book has no price of something that is there."""

    @property
    def least(self) -> Decimal:
        """What is known, where every autoscaler is at its minimum."""
        return sum((line.least for line in self.lines if line.least is not None), Decimal(0))

    @property
    def most(self) -> Decimal | None:
        """What is known, where every autoscaler is at its maximum; None where one has none."""
        known = [line for line in self.lines if line.per_month is not None]
        if any(line.most is None for line in known):
            return None
        return sum((line.most for line in known if line.most is not None), Decimal(0))

    def per_million(self, predictions_per_month: int | None) -> Decimal | None:
        """What a million predictions cost with so many a month; None where nobody said how many."""
        if not predictions_per_month:
            return None
        return (self.per_month * 1_000_000 / predictions_per_month).quantize(Decimal("0.0001"), ROUND_HALF_UP)


def estimate(resources: Sequence[Mapping[str, Any]], book: Book) -> Estimate:
    """What resources cost: each with `urn`, `type`, `inputs` and, of a state, `outputs` and `provider`.

    Of a component (`custom` false) and of a provider nothing is paid.
    """
    from automation.costs.meters import table

    meters = table()
    given = [resource(each) for each in resources if each.get("custom", True) and not each.get("delete")]
    stack = Stack(tuple(given), book)
    lines: list[Line] = []
    for each in given:
        if not each.type.startswith(("modelport:", "pulumi:")):
            lines += _lines(each, stack, meters.get(each.type) or meters.get(_family(each.type)))
    known = sum((line.per_month for line in lines if line.per_month is not None), Decimal(0))
    unknown = tuple(line for line in lines if line.basis in ("usage", "unknown"))
    return Estimate(tuple(lines), book.currency, known, unknown, book.dated, tuple(sorted(stack.lacking)))


def _family(type_: str) -> str:
    """A kind of an API group whose version is any: `kubernetes:karpenter.sh/*:NodePool`."""
    package, _, rest = type_.partition(":")
    group, _, kind = rest.partition(":")
    return f"{package}:{group.rpartition('/')[0]}/*:{kind}" if package == "kubernetes" else type_


def _lines(each: Resource, stack: Stack, meter: "Callable[..., Any] | Free | Unpriced | Usage | None") -> list[Line]:
    if meter is None:
        return [_unknown(each, f"{each.type} {each.name}", "there is no meter for this type of resource")]
    if isinstance(meter, Free):
        return []
    if isinstance(meter, Unpriced):
        return [_unknown(each, meter.what, meter.why)]
    if isinstance(meter, Usage):
        return [_usage(each, meter.what, meter.why, "")]
    lines: list[Line] = []
    try:
        for found in meter(each, stack):
            match found:
                case Charge():
                    lines.append(_charged(each, found))
                case Usage():
                    lines.append(_usage(each, found.what, found.why, found.source))
                case _:
                    lines.append(_unknown(each, found.what, found.why))
    except NotKnown as error:
        lines.append(_unknown(each, f"{each.type.rpartition(':')[2]} {each.name}", str(error)))
    return lines


def _unknown(each: Resource, what: str, why: str) -> Line:
    return Line(each.urn, what, None, None, None, "unknown", why, "")


def _usage(each: Resource, what: str, why: str, source: str) -> Line:
    return Line(each.urn, what, None, None, None, "usage", why, source)


def _charged(each: Resource, found: Charge) -> Line:
    now, least, most = (
        None if number is None else (number * found.each).quantize(_CENT, ROUND_HALF_UP)
        for number in (found.number, found.least, found.most)
    )
    basis: Basis = "free" if now == 0 and found.each == 0 else found.basis
    return Line(each.urn, found.what, now, least, most, basis, found.why, found.source)


@dataclass(frozen=True)
class Budget:
    """What a stack may cost a month, as its file says."""

    per_month: Decimal
    warn_at: Decimal = Decimal(1)
    """The share of it from which there is a warning."""


def warnings(before: Estimate | None, after: Estimate, budget: Budget | None) -> tuple[str, ...]:
    """What to say of a change before it is made: a budget that does not hold, in one line each."""
    if budget is None:
        return ()
    told: list[str] = []
    allowed, now = budget.per_month, after.per_month
    if now > allowed:
        was = f"; it was {money(before.per_month)} before this change" if before is not None else ""
        told.append(f"the stack costs {money(now)} a month, expected at most the budget of {money(allowed)}{was}")
    elif after.most is None:
        told.append(
            f"the stack has an autoscaler without a maximum, so that no budget holds; the budget is {money(allowed)} "
            "a month"
        )
    elif after.most > allowed:
        told.append(
            f"the stack costs {money(now)} a month as planned and up to {money(after.most)} where every autoscaler "
            f"is at its maximum, expected at most the budget of {money(allowed)}"
        )
    missing = [line for line in after.unknown if line.basis == "unknown"]
    if missing:
        first = f"{missing[0].what}: {missing[0].why}"
        more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
        told.append(f"the budget is held to what is known alone; not known is {first}{more}")
    return tuple(told)


def money(amount: Decimal) -> str:
    """An amount of dollars as text."""
    return f"${amount:,.2f}"
