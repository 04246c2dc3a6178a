"""What is shown of a service, and its dashboard for Grafana as JSON. Pure functions.

It asks what the recording rules of `objectives` keep, and the server's own metrics; any Prometheus data source will do.
"""

from dataclasses import dataclass
from typing import Any

from components.kubernetes import names
from components.kubernetes.objectives import ROUTES, Objectives

Json = dict[str, Any]

_SOURCE = {"type": "prometheus", "uid": "${source}"}
_WIDTH, _HEIGHT = 12, 8


@dataclass(frozen=True)
class Panel:
    """Lines over time."""

    title: str
    unit: str
    """As Grafana calls it."""
    lines: tuple[tuple[str, str], ...]
    """A legend and a query each."""
    served: bool = True
    """Whether the server's own metrics are enough, and neither recording rules nor DCGM's exporter are asked."""


def panels(wanted: Objectives, rate: str) -> list[Panel]:
    """What is worth seeing of a service. rate: the window of a rate, as the store takes it."""
    series = wanted.series
    duration = f"modelport_request_duration_seconds_bucket{{{series},{ROUTES}}}"
    inference, batch = "modelport_inference_duration_seconds", "modelport_batch_size"
    pods = f'namespace="{wanted.namespace}",pod=~"{wanted.service}-.+"'
    return [
        _panel(
            "Requests a second, by track and code",
            "reqps",
            (
                "{{track}} {{code}}",
                f"sum by (track, code) (rate(modelport_requests_total{{{series},{ROUTES}}}[{rate}]))",
            ),
        ),
        _panel(
            "Latency of the stable pods",
            "s",
            *(
                (
                    f"p{share * 100:g}",
                    f"histogram_quantile({share:g}, sum by (le) (rate({duration[:-1]},"
                    f'track="{names.STABLE}"}}[{rate}])))',
                )
                for share in (0.5, 0.9, 0.99)
            ),
        ),
        _panel(
            "99th percentile of the latency, by revision",
            "s",
            (
                "{{track}} {{revision}}",
                f"histogram_quantile(0.99, sum by (le, track, revision) (rate({duration}[{rate}])))",
            ),
        ),
        _panel(
            f"Budget left of {wanted.days} days",
            "percentunit",
            ("{{slo}}", f"modelport:slo_budget:remaining{{{series}}}"),
            served=False,
        ),
        _panel(
            "How fast the budget goes: 1 spends it exactly in its window",
            "none",
            *(
                (
                    f"{slo} {window}",
                    f'modelport:slo_errors:ratio_rate{window}{{{series},slo="{slo}"}} / {1 - share:.6g}',
                )
                for slo, share in (("availability", wanted.availability), ("latency", wanted.latency_share))
                for window in ("5m", "1h", "6h")
            ),
            served=False,
        ),
        _panel(
            "Requests in flight",
            "none",
            ("{{track}}", f"sum by (track) (modelport_requests_in_flight{{{series}}})"),
        ),
        _panel(
            "Pods that answer Prometheus",
            "none",
            ("{{track}} {{revision}}", f"sum by (track, revision) (up{{{series}}})"),
        ),
        _panel(
            "One run of the model: 99th percentile, and rows in it",
            "none",
            (
                "seconds",
                f"histogram_quantile(0.99, sum by (le) (rate({inference}_bucket{{{series}}}[{rate}])))",
            ),
            (
                "rows",
                f"sum(rate({batch}_sum{{{series}}}[{rate}])) / sum(rate({batch}_count{{{series}}}[{rate}]))",
            ),
        ),
        _panel(
            "Workers started anew",
            "none",
            ("{{pod}}", f"sum by (pod) (increase(modelport_worker_restarts_total{{{series}}}[{rate}]))"),
        ),
        _panel(
            "GPUs: per cent of their time",
            "percent",
            (
                "{{pod}} {{gpu}}",
                f"avg by (pod, gpu) (DCGM_FI_DEV_GPU_UTIL{{{pods}}})",
            ),
            served=False,
        ),
    ]


def dashboard(wanted: Objectives) -> Json:
    """All panels of a service, two in a row."""
    shown = [_grafana(panel) for panel in panels(wanted, "$__rate_interval")]
    for number, panel in enumerate(shown):
        panel["id"] = number + 1
        panel["gridPos"] = {"x": number % 2 * _WIDTH, "y": number // 2 * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
    return {
        "uid": f"modelport-{wanted.namespace}-{wanted.service}"[:40],
        "title": f"Model {wanted.service} ({wanted.namespace})",
        "tags": ["modelport"],
        "timezone": "browser",
        "editable": False,
        "graphTooltip": 1,
        "schemaVersion": 39,
        "version": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"type": "datasource", "name": "source", "label": "Prometheus", "query": "prometheus", "hide": 0}]
        },
        "annotations": {"list": []},
        "panels": shown,
    }


def _panel(title: str, unit: str, *lines: tuple[str, str], served: bool = True) -> Panel:
    return Panel(title, unit, lines, served)


def _grafana(panel: Panel) -> Json:
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, "custom": {"fillOpacity": 8}}, "overrides": []},
        "options": {
            "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["mean", "max"]},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
            for number, (legend, query) in enumerate(panel.lines)
        ],
    }
