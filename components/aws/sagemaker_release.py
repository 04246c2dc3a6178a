"""How a new version takes the place of the old one on SageMaker: the words of a release, as the platform has them."""

import math
from collections.abc import Sequence
from enum import Enum
from itertools import pairwise
from typing import Any, Final, NamedTuple, NotRequired, TypedDict

import pulumi
from pulumi_aws.cloudwatch.metric_alarm import MetricAlarm

from components import checks
from components.aws.tags import Tags

PAUSE: Final = 300
"""Seconds between two looks: metrics come each minute, and an alarm wants one of them to be whole."""
WAITED: Final = 2400
"""Seconds that a release may wait in all: the provider gives an endpoint an hour to be in service again (`wait.go` of
terraform-provider-aws, 2026-11-22), of which new instances take their part."""
TIMEOUT: Final = 3300
"""Seconds after which SageMaker itself goes back, before the provider gives up."""
BATCH: Final = (5, 50)
CANARY: Final = (1, 50)
LINEAR: Final = (10, 50)
"""Percent of the instances that a batch, a canary and a step may be (botocore 1.43 on UpdateEndpoint, 2026-11-22)."""
ENOUGH: Final = 20
"""Requests in a minute, below which a share of errors says nothing."""


class SageMakerStrategy(Enum):
    """How a new version comes to its requests."""

    ROLLING = "rolling"
    """A batch of instances after the other, each in the place of old ones."""
    CANARY = "canary"
    """A share of the requests first, then all; or equal shares, one after the other."""
    BLUE_GREEN = "blue-green"
    """All instances beside the old ones, then all requests at once."""


class SageMakerStep(TypedDict):
    """A step of a canary."""

    weight: int
    """Percent of the instances' capacity, at most 50, that the new version has by then."""
    pause: NotRequired[int]
    """Seconds for which alarms are looked at. Default: 300."""


class SageMakerRelease(TypedDict):
    """How a new version takes the place of the old one."""

    strategy: NotRequired[SageMakerStrategy]
    """How it comes to its requests. Default: rolling."""
    steps: NotRequired[Sequence[SageMakerStep]]
    """The steps of a canary: one, or equal ones with equal pauses, as 25, 50, 75."""
    batch: NotRequired[int]
    """Rolling: percent of the instances, 5 to 50, that are new at a time. Default: 50."""
    pause: NotRequired[int]
    """Seconds for which alarms are looked at after each batch, or once the new version has all requests while the old
    instances are still there. Default: 300."""


class Release(NamedTuple):
    """A release as SageMaker takes it."""

    strategy: SageMakerStrategy
    policy: dict[str, Any]
    """The one of a deployment configuration's policies that there is."""


def asked(given: SageMakerRelease) -> Release:
    """A release, checked. Raises ArgsError for what SageMaker has no counterpart of."""
    what = "SageMakerEndpoint.release"
    checks.given(what, given, SageMakerRelease)
    strategy = checks.choice(f"{what}.strategy", given.get("strategy", SageMakerStrategy.ROLLING), SageMakerStrategy)
    steps = list(given.get("steps") or [])
    if strategy is not SageMakerStrategy.CANARY and steps:
        raise checks.wrong(f"{what}.steps", steps, f"none beside strategy {strategy.value}", "leave steps out")
    if strategy is not SageMakerStrategy.ROLLING and "batch" in given:
        raise checks.wrong(f"{what}.batch", given["batch"], f"none beside strategy {strategy.value}", "leave batch out")
    pause = checks.whole(f"{what}.pause", given.get("pause", PAUSE), 0, 3600, "seconds")
    if strategy is SageMakerStrategy.ROLLING:
        batch = checks.whole(f"{what}.batch", given.get("batch", 50), *BATCH, "percent")
        _in_time(pause * math.ceil(100 / batch))
        rolling = {"maximum_batch_size": _percent(batch), "wait_interval_in_seconds": pause}
        return Release(
            strategy, {"rolling_update_policy": {**rolling, "maximum_execution_timeout_in_seconds": TIMEOUT}}
        )
    if strategy is SageMakerStrategy.CANARY:
        routing, waited = _steps(f"{what}.steps", steps)
    else:
        routing, waited = {"type": "ALL_AT_ONCE", "wait_interval_in_seconds": 0}, 0
    _in_time(waited + pause)
    shifted = {
        "traffic_routing_configuration": routing,
        "termination_wait_in_seconds": pause,
        "maximum_execution_timeout_in_seconds": TIMEOUT,
    }
    return Release(strategy, {"blue_green_update_policy": shifted})


def _steps(what: str, steps: Sequence[SageMakerStep]) -> tuple[dict[str, Any], int]:
    """How traffic is shifted, and the seconds that it takes."""
    for at, each in enumerate(steps):
        checks.given(f"{what}[{at}]", each, SageMakerStep)
    weights = [checks.whole(f"{what}[{at}].weight", each["weight"], 1, 100) for at, each in enumerate(steps)]
    pauses = [
        checks.whole(f"{what}[{at}].pause", each.get("pause", PAUSE), 0, 3600, "seconds")
        for at, each in enumerate(steps)
    ]
    if not weights:
        raise checks.wrong(what, [], "at least one step of a canary", "for example weight 10, pause 300")
    if any(less >= more for less, more in pairwise(weights)):
        raise checks.wrong(what, weights, "weights each larger than the one before", f"write {sorted(set(weights))}")
    first = weights[0]
    if len(weights) == 1:
        checks.within(f"{what}[0].weight", first, *CANARY, "percent")
        sized: dict[str, Any] = {"type": "CANARY", "canary_size": _percent(first)}
        return {**sized, "wait_interval_in_seconds": pauses[0]}, pauses[0]
    # The last step of equal ones is 100 with or without being written: SageMaker goes there by itself.
    whole = [min(first * at, 100) for at in range(1, math.ceil(100 / first) + 1)]
    least, most = LINEAR
    if weights not in (whole, whole[:-1]) or len(set(pauses)) > 1 or not least <= first <= most:
        equal = f"steps of equal size and pause, each {least} to {most} percent, or one, as SageMaker has no others"
        told = ", ".join(map(str, whole[:-1])) if least <= first <= 33 else "25, 50, 75"
        raise checks.wrong(what, weights, equal, f"write {told} with one pause, or a single step")
    sized = {"type": "LINEAR", "linear_step_size": _percent(first)}
    return {**sized, "wait_interval_in_seconds": pauses[0]}, pauses[0] * (len(whole) - 1)


def _in_time(waited: int) -> None:
    if waited > WAITED:
        raise checks.wrong(
            "SageMakerEndpoint.release",
            f"{waited} seconds of pauses in all",
            f"at most {WAITED}, as the provider waits an hour for all of it",
            "write shorter pauses, or fewer steps",
        )


def _percent(value: int) -> dict[str, Any]:
    return {"type": "CAPACITY_PERCENT", "value": value}


def alarms(
    parent: pulumi.Resource,
    name: str,
    variants: Sequence[str],
    configuration: pulumi.Input[str],
    tags: Tags,
    *,
    error_percent: float,
    latency: float | None,
) -> list[MetricAlarm]:
    """What rolls a release back: errors, or slow answers, of the instances of this configuration alone.

    A share of the requests that the new version has would hardly be seen among those of the old one.
    """
    found: list[MetricAlarm] = []
    for variant in variants:
        place = {"EndpointName": name, "VariantName": variant, "EndpointConfigName": configuration}
        called = f"{name}-{variant}-errors"
        about: Any = {
            "comparison_operator": "GreaterThanThreshold",
            "evaluation_periods": 1,
            # No requests are no errors: a release begins with none.
            "treat_missing_data": "notBreaching",
            "opts": pulumi.ResourceOptions(parent=parent),
        }
        found.append(
            MetricAlarm(
                called,
                alarm_description=f"More than {error_percent:g}% of the answers of {name} are errors of its own",
                threshold=error_percent,
                metric_queries=[
                    _metric("errors", "Invocation5XXErrors", place),
                    _metric("requests", "Invocations", place),
                    {
                        "id": "percent",
                        "label": "Answers that are errors, in percent",
                        "expression": f"IF(requests >= {ENOUGH}, 100 * FILL(errors, 0) / requests, 0)",
                        "return_data": True,
                    },
                ],
                tags=tags.of(called),
                **about,
            )
        )
        if latency is None:
            continue
        called = f"{name}-{variant}-slow"
        found.append(
            MetricAlarm(
                called,
                alarm_description=f"More than 1% of the answers of {name} take longer than {latency:g} s",
                # SageMaker tells it in microseconds.
                threshold=latency * 1e6,
                namespace="AWS/SageMaker",
                metric_name="ModelLatency",
                extended_statistic="p99",
                evaluate_low_sample_count_percentiles="ignore",
                period=60,
                dimensions=place,
                tags=tags.of(called),
                **about,
            )
        )
    return found


def _metric(called: str, metric: str, place: dict[str, pulumi.Input[str]]) -> Any:
    about = {"namespace": "AWS/SageMaker", "metric_name": metric, "stat": "Sum", "period": 60}
    return {"id": called, "metric": {**about, "dimensions": place}, "return_data": False}
