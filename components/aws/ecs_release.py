"""How a new version takes the place of the old one on ECS: the words of a release, as the platform carries them out."""

import math
from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import pairwise
from typing import Any, Final, NamedTuple, NotRequired, TypedDict, cast

import pulumi
from pulumi_aws.cloudwatch.metric_alarm import MetricAlarm

from components import checks
from components.aws.tags import Tags

MINUTES: Final = 1440
"""That a step or a version is looked at, at most (the model of CreateService in botocore 1.43, 2026-11-22)."""
LEAST_STEP = 3
"""Percent of a step of several, at least (the same)."""
ENOUGH = 20
"""Requests in a minute, below which a share of errors says nothing."""


class EcsStrategy(Enum):
    """How a new version comes to its requests."""

    ROLLING = "rolling"
    """Task by task."""
    CANARY = "canary"
    """A share of the requests, larger step by step."""
    BLUE_GREEN = "blue-green"
    """All tasks beside the old ones, then all requests at once."""


class EcsStep(TypedDict):
    """A step of a canary."""

    weight: int
    """Percent of the requests that the new version gets."""
    pause: NotRequired[float]
    """Seconds that the step takes, whole minutes. Default: 60."""


class EcsRelease(TypedDict):
    """How a new version takes the place of the old one."""

    strategy: NotRequired[EcsStrategy]
    """How it comes to its requests; all but rolling want a load balancer with two target groups. Default: rolling."""
    steps: NotRequired[Sequence[EcsStep]]
    """The steps of a canary: one, or equal ones with equal pauses, as 25, 50, 75."""
    pause: NotRequired[float]
    """Seconds, whole minutes, for which the old tasks stay beside once the new ones get all requests. Default: 60."""


class EcsLoadBalancer(TypedDict):
    """The load balancer that leads to the tasks: outputs of an AwsLoadBalancer."""

    target_group_arn: pulumi.Input[str]
    """ARN of the target group, whose targets are addresses."""
    security_group_id: pulumi.Input[str]
    """Id of its security group, the only one that may speak to the tasks."""
    rule_arn: NotRequired[pulumi.Input[str]]
    """ARN of the listener rule that leads to the model, or of a network load balancer's listener."""
    alternate_target_group_arn: NotRequired[pulumi.Input[str]]
    """ARN of the second target group, for two versions side by side."""
    arn_suffix: NotRequired[pulumi.Input[str]]
    """What CloudWatch knows an application load balancer by: for alarms, and to scale by requests."""
    target_group_arn_suffix: NotRequired[pulumi.Input[str]]
    """What it knows the target group by."""
    alternate_target_group_arn_suffix: NotRequired[pulumi.Input[str]]
    """What it knows the second target group by."""


class Release(NamedTuple):
    """A release as ECS takes it."""

    strategy: EcsStrategy
    configuration: dict[str, Any]

    @property
    def side_by_side(self) -> bool:
        """Whether two versions have a target group each."""
        return self.strategy is not EcsStrategy.ROLLING


def asked(given: EcsRelease) -> Release:
    """A release, checked. Raises ArgsError for what ECS has no counterpart of."""
    what = "EcsService.release"
    checks.given(what, given, EcsRelease)
    strategy = checks.choice(f"{what}.strategy", given.get("strategy", EcsStrategy.ROLLING), EcsStrategy)
    steps = list(given.get("steps") or [])
    if strategy is not EcsStrategy.CANARY and steps:
        raise checks.wrong(f"{what}.steps", steps, f"none beside strategy {strategy.value}", "leave steps out")
    if strategy is EcsStrategy.ROLLING:
        if "pause" in given:
            raise checks.wrong(f"{what}.pause", given["pause"], "none beside strategy rolling", "leave pause out")
        return Release(strategy, {"strategy": "ROLLING"})
    bake = {"bake_time_in_minutes": _minutes(f"{what}.pause", given.get("pause", 60))}
    if strategy is EcsStrategy.BLUE_GREEN:
        return Release(strategy, {"strategy": "BLUE_GREEN", **bake})
    return Release(strategy, {**_steps(f"{what}.steps", steps), **bake})


def _steps(what: str, steps: Sequence[EcsStep]) -> dict[str, Any]:
    for at, each in enumerate(steps):
        checks.given(f"{what}[{at}]", each, EcsStep)
        checks.within(f"{what}[{at}].weight", each["weight"], 1, 100, "percent")
    pauses = [_minutes(f"{what}[{at}].pause", each.get("pause", 60)) for at, each in enumerate(steps)]
    weights = [each["weight"] for each in steps]
    if not weights:
        raise checks.wrong(what, [], "at least one step of a canary", "for example weight 10, pause 300")
    if any(less >= more for less, more in pairwise(weights)):
        raise checks.wrong(what, weights, "weights each larger than the one before", f"write {sorted(set(weights))}")
    if len(weights) == 1:
        canary = {"canary_percent": weights[0], "canary_bake_time_in_minutes": pauses[0]}
        return {"strategy": "CANARY", "canary_configuration": canary}
    first = weights[0]
    # The last step of equal ones is 100 with or without being written: ECS goes there by itself.
    whole = [min(first * at, 100) for at in range(1, math.ceil(100 / first) + 1)]
    if weights not in (whole, whole[:-1]) or len(set(pauses)) > 1 or first < LEAST_STEP:
        equal = f"steps of equal size and pause, each at least {LEAST_STEP} percent, or one, as ECS has no others"
        told = ", ".join(map(str, whole[:-1])) if LEAST_STEP <= first <= 33 else "25, 50, 75"
        raise checks.wrong(what, weights, equal, f"write {told} with one pause, or a single step")
    linear = {"step_percent": first, "step_bake_time_in_minutes": pauses[0]}
    return {"strategy": "LINEAR", "linear_configuration": linear}


def _minutes(what: str, seconds: object) -> str:
    """Minutes as ECS takes them, text. Raises ArgsError."""
    checks.within(what, seconds, 0, MINUTES * 60, "seconds")
    number = cast("float", seconds)
    if number % 60:
        raise checks.wrong(
            what, seconds, "whole minutes, as ECS counts in these", f"write {math.ceil(number / 60) * 60}"
        )
    return str(int(number // 60))


def alarms(
    parent: pulumi.Resource,
    name: str,
    balancer: EcsLoadBalancer,
    tags: Tags,
    *,
    error_percent: float,
    latency: float | None,
) -> list[MetricAlarm]:
    """What rolls a release back: errors, or slow answers, of either version by itself."""
    if "arn_suffix" not in balancer:
        return []
    found: list[MetricAlarm] = []
    groups = {
        "": balancer.get("target_group_arn_suffix"),
        "-alternate": balancer.get("alternate_target_group_arn_suffix"),
    }
    for kind, group in groups.items():
        if group is None:
            continue
        place = {"LoadBalancer": balancer["arn_suffix"], "TargetGroup": group}
        called = f"{name}-errors{kind}"
        found.append(
            MetricAlarm(
                called,
                alarm_description=f"More than {error_percent:g}% of the answers of {name} are errors",
                comparison_operator="GreaterThanThreshold",
                threshold=error_percent,
                evaluation_periods=2,
                datapoints_to_alarm=2,
                treat_missing_data="notBreaching",
                metric_queries=[
                    _metric("errors", "HTTPCode_Target_5XX_Count", place),
                    _metric("requests", "RequestCount", place),
                    {
                        "id": "percent",
                        "label": "Answers that are errors, in percent",
                        "expression": f"IF(requests >= {ENOUGH}, 100 * FILL(errors, 0) / requests, 0)",
                        "return_data": True,
                    },
                ],
                tags=tags.of(called),
                opts=pulumi.ResourceOptions(parent=parent),
            )
        )
        if latency is None:
            continue
        called = f"{name}-slow{kind}"
        found.append(
            MetricAlarm(
                called,
                alarm_description=f"More than 1% of the answers of {name} take longer than {latency:g} s",
                comparison_operator="GreaterThanThreshold",
                threshold=latency,
                evaluation_periods=2,
                datapoints_to_alarm=2,
                treat_missing_data="notBreaching",
                namespace="AWS/ApplicationELB",
                metric_name="TargetResponseTime",
                extended_statistic="p99",
                # A few slow answers among few are nothing: CloudWatch leaves such minutes out.
                evaluate_low_sample_count_percentiles="ignore",
                period=60,
                dimensions=place,
                tags=tags.of(called),
                opts=pulumi.ResourceOptions(parent=parent),
            )
        )
    return found


def _metric(called: str, metric: str, place: Mapping[str, pulumi.Input[str]]) -> Any:
    about = {"namespace": "AWS/ApplicationELB", "metric_name": metric, "stat": "Sum", "period": 60}
    return {"id": called, "metric": {**about, "dimensions": place}, "return_data": False}
