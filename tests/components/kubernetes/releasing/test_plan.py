"""Plans and analyses: the same settings are the same text, and what makes no sense is told in words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.kubernetes.releasing.plan import Analysis, Bound, Inconclusive, Match, Plan, Query, Step, Strategy

seconds = st.integers(0, 10_000).map(float)
bounds = st.builds(
    Bound,
    min=st.none() | st.floats(0, 1),
    max=st.none() | st.floats(0, 1),
    max_ratio=st.none() | st.floats(1, 9),
    max_drop=st.none() | st.floats(0, 1),
)
plans = st.builds(
    Plan,
    strategy=st.sampled_from(Strategy),
    steps=st.lists(st.builds(Step, st.integers(1, 100), seconds), max_size=4).map(tuple),
    pause=seconds,
    match=st.none() | st.builds(Match, value=st.text(min_size=1), header=st.text()),
    baseline=st.booleans(),
    replicas=st.none() | st.integers(1, 9),
    ready=seconds,
)
analyses = st.builds(
    Analysis,
    prometheus=st.sampled_from(["", "http://127.0.0.1:9090", "monitoring/prometheus:9090"]),
    success_rate=st.none() | bounds.filter(lambda bound: bound != Bound()),
    queries=st.lists(st.builds(Query, st.text(min_size=1), st.text(min_size=1), bounds), max_size=2).map(tuple),
    min_samples=st.integers(1, 1000),
    inconclusive=st.sampled_from(Inconclusive),
    wait=seconds,
    interval=st.integers(1, 100).map(float),
)


@given(plans)
def test_a_plan_survives_its_text(plan: Plan) -> None:
    assert Plan.parse(plan.canonical()) == plan
    assert Plan.parse(plan.canonical()).canonical() == plan.canonical()


@given(analyses)
def test_an_analysis_survives_its_text(analysis: Analysis) -> None:
    assert Analysis.parse(analysis.canonical()) == analysis


def test_nothing_said_is_a_rolling_update() -> None:
    assert Plan.parse("{}") == Plan() == Plan.parse("")
    assert Plan().stages() == ()
    assert Plan().problems(routed=False) == []
    assert Analysis().problems() == []


def test_stages_of_each_strategy() -> None:
    steps = (Step(10, 5.0), Step(50, 9.0))
    assert Plan(Strategy.CANARY, steps).stages() == steps
    assert Plan(Strategy.SHADOW, pause=7.0).stages() == (Step(0, 7.0),)
    assert Plan(Strategy.BLUE_GREEN, pause=7.0).stages() == (Step(100, 7.0),)
    assert Plan(Strategy.AB, pause=7.0, match=Match("b", header="x")).stages() == (Step(0, 7.0),)


@pytest.mark.parametrize(
    ("plan", "routed", "words"),
    [
        (Plan(Strategy.SHADOW), False, "strategy shadow needs a route"),
        (Plan(Strategy.BLUE_GREEN), False, "strategy blue-green needs a route"),
        (Plan(Strategy.CANARY), True, "has no steps"),
        (Plan(Strategy.CANARY, (Step(0),)), True, "from 1 to 100"),
        (Plan(Strategy.CANARY, (Step(50), Step(50))), True, "each larger than the one before"),
        (Plan(Strategy.CANARY, (Step(10, -1.0),)), True, "negative or endless"),
        (Plan(Strategy.CANARY, (Step(60),), baseline=True), True, "at most 50 with a baseline"),
        (Plan(Strategy.CANARY, (Step(10),), baseline=True), False, "a baseline needs a route"),
        (Plan(Strategy.SHADOW, baseline=True), True, "takes no baseline"),
        (Plan(steps=(Step(10),)), True, "strategy rolling takes no steps"),
        (Plan(Strategy.BLUE_GREEN, steps=(Step(10),)), True, "strategy blue-green takes no steps"),
        (Plan(Strategy.AB), True, "strategy ab needs match"),
        (Plan(Strategy.AB, match=Match("b")), True, "neither or both"),
        (Plan(Strategy.CANARY, (Step(10),), match=Match("b", header="x")), True, "no other strategy takes it"),
    ],
)
def test_plans_that_cannot_be_carried_out(plan: Plan, routed: bool, words: str) -> None:
    assert any(words in line for line in plan.problems(routed=routed))


@pytest.mark.parametrize(
    ("analysis", "words"),
    [
        (Analysis(success_rate=Bound(min=0.99)), "no Prometheus to ask"),
        (Analysis(prometheus="http://127.0.0.1:9090"), "has no measure"),
        (Analysis(prometheus="prometheus:9090", success_rate=Bound(min=0.9)), "expected http://HOST:PORT"),
        (Analysis(min_samples=0), "min_samples is 0"),
        (Analysis(interval=0.0), "interval or wait"),
    ],
)
def test_analyses_that_make_no_sense(analysis: Analysis, words: str) -> None:
    assert any(words in line for line in analysis.problems())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "not JSON"),
        ("[]", "expected a JSON object"),
        (json.dumps({"stratgy": "canary"}), "unknown keys stratgy"),
        (json.dumps({"pause": "1m"}), "pause of strategy is '1m', expected a number"),
        (json.dumps({"strategy": "sideways"}), "sideways"),
    ],
)
def test_text_that_is_no_plan(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Plan.parse(text)
