"""Alarms of CloudWatch, made of what is watched: what users feel is told as one, everything else for itself."""

from collections.abc import Sequence

import pulumi
from pulumi_aws.cloudwatch.composite_alarm import CompositeAlarm
from pulumi_aws.cloudwatch.metric_alarm import MetricAlarm

from components.aws import watching
from components.aws.tags import Tags


def made(
    name: str,
    together: str,
    watched: Sequence[watching.Watched],
    topic: pulumi.Input[str],
    tags: Tags,
    child: pulumi.ResourceOptions,
) -> tuple[CompositeAlarm, list[MetricAlarm]]:
    """An alarm for each, and the one over what users feel, whose name is `together`.

    topic: ARN of what is told.
    """
    all_of_them: list[MetricAlarm] = []
    felt: list[MetricAlarm] = []
    for each in watched:
        called = f"{name}-{each.about}"
        told = None if each.felt else [topic]
        alarm = MetricAlarm(
            called,
            alarm_description=each.description,
            alarm_actions=told,
            ok_actions=told,
            tags=tags.of(called),
            opts=child,
            **each.inputs,
        )
        all_of_them.append(alarm)
        if each.felt:
            felt.append(alarm)
    rule = pulumi.Output.all(*(each.name for each in felt)).apply(
        lambda names: " OR ".join(f'ALARM("{each}")' for each in names)
    )
    # Its name is what is told and what others ask for, a release for example.
    whole = CompositeAlarm(
        name,
        alarm_name=together,
        alarm_description="users of the models wait or are turned away",
        alarm_rule=rule,
        alarm_actions=[topic],
        ok_actions=[topic],
        tags=tags.of(name),
        opts=child,
    )
    return whole, all_of_them
