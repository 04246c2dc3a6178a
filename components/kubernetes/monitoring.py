"""What is measured, shown and told of a service."""

import json
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NotRequired, Optional, TypedDict

import pulumi
import yaml
from pulumi_kubernetes.apiextensions.CustomResource import CustomResource
from pulumi_kubernetes.core.v1.ConfigMap import ConfigMap
from pulumi_kubernetes.core.v1.Service import Service

from components.kubernetes import names, objectives
from components.kubernetes.dashboard import dashboard
from components.kubernetes.objectives import Objectives

RULES_LABEL = "modelport.io/prometheus-rules"
SCRAPE_LABEL = "modelport.io/prometheus-scrape"
METRICS_LABEL = "modelport.io/metrics"


class MonitoringMode(Enum):
    """How Prometheus is told."""

    OPERATOR = "operator"
    """By a ServiceMonitor and a PrometheusRule, which the Prometheus Operator reads."""
    PLAIN = "plain"
    """By a ConfigMap of files, for `rule_files` and `scrape_config_files` of any Prometheus."""


class ModelMonitoringArgs(TypedDict):
    namespace: pulumi.Input[str]
    """Namespace of the service."""
    service: pulumi.Input[str]
    """Name of the service."""
    mode: NotRequired[MonitoringMode]
    """How Prometheus is told. Default: operator."""
    objective: NotRequired[pulumi.Input[float]]
    """The share of requests that are to be answered without a fault of the server's. Default: 0.999."""
    latency: NotRequired[pulumi.Input[float]]
    """Seconds within which `latency_objective` of the requests are to be answered: a bound of the server's histogram.
    Default: 0.25."""
    latency_objective: NotRequired[pulumi.Input[float]]
    """The share of requests that `latency` is about. Default: 0.99."""
    window_days: NotRequired[pulumi.Input[int]]
    """Days over which the objectives are to hold. Default: 30."""
    scrape_seconds: NotRequired[pulumi.Input[int]]
    """Seconds between two scrapes. Default: 15."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels by which Prometheus finds its monitors and rules. Default: none."""
    dashboard: NotRequired[bool]
    """Whether there is a dashboard for Grafana: a ConfigMap with the label `grafana_dashboard`. Default: True."""
    runbook: NotRequired[pulumi.Input[str]]
    """Address that an alert names for whoever gets it. Default: none."""


class ModelMonitoring(pulumi.ComponentResource):
    """Has a service scraped, its objectives watched and shown: recording rules, burn-rate alerts and a dashboard.

    Outputs: `rules` (name of the PrometheusRule or ConfigMap), `dashboard` (the dashboard's uid, empty without one).
    """

    rules: pulumi.Output[str]
    """Name of the PrometheusRule or ConfigMap that holds the rules."""
    dashboard: pulumi.Output[str]
    """The dashboard's uid in Grafana; empty without one."""

    def __init__(self, name: str, args: ModelMonitoringArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        super().__init__("modelport:index:ModelMonitoring", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        promised = _promised(args)
        service = pulumi.Output.from_input(args["service"]).apply(names.service)
        seconds = pulumi.Output.from_input(args.get("scrape_seconds", 15)).apply(int)
        found = pulumi.Output.from_input(args.get("labels") or {})

        def meta(suffix: str, more: Mapping[str, str] | None = None) -> Any:
            labels = pulumi.Output.all(service, found).apply(
                lambda known: {**names.labels(known[0]), **known[1], **(more or {})}
            )
            called = service.apply(lambda known: f"{known}-{suffix}")
            return {"name": called, "namespace": args["namespace"], "labels": labels}

        if MonitoringMode(args.get("mode", MonitoringMode.OPERATOR)) is MonitoringMode.OPERATOR:
            made: pulumi.CustomResource = _operated(name, promised, service, seconds, meta, child)
        else:
            made = ConfigMap(
                f"{name}-rules",
                metadata=meta("rules", {RULES_LABEL: "true"}),
                data=promised.apply(
                    lambda wanted: {f"{wanted.service}.yaml": _text({"groups": objectives.groups(wanted)})}
                ),
                opts=child,
            )
            ConfigMap(
                f"{name}-scrape",
                metadata=meta("scrape", {SCRAPE_LABEL: "true"}),
                data=pulumi.Output.all(args["namespace"], service, seconds).apply(
                    lambda known: {f"{known[1]}.yaml": _text(objectives.scrape(known[0], known[1], known[2]))}
                ),
                opts=child,
            )
        self.rules = made.id.apply(lambda known: known.rpartition("/")[2])
        self.dashboard = pulumi.Output.from_input("")
        if args.get("dashboard", True):
            shown = promised.apply(dashboard)
            ConfigMap(
                f"{name}-dashboard",
                metadata=meta("dashboard", {"grafana_dashboard": "1"}),
                data=shown.apply(lambda known: {f"{known['uid']}.json": json.dumps(known, indent=1)}),
                opts=child,
            )
            self.dashboard = shown.apply(lambda known: str(known["uid"]))
        self.register_outputs({"rules": self.rules, "dashboard": self.dashboard})


def _promised(args: ModelMonitoringArgs) -> pulumi.Output[Objectives]:
    """Raises ValueError at once for what is wrong and known."""
    given: dict[str, Any] = {
        "namespace": args["namespace"],
        "service": args["service"],
        "availability": args.get("objective", 0.999),
        "latency": args.get("latency", 0.25),
        "latency_share": args.get("latency_objective", 0.99),
        "days": args.get("window_days", 30),
        "runbook": args.get("runbook"),
    }

    def make(known: Mapping[str, Any]) -> Objectives:
        whole: dict[str, Any] = {**known, "days": int(known["days"])}
        return Objectives(**whole)

    known = {key: value for key, value in given.items() if not isinstance(value, pulumi.Output)}
    settled: dict[str, Any] = {"namespace": "", "service": "the service", "days": 30, **known}
    make(settled)
    return pulumi.Output.all(**given).apply(make)


def _operated(
    name: str,
    promised: pulumi.Output[Objectives],
    service: pulumi.Output[str],
    seconds: pulumi.Output[int],
    meta: Callable[..., Any],
    child: pulumi.ResourceOptions,
) -> pulumi.CustomResource:
    """A Service that finds the pods of every track, whatever stands before them, and what the operator makes of it."""
    called = service.apply(lambda known: {METRICS_LABEL: known})
    port = {"name": names.PORT_NAME, "port": names.PORT, "targetPort": names.PORT_NAME, "protocol": "TCP"}
    given = meta("metrics")
    spec: Any = {
        "type": "ClusterIP",
        "clusterIP": "None",
        "selector": service.apply(lambda known: {**names.selector(known), names.COMPONENT: "model"}),
        "ports": [port],
    }
    labels: Any = pulumi.Output.all(given["labels"], called).apply(lambda known: {**known[0], **known[1]})
    found: Any = {**given, "labels": labels, "annotations": {"pulumi.com/skipAwait": "true"}}
    Service(f"{name}-metrics", metadata=found, spec=spec, opts=child)
    CustomResource(
        f"{name}-monitor",
        api_version="monitoring.coreos.com/v1",
        kind="ServiceMonitor",
        metadata=meta("monitor"),
        spec={
            "selector": {"matchLabels": called},
            "endpoints": seconds.apply(lambda known: [objectives.endpoint(known)]),
        },
        opts=child,
    )
    rules: pulumi.CustomResource = CustomResource(
        f"{name}-rules",
        api_version="monitoring.coreos.com/v1",
        kind="PrometheusRule",
        metadata=meta("rules"),
        spec={"groups": promised.apply(objectives.groups)},
        opts=child,
    )
    return rules


def _text(content: object) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=1000)
