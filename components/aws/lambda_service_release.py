"""The versions of a function: the alias that callers reach, and how its weights go from one version to the next.

The alias is CloudFormation's, as nothing else of AWS moves its weights step by step within one update: with an update
policy it has CodeDeploy do that, waits for it, and fails where an alarm has sent all requests back. The stack holds
the alias and nothing else, and its template stands in the plan as it is.
"""

import json
from typing import Any, Final, NamedTuple

import pulumi
from pulumi_aws.cloudformation.stack import Stack
from pulumi_aws.cloudwatch.metric_alarm import MetricAlarm
from pulumi_aws.codedeploy.application import Application
from pulumi_aws.codedeploy.deployment_config import DeploymentConfig
from pulumi_aws.codedeploy.deployment_group import DeploymentGroup
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy
from pulumi_aws.lambda_.function import Function

from components.aws import policies
from components.aws.checks import partition
from components.aws.lambda_service_asked import Asked
from components.aws.lambda_service_steps import Shift
from components.aws.tags import Tags

ALIAS: Final = "live"
"""What the alias is called: callers reach `FUNCTION:live`, whichever version that is."""
ENOUGH: Final = 20
"""Requests in a minute, below which a share of errors says nothing."""
SPACE: Final = "Modelport"
"""Where the server counts its own errors, which to Lambda are answers (serving/process/function.py)."""
CANARIES: Final = (5, 10, 15, 30)
LINEARS: Final = (1, 2, 3, 10)
"""Minutes for which CodeDeploy has configurations of its own, of 10 percent ("Deployment configurations on an AWS
Lambda compute platform" in its guide, 2026-11-22)."""
SLACK: Final = 30
"""Minutes that an update may take beside the pauses of its steps."""


class Alarms(NamedTuple):
    """What is watched, and how a function is called there."""

    error_percent: float
    latency: float | None
    topics: list[pulumi.Input[str]]


class Where(NamedTuple):
    """Region and account."""

    region: str
    account: str


def alias(
    parent: pulumi.Resource,
    name: str,
    where: Where,
    function: Function,
    asked: Asked,
    warm: list[pulumi.Resource],
    tags: Tags,
) -> Stack:
    """The alias, on the newest version once that has come to all requests."""
    watched = alarms(parent, name, function, Alarms(asked.errors, asked.latency, asked.topics), asked.shift, tags)
    parameters: dict[str, pulumi.Input[str]] = {"Function": function.name, "Version": function.version}
    settled: list[pulumi.Resource] = [*warm, *watched]
    if asked.shift is not None:
        names = [*(each.name for each in watched), *asked.alarms]
        application, group, more = _shifted(parent, name, where, function, asked.shift, names, tags)
        parameters |= {"Application": application.name, "Group": group.deployment_group_name}
        settled += more
    shift = asked.shift
    minutes = SLACK + (shift.minutes * (-(-100 // shift.percent) if shift.linear else 1) if shift else 0)
    return Stack(
        name,
        template_body=json.dumps(template(name, shifted=asked.shift is not None)),
        parameters=parameters,
        # A first one that fails leaves nothing behind.
        on_failure="DELETE",
        tags=tags.of(name),
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=settled,
            custom_timeouts=pulumi.CustomTimeouts(update=f"{minutes}m"),
        ),
    )


def template(name: str, *, shifted: bool) -> dict[str, Any]:
    """What CloudFormation makes: the alias, and with `shifted` how its weights move."""
    keys = ["Function", "Version", *(["Application", "Group"] if shifted else [])]
    made: dict[str, Any] = {
        "Type": "AWS::Lambda::Alias",
        "Properties": {
            "Name": ALIAS,
            "Description": f"The version of {name} that callers reach",
            "FunctionName": {"Ref": "Function"},
            "FunctionVersion": {"Ref": "Version"},
        },
    }
    if shifted:
        about = {"ApplicationName": {"Ref": "Application"}, "DeploymentGroupName": {"Ref": "Group"}}
        made["UpdatePolicy"] = {"CodeDeployLambdaAliasUpdate": about}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"The alias of {name}, and how its weights move",
        "Parameters": {key: {"Type": "String"} for key in keys},
        "Resources": {"Live": made},
    }


def configuration(name: str, shift: Shift) -> str | None:
    """CodeDeploy's own configuration for these steps; none where it has none."""
    if shift.percent == 10 and shift.linear and shift.minutes in LINEARS:
        return f"CodeDeployDefault.LambdaLinear10Percent{_every(shift.minutes)}"
    if shift.percent == 10 and not shift.linear and shift.minutes in CANARIES:
        return f"CodeDeployDefault.LambdaCanary10Percent{shift.minutes}Minutes"
    return None


def _every(minutes: int) -> str:
    return "Every1Minute" if minutes == 1 else f"Every{minutes}Minutes"


def _shifted(
    parent: pulumi.Resource,
    name: str,
    where: Where,
    function: Function,
    shift: Shift,
    names: list[pulumi.Input[str]],
    tags: Tags,
) -> tuple[Application, DeploymentGroup, list[pulumi.Resource]]:
    """What moves the weights: an application of CodeDeploy, how it goes about it, and what it may do."""
    child, called = pulumi.ResourceOptions(parent=parent), f"{name}-shift"
    arn = f"arn:{partition(where.region)}"
    groups = f"{arn}:codedeploy:{where.region}:{where.account}:deploymentgroup:{name}*"
    role = Role(
        called,
        description=f"Moves requests between the versions of {name}",
        assume_role_policy=policies.trust("codedeploy.amazonaws.com", where.account, groups),
        tags=tags.of(called),
        opts=child,
    )
    own = f"{arn}:lambda:{where.region}:{where.account}:function:{name}"
    allowed = policies.document(
        policies.allow(
            ["lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"], [own, f"{own}:*"]
        ),
        # What tells of alarms knows no resources.
        policies.allow(["cloudwatch:DescribeAlarms"], "*", {"StringEquals": {"aws:RequestedRegion": where.region}}),
    )
    policy = RolePolicy(called, role=role.name, policy=allowed, opts=child)
    application = Application(name, compute_platform="Lambda", tags=tags.of(name), opts=child)
    chosen: pulumi.Input[str] | None = configuration(name, shift)
    if chosen is None:
        chosen = _configured(parent, name, shift).deployment_config_name
    group = DeploymentGroup(
        name,
        app_name=application.name,
        deployment_group_name=name,
        service_role_arn=role.arn,
        deployment_config_name=chosen,
        deployment_style={"deployment_type": "BLUE_GREEN", "deployment_option": "WITH_TRAFFIC_CONTROL"},
        alarm_configuration={"enabled": True, "alarms": names},
        auto_rollback_configuration={
            "enabled": True,
            "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"],
        },
        tags=tags.of(name),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[policy]),
    )
    return application, group, [policy, group]


def _configured(parent: pulumi.Resource, name: str, shift: Shift) -> DeploymentConfig:
    """Steps that CodeDeploy has no configuration for; another one has another name, as none can be changed."""
    kind = "linear" if shift.linear else "canary"
    called = f"{name}-{kind}-{shift.percent}-{shift.minutes}"
    about = {"percentage": shift.percent, "interval": shift.minutes}
    routing: Any = {"type": "TimeBasedLinear", "time_based_linear": about}
    if not shift.linear:
        routing = {"type": "TimeBasedCanary", "time_based_canary": about}
    return DeploymentConfig(
        called,
        deployment_config_name=called,
        compute_platform="Lambda",
        traffic_routing_config=routing,
        opts=pulumi.ResourceOptions(parent=parent),
    )


def alarms(
    parent: pulumi.Resource, name: str, function: Function, asked: Alarms, shift: Shift | None, tags: Tags
) -> list[MetricAlarm]:
    """Errors, slow answers and refused requests of what callers reach; beside a canary, the new version's by itself."""
    reached = {"FunctionName": function.name, "Resource": function.name.apply(lambda known: f"{known}:{ALIAS}")}
    own: dict[str, pulumi.Input[str]] = {"Function": function.name}
    found = _watched(parent, name, "", reached, own, asked, tags)
    if shift is not None:
        # Lambda counts by version while the alias has two of them, which is while a canary runs.
        newest = {**reached, "ExecutedVersion": function.version}
        found += _watched(parent, name, "-newest", newest, {**own, "Version": function.version}, asked, tags)
    called = f"{name}-refused"
    MetricAlarm(
        called,
        alarm_description=f"Requests to {name} are refused, as too many are answered at once",
        comparison_operator="GreaterThanThreshold",
        threshold=0,
        evaluation_periods=2,
        datapoints_to_alarm=2,
        treat_missing_data="notBreaching",
        namespace="AWS/Lambda",
        metric_name="Throttles",
        statistic="Sum",
        period=60,
        dimensions={"FunctionName": function.name},
        alarm_actions=asked.topics,
        ok_actions=asked.topics,
        tags=tags.of(called),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return found


def _watched(
    parent: pulumi.Resource, name: str, kind: str, place: Any, own: Any, asked: Alarms, tags: Tags
) -> list[MetricAlarm]:
    child = pulumi.ResourceOptions(parent=parent)
    which = f"the newest version of {name}" if kind else name
    usual: dict[str, Any] = {
        "comparison_operator": "GreaterThanThreshold",
        "treat_missing_data": "notBreaching",
        "alarm_actions": asked.topics,
        "ok_actions": asked.topics,
        "opts": child,
    }
    called = f"{name}-errors{kind}"
    found = [
        MetricAlarm(
            called,
            alarm_description=f"More than {asked.error_percent:g}% of the answers of {which} are errors",
            threshold=asked.error_percent,
            evaluation_periods=2,
            datapoints_to_alarm=2,
            metric_queries=[
                _metric("failed", "AWS/Lambda", "Errors", place),
                _metric("faults", SPACE, "ModelFaults", own),
                _metric("requests", "AWS/Lambda", "Invocations", place),
                {
                    "id": "percent",
                    "label": "Answers that are errors, in percent",
                    "expression": f"IF(requests >= {ENOUGH}, 100 * (FILL(failed, 0) + FILL(faults, 0)) / requests, 0)",
                    "return_data": True,
                },
            ],
            tags=tags.of(called),
            **usual,
        )
    ]
    if asked.latency is not None:
        called = f"{name}-slow{kind}"
        found.append(
            MetricAlarm(
                called,
                alarm_description=f"More than 1% of the answers of {which} take longer than {asked.latency:g} s",
                threshold=asked.latency * 1000,
                evaluation_periods=2,
                datapoints_to_alarm=2,
                namespace="AWS/Lambda",
                metric_name="Duration",
                extended_statistic="p99",
                # A few slow answers among few are nothing: CloudWatch leaves such minutes out.
                evaluate_low_sample_count_percentiles="ignore",
                period=60,
                dimensions=place,
                tags=tags.of(called),
                **usual,
            )
        )
    return found


def _metric(called: str, space: str, metric: str, place: Any) -> Any:
    about = {"namespace": space, "metric_name": metric, "stat": "Sum", "period": 60, "dimensions": place}
    return {"id": called, "metric": about, "return_data": False}
