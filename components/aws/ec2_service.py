"""A model that answers on instances of EC2, each of which runs its image and nothing else."""

from typing import Any, Optional

import pulumi
from pulumi_aws.cloudwatch.log_group import LogGroup
from pulumi_aws.kms.key import Key

from components import outputs
from components.aws import doors, ec2_service_group, ecs_release, policies
from components.aws.ec2_service_asked import Asked, Ec2LoadBalancer, Ec2ServiceArgs
from components.aws.ec2_service_refresh import InstanceRefresh
from components.aws.ec2_service_release import Ec2Release, Ec2Step, Ec2Strategy
from components.aws.ecs_release import EcsLoadBalancer
from components.aws.tags import Tags

__all__ = ["Ec2LoadBalancer", "Ec2Release", "Ec2Service", "Ec2ServiceArgs", "Ec2Step", "Ec2Strategy"]


class Ec2Service(pulumi.ComponentResource):
    """Instances that answer for one model, in an auto scaling group that is called as the component is.

    Nobody speaks to them but the load balancer, and nobody logs in; they may pull their image and write their log. A
    new version is a new version of their launch template, which an instance refresh brings to all of them or to none.
    Outputs: `group_name`, `group_arn`, `launch_template_id`, `security_group_id`, `role_arn`, `role_name`,
    `log_group_name`, `serving`.
    """

    group_name: pulumi.Output[str]
    """Name of the auto scaling group."""
    group_arn: pulumi.Output[str]
    """Its ARN."""
    launch_template_id: pulumi.Output[str]
    """Id of the launch template."""
    security_group_id: pulumi.Output[str]
    """Id of the instances' security group."""
    role_arn: pulumi.Output[str]
    """ARN of what the instances are to AWS."""
    role_name: pulumi.Output[str]
    """Its name."""
    log_group_name: pulumi.Output[str]
    """Where the server and the machines log to."""
    serving: pulumi.Output[str]
    """What the instances are, as JSON: known once a release is over, so what waits for it comes after that."""

    def __init__(self, name: str, args: Ec2ServiceArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        asked = Asked(name, args)
        tags = Tags("Ec2Service.tags", name, args.get("tags"))
        super().__init__("modelport:index:Ec2Service", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = asked.key
        if key is None:
            key = Key(
                name,
                description=f"Logs of {name}",
                enable_key_rotation=True,
                policy=policies.key(asked.region, asked.account, policies.logs_key(asked.region, asked.account)),
                tags=tags.of(name),
                opts=child,
            ).arn
        logs = LogGroup(name, kms_key_id=key, retention_in_days=asked.log_days, tags=tags.of(name), opts=child)
        front = asked.balancer["security_group_id"] if asked.balancer is not None else None
        security, rules = doors.opened(self, name, f"Instances of {name}", asked.vpc, front, asked.callers, tags)
        role, profile, policy = ec2_service_group.profile(self, name, asked, logs, tags)
        template = ec2_service_group.template(self, name, asked, profile, security, logs, tags)
        group, wanted, settled = ec2_service_group.group(self, name, asked, template, [*rules, policy], tags)
        if asked.counts.scaled:
            ec2_service_group.scaled(self, name, asked, group)
        refresh = InstanceRefresh(
            name,
            {
                "region": asked.region,
                "account": asked.account,
                "group": group.name,
                "wanted": wanted,
                "preferences": self._preferences(name, asked, tags),
                "wait": asked.wait,
            },
            pulumi.ResourceOptions(parent=self, depends_on=settled),
        )
        self.group_name, self.group_arn = group.name, group.arn
        self.launch_template_id = template.id
        self.security_group_id = security.id
        self.role_arn, self.role_name = role.arn, role.name
        self.log_group_name = logs.name
        self.serving = refresh.wanted
        self.register_outputs(
            {
                "group_name": self.group_name,
                "group_arn": self.group_arn,
                "launch_template_id": self.launch_template_id,
                "security_group_id": self.security_group_id,
                "role_arn": self.role_arn,
                "role_name": self.role_name,
                "log_group_name": self.log_group_name,
                "serving": self.serving,
            }
        )

    def _preferences(self, name: str, asked: Asked, tags: Tags) -> pulumi.Input[str]:
        """How a release goes, with what ends it, as an instance refresh takes it."""
        alarms = list(asked.alarms)
        balancer = asked.balancer
        if balancer is not None and asked.measured:
            watched = ecs_release.alarms(
                self,
                name,
                # One target group has both versions: they share its measures.
                EcsLoadBalancer(
                    target_group_arn=balancer["target_group_arn"],
                    security_group_id=balancer["security_group_id"],
                    arn_suffix=balancer.get("arn_suffix", ""),
                    target_group_arn_suffix=balancer.get("target_group_arn_suffix", ""),
                ),
                tags,
                error_percent=asked.errors,
                latency=asked.latency,
            )
            alarms = [*[each.name for each in watched], *alarms]
        preferences: dict[str, Any] = {**asked.release.preferences, "AutoRollback": asked.image_id is not None}
        if alarms:
            preferences["AlarmSpecification"] = {"Alarms": alarms}
        return outputs.text(preferences)
