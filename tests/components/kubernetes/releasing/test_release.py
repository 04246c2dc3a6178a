"""The resource without a cluster: what it refuses early, what it finds in its history, and what it asks Prometheus."""

from typing import Any

import pytest
from pulumi.output import UNKNOWN

from automation.exits import Failure
from automation.rollback import _meant  # pyright: ignore[reportPrivateUsage]
from components.history import Promotion, described, found, numbered
from components.kubernetes.release import ReleaseProvider
from components.kubernetes.releasing.errors import BadRelease, NoMeasures, RolledBack
from components.kubernetes.releasing.plan import Plan, Step, Strategy
from components.kubernetes.releasing.prometheus import filled, series
from components.kubernetes.releasing.record import Phase, Record

ONE, TWO = "a1" * 32, "b2" * 32


def entry(number: int, digest: str, version: str = "") -> Promotion:
    at = f"2026-01-{number:02d}T12:00:00+00:00"
    reference = f"registry.example.test/digits@sha256:{digest}"
    # numbers reach a provider as floats
    return {"number": number, "digest": f"sha256:{digest}", "reference": reference, "version": version, "at": at}


HISTORY = [entry(1, ONE, "1"), entry(2, TWO, "2"), entry(3, ONE, "1")]


@pytest.mark.parametrize(
    ("wanted", "number"),
    [(f"sha256:{TWO}", 2), (TWO[:6], 2), (f"sha256:{ONE[:8]}", 3), ("2", 2), ("1", 3), ("3", 3)],
)
def test_an_earlier_version_is_found(wanted: str, number: int) -> None:
    assert found(HISTORY, wanted)["number"] == number


@pytest.mark.parametrize("wanted", ["sha256:" + "f" * 64, "b2b2", "latest", "7", ""])
def test_an_unknown_version_is_answered_with_those_that_are_known(wanted: str) -> None:
    with pytest.raises(ValueError) as raised:
        found(HISTORY, wanted)
    assert f"2 sha256:{TWO[:12]} version 2 of 2026-01-02 12:00" in str(raised.value)


def test_two_versions_that_begin_alike_are_not_guessed_at() -> None:
    other = ONE[:20] + "c" * 44
    with pytest.raises(ValueError, match="more than one version begins so"):
        found([*HISTORY, entry(4, other)], ONE[:8])


def test_a_number_is_no_version() -> None:
    """Versions are called 1, 2 and so on as well, and the one that was promoted first need not be called 1."""
    history = [entry(1, ONE, "2"), entry(2, TWO, "1")]
    assert numbered(history, 1)["version"] == "2"
    assert _meant("digits", history, None, "1")["version"] == "2"
    assert _meant("digits", history, "1", None)["version"] == "1"
    with pytest.raises(Failure, match=f"digits: 3: no promotion has that number, expected one of: 2 sha256:{TWO[:12]}"):
        _meant("digits", history, None, "3")


def test_a_promotion_in_a_line() -> None:
    assert described(entry(4, TWO)) == f"4 sha256:{TWO[:12]} of 2026-01-04 12:00"


def props(**changed: Any) -> dict[str, Any]:
    return {
        "service": "digits",
        "namespace": "shop",
        "candidate": HISTORY[0]["reference"],
        "template": "{}",
        "strategy": Plan().canonical(),
        "analysis": "{}",
        "routes": [],
        **changed,
    }


def test_what_makes_sense_is_taken() -> None:
    assert ReleaseProvider().check({}, props()).failures == []
    assert ReleaseProvider().check({}, props(candidate=UNKNOWN)).failures == []


@pytest.mark.parametrize(
    ("changed", "key", "words"),
    [
        ({"candidate": "registry.example.test/digits:latest"}, "candidate", "expected one by digest"),
        ({"strategy": Plan(Strategy.SHADOW).canonical()}, "strategy", "strategy shadow needs a route"),
        ({"strategy": "{"}, "strategy", "not JSON"),
        ({"analysis": '{"prometheus":"http://p","accuracy":{"min":1}}'}, "analysis", "strategy rolling has no step"),
        ({"analysis": '{"prometheus":"here"}'}, "analysis", "expected http://HOST:PORT or NAMESPACE/SERVICE:PORT"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_touched(
    changed: dict[str, Any], key: str, words: str
) -> None:
    failures = ReleaseProvider().check({}, props(**changed)).failures
    assert any(each.property == key and words in each.reason for each in failures)


def test_another_version_is_a_change_and_is_announced(capfd: pytest.CaptureFixture[str]) -> None:
    olds = {**props(), "stable": HISTORY[0]["reference"], "stable_digest": f"sha256:{ONE}", "history": HISTORY[:1]}
    plan = Plan(Strategy.CANARY, (Step(10, 30.0), Step(50, 60.0)))
    news = props(candidate=HISTORY[1]["reference"], strategy=plan.canonical())
    assert ReleaseProvider().diff("shop/digits", olds, news).changes is True
    said = f"version {ONE[:12]} to {TWO[:12]}, by canary in 2 steps, 90 s at least"
    assert capfd.readouterr().err == f"modelport: digits: release: {said}\n"
    assert ReleaseProvider().diff("shop/digits", olds, props(candidate=UNKNOWN)).changes is True


def test_another_place_is_a_replacement() -> None:
    olds = {**props(), "stable": HISTORY[0]["reference"], "stable_digest": f"sha256:{ONE}", "history": HISTORY[:1]}
    assert ReleaseProvider().diff("shop/digits", olds, props(namespace="mall")).replaces == ["namespace"]


def test_a_pin_that_nobody_knows_is_bad_input() -> None:
    olds = {**props(), "stable": HISTORY[0]["reference"], "stable_digest": f"sha256:{ONE}", "history": HISTORY[:1]}
    with pytest.raises(BadRelease) as raised:
        ReleaseProvider().diff("shop/digits", olds, props(pin="sha256:" + "f" * 64))
    assert str(raised.value).startswith("modelport: bad input: digits: modelport:release.pin is sha256:ffff")


def test_an_error_travels_with_its_kind() -> None:
    assert str(RolledBack("digits:  it failed\nbadly")) == "modelport: rolled back: digits: it failed badly"


def test_a_record_survives_its_configmap() -> None:
    record = Record("c", "s", "key", Phase.PROMOTING, 2, {"spec": {}}, "why")
    assert Record.of(record.manifest("digits", "shop")) == record
    assert Record.of(None) is None
    assert Record.of({"data": {"release": "{"}}) is None
    assert record.unfinished and not record.to(Phase.PROMOTED).unfinished


def test_words_are_filled_into_a_query() -> None:
    query = 'max(x{revision="{{revision}}"}[{{window}}])'
    assert filled(query, {"revision": "abc", "window": "30s"}) == 'max(x{revision="abc"}[30s])'


def test_answers_of_prometheus() -> None:
    vector = '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"pod":"a"},"value":[1,"2.5"]}]}}'
    assert series(vector, "x") == (({"pod": "a"}, 2.5),)
    assert series('{"status":"success","data":{"resultType":"scalar","result":[1,"7"]}}', "x") == (({}, 7.0),)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ('{"status":"error","error":"parse error"}', "refuses the query .parse error."),
        ('{"status":"success","data":{"resultType":"matrix","result":[]}}', "gives a matrix"),
        ("<html>", "expected the JSON of its HTTP API"),
    ],
)
def test_answers_that_are_none(answer: str, words: str) -> None:
    with pytest.raises(NoMeasures, match=words):
        series(answer, "x")
