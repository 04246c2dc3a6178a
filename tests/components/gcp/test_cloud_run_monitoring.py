"""What is watched of a service of Cloud Run: as it would be registered, and held to Prometheus' own promtool."""

import json
import re
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from pulumi_gcp.kms.key_ring import KeyRing

from components.checks import ArgsError
from components.gcp import cloud_run_watching
from components.gcp.cloud_run_monitoring import CloudRunMonitoring, CloudRunMonitoringArgs
from tests.components.gcp.alerting import fires, promql, rate, still
from tests.components.gcp.test_monitoring import CHANNEL, CHECK, DASHBOARD, POLICY, TOLD, asked, body, queries
from tests.components.planned import UNKNOWN, Plan, plan
from tests.components.upgrading import Earlier

SNAPSHOTS = Path(__file__).parent / "snapshots"
ARGS: dict[str, Any] = {"project": "shop-prod", "region": "europe-west4", "service_name": "digits"}
TEAM = "projects/shop-prod/notificationChannels/1234567890"
FULL: dict[str, Any] = {
    "max": 10,
    "load_balancer": {"backend_service_name": "shop-1a2b3c4"},
    "hostname": "models.example.com",
    "emails": ["ops@example.com"],
    "channel_ids": [TEAM],
}


def planned(preview: bool = True, **more: Any) -> Plan:
    given = cast("CloudRunMonitoringArgs", {**ARGS, **more})
    return plan(lambda: CloudRunMonitoring("watch", given), preview=preview, outputs=TOLD)


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, **FULL).holds(SNAPSHOTS / "cloud-run-monitoring.txt")


def test_by_default_it_watches_the_service_alone() -> None:
    found = planned()
    assert {each.name for each in found.all(POLICY)} == {"watch-latency", "watch-errors", "watch-memory"}
    assert not found.all(CHANNEL)
    assert not found.all(CHECK)


def test_what_users_feel_is_critical_and_all_else_a_warning() -> None:
    found = planned(**FULL)
    felt = {each.name.removeprefix("watch-") for each in found.all(POLICY) if each.inputs["severity"] == "CRITICAL"}
    assert felt == {"latency", "errors", "balancer-errors", "uptime"}
    assert {each.inputs["severity"] for each in found.all(POLICY)} == {"CRITICAL", "WARNING"}


def test_every_alert_tells_people_and_what_somebody_named() -> None:
    told = {tuple(each.inputs["notificationChannels"]) for each in planned(False, **FULL).all(POLICY)}
    assert told == {("watch-ops-example-com-id", TEAM)}


def test_what_is_known_late_is_unknown_in_a_preview() -> None:
    def program() -> None:
        ring = KeyRing("ring", location="europe-west4")
        late = {"service_name": ring.id, "load_balancer": {"backend_service_name": ring.id}}
        CloudRunMonitoring("watch", cast("CloudRunMonitoringArgs", {**ARGS, **late}))

    found = plan(program)
    assert {asked(each.inputs)["query"] for each in found.all(POLICY)} == {UNKNOWN}
    assert found.one(DASHBOARD).inputs["dashboardJson"] == UNKNOWN


def test_how_long_something_is_so_is_said_once() -> None:
    found = planned(minutes=10, close_minutes=60, runbook="https://example.com/runbook", **FULL)
    assert {asked(each.inputs)["duration"] for each in found.all(POLICY)} == {"600s"}
    assert {each.inputs["alertStrategy"]["autoClose"] for each in found.all(POLICY)} == {"3600s"}
    links = [each.inputs["documentation"]["links"] for each in found.all(POLICY)]
    assert all(each == [{"displayName": "Runbook", "url": "https://example.com/runbook"}] for each in links)


def test_what_is_promised_is_a_line_on_the_dashboard() -> None:
    tiles = [each["widget"] for each in body(planned(False, **FULL))["mosaicLayout"]["tiles"]]
    lines = {each["title"]: each["xyChart"]["thresholds"][0]["value"] for each in tiles if "thresholds" in str(each)}
    assert lines == {"Requests that fail": 0.01, "Latency": 250, "Instances": 10, "Memory of instances": 0.85}
    (list_,) = (each["incidentList"] for each in tiles if "incidentList" in each)
    assert len(list_["policyNames"]) == len(planned(**FULL).all(POLICY))


@pytest.mark.parametrize("more", [{}, FULL])
def test_the_dashboard_fills_its_grid_and_says_nothing_that_googles_answer_would_leave_out(
    more: dict[str, Any],
) -> None:
    found = planned(False, **more)
    covered: list[set[tuple[int, int]]] = []
    for tile in body(found)["mosaicLayout"]["tiles"]:
        left, top = tile.get("xPos", 0), tile.get("yPos", 0)
        assert left + tile["width"] <= 12
        covered.append({(x, y) for x in range(left, left + tile["width"]) for y in range(top, top + tile["height"])})
    assert not any(one & other for one, other in combinations(covered, 2))
    said = found.one(DASHBOARD).inputs["dashboardJson"]
    assert json.loads(said)
    assert re.findall(r'"\w+": (?:0|""|false|null|\[\]|\{\})[,}]', said) == []


def test_every_query_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    found = queries(body(planned(False, **FULL)))
    assert promql(tmp_path, {"panel": found})
    assert all('monitored_resource="' in each for each in found)


_OF = (
    'monitored_resource="cloud_run_revision",project_id="shop-prod",location="europe-west4",service_name="digits",'
    'revision_name="digits-00001-abc"'
)
_BALANCER = 'monitored_resource="https_lb_rule",project_id="shop-prod",backend_target_name="shop-1a2b3c4"'
_CHECK = 'monitored_resource="uptime_url",project_id="shop-prod",host="models.example.com",check_id="watch-check"'


def _answers(code: int) -> str:
    return f'run_googleapis_com:request_count{{{_OF},response_code="{code}",response_code_class="{code // 100}xx"}}'


def _latency(suffix: str) -> str:
    return f"run_googleapis_com:request_latencies_{suffix}"


_WITHIN, _BEYOND = f'{_latency("bucket")}{{{_OF},le="240"}}', f'{_latency("bucket")}{{{_OF},le="480"}}'
_EVER, _COUNT = f'{_latency("bucket")}{{{_OF},le="+Inf"}}', f"{_latency('count')}{{{_OF}}}"
_USED = "run_googleapis_com:container_memory_utilizations_bucket"
_ROOM, _LESS = f'{_USED}{{{_OF},le="0.5"}}', f'{_USED}{{{_OF},le="1"}}'
_NONE = f'{_USED}{{{_OF},le="+Inf"}}'
_ACTIVE = f'run_googleapis_com:container_instance_count{{{_OF},state="active"}}'
_CALLS = f'loadbalancing_googleapis_com:https_request_count{{{_BALANCER},response_code_class="200"}}'
_PASSED = f"monitoring_googleapis_com:uptime_check_check_passed{{{_CHECK}"
_ENDS = f"monitoring_googleapis_com:uptime_check_time_until_ssl_cert_expires{{{_CHECK}}}"
_WELL: dict[str, str] = {
    _answers(200): rate(10),
    _WITHIN: rate(10),
    _BEYOND: rate(10),
    _EVER: rate(10),
    _COUNT: rate(10),
    _ROOM: rate(1),
    _LESS: rate(1),
    _NONE: rate(1),
    _ACTIVE: still(3),
    _ACTIVE.replace("active", "idle"): still(20),
    _CALLS: rate(10),
    f'{_PASSED},checker_location="eur-belgium"}}': still(1),
    f'{_PASSED},checker_location="usa-iowa"}}': still(1),
    _ENDS: still(60),
}
"""A service with which all is well."""
_CASES: dict[str, tuple[Mapping[str, str | None], list[str]]] = {
    "all is well": ({}, []),
    "one request in two hundred is slow: what may": ({_WITHIN: rate(9.95)}, []),
    "one request in fifty is slow": ({_WITHIN: rate(9.8)}, ["latency"]),
    "of a handful of requests half are slow": (
        {_COUNT: rate(0.1), _EVER: rate(0.1), _BEYOND: rate(0.1), _WITHIN: rate(0.05)},
        [],
    ),
    "one request in two hundred fails: what may": ({_answers(503): rate(0.05)}, []),
    "one request in fifty fails": ({_answers(503): rate(0.2)}, ["errors"]),
    "one request in fifty finds no instance": ({_answers(429): rate(0.2)}, ["errors"]),
    "one request in ten is the caller's mistake": ({_answers(400): rate(1)}, []),
    "nobody calls": (dict.fromkeys((_answers(200), _WITHIN, _BEYOND, _EVER, _COUNT, _CALLS)), []),
    "there is no instance": (dict.fromkeys((_ACTIVE, _ROOM, _LESS, _NONE)), []),
    "all instances are at work": ({_ACTIVE: still(10)}, ["instances"]),
    "two versions have them": (
        {_ACTIVE: still(6), _ACTIVE.replace("digits-00001", "digits-00002"): still(6)},
        [],
    ),
    "memory is nearly gone": ({_ROOM: still(0)}, ["memory"]),
    "one call in fifty fails at the load balancer": (
        {_CALLS.replace('"200"', '"500"'): rate(0.2)},
        ["balancer-errors"],
    ),
    "it answers no place": (
        {f'{_PASSED},checker_location="{place}"}}': still(0) for place in ("eur-belgium", "usa-iowa")},
        ["uptime"],
    ),
    "its certificate ends soon": ({_ENDS: still(14.5)}, ["certificate"]),
    "another service is sick": (
        {
            each.replace('"digits"', '"other"'): values
            for each, values in {_answers(503): rate(5), _ACTIVE: still(10)}.items()
        },
        [],
    ),
    "a job's container is full": (
        {each.replace("cloud_run_revision", "cloud_run_job"): rate(9) for each in (_LESS, _NONE)},
        [],
    ),
}


def rules() -> list[dict[str, Any]]:
    """The policies as alerting rules of Prometheus', which wait as these do."""
    found: list[dict[str, Any]] = []
    for each in planned(False, **FULL).all(POLICY):
        condition, about = asked(each.inputs), each.name.removeprefix("watch-")
        found.append({"alert": about, "expr": condition["query"], "for": condition["duration"]})
    return found


@pytest.fixture(scope="module")
def alerting() -> str:
    return yaml.safe_dump({"groups": [{"name": "watch", "rules": rules()}]})


@pytest.mark.parametrize("case", _CASES)
def test_an_alert_is_told_when_it_is_so_and_no_other(tmp_path: Path, alerting: str, case: str) -> None:
    """promtool runs the queries over half an hour of it."""
    changed, told = _CASES[case]
    assert fires(tmp_path, alerting, {**_WELL, **changed}, told)


def test_every_alert_is_told_by_some_case() -> None:
    assert {each["alert"] for each in rules()} == {each for _, names in _CASES.values() for each in names}


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"project": "Shop"}, "CloudRunMonitoring.project is 'Shop', expected the id of a project, "),
    ({"region": "europe-wst4"}, "CloudRunMonitoring.region is 'europe-wst4', expected one that there is; "),
    ({"service_name": "Digits"}, "CloudRunMonitoring.service_name is 'Digits', expected the name of a service of "),
    ({"latency": 0}, "CloudRunMonitoring.latency is 0, expected 0.001 to 3600 seconds"),
    ({"error_percent": 101}, "CloudRunMonitoring.error_percent is 101, expected 0.001 to 100"),
    ({"max": 0}, "CloudRunMonitoring.max is 0, expected 1 to 1000 instances"),
    ({"memory_percent": 0.5}, "CloudRunMonitoring.memory_percent is 0.5, expected 1 to 100"),
    ({"emails": ["a@b"]}, "CloudRunMonitoring.emails is 'a@b', expected e-mail addresses"),
    ({"channel_ids": [TEAM, "ops"]}, "CloudRunMonitoring.channel_ids[1] is 'ops', expected the whole name of a not"),
    ({"load_balancer": {"backend_service_name": "A"}},
     "CloudRunMonitoring.load_balancer.backend_service_name is 'A', expected the name of a backend service"),
    ({"load_balancer": {"backend_service_name": "a", "error_percent": 0}},
     "CloudRunMonitoring.load_balancer.error_percent is 0, expected 0.001 to 100"),
    ({"hostname": "Models"}, "CloudRunMonitoring.hostname is 'Models', expected a DNS name in lower case"),
    ({"certificate_days": 20}, "CloudRunMonitoring.certificate_days is 20, expected a hostname with it; drop it"),
    ({"minutes": 0}, "CloudRunMonitoring.minutes is 0, expected 1 to 60 minutes"),
    ({"close_minutes": 29}, "CloudRunMonitoring.close_minutes is 29, expected 30 to 10080 minutes"),
    ({"runbook": "wiki"}, "CloudRunMonitoring.runbook is 'wiki', expected an address"),
    ({"labels": {"Team": "ml"}}, "a key of CloudRunMonitoring.labels is 'Team', expected a letter"),
    ({"service": "digits"}, "CloudRunMonitoring"),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "said"), WRONG)
def test_what_cannot_be_meant_is_told_before_anything_is_registered(changed: dict[str, Any], said: str) -> None:
    told: list[str] = []

    def program() -> None:
        with pytest.raises(ArgsError) as found:
            CloudRunMonitoring("watch", cast("CloudRunMonitoringArgs", {**ARGS, **changed}))
        told.append(str(found.value))

    assert plan(program).resources == []
    (line,) = told
    assert line.startswith(said), line
    assert "\n" not in line


def test_the_only_instance_is_spoken_of_as_one() -> None:
    found = planned(max=1).one(POLICY, "watch-instances").inputs
    assert found["conditions"][0]["displayName"] == "the instance that there may be is at work"


def test_metrics_are_called_as_cloud_monitoring_calls_them_in_promql() -> None:
    place = cloud_run_watching.Place("shop-prod", "europe-west4", "digits")
    assert place.series("memory", suffix="_bucket").startswith(
        "run_googleapis_com:container_memory_utilizations_bucket{"
    )


def watch(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the monitoring."""
    args: Any = {**ARGS, **FULL, **changed}
    CloudRunMonitoring("watch", args)


EARLIER = Earlier("cloud-run-monitoring", watch, TOLD)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_another_promise_changes_its_alert_and_what_is_shown(folder: Path) -> None:
    assert EARLIER.changes(folder, {"latency": 0.5}) == {"update": {"watch", "watch-latency"}}
    assert EARLIER.changes(folder, {"max": 20}) == {"update": {"watch", "watch-instances"}}
