"""What a meter is: it reads one resource and says what is paid for it, with a price of the book."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Final, Literal

from automation.costs.book import ANYWHERE, Basis, Book, Price
from automation.costs.reading import NotKnown, Resource

HOURS: Final = Decimal(730)
"""Hours of a month, as both clouds' own calculators reckon: 365 days of 24 hours by 12."""


@dataclass(frozen=True)
class Free:
    """Nothing is ever paid for a resource of this type by itself."""

    why: str = ""


@dataclass(frozen=True)
class Unpriced:
    """Something is paid, and how much cannot be known here."""

    what: str
    why: str


@dataclass(frozen=True)
class Usage:
    """What is paid depends on how much it is used, which no plan knows."""

    what: str
    why: str
    source: str = ""


@dataclass(frozen=True)
class Charge:
    """So many things, at so much each a month."""

    what: str
    each: Decimal
    number: Decimal
    least: Decimal | None
    most: Decimal | None
    basis: Literal["on-demand", "spot"]
    why: str
    source: str


Found = Charge | Usage | Unpriced
Meter = Callable[[Resource, "Stack"], Iterable[Found]]
Entry = Meter | Free | Unpriced | Usage


@dataclass(frozen=True)
class Stack:
    """All resources of a stack beside each other, and the book."""

    resources: tuple[Resource, ...]
    book: Book
    lacking: set[str] = field(default_factory=set[str], compare=False)
    """Regions where something was asked of the book that it does not have."""

    @cached_property
    def _by_type(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for each in self.resources:
            found.setdefault(each.type, []).append(each)
        return found

    def all(self, *types: str) -> list[Resource]:
        """All resources of some types."""
        return [each for type_ in types for each in self._by_type.get(type_, ())]

    def region(self, each: Resource) -> str:
        """Where it is, as it says itself, else as its provider does. Raises NotKnown."""
        cloud = each.type.partition(":")[0]
        for path in ("region", "location", "zone") if cloud == "gcp" else ("region",):
            found = each.at(path, "")
            if found:
                return region_of(str(found)) if cloud == "gcp" else str(found)
        providers = self.all(f"pulumi:providers:{cloud}")
        named = [one for one in providers if one.urn == each.provider] or providers
        places = {one.text("region", "") for one in named} - {""}
        if len(places) == 1:
            return places.pop()
        raise NotKnown("its region is not known")

    def price(self, each: Resource, item: str, unit: str, basis: Basis = "on-demand") -> Price:
        """What an item costs where a resource is. Raises NotKnown."""
        return self.priced(each.type.partition(":")[0], self.region(each), item, unit, basis)

    def anywhere(self, cloud: str, item: str, unit: str) -> Price:
        """What an item costs that has one price for all regions. Raises NotKnown."""
        return self.priced(cloud, ANYWHERE, item, unit)

    def priced(self, cloud: str, region: str, item: str, unit: str, basis: Basis = "on-demand") -> Price:
        """What an item costs in a region. Raises NotKnown."""
        found = self.book.price(cloud, region, item, basis)
        if found is None:
            if region != ANYWHERE:
                self.lacking.add(region)
            where = "" if region == ANYWHERE else f" in {region}"
            raise NotKnown(f"the book has no price of {item}{where}, {basis}")
        if found.unit != unit:
            raise NotKnown(f"the book has the price of {item} by {found.unit}, expected it by {unit}")
        return found


def region_of(place: str) -> str:
    """The region of a zone of Google's: `europe-west3-a` is in `europe-west3`."""
    head, _, last = place.rpartition("-")
    return head if len(last) == 1 and last.isalpha() else place


def monthly(price: Price, amount: Decimal = Decimal(1)) -> Decimal:
    """What so much of it costs a month, by the price's unit."""
    return price.amount * amount * (HOURS if price.unit in ("hour", "GB-hour") else 1)


def fixed(what: str, price: Price, *, number: int | Decimal = 1, amount: Decimal = Decimal(1), why: str = "") -> Charge:
    """A charge of what nobody scales: `number` of it, each of `amount` units."""
    many = Decimal(number)
    told = why or f"{price.amount.normalize():f} {_by(price.unit)}"
    return Charge(what, monthly(price, amount), many, many, many, "on-demand", told, str(price.source))


def span(least: Decimal, most: Decimal) -> str:
    """`2 to 8 of them`, or `always 2`."""
    return f"{least:f} to {most:f} of them" if least != most else f"always {least:f}"


def plural(number: Decimal, what: str) -> str:
    """`1 node`, `2 nodes`."""
    return f"{number.normalize():f} {what}" if number == 1 else f"{number.normalize():f} {what}s"


def _by(unit: str) -> str:
    return {"hour": "an hour", "GB-hour": "a GB an hour", "GB-month": "a GB a month"}.get(unit, f"a {unit}")
