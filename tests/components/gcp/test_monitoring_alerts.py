"""What alerts and dashboard ask, held to Prometheus' own promtool: it is PromQL, and says what it means."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.gcp import watching
from components.gcp.watching import Place, Service
from tests.components.gcp.alerting import fires, promql, rate, still
from tests.components.gcp.test_monitoring import FULL, POLICY, asked, body, planned, queries

SERVICES = [
    {"namespace": "models", "service": "digits"},
    {"namespace": "models", "service": "digits-large", "least_pods": 0},
]


def rules() -> list[dict[str, Any]]:
    """The policies as alerting rules of Prometheus', which wait as these do."""
    found: list[dict[str, Any]] = []
    for each in planned(False, **{**FULL, "services": SERVICES}).all(POLICY):
        condition = asked(each.inputs)
        about = each.name.removeprefix("watch-")
        found.append({"alert": about, "expr": condition["query"], "for": condition["duration"]})
    return found


@pytest.mark.parametrize("more", [{}, FULL])
def test_every_query_of_the_dashboard_is_promql(tmp_path: Path, more: dict[str, Any]) -> None:
    assert promql(tmp_path, {"panel": queries(body(planned(False, **more)))})


_POD = 'project_id="shop-prod",location="europe-west4",cluster="shop",namespace="models",service="digits"'
_SERVED = f'{_POD},pod="digits-a-b",track="stable",revision="0a"'
_NODE = 'monitored_resource="k8s_node",project_id="shop-prod",location="europe-west4",cluster_name="shop"'
_BOX = 'monitored_resource="k8s_container",project_id="shop-prod",location="europe-west4",cluster_name="shop"'
_BALANCER = 'monitored_resource="https_lb_rule",project_id="shop-prod",backend_target_name="shop-1a2b3c4"'
_CHECK = 'monitored_resource="uptime_url",project_id="shop-prod",host="models.example.com",check_id="watch-check"'
_DURATION = "modelport_request_duration_seconds"


def _restarts(pod: str) -> str:
    return (
        f'kubernetes_io:container_restart_count{{{_BOX},namespace_name="models",pod_name="{pod}",'
        'container_name="model"}'
    )


_WELL: dict[str, str] = {
    f'modelport_requests_total{{{_SERVED},route="infer",code="200"}}': rate(10),
    f'{_DURATION}_count{{{_SERVED},route="infer"}}': rate(10),
    f'{_DURATION}_bucket{{{_SERVED},route="infer",le="0.25"}}': rate(10),
    f'{_DURATION}_bucket{{{_SERVED},route="infer",le="+Inf"}}': rate(10),
    f"modelport_model_refusals_total{{{_SERVED}}}": still(0),
    f"modelport_worker_restarts_total{{{_SERVED}}}": still(0),
    f"up{{{_SERVED}}}": still(1),
    _restarts("digits-5d7f9c-x2x4k"): still(3),
    f'kubernetes_io:node_cpu_core_usage_time{{{_NODE},node_name="one"}}': rate(1),
    f'kubernetes_io:node_status_condition{{{_NODE},node_name="one",condition="Ready",status="True"}}': still(1),
    f'kubernetes_io:node_status_condition{{{_NODE},node_name="one",condition="Ready",status="Unknown"}}': still(0),
    f'kubernetes_io:node_status_condition{{{_NODE},node_name="one",condition="DiskPressure",status="True"}}': still(0),
    f'kubernetes_io:node_memory_allocatable_utilization{{{_NODE},node_name="one",memory_type="evictable"}}': still(
        0.99
    ),
    f'kubernetes_io:node_memory_allocatable_utilization{{{_NODE},node_name="one",memory_type="non-evictable"}}': (
        still(0.5)
    ),
    f'kubernetes_io:node_ephemeral_storage_used_bytes{{{_NODE},node_name="one"}}': still(50),
    f'kubernetes_io:node_ephemeral_storage_total_bytes{{{_NODE},node_name="one"}}': still(100),
    f'kubernetes_io:container_accelerator_duty_cycle{{{_BOX},pod_name="digits-a-b",accelerator_id="0"}}': still(50),
    f'loadbalancing_googleapis_com:https_request_count{{{_BALANCER},response_code_class="200"}}': rate(10),
    f'monitoring_googleapis_com:uptime_check_check_passed{{{_CHECK},checker_location="eur-belgium"}}': still(1),
    f'monitoring_googleapis_com:uptime_check_check_passed{{{_CHECK},checker_location="usa-iowa"}}': still(1),
    f'monitoring_googleapis_com:uptime_check_time_until_ssl_cert_expires{{{_CHECK},checker_location="usa-iowa"}}': (
        still(60)
    ),
}
"""A cluster with which all is well."""


def _named(begin: str, *parts: str) -> str:
    """The series of _WELL that begins so and has these parts."""
    (found,) = (each for each in _WELL if each.startswith(begin) and all(part in each for part in parts))
    return found


_NOTHING = None
_REQUESTS = _named("modelport_requests_total")
_COUNT, _WITHIN = _named(f"{_DURATION}_count"), _named(f"{_DURATION}_bucket", 'le="0.25"')
_BEYOND, _UP = _named(f"{_DURATION}_bucket", 'le="+Inf"'), _named("up{")
_FAULTS, _MISTAKES = _REQUESTS.replace('"200"', '"503"'), _REQUESTS.replace('"200"', '"400"')
_CALLS = _named("loadbalancing")
_PASSED = "monitoring_googleapis_com:uptime_check_check_passed"
_CASES: dict[str, tuple[Mapping[str, str | None], list[str]]] = {
    "all is well": ({}, []),
    "one request in two hundred is slow: what may": ({_WITHIN: rate(9.95)}, []),
    "one request in fifty is slow": ({_WITHIN: rate(9.8)}, ["models-digits-latency"]),
    "of a handful of requests half are slow": (
        {_COUNT: rate(0.1), _BEYOND: rate(0.1), _WITHIN: rate(0.05)},
        [],
    ),
    "one request in two hundred fails: what may": ({_FAULTS: rate(0.05)}, []),
    "one request in fifty fails": ({_FAULTS: rate(0.2)}, ["models-digits-errors"]),
    "one request in ten is the caller's mistake": ({_MISTAKES: rate(1)}, []),
    "one request in fifty fails inside of the model": (
        {_MISTAKES: rate(1), _named("modelport_model_refusals_total"): rate(0.2)},
        ["models-digits-errors"],
    ),
    "nobody calls": ({_REQUESTS: _NOTHING, _COUNT: _NOTHING, _BEYOND: _NOTHING, _WITHIN: _NOTHING}, []),
    "nobody has heard of any pod": ({_UP: _NOTHING}, ["models-digits-pods"]),
    "the only pod does not tell": ({_UP: still(0)}, ["models-digits-pods", "models-digits-unheard"]),
    "one pod of two does not tell": ({_UP.replace("digits-a-b", "digits-a-c"): still(0)}, ["models-digits-unheard"]),
    "a container starts again and again": (
        {_restarts("digits-5d7f9c-x2x4k"): rate(1 / 180)},
        ["models-digits-restarts"],
    ),
    "that of a canary does": ({_restarts("digits-canary-5d7f9c-x2x4k"): rate(1 / 180)}, ["models-digits-restarts"]),
    "that of another service does": (
        {_restarts("digits-large-5d7f9c-x2x4k"): rate(1 / 180)},
        ["models-digits-large-restarts"],
    ),
    "workers die": ({_named("modelport_worker_restarts_total"): rate(1 / 120)}, ["models-digits-workers"]),
    "a node has long not said whether it is ready": (
        {
            _named("kubernetes_io:node_status", "Unknown"): still(1),
            _named("kubernetes_io:node_status", "Ready", '"True"'): still(0),
        },
        ["failed-nodes"],
    ),
    "a node's disk is nearly full, it says": (
        {_named("kubernetes_io:node_status", "DiskPressure"): still(1)},
        ["pressed-nodes"],
    ),
    "a node's memory is in use": ({_named("kubernetes_io:node_memory", "non-evictable"): still(0.9)}, ["memory"]),
    "a node's disk is in use": ({_named("kubernetes_io:node_ephemeral_storage_used"): still(85)}, ["disk"]),
    "a GPU is busy": ({_named("kubernetes_io:container_accelerator"): still(99)}, ["gpus"]),
    "nothing is heard of the cluster": ({_named("kubernetes_io:node_cpu"): _NOTHING}, ["silent"]),
    "one call in fifty fails at the load balancer": (
        {_CALLS.replace('"200"', '"500"'): rate(0.2)},
        ["balancer-errors"],
    ),
    "one call in ten is refused there": ({_CALLS.replace('"200"', '"400"'): rate(1)}, []),
    "it does not answer one place": ({_named(_PASSED, "iowa"): still(0)}, []),
    "it answers no place": (
        {_named(_PASSED, "iowa"): still(0), _named(_PASSED, "belgium"): still(0)},
        ["uptime"],
    ),
    "its certificate ends soon": ({_named("monitoring", "ssl_cert"): still(14.5)}, ["certificate"]),
    "another cluster is sick": (
        {
            each.replace('"shop"', '"other"'): values
            for each, values in {
                _FAULTS: rate(5),
                _UP: still(0),
                _restarts("digits-5d7f9c-x2x4k"): rate(1 / 180),
                _named("kubernetes_io:node_memory", "non-evictable"): still(0.99),
                _named("kubernetes_io:node_status", "DiskPressure"): still(1),
            }.items()
        },
        [],
    ),
    "another load balancer and hostname are sick": (
        {
            _CALLS.replace('"200"', '"500"').replace("shop-1a2b3c4", "other"): rate(5),
            _named(_PASSED, "iowa").replace("watch-check", "other"): still(0),
            _named(_PASSED, "belgium").replace("watch-check", "other"): still(0),
        },
        [],
    ),
}


@pytest.fixture(scope="module")
def alerting() -> str:
    """A file of rules."""
    return yaml.safe_dump({"groups": [{"name": "watch", "rules": rules()}]})


@pytest.mark.parametrize("case", _CASES)
def test_an_alert_is_told_when_it_is_so_and_no_other(tmp_path: Path, alerting: str, case: str) -> None:
    """promtool runs the queries over half an hour of it."""
    changed, told = _CASES[case]
    assert fires(tmp_path, alerting, {**_WELL, **changed}, told)


def test_every_alert_is_told_by_some_case() -> None:
    told = {each for _, names in _CASES.values() for each in names}
    there = {each["alert"] for each in rules()}
    # Those of the other service are the same queries over its pods.
    assert {each for each in there if not each.startswith("models-digits-large")} <= told


@pytest.mark.parametrize(
    ("pod", "whose"),
    [
        ("digits-5d7f9c-x2x4k", True),
        ("digits-canary-5d7f9c-x2x4k", True),
        ("digits-baseline-5d7f9c-x2x4k", True),
        ("digits-large-5d7f9c-x2x4k", False),
        ("digitsy-5d7f9c-x2x4k", False),
        ("digits-5d7f9c", False),
    ],
)
def test_pods_of_a_service_are_known_by_their_names(pod: str, whose: bool) -> None:

    service = Service("models", "digits", 0.25, 1, 1)
    assert bool(re.fullmatch(service.pods, pod)) is whose
    assert f'pod_name=~"{service.pods}"' in watching.restarting(Place("shop-prod", "europe-west4", "shop"), service)
