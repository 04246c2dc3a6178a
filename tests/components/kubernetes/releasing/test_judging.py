"""From counters to a verdict."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.kubernetes.releasing.judging import Answer, Look, Outcome, Verdict, judge
from components.kubernetes.releasing.measures import INF, Measures, Reading, Series, measure, quantile
from components.kubernetes.releasing.plan import Analysis, Bound, Query

OLD, NEW = "0123456789ab", "fedcba987654"
ASK = "http://127.0.0.1:9090"


def requests(track: str, revision: str, code: str, value: float, pod: str = "p") -> Series:
    return {"pod": pod, "track": track, "revision": revision, "code": code}, value


def test_what_a_version_did_in_a_window() -> None:
    before = Reading(requests=(requests("canary", NEW, "200", 100),))
    now = Reading(
        requests=(
            requests("canary", NEW, "200", 188),
            requests("canary", NEW, "500", 6),
            requests("canary", NEW, "400", 6),
            requests("stable", OLD, "500", 50),
        ),
        refusals=(({"pod": "p", "track": "canary", "revision": NEW}, 2.0),),
        feedback=(
            ({"pod": "p", "answered_by": NEW, "outcome": "correct"}, 7.0),
            ({"pod": "q", "answered_by": NEW, "outcome": "wrong"}, 3.0),
            ({"pod": "q", "answered_by": OLD, "outcome": "wrong"}, 9.0),
        ),
    )
    found = measure(before, now, revision=NEW, track="canary")
    assert (found.requests, found.failures, found.correct, found.wrong) == (100, 8, 7, 3)
    assert found.success_rate == pytest.approx(0.92)
    assert found.accuracy == pytest.approx(0.7)


def test_a_counter_that_began_anew_counts_from_zero() -> None:
    before = Reading(requests=(requests("canary", NEW, "200", 100),))
    now = Reading(requests=(requests("canary", NEW, "200", 30),))
    assert measure(before, now, revision=NEW, track="canary").requests == 30


@given(st.lists(st.tuples(st.sampled_from("pqr"), st.sampled_from(["200", "500"]), st.integers(0, 50)), max_size=12))
def test_windows_add_up(growth: list[tuple[str, str, int]]) -> None:
    counters: dict[tuple[str, str], float] = {}
    readings = [Reading()]
    for pod, code, more in growth:
        counters[pod, code] = counters.get((pod, code), 0.0) + more
        readings.append(
            Reading(requests=tuple(requests("canary", NEW, code, n, pod) for (pod, code), n in counters.items()))
        )
    whole = measure(readings[0], readings[-1], revision=NEW, track="canary")
    parts = [measure(a, b, revision=NEW, track="canary") for a, b in itertools.pairwise(readings)]
    assert whole.requests == sum(each.requests for each in parts) == sum(more for *_, more in growth)
    assert whole.failures == sum(each.failures for each in parts)


def test_the_quantile_of_a_histogram() -> None:
    assert quantile(0.99, {}) is None
    assert quantile(0.99, {0.1: 0.0, INF: 0.0}) is None
    assert quantile(0.5, {0.1: 10.0, 0.2: 20.0, INF: 20.0}) == pytest.approx(100)
    assert quantile(0.75, {0.1: 10.0, 0.2: 20.0, INF: 20.0}) == pytest.approx(150)
    assert quantile(0.99, {0.1: 10.0, INF: 20.0}) == INF


@given(st.lists(st.floats(0.0001, 9.0), min_size=1, max_size=200))
def test_the_quantile_lies_in_the_bucket_of_the_sample(samples: list[float]) -> None:
    bounds = (0.001, 0.01, 0.1, 1.0, 10.0)
    buckets = {bound: float(sum(sample <= bound for sample in samples)) for bound in bounds}
    found = quantile(0.99, {**buckets, INF: float(len(samples))})
    exact = sorted(samples)[math.ceil(0.99 * len(samples)) - 1]
    upper = next(bound for bound in bounds if bound >= exact)
    lower = max((bound for bound in bounds if bound < upper), default=0.0)
    assert found is not None
    assert 1000 * lower <= found <= 1000 * upper * (1 + 1e-9)


def seen(**given: float) -> Measures:
    return Measures(scraped=True, **given)


def looked(analysis: Analysis, candidate: Measures, other: Measures | None = None, *answers: Answer) -> Verdict:
    return judge(analysis, Look(candidate, other or Measures(), answers))


def test_a_success_rate_that_holds_and_one_that_does_not() -> None:
    analysis = Analysis(ASK, success_rate=Bound(min=0.99), min_samples=50)
    assert looked(analysis, seen(requests=100, failures=1)).outcome is Outcome.HOLDS
    bad = looked(analysis, seen(requests=100, failures=9))
    assert bad.outcome is Outcome.FAILS
    assert bad.text() == "success rate is 0.91 over 100 requests, expected at least 0.99"


def test_too_few_requests_say_nothing() -> None:
    analysis = Analysis(ASK, success_rate=Bound(min=0.99), min_samples=50)
    verdict = looked(analysis, seen(requests=49, failures=49))
    assert verdict.outcome is Outcome.UNCLEAR
    assert "49 requests of the new version, expected at least 50" in verdict.text()


def test_what_is_not_known_for_one_reason_is_said_once() -> None:
    analysis = Analysis(ASK, success_rate=Bound(min=0.99), p99_ms=Bound(max=5), accuracy=Bound(min=0.9), min_samples=20)
    assert looked(analysis, seen(requests=17, correct=3.0)).text(Outcome.UNCLEAR) == (
        "success rate and p99 latency in ms are not known: 17 requests of the new version, expected at least 20; "
        "accuracy by feedback is not known: 3 labels of the new version, expected at least 20"
    )


@pytest.mark.parametrize("count", [math.nan, math.inf])
def test_counters_that_are_no_numbers_say_nothing(count: float) -> None:
    analysis = Analysis(ASK, success_rate=Bound(min=0.99), p99_ms=Bound(max=5, max_ratio=2), min_samples=20)
    assert looked(analysis, seen(requests=count, failures=count)).outcome is Outcome.UNCLEAR
    old = seen(requests=count, p99_ms=math.nan)
    assert (
        looked(Analysis(ASK, p99_ms=Bound(max_ratio=2)), seen(requests=100, p99_ms=1), old).outcome is Outcome.UNCLEAR
    )


def test_no_series_at_all_is_said_clearly() -> None:
    verdict = looked(Analysis(ASK, success_rate=Bound(min=0.99)), Measures())
    assert verdict.outcome is Outcome.UNCLEAR
    assert "Prometheus has no series of the new version's pods" in verdict.text()


def test_latency_against_the_old_version() -> None:
    analysis = Analysis(ASK, p99_ms=Bound(max=500, max_ratio=1.5), min_samples=10)
    old = seen(requests=100, p99_ms=40.0)
    assert looked(analysis, seen(requests=100, p99_ms=59.0), old).outcome is Outcome.HOLDS
    bad = looked(analysis, seen(requests=100, p99_ms=90.0), old)
    whole = looked(analysis, seen(requests=100, p99_ms=50.0), old)
    assert (len(whole.findings), whole.text()) == (
        1,
        "p99 latency in ms is 50 over 100 requests, expected at most 500 and at most 1.5 times the 40 of the old "
        "version",
    )
    assert bad.text(Outcome.FAILS) == (
        "p99 latency in ms is 90 over 100 requests, expected at most 1.5 times the 40 of the old version"
    )
    assert looked(analysis, seen(requests=100, p99_ms=50.0)).outcome is Outcome.UNCLEAR
    beyond = looked(analysis, seen(requests=100, p99_ms=INF), old)
    assert "beyond the longest that is counted" in beyond.text(Outcome.FAILS)


def test_accuracy_by_feedback() -> None:
    analysis = Analysis(ASK, accuracy=Bound(min=0.9, max_drop=0.05), min_samples=20)
    good = seen(correct=95.0, wrong=5.0)
    assert looked(analysis, good, good).outcome is Outcome.HOLDS
    bad = looked(analysis, seen(correct=10.0, wrong=90.0), good)
    assert bad.text(Outcome.FAILS) == (
        "accuracy by feedback is 0.1 over 100 labels, expected at least 0.9 and at most 0.05 below the 0.95 of the old "
        "version"
    )
    assert looked(analysis, seen(correct=5.0), good).outcome is Outcome.UNCLEAR
    # exactly as much less as is allowed, whatever floating point makes of it
    edge = Analysis(ASK, accuracy=Bound(max_drop=0.05), min_samples=20)
    assert looked(edge, seen(correct=90.0, wrong=10.0), good).outcome is Outcome.HOLDS


def test_a_query_of_the_users_own() -> None:
    analysis = Analysis(ASK, queries=(Query("queue", "x", Bound(max=5)),))
    assert looked(analysis, seen(), None, Answer("queue", 5.0)).outcome is Outcome.HOLDS
    assert looked(analysis, seen(), None, Answer("queue", 6.0)).text() == "queue is 6, expected at most 5"
    empty = looked(analysis, seen(), None, Answer("queue", None, "its query gives no series at all"))
    assert (empty.outcome, empty.text()) == (
        Outcome.UNCLEAR,
        "queue is not known: its query gives no series at all",
    )
    assert looked(analysis, seen(), None, Answer("queue", math.nan)).outcome is Outcome.UNCLEAR


def test_one_measure_that_fails_outweighs_another_that_is_unclear() -> None:
    analysis = Analysis(ASK, success_rate=Bound(min=0.99), accuracy=Bound(min=0.9), min_samples=50)
    assert looked(analysis, seen(requests=100, failures=50)).outcome is Outcome.FAILS


def test_without_measures_the_pods_alone_decide() -> None:
    assert looked(Analysis(), Measures()).outcome is Outcome.HOLDS


@given(
    st.builds(
        seen,
        requests=st.integers(0, 500).map(float),
        failures=st.integers(0, 500).map(float),
        correct=st.integers(0, 500).map(float),
        wrong=st.integers(0, 500).map(float),
    )
)
def test_every_finding_says_what_and_what_was_expected(candidate: Measures) -> None:
    analysis = Analysis(ASK, success_rate=Bound(min=0.99), accuracy=Bound(min=0.9), min_samples=50)
    verdict = looked(analysis, candidate)
    assert len(verdict.findings) == 2
    for finding in verdict.findings:
        assert finding.measure in finding.text
        assert "expected" in finding.text
