"""Rules of a route at each step: the shares add up, what is not ours stays, and the way back leads to the beginning."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from components.kubernetes.releasing.plan import Match, Plan, Step, Strategy
from components.kubernetes.releasing.traffic import Split, described, plain, replicas, shaped, split

DIGITS = {"group": "", "kind": "Service", "name": "digits", "port": 80, "weight": 100}
CANARY = {**DIGITS, "name": "digits-canary", "weight": 0}
REST: list[dict[str, Any]] = [
    {"matches": [{"path": {"type": "PathPrefix", "value": "/v2"}}], "backendRefs": [DIGITS, CANARY]}
]

matches = st.builds(Match, value=st.just("b"), header=st.just("x-version")) | st.builds(
    Match, value=st.just("b"), cookie=st.just("trial")
)
splits = (
    st.tuples(st.integers(0, 50), st.integers(0, 50)).map(lambda pair: Split(*pair))
    | st.integers(0, 100).map(Split)
    | matches.map(lambda match: Split(match=match))
    | st.just(Split(mirror=True))
)
foreign = st.sampled_from(
    [
        {"matches": [{"path": {"type": "Exact", "value": "/other"}}], "backendRefs": [{"name": "other", "port": 80}]},
        {"filters": [{"type": "RequestRedirect", "requestRedirect": {"scheme": "https"}}]},
        {
            "filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "log", "port": 80}}}],
            "backendRefs": [DIGITS, CANARY],
        },
        REST[0],
    ]
)
routes = st.lists(foreign, max_size=4)


@given(routes, splits)
def test_back_to_rest_from_anywhere(rules: list[Any], wanted: Split) -> None:
    assert plain(shaped(rules, "digits", wanted), "digits") == rules


@given(routes, splits, splits)
def test_a_step_does_not_depend_on_the_one_before(rules: list[Any], first: Split, then: Split) -> None:
    assert shaped(shaped(rules, "digits", first), "digits", then) == shaped(rules, "digits", then)


@given(routes, splits)
def test_shares_add_up(rules: list[Any], wanted: Split) -> None:
    for rule in shaped(rules, "digits", wanted):
        refs = rule.get("backendRefs") or []
        if any(ref["name"] == "digits" for ref in refs):
            assert sum(ref["weight"] for ref in refs) == 100
            assert all(ref["weight"] >= 0 for ref in refs)


def test_weights_of_a_canary_with_a_baseline() -> None:
    (rule,) = shaped(REST, "digits", Split(20, 20))
    assert [(ref["name"], ref["weight"]) for ref in rule["backendRefs"]] == [
        ("digits", 60),
        ("digits-canary", 20),
        ("digits-baseline", 20),
    ]


def test_a_rule_without_weights_gets_them() -> None:
    (rule,) = plain([{"backendRefs": [{"name": "digits", "port": 80}]}], "digits")
    assert [(ref["name"], ref["weight"]) for ref in rule["backendRefs"]] == [("digits", 100), ("digits-canary", 0)]


def test_a_header_leads_to_the_candidate() -> None:
    trial, rest = shaped(REST, "digits", Split(match=Match("b", header="x-version")))
    assert trial["matches"] == [
        {
            "path": {"type": "PathPrefix", "value": "/v2"},
            "headers": [{"name": "x-version", "type": "Exact", "value": "b"}],
        }
    ]
    assert [ref["name"] for ref in trial["backendRefs"]] == ["digits-canary"]
    assert [(ref["name"], ref["weight"]) for ref in rest["backendRefs"]] == [("digits", 100), ("digits-canary", 0)]


@given(
    st.lists(st.sampled_from(["trial=a", "trial=b", "trial=bb", "xtrial=b", "other=1", "trial=b2"]), max_size=4),
    st.sampled_from(["; ", ";"]),
)
def test_a_cookie_is_matched_as_a_whole(cookies: list[str], between: str) -> None:
    trial, _ = shaped(REST, "digits", Split(match=Match("b", cookie="trial")))
    (header,) = trial["matches"][0]["headers"]
    found = re.fullmatch(header["value"], between.join(cookies)) is not None
    assert (header["name"], found) == ("cookie", "trial=b" in cookies)


def test_a_shadow_gets_copies_only() -> None:
    (rule,) = shaped(REST, "digits", Split(mirror=True))
    assert rule["filters"] == [
        {
            "type": "RequestMirror",
            "requestMirror": {"backendRef": {"group": "", "kind": "Service", "name": "digits-canary", "port": 80}},
        }
    ]
    assert rule["backendRefs"] == REST[0]["backendRefs"]


def test_splits_of_the_strategies() -> None:
    canary = Plan(Strategy.CANARY, (Step(20),), baseline=True)
    assert split(canary, Step(20)) == Split(20, 20)
    assert split(Plan(Strategy.BLUE_GREEN), Step(100)) == Split(100)
    assert split(Plan(Strategy.SHADOW), Step(0)) == Split(mirror=True)
    match = Match("b", cookie="trial")
    assert split(Plan(Strategy.AB, match=match), Step(0)) == Split(match=match)
    assert described(Split(match=match)) == "requests with cookie trial = b"
    assert described(Split(20, 20)) == "20 % of the requests, 20 % to a baseline of the old version"


def test_replicas_of_a_candidate() -> None:
    canary = Plan(Strategy.CANARY, (Step(20),))
    assert replicas(canary, Step(20), 10, routed=True) == 2
    assert replicas(canary, Step(1), 2, routed=True) == 1
    assert replicas(canary, Step(20), 4, routed=False) == 1
    assert replicas(canary, Step(50), 4, routed=False) == 4
    assert replicas(canary, Step(100), 4, routed=False) == 4
    assert replicas(Plan(Strategy.SHADOW), Step(0), 3, routed=True) == 3
    assert replicas(Plan(Strategy.CANARY, (Step(20),), replicas=5), Step(20), 3, routed=True) == 5
    assert replicas(Plan(Strategy.BLUE_GREEN), Step(100), 0, routed=True) == 1


@given(st.integers(1, 100), st.integers(1, 99))
def test_a_split_by_replicas_is_as_near_as_pods_allow(stable: int, weight: int) -> None:
    count = replicas(Plan(Strategy.CANARY), Step(weight), stable, routed=False)
    exact = stable * weight / (100 - weight)
    assert count >= 1
    assert abs(count - exact) <= max(0.5, 1 - exact)
