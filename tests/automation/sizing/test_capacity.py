"""How many machines carry a load: the model of it, by numbers that are reckoned here by hand."""

import math

import pytest

from automation.sizing.capacity import MEBI, Cost, Fit, Load, Misfit, Shape, fit

COST = Cost(cpu_ms=10, cpu_sd_ms=0, cpu_p99_ms=12, master_bytes=60 * MEBI, worker_bytes=40 * MEBI)
LARGE = Shape(vcpus=2, memory=4096, reserve=512)


def fitted(load: Load, shape: Shape = LARGE, cost: Cost = COST, workers: int | None = None) -> Fit:
    found = fit(load, cost, shape, room=256, workers=workers)
    assert isinstance(found, Fit), found
    return found


def refused(load: Load, shape: Shape = LARGE) -> Misfit:
    found = fit(load, COST, shape, room=256)
    assert isinstance(found, Misfit), found
    return found


def test_machines_are_as_many_as_their_processors_carry_with_some_kept_free() -> None:
    # A vCPU of half the speed answers 50 a second, two of them 100, of which 70 are used.
    assert fitted(Load(rps=350, speed=0.5, headroom=0.3)).count == 5
    assert fitted(Load(rps=351, speed=0.5, headroom=0.3)).count == 6
    assert fitted(Load(rps=350, speed=1.0, headroom=0.3)).count == 3
    assert fitted(Load(rps=350, speed=0.5, headroom=0.3)).busy == pytest.approx(0.7)


def test_there_are_as_many_as_one_may_fail() -> None:
    assert fitted(Load(rps=1)).count == 2
    assert fitted(Load(rps=1, least=1)).count == 1


def test_who_waits_is_reckoned_for_each_worker_by_itself() -> None:
    # 25 requests a second for each of two workers, 20 ms each: half of the time busy.
    found = fitted(Load(rps=50, least=1, headroom=0.5, speed=0.5))
    assert found.p99_ms == pytest.approx(24 + math.log(100 * 0.5) / 2 / 0.5 * 20)


def test_requests_that_differ_wait_longer() -> None:
    even = fitted(Load(rps=50, least=1, headroom=0.5)).p99_ms - 24
    uneven = Cost(10, 10, 12, COST.master_bytes, COST.worker_bytes)
    assert fitted(Load(rps=50, least=1, headroom=0.5), cost=uneven).p99_ms - 24 == pytest.approx(2 * even)


def test_a_bound_on_latency_takes_more_machines_until_it_holds() -> None:
    asked = Load(rps=350, p99_ms=60, speed=0.5)
    found = fitted(asked)
    assert found.count > fitted(Load(rps=350, speed=0.5)).count
    assert found.p99_ms <= 60
    fewer = fitted(Load(rps=350 * found.count / (found.count - 1) / found.count * found.count, least=found.count))
    assert fewer.p99_ms > 60  # one machine less would not do


def test_latency_that_no_number_of_machines_reaches_says_by_how_much() -> None:
    found = refused(Load(rps=1, p99_ms=20, speed=0.5))
    assert found == Misfit("latency", 24, 20)
    assert str(found) == "answers 99 of 100 in 24 ms at best, expected 20"


def test_memory_holds_the_server_its_workers_and_their_requests() -> None:
    assert fitted(Load(rps=1)).memory == 60 + 2 * (40 + 256)
    # With room for one worker alone there is one.
    assert fitted(Load(rps=1), Shape(vcpus=2, memory=1024, reserve=512)).workers == 1
    found = refused(Load(rps=1), Shape(vcpus=2, memory=512, reserve=512))
    assert (found.limit, str(found)) == ("memory", "has 0 MiB for the model, which needs 356")


def test_workers_that_a_stack_asks_for_are_not_made_fewer() -> None:
    assert isinstance(fit(Load(rps=1), COST, Shape(2, 1024, 512), room=256, workers=2), Misfit)
    assert fitted(Load(rps=1), workers=1).workers == 1


def test_a_part_of_a_processor_answers_so_much_slower() -> None:
    found = fitted(Load(rps=1, speed=0.5), Shape(vcpus=0.25, memory=1024))
    assert found.p99_ms >= 12 / 0.5 / 0.25


def test_what_earns_credits_carries_what_it_has_for_long() -> None:
    burstable = Shape(vcpus=2, memory=4096, reserve=512, steady=0.2)
    # Two vCPUs of which a fifth is earned answer 20 a second, of which 14 are used.
    assert fitted(Load(rps=70, speed=0.5), burstable).count == 5


def test_a_thousand_of_them_are_too_many() -> None:
    assert refused(Load(rps=100_000, speed=0.5)).limit == "number"
