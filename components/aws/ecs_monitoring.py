"""What CloudWatch shows of a service of ECS, and whom it tells when that is not as it should be."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_aws.cloudwatch.dashboard import Dashboard

from components import checks, mails
from components.aws import alarms, policies, topics, watching
from components.aws import checks as aws
from components.aws.tags import Tags

Json = dict[str, Any]

INSIGHTS: Final = "ECS/ContainerInsights"
SERVICE: Final = "AWS/ECS"
# Names and dimensions: CloudWatch user guide, "Amazon ECS Container Insights metrics", and ECS developer guide, "Amazon
# ECS CloudWatch metrics", read 2026-11-22.
CPU_PERCENT, MEMORY_PERCENT = 90, 85
NAME = r"[A-Za-z0-9_-]{1,255}"


class EcsWatchedBalancer(TypedDict):
    """The load balancer before a service, as an AwsLoadBalancer tells of it."""

    arn_suffix: pulumi.Input[str]
    """The end of its ARN, `app/NAME/...`."""
    target_group_arn_suffixes: Sequence[pulumi.Input[str]]
    """The ends of the ARNs of its target groups, `targetgroup/NAME/...`: one, or two for versions side by side."""
    network: NotRequired[bool]
    """Whether it is a Network Load Balancer, which knows no requests. Default: no."""
    latency: NotRequired[float]
    """Seconds within which 99 of 100 requests are to be answered. Default: 0.25."""
    error_percent: NotRequired[float]
    """How many of a hundred requests may fail at it or behind it. Default: 1."""


class EcsMonitoringArgs(TypedDict):
    account_id: str
    """Account of the service."""
    region: str
    """Region of the service."""
    cluster_name: pulumi.Input[str]
    """Name of its cluster, which has Container Insights, as an EcsService makes it."""
    service_name: pulumi.Input[str]
    """Name of the service."""
    load_balancer: NotRequired[EcsWatchedBalancer]
    """The load balancer before it, which measures answers. Default: none, tasks alone are watched."""
    emails: NotRequired[Sequence[str]]
    """Who is told by mail; each confirms it once. Default: nobody, others may subscribe to the topic."""
    cpu_percent: NotRequired[float]
    """How much of their CPU all tasks together may use. Default: 90."""
    memory_percent: NotRequired[float]
    """How much of its memory a task may use. Default: 85."""
    minutes: NotRequired[int]
    """How long something is so before it is told, in three of five minutes. Default: 5."""
    key_arn: NotRequired[pulumi.Input[str]]
    """KMS key of the topic, whose policy lets CloudWatch's alarms use it. Default: one of its own."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that takes them."""


class EcsMonitoring(pulumi.ComponentResource):
    """A dashboard of a service, and alarms that tell a topic: latency and errors at its load balancer, and its tasks.

    What users feel (latency, errors, targets that do not answer) is told as one by a composite alarm, so that one
    failure is one message; each other alarm tells for itself. These roll nothing back: that is `EcsService`'s.
    Outputs: `topic_arn`, `dashboard_url`, `service_alarm_name`.
    """

    topic_arn: pulumi.Output[str]
    """ARN of the topic that alarms tell."""
    dashboard_url: pulumi.Output[str]
    """Address of the dashboard in AWS's console."""
    service_alarm_name: pulumi.Output[str]
    """Name of the composite alarm over what users feel."""

    def __init__(
        self,
        name: str,
        args: EcsMonitoringArgs,
        opts: Optional[pulumi.ResourceOptions] = None,  # noqa: UP045
    ) -> None:
        asked(name, args)
        tags = Tags("EcsMonitoring.tags", name, args.get("tags"))
        place: Json = {
            "ClusterName": checks.asked(args["cluster_name"], partial(_named, "EcsMonitoring.cluster_name")),
            "ServiceName": checks.asked(args["service_name"], partial(_named, "EcsMonitoring.service_name")),
        }
        super().__init__("modelport:index:EcsMonitoring", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        region, account = args["region"], args["account_id"]
        key = args.get("key_arn")
        if key is None:
            users = [topics.uses_key("Alarms", "cloudwatch.amazonaws.com", account)]
            key = topics.key(name, f"Alarms of {name}", region, account, users, tags, child)
        source = f"arn:{aws.partition(region)}:cloudwatch:{region}:{account}:alarm:*"
        teller = ("Alarms", "cloudwatch.amazonaws.com", source)
        topic, _ = topics.topic(name, key, teller, account, tags, child)
        topics.subscribe(name, topic, args.get("emails") or [], child)
        balancer = args.get("load_balancer")
        watched = [*_balanced(balancer, args.get("minutes", 5)), *_tasks(args, place)]
        # Another name than that of a cluster of Kubernetes, of which there may be one beside it.
        shown = f"{name}-tasks"
        whole, rest = alarms.made(name, f"{shown}-users", watched, topic.arn, tags, child)
        body = _dashboard(region, place, balancer, [whole.arn, *(each.arn for each in rest)])
        Dashboard(name, dashboard_name=shown, dashboard_body=policies.text(body), opts=child)
        self.topic_arn, self.service_alarm_name = topic.arn, whole.alarm_name
        self.dashboard_url = pulumi.Output.from_input(watching.console(region, shown))
        self.register_outputs(
            {
                "topic_arn": self.topic_arn,
                "dashboard_url": self.dashboard_url,
                "service_alarm_name": self.service_alarm_name,
            }
        )


def _balanced(given: EcsWatchedBalancer | None, minutes: int) -> list[watching.Watched]:
    """What users feel at a load balancer."""
    if given is None:
        return []
    network = given.get("network", False)
    groups = given["target_group_arn_suffixes"]
    made: list[watching.Watched] = []
    for at, group in enumerate(groups):
        found = watching.Balancer(given["arn_suffix"], group, network)
        limits = watching.above(found.space, "UnHealthyHostCount", found.targets, 0, minutes)
        about = f"unhealthy-targets{'-alternate' if at else ''}"
        text = "a task behind the load balancer does not answer as it should"
        made.append(watching.Watched(about, text, limits, felt=True))
    if network:
        return made
    # At the whole load balancer: whichever of two versions answers, users feel it.
    found = watching.Balancer(given["arn_suffix"], groups[0], network)
    seconds, percent = _promised(given)
    slow = {
        **watching.latency(found.space, found.dimensions, seconds, minutes),
        "metric_name": "TargetResponseTime",
    }
    text = f"of a hundred requests more than one takes longer than {seconds:g} seconds"
    return [
        watching.Watched("latency", text, slow, felt=True),
        *watching.balancer(found, percent, minutes)[1:],
        *made,
    ]


def _tasks(args: EcsMonitoringArgs, place: Mapping[str, Any]) -> list[watching.Watched]:
    """What tells of trouble before users feel it."""
    minutes = args.get("minutes", 5)
    cpu, memory = args.get("cpu_percent", CPU_PERCENT), args.get("memory_percent", MEMORY_PERCENT)
    busy = {**watching.above(SERVICE, "CPUUtilization", place, cpu, minutes), "statistic": "Average"}
    full = watching.above(SERVICE, "MemoryUtilization", place, memory, minutes)
    counted = [
        {
            "id": called,
            "metric": {
                "namespace": INSIGHTS,
                "metric_name": metric,
                "dimensions": dict(place),
                "period": 60,
                "stat": "Average",
            },
            "return_data": False,
        }
        for called, metric in (("wanted", "DesiredTaskCount"), ("running", "RunningTaskCount"))
    ]
    missing = {"id": "missing", "expression": "wanted - running", "label": "tasks that are missing"}
    fewer = {
        "metric_queries": [{**missing, "return_data": True}, *counted],
        "comparison_operator": "GreaterThanThreshold",
        "threshold": 0,
        "treat_missing_data": "notBreaching",
        # A task that is being started is no task that is missing.
        "evaluation_periods": max(minutes, 10),
        "datapoints_to_alarm": max(minutes, 10),
    }
    silent = {
        **watching.above(INSIGHTS, "RunningTaskCount", place, 0, max(minutes, 10)),
        "statistic": "SampleCount",
        "comparison_operator": "LessThanThreshold",
        "threshold": 1,
        "treat_missing_data": "breaching",
    }
    return [
        # Without a load balancer nothing else tells what users feel.
        watching.Watched("missing-tasks", "fewer tasks run than are wanted", fewer, felt="load_balancer" not in args),
        watching.Watched("cpu", f"tasks use more than {cpu:g} per cent of their CPU", busy, felt=False),
        watching.Watched("memory", f"a task uses more than {memory:g} per cent of its memory", full, felt=False),
        watching.Watched(
            "silent",
            "nothing is heard of the service, so that no other alarm is worth anything",
            silent,
            felt=False,
        ),
    ]


def _dashboard(region: str, place: Mapping[str, Any], given: EcsWatchedBalancer | None, shown: Sequence[Any]) -> Json:
    rows, graph, line = [watching.shown(shown)], partial(watching.graphed, region), watching.line
    if given is not None:
        network, groups = given.get("network", False), given["target_group_arn_suffixes"]
        found = watching.Balancer(given["arn_suffix"], groups[0], network)
        if not network:
            slow = [
                line(found.space, "TargetResponseTime", found.dimensions, stat, stat) for stat in ("p50", "p90", "p99")
            ]
            metrics = ("RequestCount", "HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count")
            calls = [line(found.space, metric, found.dimensions, "Sum", metric) for metric in metrics]
            rows.append(
                [graph("Latency", *slow, unit="seconds"), graph("Requests", *calls, unit="a minute")],
            )
        targets: list[list[Any]] = []
        for at, group in enumerate(groups):
            dimensions = watching.Balancer(given["arn_suffix"], group, network).targets
            which = " (alternate)" if at else ""
            targets += [
                line(found.space, metric, dimensions, "Maximum", f"{label}{which}")
                for metric, label in (("HealthyHostCount", "healthy"), ("UnHealthyHostCount", "unhealthy"))
            ]
        rows.append([graph("Targets", *targets, unit="targets")])
    counts = [
        line(INSIGHTS, f"{what}TaskCount", place, "Average", label)
        for what, label in (("Desired", "wanted"), ("Running", "running"), ("Pending", "starting"))
    ]
    used = [
        line(SERVICE, f"{what}Utilization", place, stat, what)
        for what, stat in (("CPU", "Average"), ("Memory", "Maximum"))
    ]
    rows.append([graph("Tasks", *counts, unit="tasks"), graph("CPU and memory", *used, unit="per cent")])
    return watching.placed(rows)


def asked(name: str, args: EcsMonitoringArgs) -> None:
    """Raises ArgsError for what cannot be meant, before anything is registered."""
    what = "EcsMonitoring"
    checks.given(what, args, EcsMonitoringArgs)
    aws.named(what, name, 40)
    aws.account(f"{what}.account_id", args["account_id"])
    aws.region(f"{what}.region", args["region"])
    mails.addresses(f"{what}.emails", args.get("emails") or [])
    for key, usual in (("cpu_percent", CPU_PERCENT), ("memory_percent", MEMORY_PERCENT)):
        checks.within(f"{what}.{key}", args.get(key, usual), 1, 100)
    checks.whole(f"{what}.minutes", args.get("minutes", 5), 1, 60, "minutes")
    key_arn = args.get("key_arn")
    if key_arn is not None and not isinstance(key_arn, pulumi.Output):
        example = "key/12345678-1234-1234-1234-123456789012"
        aws.arn(f"{what}.key_arn", key_arn, "kms", r"key/[a-zA-Z0-9-]+", example)
        aws.here(f"{what}.key_arn", cast("str", key_arn), args["region"])
    if "load_balancer" in args:
        _asked(f"{what}.load_balancer", args["load_balancer"])


def _asked(what: str, given: EcsWatchedBalancer) -> None:
    checks.given(what, given, EcsWatchedBalancer)
    network = given.get("network", False)
    seconds, percent = _promised(given)
    for key, number, most in (("latency", seconds, 3600), ("error_percent", percent, 100)):
        if key in given and network:
            raise checks.wrong(
                f"{what}.{key}", number, "nothing beside network, which knows no requests", f"drop {key}"
            )
        checks.within(f"{what}.{key}", number, 0.001, most)
    suffix, groups = given["arn_suffix"], list(given["target_group_arn_suffixes"])
    kind, called = ("net", "a Network") if network else ("app", "an Application")
    if isinstance(suffix, str):
        pattern = watching.BALANCER.replace("(app|net)", kind)
        expected = f"the end of the ARN of {called} Load Balancer"
        checks.fits(f"{what}.arn_suffix", suffix, pattern, expected, f"{kind}/shop/0123456789abcdef")
    if len(groups) not in (1, 2):
        place = f"{what}.target_group_arn_suffixes"
        raise checks.wrong(place, f"{len(groups)} groups", "one, or two for two versions", "name those of the service")
    for each in groups:
        if isinstance(each, str):
            expected, example = "the end of a target group's ARN", "targetgroup/shop/0123456789abcdef"
            checks.fits(f"{what}.target_group_arn_suffixes", each, watching.TARGETS, expected, example)


def _promised(given: EcsWatchedBalancer) -> tuple[float, float]:
    return given.get("latency", 0.25), given.get("error_percent", 1)


def _named(what: str, known: str) -> None:
    checks.fits(what, known, NAME, "1 to 255 letters, digits, - and _", "digits")
