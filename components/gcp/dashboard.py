"""How what is watched is shown in Cloud Monitoring: the JSON of a dashboard. Pure, on plain values.

Nothing in it is zero, empty or false: Google's answer leaves such fields out, and a dashboard that says them differs
from its own answer for ever (Cloud Monitoring, "dashboards", 2026-11-22).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from components.gcp import watching
from components.gcp.watching import Place, Service
from components.kubernetes.dashboard import panels

Json = dict[str, Any]

COLUMNS: Final = 12
"""Columns of a dashboard."""
MOST_TILES: Final = 100
"""Widgets of a dashboard (Cloud Monitoring, "Quotas and limits", 2026-11-22)."""
INTERVAL: Final = "${__interval}"
"""What Cloud Monitoring puts the distance of two points of a graph for."""
UNITS: Final = {"reqps": "1/s", "percentunit": "10^2.%", "percent": "%", "none": "1"}
"""Units as Grafana calls them, as metric descriptors do (UCUM)."""

_CHART, _HEADER, _LIST = 4, 1, 3
"""Heights of tiles."""


def chart(title: str, unit: str, *lines: tuple[str, str], limit: float | None = None) -> Json:
    """Lines over time. lines: a legend, with `{{label}}` for a label, and a query each. limit: a line across."""
    sets = [
        {
            "plotType": "LINE",
            "targetAxis": "Y1",
            "legendTemplate": re.sub(r"{{(\w+)}}", r"${labels.\1}", legend),
            "timeSeriesQuery": {"prometheusQuery": query, "unitOverride": UNITS.get(unit, unit)},
        }
        for legend, query in lines
    ]
    shown: Json = {"chartOptions": {"mode": "COLOR"}, "dataSets": sets, "yAxis": {"scale": "LINEAR"}}
    if limit is not None:
        shown["thresholds"] = [{"label": "promised", "value": limit, "targetAxis": "Y1"}]
    return {"title": title, "xyChart": shown}


def body(
    name: str,
    place: Place,
    services: Sequence[Service],
    faults: str,
    backend: str | None,
    check: str | None,
    policies: Sequence[str],
) -> Json:
    """A dashboard.

    faults: name of the metric of faults in the log. backend: name of the load balancer's backend service. check: id of
    the uptime check. policies: ids of alert policies.
    """
    sections = {f"Model {each.called}": _service(place, each) for each in services}
    sections[f"Cluster {place.cluster}"] = _cluster(place, faults)
    return laid(name, policies, sections, place.project, backend, check)


def laid(
    name: str,
    policies: Sequence[str],
    sections: Mapping[str, Sequence[Json]],
    project: str,
    backend: str | None,
    check: str | None,
) -> Json:
    """A dashboard of sections, each a header and its charts, with the load balancer and what is seen from outside."""
    told = {"policyNames": [f"alertPolicies/{each.rpartition('/')[2]}" for each in policies]}
    rows: list[list[Json]] = [[{"title": "Incidents", "incidentList": told}]]
    for title, charts in sections.items():
        rows += [_header(title), *_three(charts)]
    if backend is not None:
        rows += [_header("Load balancer"), *_three(_balancer(project, backend))]
    if check is not None:
        rows += [_header("Seen from outside"), *_three(_outside(project, check))]
    return {"displayName": name, "mosaicLayout": {"columns": COLUMNS, "tiles": _placed(rows)}}


def _service(place: Place, service: Service) -> list[Json]:
    charts = [
        chart(each.title, each.unit, *each.lines, limit=service.latency if each.unit == "s" else None)
        for each in panels(place.wanted(service), INTERVAL)
        if each.served
    ]
    failing = watching.share_failing(place, service, INTERVAL)
    return [*charts, chart("Requests that fail", "percentunit", ("share", failing), limit=service.percent / 100)]


def _cluster(place: Place, faults: str) -> list[Json]:
    node, container = watching.node, watching.container
    by = "max by (node_name)"
    gpu = "max by (pod_name, accelerator_id)"
    restarts = f"sum by (namespace_name, pod_name) (increase({container(place, 'restarts')}[{INTERVAL}])) > 0"
    used, size = container(place, "gpu_memory"), container(place, "gpu_memory_size")
    logged = f'{watching.named(f"logging.googleapis.com/user/{faults}")}{{monitored_resource="k8s_container"}}'
    return [
        chart("Nodes that are heard of", "none", ("nodes", f"count({by} ({node(place, 'cpu')}))")),
        chart("CPU of nodes", "percentunit", ("{{node_name}}", f"{by} ({node(place, 'cpu')})")),
        chart("Memory of nodes", "percentunit", ("{{node_name}}", watching.memory(place))),
        chart("Disks of nodes", "percentunit", ("{{node_name}}", watching.disk(place))),
        chart("GPUs: per cent of their time", "percent", ("{{pod_name}} {{accelerator_id}}", watching.gpu(place))),
        chart("Memory of GPUs", "percentunit", ("{{pod_name}} {{accelerator_id}}", f"{gpu} ({used}) / {gpu} ({size})")),
        chart("Containers started anew", "none", ("{{namespace_name}} {{pod_name}}", restarts)),
        chart("Faults in the log", "none", (
            "{{service}} {{kind}}", f"sum by (service, kind) (increase({logged}[{INTERVAL}]))")),
    ]  # fmt: skip


def _balancer(project: str, backend: str) -> list[Json]:
    requests = watching.balancer(project, backend, "requests")
    buckets = watching.balancer(project, backend, "latency", suffix="_bucket")
    by = "sum by (response_code_class)"
    return [
        chart("Calls a second, by class of code", "reqps", (
            "{{response_code_class}}", f"{by} (rate({requests}[{INTERVAL}]))")),
        chart("Calls that fail", "percentunit", ("share", watching.share_refused(project, backend, INTERVAL))),
        chart("Latency of calls", "ms", *(
            (f"p{share * 100:g}", f"histogram_quantile({share:g}, sum by (le) (rate({buckets}[{INTERVAL}])))")
            for share in (0.5, 0.9, 0.99))),
    ]  # fmt: skip


def _outside(project: str, check: str) -> list[Json]:
    passed, latency, left = (watching.uptime(project, check, each) for each in ("passed", "latency", "certificate"))
    return [
        chart("Places that it answers to", "percentunit", ("share", f"avg({passed})")),
        chart("Latency by place", "ms", ("{{checker_location}}", f"max by (checker_location) ({latency})")),
        chart("Days that its certificate has left", "d", ("days", f"min({left})")),
    ]


def console(project: str, id_: str) -> str:
    """Address of a dashboard in Google's console."""
    return f"https://console.cloud.google.com/monitoring/dashboards/builder/{id_.rpartition('/')[2]}?project={project}"


def _header(text: str) -> list[Json]:
    return [{"title": text, "sectionHeader": {"dividerBelow": True}}]


def _three(charts: Sequence[Json]) -> list[list[Json]]:
    return [list(charts[at : at + 3]) for at in range(0, len(charts), 3)]


def _placed(rows: Sequence[Sequence[Json]]) -> list[Json]:
    """Tiles side by side in rows that fill the width."""
    tiles: list[Json] = []
    top = 0
    for row in rows:
        width = COLUMNS // len(row)
        height = _HEADER if "sectionHeader" in row[0] else _LIST if "incidentList" in row[0] else _CHART
        for at, widget in enumerate(row):
            place = {"xPos": at * width, "yPos": top, "width": width, "height": height}
            tiles.append({**{key: value for key, value in place.items() if value}, "widget": widget})
        top += height
    return tiles
