"""What carries a load, by price, and what was chosen once and is kept."""

from datetime import date
from decimal import Decimal

from automation.costs.book import Book, Key, Price, Source, shipped
from automation.sizing.capacity import MEBI, Cost, Load
from automation.sizing.choosing import Choice, choose, settled
from automation.sizing.offer import KINDS
from automation.sizing.offers import lists, offers

COST = Cost(cpu_ms=10, cpu_sd_ms=1, cpu_p99_ms=12, master_bytes=60 * MEBI, worker_bytes=40 * MEBI)
LIST = Source("list", "a list", "https://example.com/list", date(2026, 1, 31))


def book(**machines: str) -> Book:
    """Machines of us-east-1 by name, with `_` for the dot, and what each costs an hour."""
    keys = {name.replace("_", "."): price for name, price in machines.items()}
    return Book(
        "USD",
        {
            Key("aws", "us-east-1", f"machine/{name}"): Price(Decimal(price), "hour", LIST)
            for name, price in keys.items()
        },
    )


def chosen(known: Book, load: Load | None = None) -> list[Choice]:
    asked = load or Load(rps=50)
    return choose(asked, COST, offers(known, "aws", "us-east-1"), arches=["amd64"], workers={})[0]


def test_the_cheapest_comes_first_with_what_a_million_requests_cost() -> None:
    found = chosen(book(c7i_large="0.09", m7i_large="0.10", c7i_xlarge="0.17"))
    assert [each.offer.name for each in found] == ["c7i.large", "m7i.large", "c7i.xlarge"]
    assert (found[0].fit.count, found[0].per_hour) == (2, Decimal("0.18"))
    assert found[0].per_million == Decimal("0.18") / Decimal("0.18")  # 50 a second are 180,000 an hour
    assert found[0].per_month == Decimal("0.18") * 730


def test_machines_for_another_processor_are_left_out_and_told() -> None:
    asked = offers(book(c7g_large="0.01"), "aws", "us-east-1")
    found, left = choose(Load(rps=1), COST, asked, arches=["amd64"], workers={})
    assert not found
    assert [(each.limit, each.why) for each in left] == [("architecture", "is arm64, and the image is for amd64")]


def test_a_choice_is_kept_until_another_saves_a_tenth() -> None:
    before = {"type": "m7i.large"}
    near, far = book(c7i_large="0.091", m7i_large="0.10"), book(c7i_large="0.089", m7i_large="0.10")
    assert (kept := settled(chosen(near), "aws-ec2", before)) is not None and kept.offer.name == "m7i.large"
    assert (other := settled(chosen(far), "aws-ec2", before)) is not None and other.offer.name == "c7i.large"
    assert (first := settled(chosen(near), "aws-ec2", {})) is not None and first.offer.name == "c7i.large"
    assert settled(chosen(near), "gcp-vertex", {}) is None


def test_what_carries_the_load_no_more_is_not_kept() -> None:
    known = book(c7i_large="0.10", t3_nano="0.001")
    found = settled(chosen(known), "aws-ec2", {"type": "t3.nano"})
    assert found is not None and found.offer.name == "c7i.large"


def test_the_book_that_comes_along_has_all_kinds() -> None:
    known = shipped()
    kinds = {
        each.target
        for cloud, region in (("aws", "us-east-1"), ("gcp", "us-central1"))
        for each in offers(known, cloud, region)
    }
    assert kinds == set(KINDS) - {"aws-sagemaker", "gcp-vertex"}
    assert all(each.startswith("https://") for each in lists())


def test_of_tasks_that_differ_in_memory_alone_the_cheapest_is_told() -> None:
    found = choose(Load(rps=1), COST, offers(shipped(), "aws", "eu-central-1"), arches=["amd64"], workers={})[0]
    tasks = [(each.offer.cpu, each.fit.workers) for each in found]
    assert len(tasks) == len(set(tasks)) >= 5
