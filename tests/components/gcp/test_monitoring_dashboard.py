"""The dashboard of what is watched on Google Cloud: what it shows, and how Google wants it said."""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from components.gcp import dashboard, monitoring, watching
from tests.components.gcp.test_monitoring import (
    DASHBOARD,
    FULL,
    POLICY,
    body,
    faults,
    planned,
    queries,
)


@pytest.mark.parametrize("more", [{}, FULL])
def test_the_dashboard_fills_its_grid_and_nothing_lies_on_another(more: dict[str, Any]) -> None:
    layout = body(planned(False, **more))["mosaicLayout"]
    covered: list[set[tuple[int, int]]] = []
    for tile in layout["tiles"]:
        left, top = tile.get("xPos", 0), tile.get("yPos", 0)
        assert 0 <= left < left + tile["width"] <= layout["columns"]
        across = range(left, left + tile["width"])
        covered.append({(x, y) for x in across for y in range(top, top + tile["height"])})
    assert not any(one & other for one, other in combinations(covered, 2))


@pytest.mark.parametrize("more", [{}, FULL])
def test_the_dashboard_says_nothing_that_googles_answer_would_leave_out(more: dict[str, Any]) -> None:
    said = planned(False, **more).one(DASHBOARD).inputs["dashboardJson"]
    assert re.findall(r'"\w+": (?:0|""|false|null|\[\]|\{\})[,}]', said) == []


def test_a_dashboard_takes_as_many_services_as_a_component_does() -> None:
    many = [{"namespace": "models", "service": f"s{number}"} for number in range(monitoring.MOST_SERVICES)]
    tiles = body(planned(False, **{**FULL, "services": many}))["mosaicLayout"]["tiles"]
    each = sum("models/s0" in json.dumps(tile) or 'service=\\"s0\\"' in json.dumps(tile) for tile in tiles)
    assert len(tiles) <= dashboard.MOST_TILES < len(tiles) + each


def test_the_dashboard_shows_all_that_is_there() -> None:
    titles = [tile["widget"]["title"] for tile in body(planned(False, **FULL))["mosaicLayout"]["tiles"]]
    headers = ["Incidents", "Model models/digits", "Model models/words", "Cluster shop", "Load balancer"]
    assert [each for each in titles if each in (*headers, "Seen from outside")] == [*headers, "Seen from outside"]
    bare = [tile["widget"]["title"] for tile in body(planned(False))["mosaicLayout"]["tiles"]]
    assert {"Load balancer", "Seen from outside"} & set(bare) == set()
    wanted = {"Latency of the stable pods", "Requests that fail", "Requests in flight", "GPUs: per cent of their time"}
    assert wanted | {"Memory of nodes", "Disks of nodes", "Faults in the log"} <= set(bare)


def test_the_dashboard_names_its_alerts_as_incidents_do() -> None:
    found = planned(False)
    (listed,) = (
        tile["widget"]["incidentList"]["policyNames"]
        for tile in body(found)["mosaicLayout"]["tiles"]
        if "incidentList" in tile["widget"]
    )
    assert sorted(listed) == sorted(f"alertPolicies/{each.name}-id" for each in found.all(POLICY))


def test_legends_name_labels_as_cloud_monitoring_does() -> None:
    (chart,) = dashboard.chart("Title", "s", ("{{track}} {{code}}", "up"), limit=0.25)["xyChart"]["dataSets"]
    assert chart["legendTemplate"] == "${labels.track} ${labels.code}"


def test_the_faults_of_the_log_are_shown_by_the_metrics_own_name() -> None:
    name = watching.named(f"logging.googleapis.com/user/{faults()['name']}")
    assert name == "logging_googleapis_com:user_watch_faults"
    assert any(f"{name}{{" in query for query in queries(body(planned(False))))


@pytest.mark.parametrize(
    ("metric", "called"),
    [
        # From "Mapping Cloud Monitoring metrics to PromQL", 2026-11-22.
        ("kubernetes.io/container/cpu/limit_cores", "kubernetes_io:container_cpu_limit_cores"),
        ("compute.googleapis.com/instance/cpu/utilization", "compute_googleapis_com:instance_cpu_utilization"),
        ("logging.googleapis.com/log_entry_count", "logging_googleapis_com:log_entry_count"),
    ],
)
def test_metrics_of_google_are_called_as_promql_calls_them(metric: str, called: str) -> None:
    assert watching.named(metric) == called


def test_variables_of_rules_become_those_of_cloud_monitoring() -> None:
    assert watching.translated("{{ $labels.pod }} does not") == "${metric_or_resource.label.pod} does not"
    assert (
        watching.translated("{{ $value | humanize }} of {{$value}}") == "${metric.label.value} of ${metric.label.value}"
    )
    texts = json.dumps([each.inputs["documentation"] for each in planned(**FULL).all(POLICY)])
    assert "{{" not in texts
