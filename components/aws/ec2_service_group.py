"""The instances of an Ec2Service: who they are, how they start, and how many there are."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import pulumi
from pulumi_aws.autoscaling.group import Group
from pulumi_aws.autoscaling.lifecycle_hook import LifecycleHook
from pulumi_aws.autoscaling.policy import Policy
from pulumi_aws.cloudwatch.log_group import LogGroup
from pulumi_aws.ec2.launch_template import LaunchTemplate
from pulumi_aws.ec2.security_group import SecurityGroup
from pulumi_aws.iam.instance_profile import InstanceProfile
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy

from components import outputs
from components.aws import checks as aws
from components.aws import ec2_service_boot as boot
from components.aws import ec2_service_release, ecs_task, nodes, policies
from components.aws.ec2_service_asked import Asked
from components.aws.tags import Tags
from components.kubernetes import names, sizing

_RECOMMENDED = "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/{}recommended/image_id"
IMAGES: Final = {False: _RECOMMENDED.format(""), True: _RECOMMENDED.format("gpu/")}
"""The images that AWS recommends as an instance starts, without GPUs and with them (ECS developer guide, "Retrieving
Amazon ECS-optimized Linux AMI metadata", 2026-11-22): EC2 looks them up, no plan does. They have Docker."""
DAY: Final = 86_400
WARM: Final = 120
"""Seconds that a new instance needs before its measures say something."""
MEASURES: Final = (
    *("GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances", "GroupTerminatingInstances"),
)
"""What CloudWatch is told of the group, at no cost."""
SESSIONS: Final = (
    *("ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel"),
    "ssmmessages:OpenDataChannel",
)
"""What the agent of a session asks of its channel, which knows no resources (service authorization reference,
2026-11-22)."""


def profile(
    parent: pulumi.Resource, name: str, asked: Asked, logs: LogGroup, tags: Tags
) -> tuple[Role, InstanceProfile, RolePolicy]:
    """Who an instance is: it pulls one repository, writes one log, and speaks for itself to its own group."""
    child = pulumi.ResourceOptions(parent=parent)
    role = Role(
        name,
        description=f"The instances of {name}",
        assume_role_policy=nodes.TRUST,
        tags=tags.of(name),
        opts=child,
    )
    pulled: Any = outputs.known(ecs_task.repository, reference=asked.image, home=asked.region)
    group = (
        f"arn:{aws.partition(asked.region)}:autoscaling:{asked.region}:{asked.account}:autoScalingGroup:*:"
        f"autoScalingGroupName/{name}"
    )
    allowed = policies.content(
        # A token is for no repository: what it opens is what the next statement allows.
        policies.allow(["ecr:GetAuthorizationToken"], "*"),
        policies.allow(["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], pulled),
        policies.allow(["logs:CreateLogStream", "logs:PutLogEvents"], policies.joined("{0}:*", logs.arn)),
        policies.allow(["autoscaling:CompleteLifecycleAction"], group),
        *(_sessions(asked) if asked.sessions else []),
    )
    policy = RolePolicy(name, role=role.name, policy=policies.text(allowed), opts=child)
    return role, InstanceProfile(name, role=role.name, tags=tags.of(name), opts=child), policy


def _sessions(asked: Asked) -> list[dict[str, Any]]:
    """What an instance may do for whoever asks SSM for a shell on it."""
    instances = f"arn:{aws.partition(asked.region)}:ec2:{asked.region}:{asked.account}:instance/*"
    return [
        policies.allow(["ssm:UpdateInstanceInformation"], instances),
        policies.allow(SESSIONS, "*", {"StringEquals": {"aws:RequestedRegion": asked.region}}),
    ]


def template(
    parent: pulumi.Resource,
    name: str,
    asked: Asked,
    who: InstanceProfile,
    security: SecurityGroup,
    logs: LogGroup,
    tags: Tags,
) -> LaunchTemplate:
    """How an instance starts: a new image of the model is a new version of this."""
    volume: dict[str, Any] = {
        "volume_type": "gp3",
        "encrypted": "true",
        "delete_on_termination": "true",
        "volume_size": asked.disk.gib,
    }
    if asked.disk.key_arn is not None:
        volume["kms_key_id"] = asked.disk.key_arn
    disks: Any = [{"device_name": nodes.ROOT, "ebs": volume}]
    interfaces: Any = [
        {
            "device_index": 0,
            "associate_public_ip_address": "false",
            "delete_on_termination": "true",
            "security_groups": [security.id],
        }
    ]
    kinds = ("instance", "volume", "network-interface")
    marked: Any = [{"resource_type": each, "tags": tags.of(name)} for each in kinds]
    return LaunchTemplate(
        name,
        image_id=asked.image_id or IMAGES[asked.gpus],
        user_data=_told(name, asked, logs),
        iam_instance_profile={"arn": who.arn},
        network_interfaces=interfaces,
        block_device_mappings=disks,
        metadata_options={
            "http_endpoint": "enabled",
            "http_tokens": "required",
            # One hop is the instance itself: a container's request has made two.
            "http_put_response_hop_limit": 1,
            "instance_metadata_tags": "disabled",
        },
        monitoring={"enabled": True},
        tag_specifications=marked,
        update_default_version=True,
        tags=tags.of(name),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _told(name: str, asked: Asked, logs: LogGroup) -> pulumi.Output[str]:
    """The user data, in base64."""

    def whole(known: Mapping[str, Any]) -> str:
        image = str(known["image"])
        registry = image.partition("/")[0]
        settings = {
            "NAME": name,
            "REGION": asked.region,
            "IMAGE": image,
            "REGISTRY": registry,
            "REGISTRY_REGION": ecs_task.repository(image, asked.region).split(":")[3],
            "LOGS": str(known["logs"]),
            "PORT": str(names.PORT),
            "GPUS": "yes" if asked.gpus else "no",
            "CLOSED": "" if asked.sessions else "amazon-ssm-agent",
            # The machine itself takes its time, and is to say why before it is ended.
            "STARTS": str(boot.STARTS - 180),
            "LOADS": str(boot.LOADS),
        }
        given = {key: str(value) for key, value in known["env"].items()}
        boot.held(given)
        env = {
            "MODELPORT_HOST": "0.0.0.0",
            "MODELPORT_PORT": str(names.PORT),
            "MODELPORT_REVISION": names.revision(image),
            "MODELPORT_MAX_HELD_BYTES": str(sizing.HELD),
            "MODELPORT_DRAIN_TIMEOUT": str(ecs_task.DRAIN),
            **({} if asked.workers is None else {"MODELPORT_WORKERS": str(asked.workers)}),
            **given,
        }
        return base64.b64encode(boot.user_data(settings, env).encode()).decode()

    return pulumi.Output.all(image=asked.image, logs=logs.name, env=dict(asked.env)).apply(whole)


def group(
    parent: pulumi.Resource,
    name: str,
    asked: Asked,
    started: LaunchTemplate,
    after: Sequence[pulumi.Resource],
    tags: Tags,
) -> tuple[Group, pulumi.Input[str], list[pulumi.Resource]]:
    """The group, what its instances are to be as an instance refresh takes it, and what it has to have before one."""
    version = started.latest_version.apply(lambda found: str(int(found)))
    spread: dict[str, Any] = {
        "on_demand_allocation_strategy": "prioritized",
        "on_demand_base_capacity": asked.counts.least,
        "on_demand_percentage_above_base_capacity": 100 - asked.spot,
        "spot_allocation_strategy": "price-capacity-optimized",
    }
    overrides: Any = [{"instance_type": each} for each in asked.types]
    specification: Any = {"launch_template_id": started.id, "version": version}
    wanted = outputs.text(
        {
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {"LaunchTemplateId": started.id, "Version": version},
                "Overrides": [{"InstanceType": each} for each in asked.types],
            },
            "InstancesDistribution": {_pascal(key): value for key, value in spread.items()},
        }
    )
    kept: Any = pulumi.Output.from_input(tags.of(name)).apply(
        # Instances have theirs of the launch template.
        lambda known: [{"key": key, "value": known[key], "propagate_at_launch": False} for key in sorted(known)]
    )
    launching = {"lifecycle_transition": "autoscaling:EC2_INSTANCE_LAUNCHING", "default_result": "ABANDON"}
    called = f"{name}-{boot.LAUNCHING}"
    hooks: Any = [{"name": called, "heartbeat_timeout": boot.STARTS, **launching}]
    measures: Any = list(MEASURES)
    balanced: dict[str, Any] = {}
    if asked.balancer is not None:
        balanced = {"target_group_arns": [asked.balancer["target_group_arn"]]}
    made = Group(
        name,
        # What its instances may do names it, and comes before it. No other one ever takes its place.
        name=name,
        min_size=asked.counts.least,
        max_size=asked.counts.most,
        desired_capacity=asked.counts.desired,
        vpc_zone_identifiers=asked.subnets,
        mixed_instances_policy={
            "launch_template": {"launch_template_specification": specification, "overrides": overrides},
            "instances_distribution": cast("Any", spread),
        },
        capacity_rebalance=bool(asked.spot),
        health_check_type="EC2" if asked.balancer is None else "ELB",
        health_check_grace_period=WARM,
        default_instance_warmup=WARM,
        instance_maintenance_policy={
            "min_healthy_percentage": ec2_service_release.LEAST_HEALTHY,
            "max_healthy_percentage": ec2_service_release.MOST_HEALTHY,
        },
        max_instance_lifetime=asked.days * DAY,
        # Zones stay even, spot and on demand as wanted; of those left, what is oldest.
        termination_policies=["AllocationStrategy", "OldestLaunchTemplate", "OldestInstance"],
        enabled_metrics=measures,
        # The first instances start before anything can be added to the group.
        initial_lifecycle_hooks=hooks,
        # An instance counts once the model on it has answered.
        wait_for_capacity_timeout="20m",
        tags=kept,
        **balanced,
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=list(after),
            # A refresh that has succeeded is what changes the policy. The hook is kept by a resource of its own.
            ignore_changes=[
                "mixedInstancesPolicy",
                "initialLifecycleHooks",
                *(["desiredCapacity"] if asked.counts.scaled else []),
            ],
        ),
    )
    child = pulumi.ResourceOptions(parent=parent)
    settled: list[pulumi.Resource] = [
        LifecycleHook(
            called,
            name=called,
            autoscaling_group_name=made.name,
            heartbeat_timeout=boot.STARTS,
            **launching,
            opts=child,
        )
    ]
    called = f"{name}-{boot.TERMINATING}"
    settled.append(
        LifecycleHook(
            called,
            name=called,
            autoscaling_group_name=made.name,
            lifecycle_transition="autoscaling:EC2_INSTANCE_TERMINATING",
            heartbeat_timeout=boot.ENDS,
            default_result="CONTINUE",
            opts=child,
        )
    )
    return made, wanted, settled


def scaled(parent: pulumi.Resource, name: str, asked: Asked, made: Group) -> None:
    """Instances come and go by their CPU, and by the requests that each of them gets; whatever asks for more wins."""
    measured: dict[str, Any] = {
        "cpu": {
            "predefined_metric_specification": {"predefined_metric_type": "ASGAverageCPUUtilization"},
            "target_value": asked.counts.cpu,
        }
    }
    if asked.counts.requests is not None and asked.balancer is not None:
        label = pulumi.Output.format(
            "{0}/{1}", asked.balancer.get("arn_suffix", ""), asked.balancer.get("target_group_arn_suffix", "")
        )
        metric = {"predefined_metric_type": "ALBRequestCountPerTarget", "resource_label": label}
        measured["requests"] = {
            "predefined_metric_specification": metric,
            "target_value": asked.counts.requests,
        }
    for kind, about in measured.items():
        Policy(
            f"{name}-{kind}",
            autoscaling_group_name=made.name,
            policy_type="TargetTrackingScaling",
            target_tracking_configuration=about,
            opts=pulumi.ResourceOptions(parent=parent),
        )


def _pascal(word: str) -> str:
    """`on_demand_base_capacity` as AWS writes it."""
    return "".join(part.capitalize() for part in word.split("_"))
