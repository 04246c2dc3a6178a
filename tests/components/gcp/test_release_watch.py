"""A look at a version that is released, where Cloud Monitoring has no answer or one that is no number."""

from collections.abc import Sequence
from typing import Any

import pytest

from components.gcp.release_steps import Bounds
from components.gcp.release_watch import TICK, UNSEEN, Counted, Measured, Metrics, Watch
from components.gcp.rest import Client
from components.releases import Unanswered
from tests.components.gcp.pretend_google import Clock, Handler, asked_there, served

NOTHING = Counted(0, 0)
BAD = Counted(1000, 900)
WHAT = Measured("cloud_run_revision", "count", "response_code_class", "latency", {"resource.labels.a": "b"})


class Seen:
    """A version's numbers, look by look; None for a look that has no answer."""

    def __init__(self, looks: Sequence[Counted | None]) -> None:
        self._looks = list(looks)
        self.looks = 0

    def counted(self, version: str, since: float) -> Counted:
        self.looks += 1
        found = self._looks.pop(0) if self._looks else NOTHING
        if found is None:
            raise Unanswered("it did not answer")
        return found

    def slowest(self, version: str, since: float) -> float:
        return 0.0

    def open_incident(self, policies: Sequence[str]) -> str:
        return ""


def looked_at(seconds: float, looks: Sequence[Counted | None]) -> tuple[str, int]:
    """The bound that is missed within so many seconds, and how often it was looked."""
    seen = Seen(looks)
    watch = Watch(seen, Bounds(1, None), "two", Clock())
    return watch.missed(seconds), seen.looks


def test_a_stage_ends_with_an_answer() -> None:
    assert looked_at(2 * TICK, [NOTHING, None, BAD]) == ("90% of 1000 answers are errors, more than 1%", 3)
    assert looked_at(2 * TICK, [NOTHING, None, NOTHING, BAD]) == ("", 3)


def test_a_stage_whose_last_looks_have_no_answer_is_not_passed() -> None:
    assert looked_at(2 * TICK, [None] * 9) == ("nobody can judge it (it did not answer)", UNSEEN)
    assert looked_at(2 * TICK, [NOTHING, *[None] * 9]) == ("nobody can judge it (it did not answer)", 1 + UNSEEN)


def test_a_look_without_an_answer_amid_a_stage_makes_it_no_longer() -> None:
    assert looked_at(3 * TICK, [None, NOTHING, NOTHING, BAD]) == ("", 3)


class Told:
    """Cloud Monitoring that answers everything alike."""

    def __init__(self, told: Any) -> None:
        self._told = told

    def answer(self, *_: Any) -> tuple[int, Any]:
        return 200, self._told


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    with served() as address:
        asked_there(address, monkeypatch, tmp_path)
        clock = Clock()
        with Client(clock, "roles/monitoring.viewer") as client:
            yield Metrics(client, "shop-prod", clock)


def _points(*values: Any) -> Any:
    return {"timeSeries": [{"metric": {}, "points": [{"value": {"doubleValue": each}} for each in values]}]}


def test_what_is_no_number_hides_no_slow_answer(metrics: Metrics) -> None:
    for values in (("NaN", 99_000.0), (99_000.0, "NaN")):
        Handler.cloud = Told(_points(*values))
        assert metrics.slowest(WHAT, 0) == 99


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        "no",
        {"timeSeries": None},
        {"timeSeries": [None]},
        {"timeSeries": [{"points": [None]}]},
        _points("NaN"),
        _points("Infinity"),
        _points("many"),
    ],
)
def test_what_is_no_count_is_no_answer(metrics: Metrics, told: Any) -> None:
    Handler.cloud = Told(told)
    with pytest.raises(Unanswered):
        metrics.counted(WHAT, 0)


@pytest.mark.parametrize("told", [None, [], {"alerts": None}, {"alerts": ["no"]}])
def test_what_is_no_list_of_incidents_is_no_answer(metrics: Metrics, told: Any) -> None:
    Handler.cloud = Told(told)
    with pytest.raises(Unanswered):
        metrics.open_incident(["projects/shop-prod/alertPolicies/1"])


def test_no_series_at_all_are_no_answers_of_the_version(metrics: Metrics) -> None:
    Handler.cloud = Told({})
    assert (metrics.counted(WHAT, 0), metrics.slowest(WHAT, 0)) == (NOTHING, 0)
