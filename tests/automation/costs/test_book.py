import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automation.costs.book import BASES, UNITS, Book, Key, Price, Source, document, parse, read, shipped, text
from automation.costs.update import known, own_book, write
from automation.exits import Failure

LIST = {"list": {"title": "a list", "url": "https://example.com/list", "date": "2026-01-31"}}


def book(entry: Any, **more: Any) -> dict[str, Any]:
    prices = {"aws": {"eu-central-1": {"machine/m6i.large": {"on-demand": entry}}}}
    return {"schema": 1, "currency": "USD", "sources": LIST, "prices": prices, **more}


GOOD = {"price": "0.115", "unit": "hour", "source": "list"}


def source(day: str) -> Source:
    return Source("list", "a list", "https://example.com/list", date.fromisoformat(day))


def one(amount: str, day: str) -> Book:
    return Book("USD", {Key("aws", "eu-central-1", "machine/m6i.large"): Price(Decimal(amount), "hour", source(day))})


def test_a_price_has_its_amount_unit_list_and_day() -> None:
    found = parse(book(GOOD), "book.json").price("aws", "eu-central-1", "machine/m6i.large")
    assert found == Price(Decimal("0.115"), "hour", source("2026-01-31"))


def test_a_price_of_another_region_or_basis_is_not_known() -> None:
    found = parse(book(GOOD), "book.json")
    assert found.price("aws", "eu-west-1", "machine/m6i.large") is None
    assert found.price("aws", "eu-central-1", "machine/m6i.large", "spot") is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            book({**GOOD, "price": 0.115}),
            "m6i.large.on-demand.price is 0.115, expected a number from 0 to 1,000,000 as text",
        ),
        (book({**GOOD, "price": "-1"}), "expected a number from 0 to 1,000,000 as text"),
        (book({**GOOD, "price": "NaN"}), "expected a number from 0 to 1,000,000 as text"),
        *(
            (book({**GOOD, "price": each}), "expected a number from 0 to 1,000,000 as text")
            for each in ("1e30", "1e999999", "1E-999999", f"0.{'1' * 50}")
        ),
        (book({**GOOD, "unit": "day"}), "unit is 'day', expected one of hour, month"),
        (book({**GOOD, "source": "else"}), "source is 'else', expected the name of one under sources"),
        (book(GOOD, sources={"list": {**LIST["list"], "date": "yesterday"}}), "sources.list.date is 'yesterday'"),
        (book(GOOD, sources={"list": {**LIST["list"], "url": "file:///etc/passwd"}}), "sources.list.url is"),
        (book(GOOD, currency="EUR"), "currency is 'EUR', expected USD"),
        (book(GOOD, schema=2), "schema is 2, expected 1"),
        (book(GOOD, extra=1), "unknown key 'extra'"),
        (book("0.1"), "on-demand is '0.1', expected a mapping"),
        ({"schema": 1, "currency": "USD", "prices": {"azure": {}}}, "prices.azure: no such cloud"),
        ([], "the whole is an empty list, expected a mapping"),
        (None, "the whole is empty, expected a mapping"),
    ],
)
def test_a_wrong_book_is_one_error_that_says_where(wrong: Any, told: str) -> None:
    with pytest.raises(Failure) as error:
        parse(wrong, "book.json")
    assert error.value.messages[0].startswith("book.json: ")
    assert told in "\n".join(error.value.messages)


@pytest.mark.parametrize("content", ["", "{", "\x00", '{"schema": 1, "schema'])
def test_a_file_that_is_no_book_is_one_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "book.json").write_text(content)
    with pytest.raises(Failure, match="expected a book of prices"):
        read(tmp_path / "book.json")


def test_of_two_books_the_younger_list_counts_whichever_comes_first() -> None:
    old, new = one("1", "2025-01-01"), one("2", "2026-01-01")
    (first,), (second,) = old.newest(new).prices.values(), new.newest(old).prices.values()
    assert first.amount == second.amount == Decimal(2)


def test_what_was_agreed_comes_before_a_younger_list() -> None:
    (found,) = one("2", "2026-01-01").under(one("1", "2025-01-01")).prices.values()
    assert found.amount == Decimal(1)


regions = st.sampled_from(["*", "eu-central-1"])
keys = st.builds(Key, st.sampled_from(["aws", "gcp"]), regions, st.text(min_size=1), st.sampled_from(BASES))
prices = st.builds(
    Price,
    st.decimals(0, 10**6, places=8).map(lambda value: value.normalize() + 0),
    st.sampled_from(UNITS),
    st.builds(Source, st.sampled_from(["a", "b"]), st.just("a list"), st.just("https://example.com"), st.dates()),
)


@given(st.dictionaries(keys, prices, max_size=6))
def test_a_book_is_read_as_it_was_written(entries: dict[Key, Price]) -> None:
    written = json.loads(text(Book("USD", entries)))
    found = parse(written, "book.json")
    assert {key: (price.amount, price.unit, price.source.date) for key, price in found.prices.items()} == {
        key: (price.amount, price.unit, price.source.date) for key, price in entries.items()
    }
    assert written == document(found)


def test_the_book_that_is_shipped_names_a_source_and_a_day_for_each_price() -> None:
    found = shipped()
    assert len(found.prices) > 1000
    assert all(price.amount > 0 and price.source.url.startswith("https://") for price in found.prices.values())
    assert {"spot", "on-demand"} <= {key.basis for key in found.prices}


def test_spot_never_costs_more_than_on_demand_in_the_book_that_is_shipped() -> None:
    found = shipped()
    dear = [
        key
        for key, price in found.prices.items()
        if key.basis == "spot"
        and (firm := found.price(key.cloud, key.region, key.item)) is not None
        and price.amount > firm.amount
    ]
    assert dear == []


def test_what_was_refreshed_comes_before_what_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path))
    write(one("9", "2030-01-01"), own_book())
    found = known().price("aws", "eu-central-1", "machine/m6i.large")
    assert found is not None
    assert found.amount == Decimal(9)
