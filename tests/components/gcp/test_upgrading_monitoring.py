"""Monitoring that an earlier release has made is left alone, and changes where it is asked to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.gcp.monitoring import GcpMonitoring
from tests.components.gcp import test_monitoring
from tests.components.gcp.test_monitoring import DASHBOARD, FULL, METRIC, MONITOR, POLICY
from tests.components.upgrading import Earlier


def watch(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the monitoring."""
    args: Any = {**test_monitoring.ARGS, **FULL, **changed}
    GcpMonitoring("watch", args)


EARLIER = Earlier("monitoring", watch, test_monitoring.TOLD)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_another_promise_changes_its_alert_and_what_is_shown(folder: Path) -> None:
    digits, words = FULL["services"]
    services = [{**digits, "latency": 0.5}, words]
    assert EARLIER.changes(folder, {"services": services}) == {"update": {"watch", "watch-models-digits-latency"}}


def test_who_is_told_no_more_is_taken_out_of_every_alert(folder: Path) -> None:
    found = EARLIER.changes(folder, {"emails": ["ops@example.com"]})
    assert found.keys() == {"update", "delete"}
    assert found["delete"] == {"watch-team-ml-example-com"}
    assert {each for each in found["update"] if "models-words" in each} == {
        f"watch-models-words-{what}" for what in ("latency", "errors", "pods", "restarts", "unheard", "workers")
    }


def test_a_service_that_comes_adds_what_watches_it_and_touches_no_other(folder: Path) -> None:
    more = {"namespace": "models", "service": "birds"}
    found = EARLIER.changes(folder, {"services": [*FULL["services"], more]}, typed=True)
    # What counts faults and what is shown knows of all services.
    assert found["update"] == {f"{DASHBOARD}::watch", f"{METRIC}::watch"}
    ends = ("latency", "errors", "pods", "restarts", "unheard", "workers")
    added = {f"{POLICY}::watch-models-birds-{what}" for what in ends}
    assert found["create"] == {*added, f"{MONITOR}::watch-models-birds"}
    assert found.keys() == {"update", "create"}
