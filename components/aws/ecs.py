"""A model that answers in Amazon ECS: on Fargate, or on instances with GPUs."""

from collections.abc import Sequence
from typing import Any, Final, Optional, cast

import pulumi
from pulumi_aws.cloudwatch.log_group import LogGroup
from pulumi_aws.ec2.security_group import SecurityGroup
from pulumi_aws.ecs.cluster import Cluster
from pulumi_aws.ecs.service import Service
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy
from pulumi_aws.kms.key import Key
from pulumi_aws.servicediscovery.service import Service as Discovered

from components.aws import doors, ecs_capacity, ecs_release, ecs_scaling, ecs_sizes, ecs_task, policies
from components.aws.ecs_asked import LOG_DAYS, Asked, EcsCapacity, EcsServiceArgs
from components.aws.ecs_release import EcsLoadBalancer, EcsRelease, EcsStep, EcsStrategy
from components.aws.tags import Tags
from components.kubernetes import names

__all__ = [
    "EcsCapacity",
    "EcsLoadBalancer",
    "EcsRelease",
    "EcsService",
    "EcsServiceArgs",
    "EcsStep",
    "EcsStrategy",
]

SHIFTS: Final = policies.document(
    {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}
)
"""As AWS's own guide has it, which asks for no account ("Amazon ECS infrastructure IAM role for load balancers" in its
developer guide, 2026-11-22)."""


class EcsService(pulumi.ComponentResource):
    """Tasks that answer for one model, in a cluster of their own that is called as the component is.

    Nobody speaks to them but the load balancer, and they may pull their image and write their logs. Outputs:
    `cluster_name`, `cluster_arn`, `service_name`, `service_arn`, `security_group_id`, `task_role_arn`,
    `task_definition_arn`, `log_group_name`.
    """

    cluster_name: pulumi.Output[str]
    """Name of the cluster."""
    cluster_arn: pulumi.Output[str]
    """Its ARN."""
    service_name: pulumi.Output[str]
    """Name of the service in it."""
    service_arn: pulumi.Output[str]
    """Its ARN."""
    security_group_id: pulumi.Output[str]
    """Id of the tasks' security group."""
    task_role_arn: pulumi.Output[str]
    """ARN of what the tasks are to AWS."""
    task_definition_arn: pulumi.Output[str]
    """ARN of the version that was asked for last."""
    log_group_name: pulumi.Output[str]
    """Where the tasks log to."""

    def __init__(self, name: str, args: EcsServiceArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        asked = Asked(name, args)
        tags = Tags("EcsService.tags", name, args.get("tags"))
        super().__init__("modelport:index:EcsService", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = asked.key
        if key is None:
            text = f"Logs and tasks of {name}"
            key = Key(
                name,
                description=text,
                enable_key_rotation=True,
                policy=_key_policy(name, args["region"], args["account_id"]),
                tags=tags.of(name),
                opts=child,
            ).arn
        logs, cluster = self._cluster(name, key, args.get("log_days", LOG_DAYS), tags)
        front = asked.balancer["security_group_id"] if asked.balancer is not None else None
        group, rules = doors.opened(self, name, f"Tasks of {name}", asked.vpc, front, asked.callers, tags)
        if asked.capacity is EcsCapacity.FARGATE:
            place = ecs_capacity.fargate(self, name, cluster, asked.counts.least, asked.spot)
        else:
            place = ecs_capacity.with_gpus(
                self,
                name,
                args["region"],
                asked.vpc,
                asked.subnets,
                cluster,
                asked.instances,
                asked.counts.least,
                asked.spot,
                tags,
            )
        who, pulls = ecs_task.roles(self, name, asked.task, asked.image, logs, tags, asked.task_role)
        size = ecs_sizes.fitted(asked.wanted, cast("Any", args.get("metrics")), asked.instances.types)
        definition = ecs_task.definition(self, name, asked.task, asked.image, size, logs, who, tags, [pulls])
        service = self._service(name, asked, cluster, definition.arn, group, place, [*rules, pulls], tags)
        if asked.counts.scaled:
            ecs_scaling.scaled(
                self,
                name,
                cluster,
                service,
                asked.counts,
                asked.balancer,
                tags,
                side_by_side=asked.release.side_by_side,
            )
        self.cluster_name, self.cluster_arn = cluster.name, cluster.arn
        self.service_name, self.service_arn = service.name, service.arn
        self.security_group_id = group.id
        self.task_role_arn = pulumi.Output.from_input(who.task)
        self.task_definition_arn = definition.arn
        self.log_group_name = logs.name
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "cluster_arn": self.cluster_arn,
                "service_name": self.service_name,
                "service_arn": self.service_arn,
                "security_group_id": self.security_group_id,
                "task_role_arn": self.task_role_arn,
                "task_definition_arn": self.task_definition_arn,
                "log_group_name": self.log_group_name,
            }
        )

    def _cluster(self, name: str, key: pulumi.Input[str], days: int, tags: Tags) -> tuple[LogGroup, Cluster]:
        child = pulumi.ResourceOptions(parent=self)
        about: Any = {"kms_key_id": key, "retention_in_days": days, "opts": child}
        logs = LogGroup(name, tags=tags.of(name), **about)
        called = f"{name}-sessions"
        sessions = LogGroup(called, tags=tags.of(called), **about)
        cluster = Cluster(
            name,
            # The key's policy names the cluster, and comes before it.
            name=name,
            settings=[{"name": "containerInsights", "value": "enhanced"}],
            configuration={
                "execute_command_configuration": {
                    "kms_key_id": key,
                    "logging": "OVERRIDE",
                    "log_configuration": {
                        "cloud_watch_encryption_enabled": True,
                        "cloud_watch_log_group_name": sessions.name,
                    },
                },
                "managed_storage_configuration": {"fargate_ephemeral_storage_kms_key_id": key},
            },
            tags=tags.of(name),
            opts=child,
        )
        return logs, cluster

    def _service(
        self,
        name: str,
        asked: Asked,
        cluster: Cluster,
        definition: pulumi.Input[str],
        group: SecurityGroup,
        place: ecs_capacity.Place,
        after: Sequence[pulumi.Resource],
        tags: Tags,
    ) -> Service:
        child = pulumi.ResourceOptions(parent=self)
        release, settled = asked.release, list(after)
        rest: dict[str, Any] = {}
        alarms: list[pulumi.Input[str]] = []
        if asked.balancer is not None:
            watched = ecs_release.alarms(
                self, name, asked.balancer, tags, error_percent=asked.errors, latency=asked.latency
            )
            alarms = [each.name for each in watched]
            rest["load_balancers"], more = self._balanced(name, asked, tags)
            settled += more
            rest["health_check_grace_period_seconds"] = ecs_task.START
        if alarms := [*alarms, *asked.alarms]:
            rest["alarms"] = {"alarm_names": alarms, "enable": True, "rollback": True}
        if not release.side_by_side:
            # ECS has it for rolling updates alone: elsewhere the old tasks serve until the new ones answer.
            rest["deployment_circuit_breaker"] = {"enable": True, "rollback": True}
        if asked.namespace is not None:
            found = Discovered(
                name,
                name=name,
                dns_config={
                    "namespace_id": asked.namespace,
                    "routing_policy": "MULTIVALUE",
                    "dns_records": [{"type": "A", "ttl": 10}],
                },
                # ECS says who is well, and takes out who is not.
                health_check_custom_config={"failure_threshold": 1},
                force_destroy=True,
                tags=tags.of(name),
                opts=child,
            )
            rest["service_registries"] = {"registry_arn": found.arn}
        if asked.capacity is EcsCapacity.FARGATE:
            rest["platform_version"] = "1.4.0"
        return Service(
            name,
            cluster=cluster.arn,
            task_definition=definition,
            desired_count=asked.counts.desired,
            capacity_provider_strategies=cast("Any", place.strategies),
            # Without it another capacity is another service, and requests have nowhere to go in between.
            force_new_deployment=True,
            availability_zone_rebalancing="ENABLED",
            network_configuration={
                "subnets": asked.subnets,
                "security_groups": [group.id],
                "assign_public_ip": False,
            },
            deployment_controller={"type": "ECS"},
            deployment_configuration=cast("Any", release.configuration),
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            # Nobody gets a shell in a task: its root cannot be written, which sessions would need.
            enable_execute_command=False,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            wait_for_steady_state=asked.wait,
            tags=tags.of(name),
            **rest,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[place.settled, *settled],
                ignore_changes=["desiredCount"] if asked.counts.scaled else [],
            ),
        )

    def _balanced(self, name: str, asked: Asked, tags: Tags) -> tuple[Any, list[pulumi.Resource]]:
        """Where requests come from, and what must be there before."""
        balancer = cast("EcsLoadBalancer", asked.balancer)
        target = balancer["target_group_arn"]
        if "rule_arn" in balancer:
            # ECS refuses a target group that no listener leads to yet.
            target = pulumi.Output.all(target, balancer["rule_arn"]).apply(lambda known: str(known[0]))
        port: dict[str, Any] = {"container_name": ecs_task.CONTAINER, "container_port": names.PORT}
        if not asked.release.side_by_side:
            return [{**port, "target_group_arn": target}], []
        child = pulumi.ResourceOptions(parent=self)
        called = f"{name}-shift"
        rule, alternate = balancer.get("rule_arn", ""), balancer.get("alternate_target_group_arn", "")
        role = Role(
            called,
            description=f"Moves requests between the versions of {name}",
            assume_role_policy=SHIFTS,
            tags=tags.of(called),
            opts=child,
        )
        allowed = policies.content(
            # What tells of load balancers knows no resources.
            policies.allow(
                [
                    *("elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules"),
                    *("elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"),
                ],
                "*",
            ),
            policies.allow(
                ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"],
                [target, alternate],
            ),
            # Of the two, the one that the ARN is of.
            policies.allow(["elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyRule"], rule),
        )
        policy = RolePolicy(called, role=role.name, policy=policies.text(allowed), opts=child)
        advanced = {
            "alternate_target_group_arn": alternate,
            "production_listener_rule": rule,
            "role_arn": role.arn,
        }
        return [{**port, "target_group_arn": target, "advanced_configuration": advanced}], [policy]


def _key_policy(name: str, region: str, account: str) -> str:
    """A key for logs of this account, and for the disks that Fargate gives this cluster's tasks."""
    context = {
        "kms:EncryptionContext:aws:ecs:clusterAccount": account,
        "kms:EncryptionContext:aws:ecs:clusterName": name,
    }
    fargate = {"Effect": "Allow", "Principal": {"Service": "fargate.amazonaws.com"}, "Resource": "*"}
    return policies.key(
        region,
        account,
        policies.logs_key(region, account),
        {
            **fargate,
            "Sid": "Disks",
            "Action": "kms:GenerateDataKeyWithoutPlaintext",
            "Condition": {"StringEquals": context},
        },
        {
            **fargate,
            "Sid": "Grants",
            "Action": "kms:CreateGrant",
            "Condition": {
                "StringEquals": context,
                "ForAllValues:StringEquals": {"kms:GrantOperations": ["Decrypt"]},
            },
        },
    )
