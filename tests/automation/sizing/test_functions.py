"""Functions of AWS Lambda: their share of a processor, their environments, and what they cost."""

import math
from decimal import Decimal

import pytest

from automation.costs.book import shipped
from automation.sizing import functions
from automation.sizing.capacity import MEBI, Cost, Fit, Load, Misfit, Shape
from automation.sizing.choosing import Choice, choose

COST = Cost(cpu_ms=10, cpu_sd_ms=0, cpu_p99_ms=12, master_bytes=60 * MEBI, worker_bytes=40 * MEBI)


def chosen(load: Load) -> dict[str, Choice]:
    found, _ = choose(load, COST, functions.offers(shipped(), "us-east-1"), arches=["amd64"], workers={})
    return {each.offer.name: each for each in found}


def test_a_request_takes_as_long_as_its_share_of_a_processor_says() -> None:
    # 1,769 MB are one vCPU; half of that has half of one.
    whole, part = (functions.fit(Load(10), COST, Shape(vcpus, 4096), room=24) for vcpus in (1.0, 0.5))
    assert isinstance(whole, Fit) and isinstance(part, Fit)
    assert (whole.billed_ms, part.billed_ms) == (20, 40)
    assert (whole.p99_ms, part.p99_ms) == (24, 48)
    shares = {each.name: each.shape.vcpus for each in functions.offers(shipped(), "us-east-1")}
    assert (shares["1769 MB"], shares["10240 MB"]) == (1, 1)
    assert shares["512 MB"] == pytest.approx(512 / 1769)


def test_what_is_paid_is_the_memory_for_the_time_and_each_request() -> None:
    # 0.0000166667 dollars a GB-second and 0.20 a million, as AWS's list of us-east-1 has it.
    one = chosen(Load(10))["1769 MB"]
    each = Decimal("0.0000166667") * 1769 / 1024 * Decimal("0.02") + Decimal("0.0000002")
    assert float(one.per_million) == pytest.approx(float(each * 1_000_000))
    assert float(one.per_hour) == pytest.approx(float(each * 36_000))


def test_memory_beyond_a_whole_processor_is_of_no_use_and_not_told() -> None:
    assert "1769 MB" in chosen(Load(10)) and "2048 MB" not in chosen(Load(10))


@pytest.mark.parametrize("mean", [0.01, 1.0, 12.5, 300.0, 950.0])
def test_in_99_of_100_moments_no_more_are_busy(mean: float) -> None:
    found = functions.at_once(mean)

    def below(count: int) -> float:
        return sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count + 1))

    assert below(found) >= 0.99
    assert found == 1 or below(found - 1) < 0.99


def test_what_a_function_cannot_do_is_said() -> None:
    def refused(load: Load, shape: Shape) -> str:
        found = functions.fit(load, COST, shape, room=24)
        assert isinstance(found, Misfit)
        return found.limit

    assert refused(Load(1), Shape(0.1, 120)) == "memory"
    assert refused(Load(1, p99_ms=20), Shape(1, 4096)) == "latency"
    assert refused(Load(100_000), Shape(1, 4096)) == "number"
