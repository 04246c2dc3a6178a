"""Gate first, then size; latency only beyond the margin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_build.gate import FLOOR_MS, Measured, choose, fix, missed, passed_over
from model_build.recipe_evaluate import Evaluate


def measured(name: str = "fp32", size: int = 1000, metric: float = 0.9, drop: float = 0.0, ms: float = 1.0) -> Measured:
    return Measured(name, size, metric, drop, ms, ms * 2)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"min": 0.95}, "min: accuracy is 0.9, at least 0.95 was asked, 0.05 short"),
        (
            {"max_drop": 0.01},
            "max_drop: drop of accuracy against the source is 0.03, at most 0.01 was asked, 0.02 over",
        ),
        ({"max_latency_ms": 1.5}, "max_latency_ms: p99 in ms is 2, at most 1.5 was asked, 0.5 over"),
        ({"max_bytes": 600}, "max_bytes: size is 1,000, at most 600 was asked, 400 over"),
    ],
)
def test_a_missed_bound_says_by_how_much(asked: dict[str, float], line: str) -> None:
    assert missed(Evaluate.model_validate({"data": "a:b", **asked}), measured(drop=0.03)) == [line]


def test_every_missed_bound_is_named_and_a_bound_itself_is_kept() -> None:
    asked = Evaluate(data="a:b", min=0.9, max_drop=0.0, max_latency_ms=2, max_bytes=1000)
    assert missed(asked, measured()) == []
    worse = Evaluate(data="a:b", min=0.91, max_latency_ms=1.9, max_bytes=999)
    assert [line.partition(":")[0] for line in missed(worse, measured())] == ["min", "max_latency_ms", "max_bytes"]


def test_errors_have_an_upper_bound() -> None:
    asked = Evaluate(data="a:b", metric="rmse", max=2)
    assert missed(asked, measured(metric=2.5)) == ["max: rmse is 2.5, at most 2 was asked, 0.5 over"]
    assert missed(asked, measured(metric=1.5)) == []


def test_the_smallest_that_passed_is_chosen() -> None:
    chosen, why = choose([measured("fp32", 1000), measured("int8", 300, 0.89)], 0.5)
    assert chosen == "int8"
    assert why == {
        "int8": "chosen: passed the gate and is the smallest, 300 bytes",
        "fp32": "passed, but 700 bytes larger than int8",
    }


def test_a_smaller_one_beyond_the_latency_margin_is_passed_over() -> None:
    slow, quick = measured("int8", 300, ms=1.6), measured("fp32", 1000, ms=1.0)
    chosen, why = choose([slow, quick], 0.5)
    assert chosen == "fp32"
    assert why["int8"] == "passed, but 1.6 times the 1 ms of fp32, beyond the margin of 1.5 times"
    assert choose([slow, quick], 0.7)[0] == "int8"


def test_what_is_taken_says_what_smaller_was_not_and_why() -> None:
    """As on a network of narrow convolutions on a processor without VNNI."""
    floats, half = measured("fp32", 540_000, 0.97, ms=2.39), measured("fp16", 290_000, 0.97, ms=2.53)
    slow, slower = measured("int8-percentile", 230_000, 0.97, ms=3.9), measured("int8-mixed", 240_000, 0.97, ms=4.0)
    short = measured("int8-minmax", 230_000, 0.95, ms=3.62)
    chosen, why = choose([floats, half, slow, slower], 0.5)
    assert chosen == "fp16"
    others = {each.name: (each, []) for each in (floats, slow, slower)}
    told = why["fp16"] + passed_over(half, {**others, "int8-minmax": (short, ["max_drop: drop of accuracy is 0.02"])})
    assert told == (
        "chosen: the smallest within 1.5 times the fastest candidate's latency; int8-percentile and int8-mixed are "
        "smaller, but are too slow beside the fastest; int8-minmax is smaller, but missed max_drop"
    )
    assert passed_over(short, {"fp16": (half, [])}) == ""


def test_differences_below_the_clock_decide_nothing() -> None:
    assert choose([measured("int8", 300, ms=0.01 + FLOOR_MS / 2), measured("fp32", 1000, ms=0.01)], 0.0)[0] == "int8"


def test_nothing_passed_nothing_chosen() -> None:
    assert choose([], 0.5) == (None, {})


candidates = st.lists(
    st.builds(
        Measured,
        st.text(min_size=1),
        st.integers(1, 10**9),
        st.floats(0, 1),
        st.floats(-1, 1),
        st.floats(0.001, 1000),
        st.floats(0.001, 1000),
    ),
    min_size=1,
    unique_by=lambda c: c.name,
)


@given(candidates, st.floats(0, 10), st.randoms())
def test_the_choice_does_not_depend_on_order_and_always_has_a_reason(
    found: list[Measured], margin: float, r: object
) -> None:
    chosen, why = choose(found, margin)
    shuffled = sorted(found, key=lambda c: c.name)
    assert choose(shuffled, margin)[0] == chosen
    assert set(why) == {c.name for c in found}
    assert [name for name, text in why.items() if text.startswith("chosen")] == [chosen]


def test_the_fix_is_for_what_was_missed() -> None:
    asked = Evaluate(data="a:b")
    assert fix(asked, {"fp32": ["max_bytes: size"]}) == "make the model smaller, or raise the bound"
    assert fix(asked, {"fp32": ["min: accuracy"]}) == "train a better model, or lower the bound in evaluate"
    assert "max_drop" in fix(asked, {"fp32": ["max_drop: drop"]})
