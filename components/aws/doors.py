"""Who may speak to what answers for a model: its load balancer and named others, and it to AWS."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_aws.ec2.security_group import SecurityGroup
from pulumi_aws.vpc.security_group_egress_rule import SecurityGroupEgressRule
from pulumi_aws.vpc.security_group_ingress_rule import SecurityGroupIngressRule

from components.aws.tags import Tags
from components.kubernetes import names


def opened(
    parent: pulumi.Resource,
    name: str,
    who: str,
    vpc: pulumi.Input[str],
    balancer: pulumi.Input[str] | None,
    others: Sequence[pulumi.Input[str]],
    tags: Tags,
) -> tuple[SecurityGroup, list[pulumi.Resource]]:
    """The security group of what answers, and its rules.

    who: what it is called, as `Tasks of digits`. balancer: the load balancer's security group, which is opened too.
    """
    child = pulumi.ResourceOptions(parent=parent)
    group = SecurityGroup(name, vpc_id=vpc, description=who, tags=tags.of(name), opts=child)
    port: Any = {"ip_protocol": "tcp", "from_port": names.PORT, "to_port": names.PORT, "opts": child}
    called = f"{name}-out"
    rules: list[pulumi.Resource] = [
        SecurityGroupEgressRule(
            called,
            security_group_id=group.id,
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            description="HTTPS: the image comes from ECR, logs go to CloudWatch",
            tags=tags.of(called),
            opts=child,
        )
    ]
    callers = {f"{name}-caller-{at}": each for at, each in enumerate(others)}
    if balancer is not None:
        called = f"{name}-balancer"
        callers = {called: balancer, **callers}
        rules.append(
            SecurityGroupEgressRule(
                called,
                security_group_id=balancer,
                referenced_security_group_id=group.id,
                description=who,
                tags=tags.of(called),
                **port,
            )
        )
    for called, each in callers.items():
        rules.append(
            SecurityGroupIngressRule(
                called,
                security_group_id=group.id,
                referenced_security_group_id=each,
                description="Requests",
                tags=tags.of(called),
                **port,
            )
        )
    return group, rules
