"""Who speaks to whom in a VPC, written down."""

from typing import Any

import pulumi
from pulumi_aws.cloudwatch.log_group import LogGroup
from pulumi_aws.ec2.flow_log import FlowLog
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy
from pulumi_aws.kms.key import Key

from components.aws import checks, policies
from components.aws.tags import Tags

DAYS = 365


def of(
    parent: pulumi.Resource,
    name: str,
    vpc_id: pulumi.Input[str],
    tags: Tags,
    *,
    region: str,
    account: str,
    days: int,
    key_arn: pulumi.Input[str] | None,
) -> FlowLog:
    """All traffic of a VPC goes to a log group of its own, encrypted with `key_arn` or with a key made for it."""
    called = f"{name}-flow-logs"
    child = pulumi.ResourceOptions(parent=parent)
    about: Any = {"tags": tags.of(called), "opts": child}
    if key_arn is None:
        policy = policies.key(region, account, policies.logs_key(region, account))
        text = f"Flow logs of {name}"
        key_arn = Key(called, description=text, enable_key_rotation=True, policy=policy, **about).arn
    group = LogGroup(called, kms_key_id=key_arn, retention_in_days=days, **about)
    here = f"arn:{checks.partition(region)}:{{}}:{region}:{account}"
    trust = policies.trust("vpc-flow-logs.amazonaws.com", account, f"{here.format('ec2')}:vpc-flow-log/*")
    role = Role(called, assume_role_policy=trust, **about)
    # It may not make a log group: one that is made after ours is gone would stay behind.
    written = policies.content(
        policies.allow(
            ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            policies.joined("{}:*", group.arn),
        ),
        policies.allow(["logs:DescribeLogGroups"], f"{here.format('logs')}:log-group:*"),
    )
    allowed = RolePolicy(called, role=role.name, policy=policies.text(written), opts=child)
    return FlowLog(
        called,
        vpc_id=vpc_id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=group.arn,
        iam_role_arn=role.arn,
        max_aggregation_interval=60,
        tags=tags.of(called),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[allowed]),
    )
