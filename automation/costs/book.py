"""A book of prices as data: what a unit of a thing costs in a region, who said so, and when.

A price that the book has not is not known. It is never taken from another region, nor from a thing that is alike.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal, cast

from automation.exits import Exit, Failure
from model_build.mistakes import printable, show

Basis = Literal["on-demand", "spot"]
BASES: Final[tuple[Basis, ...]] = ("on-demand", "spot")
CLOUDS: Final = ("aws", "gcp")
SCHEMA: Final = 1
UNITS: Final = ("hour", "month", "GB-hour", "GB-month", "million", "GB")
"""What a price may be for: one of something for so long, a GB of it for so long, a million of them, or a GB that
passes. A GB is 2^30 bytes, as both clouds count it."""
_DEAREST, _DIGITS = 1_000_000, 20
"""What no price of a unit comes near, so that every sum of a stack can be reckoned to the cent."""
ANYWHERE: Final = "*"
"""The region of what costs the same everywhere."""


@dataclass(frozen=True)
class Source:
    """Where a price was read."""

    name: str
    title: str
    url: str
    date: date

    def __str__(self) -> str:
        return f"{self.title}, {self.date}"


@dataclass(frozen=True)
class Key:
    """What a price is of."""

    cloud: str
    region: str
    item: str
    basis: Basis = "on-demand"

    def __str__(self) -> str:
        where = "" if self.region == ANYWHERE else f" in {self.region}"
        return f"{self.item}{where}, {self.basis}"


@dataclass(frozen=True)
class Price:
    """What one unit costs, and who says so."""

    amount: Decimal
    unit: str
    source: Source


@dataclass(frozen=True)
class Book:
    """Prices by what they are of."""

    currency: str = "USD"
    prices: Mapping[Key, Price] = field(default_factory=dict[Key, Price])

    def price(self, cloud: str, region: str, item: str, basis: Basis = "on-demand") -> Price | None:
        """The price there, or the one that holds everywhere; None where it is not known."""
        found = self.prices.get(Key(cloud, region, item, basis))
        return found or self.prices.get(Key(cloud, ANYWHERE, item, basis))

    @property
    def sources(self) -> tuple[Source, ...]:
        """Each once, by name."""
        found = {(price.source.name, price.source.date): price.source for price in self.prices.values()}
        return tuple(found[key] for key in sorted(found))

    @property
    def dated(self) -> str:
        """From when to when its prices are, as `2025-11-30 to 2026-08-20`; empty for a book without prices."""
        dates = sorted({source.date for source in self.sources})
        if not dates:
            return ""
        return str(dates[0]) if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"

    def newest(self, other: "Book") -> "Book":
        """Both in one; where both know a price, the one of the younger list."""
        prices = dict(self.prices)
        for key, price in other.prices.items():
            known = prices.get(key)
            if known is None or known.source.date <= price.source.date:
                prices[key] = price
        return Book(self.currency, prices)

    def under(self, other: "Book") -> "Book":
        """Both in one; where both know a price, that of `other`, such as what was agreed with a cloud."""
        return Book(self.currency, {**self.prices, **other.prices})


def parse(document: object, name: str) -> Book:
    """A book from its JSON. Raises Failure with every mistake in it."""
    found, wrong = _parsed(document)
    if wrong:
        told = wrong[:10] + ([f"{len(wrong) - 10} more mistakes"] if len(wrong) > 10 else [])
        raise Failure(Exit.BAD_INPUT, *(printable(f"{name}: {line}") for line in told))
    return found


def read(path: Path) -> Book:
    """A book from a file. Raises Failure."""
    try:
        return parse(json.loads(path.read_text("utf-8")), path.name)
    except OSError as error:
        why = error.strerror or str(error)
        raise Failure(Exit.BAD_INPUT, f"{path}: {why.lower()}, expected a book of prices as JSON") from None
    except ValueError as error:
        told = f"{path.name}: is no JSON ({error}), expected a book of prices; `modelport prices --update` writes one"
        raise Failure(Exit.BAD_INPUT, told) from None


@cache
def shipped() -> Book:
    """The book that comes with Modelport."""
    whole = Book()
    folder = resources.files("automation.costs") / "books"
    for each in sorted(folder.iterdir(), key=lambda one: one.name):
        if each.name.endswith(".json"):
            whole = whole.newest(parse(json.loads(each.read_text("utf-8")), each.name))
    return whole


def document(book: Book) -> dict[str, Any]:
    """The book as JSON: sources by name, then clouds, regions, things and bases, each in order."""
    names: dict[Source, str] = {}
    for source in book.sources:
        name = source.name if source.name not in names.values() else f"{source.name} {source.date}"
        names[source] = name
    clouds: dict[str, Any] = {}
    for key in sorted(book.prices, key=lambda each: (each.cloud, each.region, each.item, each.basis)):
        price = book.prices[key]
        things = clouds.setdefault(key.cloud, {}).setdefault(key.region, {})
        entry = {"price": format(price.amount, "f"), "unit": price.unit, "source": names[price.source]}
        things.setdefault(key.item, {})[key.basis] = entry
    return {
        "schema": SCHEMA,
        "currency": book.currency,
        "sources": {
            name: {"title": source.title, "url": source.url, "date": str(source.date)} for source, name in names.items()
        },
        "prices": clouds,
    }


def text(book: Book) -> str:
    """The book as a file's text: a line for each thing in a region, so that a refresh can be read as a difference."""
    whole = document(book)
    clouds = [
        f"{json.dumps(cloud)}: {{\n"
        + ",\n".join(
            f"   {json.dumps(region)}: {{\n"
            + ",\n".join(f"    {json.dumps(item)}: {json.dumps(bases)}" for item, bases in things.items())
            + "\n   }"
            for region, things in regions.items()
        )
        + "\n  }"
        for cloud, regions in whole["prices"].items()
    ]
    sources = ",\n".join(f"  {json.dumps(name)}: {json.dumps(each)}" for name, each in whole["sources"].items())
    head = f'{{\n "schema": {SCHEMA},\n "currency": {json.dumps(book.currency)},\n "sources": {{\n{sources}\n }},'
    return head + '\n "prices": {\n  ' + ",\n  ".join(clouds) + "\n }\n}\n"


def _parsed(document: object) -> tuple[Book, list[str]]:
    wrong: list[str] = []
    whole = _mapping(document, "the whole", wrong)
    if whole.get("schema") != SCHEMA:
        return Book(), [
            *wrong,
            f"schema is {show(whole.get('schema'))}, expected {SCHEMA}; refresh or rewrite the book",
        ]
    currency = whole.get("currency")
    if currency != "USD":
        wrong.append(f"currency is {show(currency)}, expected USD, in which both clouds publish their prices")
    for key in whole.keys() - {"schema", "currency", "sources", "prices"}:
        wrong.append(f"unknown key {show(key)}, expected schema, currency, sources and prices")
    sources = dict(_sources(whole.get("sources", {}), wrong))
    return Book("USD", dict(_prices(whole.get("prices", {}), sources, wrong))), wrong


def _sources(given: object, wrong: list[str]) -> Iterator[tuple[str, Source]]:
    for name, each in _mapping(given, "sources", wrong).items():
        place = f"sources.{name}"
        entry = _mapping(each, place, wrong)
        title, url, day = (entry.get(key) for key in ("title", "url", "date"))
        if not isinstance(title, str) or not title.strip():
            wrong.append(f"{place}.title is {show(title)}, expected what the list is called")
        elif not isinstance(url, str) or not url.startswith(("https://", "http://")):
            wrong.append(f"{place}.url is {show(url)}, expected where the list was read")
        else:
            try:
                yield name, Source(name, title, url, date.fromisoformat(cast("str", day)))
            except (TypeError, ValueError):
                wrong.append(f"{place}.date is {show(day)}, expected the day of the list, as 2026-01-31")


def _prices(given: object, sources: Mapping[str, Source], wrong: list[str]) -> Iterator[tuple[Key, Price]]:
    for cloud, regions in _mapping(given, "prices", wrong).items():
        if cloud not in CLOUDS:
            wrong.append(f"prices.{cloud}: no such cloud, expected {' or '.join(CLOUDS)}")
        for region, things in _mapping(regions, f"prices.{cloud}", wrong).items():
            for item, bases in _mapping(things, f"prices.{cloud}.{region}", wrong).items():
                place = f"prices.{cloud}.{region}.{item}"
                for basis, entry in _mapping(bases, place, wrong).items():
                    if basis not in BASES:
                        wrong.append(f"{place}.{basis}: no such basis, expected {' or '.join(BASES)}")
                    elif price := _price(
                        _mapping(entry, f"{place}.{basis}", wrong), f"{place}.{basis}", sources, wrong
                    ):
                        yield Key(cloud, region, item, basis), price


def _price(entry: Mapping[str, Any], place: str, sources: Mapping[str, Source], wrong: list[str]) -> Price | None:
    amount, unit, source = (entry.get(key) for key in ("price", "unit", "source"))
    try:
        # Text, since a price has as many digits as the list says, and a float has others.
        known = Decimal(amount) if isinstance(amount, str) else Decimal("NaN")
    except InvalidOperation:
        known = Decimal("NaN")
    if not known.is_finite() or not 0 <= known <= _DEAREST or _long(known):
        wrong.append(f'{place}.price is {show(amount)}, expected a number from 0 to {_DEAREST:,} as text, as "0.0464"')
    elif unit not in UNITS:
        wrong.append(f"{place}.unit is {show(unit)}, expected one of {', '.join(UNITS)}")
    elif not isinstance(source, str) or source not in sources:
        if source is None or not wrong:
            wrong.append(f"{place}.source is {show(source)}, expected the name of one under sources")
    else:
        return Price(known, unit, sources[source])
    return None


def _long(amount: Decimal) -> bool:
    return len(amount.as_tuple().digits) > _DIGITS or bool(amount and amount.adjusted() < -_DIGITS)


def _mapping(value: object, place: str, wrong: list[str]) -> dict[str, Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    wrong.append(f"{place} is {show(value)}, expected a mapping")
    return {}
