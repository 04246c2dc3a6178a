"""Recording rules, alerts and scrape configuration of a service in Prometheus' own words: pure, on plain values.

Alerts follow the workbook of Google's SREs: an objective's budget is what may fail within its window; an alert says
that it is spent too fast, by a long window that shows it matters and a short one that shows it still goes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.kubernetes import names

Json = dict[str, Any]

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Bounds of the server's histogram of durations, in seconds: an objective of latency is one of them."""
ROUTES = 'route=~"infer|classify"'
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


ALERTS = {"availability": "ModelFailsTooOften", "latency": "ModelIsTooSlow"}


@dataclass(frozen=True)
class Burn:
    """Spending `share` of the budget within `long` is worth telling while `short` shows the same."""

    share: float
    long: str
    hours: float
    short: str
    severity: str


BURNS = (
    Burn(0.02, "1h", 1, "5m", "page"),
    Burn(0.05, "6h", 6, "30m", "page"),
    Burn(0.10, "1d", 24, "2h", "ticket"),
    Burn(0.10, "3d", 72, "6h", "ticket"),
)


@dataclass(frozen=True)
class Objectives:
    """What is promised of a service."""

    namespace: str
    service: str
    availability: float = 0.999
    latency: float = 0.25
    latency_share: float = 0.99
    days: int = 30
    runbook: str | None = None
    where: str = ""
    """Matchers before those of namespace and service, each with its comma, where one store hears of many clusters."""

    def __post_init__(self) -> None:
        if not any(abs(self.latency - bound) < 1e-9 for bound in BOUNDS):
            known = ", ".join(f"{bound:g}" for bound in BOUNDS)
            nearest = min(BOUNDS, key=lambda bound: abs(bound - self.latency))
            raise ValueError(
                f"the monitoring of {self.service}: latency is {self.latency:g}, expected a bound of the server's "
                f"histogram ({known}); write {nearest:g}"
            )
        for key, value in (("objective", self.availability), ("latency_objective", self.latency_share)):
            if not 0.5 < value < 1:
                fix = f"; write {value / 100:g}" if 50 < value < 100 else ""
                raise ValueError(
                    f"the monitoring of {self.service}: {key} is {value:g}, expected a share between 0.5 and 1{fix}"
                )
        if not 1 <= self.days <= 90:
            raise ValueError(f"the monitoring of {self.service}: window_days is {self.days}, expected 1 to 90")

    @property
    def series(self) -> str:
        """Labels of all that the service's pods tell, whatever their track."""
        return f'{self.where}namespace="{self.namespace}",service="{self.service}"'


def groups(wanted: Objectives) -> list[Json]:
    """Rule groups, as in a rule file of Prometheus and in a PrometheusRule."""
    called = f"modelport-{wanted.namespace}-{wanted.service}"
    return [
        {"name": f"{called}-ratios", "rules": _ratios(wanted)},
        {"name": f"{called}-budgets", "interval": "5m", "rules": _budgets(wanted)},
        {"name": f"{called}-alerts", "rules": [*_burning(wanted), *others(wanted)]},
    ]


def _ratios(wanted: Objectives) -> list[Json]:
    labels = {"namespace": wanted.namespace, "service": wanted.service}
    rules: list[Json] = [
        {
            "record": "modelport:requests:rate5m",
            "expr": f"sum by (track, revision, code) (rate(modelport_requests_total{{{wanted.series},{ROUTES}}}[5m]))",
            "labels": labels,
        }
    ]
    for quantile in (0.5, 0.9, 0.99):
        buckets = f"rate(modelport_request_duration_seconds_bucket{{{wanted.series},{ROUTES}}}[5m])"
        rules.append(
            {
                "record": "modelport:latency_seconds:quantile5m",
                "expr": f"histogram_quantile({quantile:g}, sum by (le, track, revision) ({buckets}))",
                "labels": {**labels, "quantile": f"{quantile:g}"},
            }
        )
    for window in WINDOWS:
        for slo in ("availability", "latency"):
            rules.append(
                {
                    "record": f"modelport:slo_errors:ratio_rate{window}",
                    "expr": missed(wanted, slo, window),
                    "labels": {**labels, "slo": slo},
                }
            )
    return rules


def missed(wanted: Objectives, slo: str, window: str, function: str = "rate") -> str:
    """The share of requests that missed the objective; nothing where there were none. slo: one of ALERTS."""
    if slo == "availability":
        every = f"sum({function}(modelport_requests_total{{{wanted.series},{ROUTES}}}[{window}]))"
        bad = f'sum({function}(modelport_requests_total{{{wanted.series},{ROUTES},code=~"5.."}}[{window}]))'
        # What fitted the protocol and failed inside of the model is answered with 400, and is no caller's mistake.
        refused = f"sum({function}(modelport_model_refusals_total{{{wanted.series}}}[{window}]))"
        return f"(({bad} or vector(0)) + ({refused} or vector(0))) / ({every} > 0)"
    every = f"sum({function}(modelport_request_duration_seconds_count{{{wanted.series},{ROUTES}}}[{window}]))"
    within = f'{wanted.series},{ROUTES},le=~"{_bound(wanted.latency)}"'
    good = f"sum({function}(modelport_request_duration_seconds_bucket{{{within}}}[{window}]))"
    return f"1 - ({good} or vector(0)) / ({every} > 0)"


def _bound(seconds: float) -> str:
    """A bucket's label as regular expression: newer versions of Prometheus write 1.0 for 1."""
    text = f"{seconds:g}"
    return text.replace(".", "[.]") if "." in text else f"{text}([.]0)?"


def _budgets(wanted: Objectives) -> list[Json]:
    labels = {"namespace": wanted.namespace, "service": wanted.service}
    return [
        {
            "record": "modelport:slo_budget:remaining",
            "expr": f"1 - ({missed(wanted, slo, f'{wanted.days}d', 'increase')}) / {_budget(share)}",
            "labels": {**labels, "slo": slo},
        }
        for slo, share in _promised(wanted)
    ]


def _promised(wanted: Objectives) -> tuple[tuple[str, float], ...]:
    return (("availability", wanted.availability), ("latency", wanted.latency_share))


def _budget(share: float) -> str:
    return f"{1 - share:.6g}"


def _burning(wanted: Objectives) -> list[Json]:
    what = {
        "availability": f"{wanted.service} fails too many requests",
        "latency": f"{wanted.service} answers too many requests in more than {wanted.latency:g} s",
    }
    rules: list[Json] = []
    for slo, share in _promised(wanted):
        selected = f'{{{wanted.series},slo="{slo}"}}'
        for burn in BURNS:
            factor = burn.share * wanted.days * 24 / burn.hours
            limit = f"({factor:.6g} * {_budget(share)})"
            rules.append(
                {
                    "alert": ALERTS[slo],
                    "expr": (
                        f"modelport:slo_errors:ratio_rate{burn.long}{selected} > {limit} "
                        f"and modelport:slo_errors:ratio_rate{burn.short}{selected} > {limit}"
                    ),
                    "labels": {"severity": burn.severity, "long_window": burn.long, "short_window": burn.short},
                    "annotations": _told(
                        wanted,
                        what[slo],
                        f"At this pace {burn.share:.0%} of what may fail in {wanted.days} days does so in {burn.long}: "
                        f"{{{{ $value | humanizePercentage }}}} of the requests, where {_percent(1 - share)} may.",
                    ),
                }
            )
    return rules


def others(wanted: Objectives) -> list[Json]:
    """Alerting rules about single pods, which need no recorded series."""
    return [
        {
            "alert": "ModelPodDoesNotTell",
            "expr": f"max by (namespace, service, pod, track) (up{{{wanted.series}}}) == 0",
            "for": "5m",
            "labels": {"severity": "ticket"},
            "annotations": _told(wanted, "{{ $labels.pod }} does not answer Prometheus", "It has not for 5 minutes."),
        },
        {
            "alert": "ModelWorkersDie",
            "expr": f"sum by (pod) (increase(modelport_worker_restarts_total{{{wanted.series}}}[15m])) > 3",
            "labels": {"severity": "ticket"},
            "annotations": _told(
                wanted, "Workers of {{ $labels.pod }} die", "{{ $value | humanize }} were started anew in 15 minutes."
            ),
        },
    ]


def _told(wanted: Objectives, summary: str, description: str) -> Json:
    told = {"summary": summary, "description": description}
    return told if wanted.runbook is None else {**told, "runbook_url": wanted.runbook}


def _percent(share: float) -> str:
    return f"{share * 100:.4g}%"


def relabelings() -> list[Mapping[str, Any]]:
    """The labels that every rule and query of ours goes by, from those of the pod, as Prometheus' files say it."""

    def label(source: str, target: str) -> Mapping[str, Any]:
        return {"source_labels": [f"__meta_kubernetes_{source}"], "target_label": target}

    def own(text: str) -> str:
        return "pod_label_" + "".join(c if c.isalnum() else "_" for c in text)

    return [
        label("namespace", "namespace"),
        label("pod_name", "pod"),
        label(own(names.APP), "service"),
        label(own(names.TRACK), "track"),
        label(own(names.REVISION), "revision"),
    ]


def scrape(namespace: str, service: str, seconds: int) -> Json:
    """A scrape configuration, as in a file of `scrape_config_files`."""
    keep: list[Mapping[str, Any]] = [
        {"source_labels": ["__meta_kubernetes_pod_label_app_kubernetes_io_name"], "regex": service, "action": "keep"},
        {
            "source_labels": ["__meta_kubernetes_pod_container_port_name"],
            "regex": names.PORT_NAME,
            "action": "keep",
        },
    ]
    return {
        "scrape_configs": [
            {
                "job_name": f"modelport/{namespace}/{service}",
                "metrics_path": names.METRICS,
                "scrape_interval": f"{seconds}s",
                "scrape_timeout": f"{min(seconds, 10)}s",
                "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [namespace]}}],
                "relabel_configs": [*keep, *relabelings()],
            }
        ]
    }


def endpoint(seconds: int) -> Json:
    """The endpoint of a ServiceMonitor: the same, in the operator's words."""
    words = {"source_labels": "sourceLabels", "target_label": "targetLabel"}
    return {
        "port": names.PORT_NAME,
        "path": names.METRICS,
        "interval": f"{seconds}s",
        "scrapeTimeout": f"{min(seconds, 10)}s",
        "relabelings": [{words.get(key, key): value for key, value in each.items()} for each in relabelings()],
    }
