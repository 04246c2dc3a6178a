"""What is watched in CloudWatch and how it is shown: alarms and a dashboard, pure, in CloudWatch's own words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from components.aws import collector, policies
from components.aws.checks import partition

Json = dict[str, Any]

INSIGHTS: Final = "ContainerInsights"
WIDTH: Final = 24
"""Columns of a dashboard."""
BALANCER: Final = r"(app|net)/[A-Za-z0-9-]{1,32}/[0-9a-f]{16}"
TARGETS: Final = r"targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]{16}"
"""How ARNs of load balancers and of their targets end."""

# Names and dimensions: CloudWatch user guide, "Enhanced Container Insights (Classic) metric reference" and "CloudWatch
# metrics for your Application Load Balancer", read 2026-11-22.


def rights(region: str, account: str, cluster: str) -> str:
    """What Container Insights' agents may do: write to their own groups, and look at their own machine."""
    arn = f"arn:{partition(region)}"
    groups = f"{arn}:logs:{region}:{account}:log-group:/aws/containerinsights/{cluster}/*"
    return policies.document(
        policies.allow(["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"], groups),
        policies.allow(["logs:DescribeLogGroups"], f"{arn}:logs:{region}:{account}:log-group:*"),
        # These calls know no resources.
        policies.allow(
            ["ec2:DescribeInstances", "ec2:DescribeTags", "ec2:DescribeVolumes"],
            "*",
            {"StringEquals": {"aws:RequestedRegion": region}},
        ),
        policies.allow(["cloudwatch:PutMetricData"], "*", {"StringEquals": {"cloudwatch:namespace": INSIGHTS}}),
    )


@dataclass(frozen=True)
class Balancer:
    """A load balancer's dimensions, which may be outputs."""

    arn_suffix: Any
    target_group: Any
    network: bool

    @property
    def space(self) -> str:
        return "AWS/NetworkELB" if self.network else "AWS/ApplicationELB"

    @property
    def dimensions(self) -> Json:
        return {"LoadBalancer": self.arn_suffix}

    @property
    def targets(self) -> Json:
        return {**self.dimensions, "TargetGroup": self.target_group}


@dataclass(frozen=True)
class Watched:
    """One alarm, without who is told."""

    about: str
    """The end of its name."""
    description: str
    inputs: Mapping[str, Any]
    """Arguments of a MetricAlarm."""
    felt: bool
    """Whether users feel it: these are told together, as one."""


def _lasting(minutes: int) -> Json:
    # Three in five: one bad minute wakes nobody, and one good minute in between ends no alarm.
    return {"period": 60, "evaluation_periods": minutes, "datapoints_to_alarm": math.ceil(0.6 * minutes)}


def latency(space: str, dimensions: Mapping[str, Any], seconds: float, minutes: int) -> Json:
    return {
        "namespace": space,
        "metric_name": collector.LATENCY,
        "dimensions": dict(dimensions),
        "extended_statistic": "p99",
        "comparison_operator": "GreaterThanThreshold",
        "threshold": seconds,
        # Of a handful of requests the slowest is the 99th percentile.
        "evaluate_low_sample_count_percentiles": "ignore",
        # Without requests nobody waits.
        "treat_missing_data": "notBreaching",
        **_lasting(minutes),
    }


def share(percent: float, minutes: int, faults: Sequence[Json], requests: Json) -> Json:
    """Faults in a hundred requests, each a metric: {space, metric, dimensions}."""
    queries = [_query(f"f{number}", each) for number, each in enumerate(faults)]
    counted = " + ".join(f"FILL(f{number}, 0)" for number in range(len(faults)))
    expression = f"IF(requests > 0, 100 * ({counted}) / requests, 0)"
    return {
        "metric_queries": [
            {"id": "share", "expression": expression, "label": "per cent of requests", "return_data": True},
            *queries,
            _query("requests", requests),
        ],
        "comparison_operator": "GreaterThanThreshold",
        "threshold": percent,
        "treat_missing_data": "notBreaching",
        "evaluation_periods": minutes,
        "datapoints_to_alarm": math.ceil(0.6 * minutes),
    }


def _query(called: str, metric: Json) -> Json:
    found = {
        "namespace": metric["space"],
        "metric_name": metric["metric"],
        "dimensions": metric["dimensions"],
        "period": 60,
        "stat": "Sum",
    }
    return {"id": called, "metric": found, "return_data": False}


def above(space: str, metric: str, dimensions: Mapping[str, Any], limit: float, minutes: int) -> Json:
    return {
        "namespace": space,
        "metric_name": metric,
        "dimensions": dict(dimensions),
        "statistic": "Maximum",
        "comparison_operator": "GreaterThanThreshold",
        "threshold": limit,
        "treat_missing_data": "notBreaching",
        **_lasting(minutes),
    }


def silent(cluster: Any, minutes: int) -> Json:
    """Nothing is heard of the cluster: then no other alarm is worth anything."""
    return {
        **above(INSIGHTS, "cluster_node_count", {"ClusterName": cluster}, 0, max(minutes, 10)),
        "statistic": "SampleCount",
        "comparison_operator": "LessThanThreshold",
        "threshold": 1,
        "treat_missing_data": "breaching",
    }


def balancer(found: Balancer, percent: float, minutes: int) -> list[Watched]:
    made = [
        Watched(
            "unhealthy-targets",
            "a target of the load balancer does not answer as it should",
            above(found.space, "UnHealthyHostCount", found.targets, 0, minutes),
            felt=True,
        )
    ]
    if not found.network:
        faults = [
            {"space": found.space, "metric": metric, "dimensions": found.dimensions}
            for metric in ("HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count")
        ]
        requests = {"space": found.space, "metric": "RequestCount", "dimensions": found.dimensions}
        text = f"more than {percent:g} per cent of the requests at the load balancer fail"
        made.append(Watched("balancer-errors", text, share(percent, minutes, faults, requests), felt=True))
    return made


def cluster(name: Any, memory: float, disk: float, gpu: float | None, minutes: int) -> list[Watched]:
    here = {"ClusterName": name}
    limits = [
        ("failed-nodes", "cluster_failed_node_count", 0.0, "a node of the cluster has failed"),
        ("memory", "node_memory_utilization", memory, f"a node uses more than {memory:g} per cent of its memory"),
        ("disk", "node_filesystem_utilization", disk, f"a node uses more than {disk:g} per cent of its disk"),
    ]
    if gpu is not None:
        text = f"a GPU is busy for more than {gpu:g} per cent of the time"
        limits.append(("gpus", "node_gpu_utilization", gpu, text))
    made = [
        Watched(about, text, above(INSIGHTS, metric, here, limit, minutes), felt=False)
        for about, metric, limit, text in limits
    ]
    text = "nothing is heard of the cluster, so that no other alarm is worth anything"
    return [*made, Watched("silent", text, silent(name, minutes), felt=False)]


def shown(alarms: Sequence[Any]) -> list[Json]:
    """A row of a dashboard with the state of alarms, by ARN."""
    return [{"type": "alarm", "properties": {"title": "Alarms", "alarms": list(alarms)}}]


def graphed(region: str, title: str, *metrics: list[Any], unit: str) -> Json:
    """A widget with lines over time."""
    properties: Json = {
        "title": title,
        "region": region,
        "view": "timeSeries",
        "stacked": False,
        "period": 60,
        "metrics": list(metrics),
        "yAxis": {"left": {"min": 0, "label": unit, "showUnits": False}},
    }
    return {"type": "metric", "properties": properties}


def line(space: str, metric: str, dimensions: Mapping[str, Any], stat: str, label: str) -> list[Any]:
    """One line of a graph."""
    flat = [each for pair in dimensions.items() for each in pair]
    return [space, metric, *flat, {"stat": stat, "label": label}]


def console(region: str, name: str) -> str:
    """Address of a dashboard in AWS's console."""
    host = "console.amazonaws-us-gov.com" if partition(region) == "aws-us-gov" else f"{region}.console.aws.amazon.com"
    return f"https://{host}/cloudwatch/home?region={region}#dashboards/dashboard/{name}"


def dashboard(
    region: str,
    space: str,
    cluster_: Any,
    services: Sequence[tuple[str, str]],
    found: Balancer | None,
    alarms: Sequence[Any],
) -> Json:
    """The body of a dashboard. Leaves may be outputs."""
    graph = partial(graphed, region)
    rows = [shown(alarms)]
    for namespace, service in services:
        about: Json = dict(zip(collector.DIMENSIONS, (cluster_, namespace, service), strict=True))
        rows.append(
            [
                graph(
                    f"{namespace}/{service}: latency",
                    *(line(space, collector.LATENCY, about, stat, stat) for stat in ("p50", "p90", "p99")),
                    unit="seconds",
                ),
                graph(
                    f"{namespace}/{service}: requests",
                    line(space, collector.REQUESTS, about, "Sum", "requests"),
                    line(space, collector.FAULTS, about, "Sum", "failed"),
                    unit="a minute",
                ),
            ]
        )
    if found is not None:
        targets = [
            line(found.space, metric, found.targets, "Maximum", label)
            for metric, label in (("HealthyHostCount", "healthy"), ("UnHealthyHostCount", "unhealthy"))
        ]
        counts = ["ActiveFlowCount", "NewFlowCount"] if found.network else [
            "RequestCount", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count"]  # fmt: skip
        calls = [line(found.space, metric, found.dimensions, "Sum", metric) for metric in counts]
        rows.append(
            [
                graph("Load balancer: targets", *targets, unit="targets"),
                graph("Load balancer: calls", *calls, unit="a minute"),
            ]
        )
    here = {"ClusterName": cluster_}
    used = [
        line(INSIGHTS, f"node_{what}_utilization", here, "Maximum", what) for what in ("cpu", "memory", "filesystem")
    ]
    counted = [line(INSIGHTS, f"cluster_{what}node_count", here, "Maximum", label) for what, label in (
        ("", "nodes"), ("failed_", "failed"))]  # fmt: skip
    gpus = [line(INSIGHTS, f"node_gpu_{what}utilization", here, "Average", label) for what, label in (
        ("", "GPU"), ("memory_", "memory"))]  # fmt: skip
    rows.append(
        [
            graph("Cluster: nodes", *counted, unit="nodes"),
            graph("Cluster: the fullest node", *used, unit="per cent"),
            graph("Cluster: GPUs", *gpus, unit="per cent"),
        ]
    )
    return placed(rows)


def placed(rows: Sequence[Sequence[Json]]) -> Json:
    """The body of a dashboard: widgets side by side in rows that fill its width."""
    made: list[Json] = []
    top = 0
    for row in rows:
        width, height = WIDTH // len(row), 2 if row[0]["type"] == "alarm" else 6
        made += [
            {**each, "x": number * width, "y": top, "width": width, "height": height} for number, each in enumerate(row)
        ]
        top += height
    return {"widgets": made}
