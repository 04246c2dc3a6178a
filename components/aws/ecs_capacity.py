"""Where the tasks of ECS run: Fargate, or instances with GPUs that come and go with them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import pulumi
from pulumi_aws.autoscaling.group import Group
from pulumi_aws.ec2.launch_template import LaunchTemplate
from pulumi_aws.ec2.security_group import SecurityGroup
from pulumi_aws.ecs.capacity_provider import CapacityProvider
from pulumi_aws.ecs.cluster import Cluster
from pulumi_aws.ecs.cluster_capacity_providers import ClusterCapacityProviders
from pulumi_aws.iam.instance_profile import InstanceProfile
from pulumi_aws.iam.role import Role
from pulumi_aws.iam.role_policy import RolePolicy
from pulumi_aws.vpc.security_group_egress_rule import SecurityGroupEgressRule

from components import checks
from components.aws import catalog, ecs_task, nodes, policies
from components.aws import checks as aws
from components.aws.tags import Tags

IMAGE: Final = "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id"
"""The image that AWS recommends as an instance starts (ECS developer guide, "Retrieving Amazon ECS-optimized Linux AMI
metadata", 2026-11-22): EC2 looks it up, no plan does."""
RESERVED: Final = ("aws", "ecs", "fargate")
"""What a capacity provider's name may not begin with (the model of CreateCapacityProvider in botocore 1.43)."""


class Instances(NamedTuple):
    """Instances with GPUs. Without types, Fargate."""

    types: Sequence[str] = ()
    gpus: int = 0
    """Of each task."""
    most: int = 0
    """Instances of each group."""
    disk: nodes.Disk | None = None


class Place(NamedTuple):
    """Where tasks run, and what has to be there before them."""

    strategies: list[dict[str, Any]]
    settled: ClusterCapacityProviders


def instances(args: Mapping[str, Any], region: str, tasks: int) -> Instances:
    """Instances with GPUs as somebody asked for them. Raises ArgsError. tasks: the most that there are."""
    what = "EcsService.instance_types"
    given: Sequence[str] = args.get("instance_types") or []
    if not isinstance(given, str):
        for each in given:
            aws.gpu_type(what, each)
            if catalog.GPU_TYPES[each].arm:
                raise checks.wrong(what, each, "a type of x86_64, as images are of", "for example g6.xlarge")
    types = nodes.types(what, given, region, "g6.xlarge")
    least = min(catalog.GPU_TYPES[each].count for each in types)
    gpus = args.get("gpus", 1)
    checks.within("EcsService.gpus", gpus, 1, least, f"GPUs, as {types[0]} has")
    # Twice as many: while a version takes the other's place both are there.
    most = args.get("max_instances", 2 * -(-tasks // (least // gpus)))
    checks.within("EcsService.max_instances", most, -(-tasks // (least // gpus)), 1000, "instances")
    key = nodes.key("EcsService.disk_key_arn", args.get("disk_key_arn"), region)
    return Instances(types, gpus, most, nodes.disk("EcsService.disk_gib", args.get("disk_gib", 100), key))


def provider_name(name: str) -> None:
    """Hold a name to what capacity providers may be called. Raises ArgsError."""
    if name.lower().startswith(RESERVED):
        expected = f"one that does not begin with {', '.join(RESERVED)}, which capacity providers may not"
        raise checks.wrong("the name of EcsService", name, expected, f"for example gpu-{name}")


def fargate(parent: pulumi.Resource, name: str, cluster: Cluster, least: int, spot: int) -> Place:
    """Fargate. spot: percent of the tasks beyond `least` that run on spare capacity."""
    settled = ClusterCapacityProviders(
        name,
        cluster_name=cluster.name,
        capacity_providers=["FARGATE", "FARGATE_SPOT"],
        opts=pulumi.ResourceOptions(parent=parent),
    )
    return Place(_weighed("FARGATE", "FARGATE_SPOT", least, spot), settled)


def with_gpus(
    parent: pulumi.Resource,
    name: str,
    region: str,
    vpc: pulumi.Input[str],
    subnets: pulumi.Input[Any],
    cluster: Cluster,
    asked: Instances,
    least: int,
    spot: int,
    tags: Tags,
) -> Place:
    """Groups of instances with GPUs, none of which is there while no task wants it."""
    child = pulumi.ResourceOptions(parent=parent)
    called = f"{name}-gpu"
    role = Role(
        called,
        description=f"The instances that the tasks of {name} run on",
        assume_role_policy=nodes.TRUST,
        tags=tags.of(called),
        opts=child,
    )
    allowed = RolePolicy(called, role=role.name, policy=_agent(region, cluster), opts=child)
    profile = InstanceProfile(called, role=role.name, tags=tags.of(called), opts=child)
    group = SecurityGroup(
        called,
        vpc_id=vpc,
        description="Instances of ECS, which nobody speaks to: tasks have interfaces of their own",
        tags=tags.of(called),
        opts=child,
    )
    way = SecurityGroupEgressRule(
        called,
        security_group_id=group.id,
        cidr_ipv4="0.0.0.0/0",
        ip_protocol="tcp",
        from_port=443,
        to_port=443,
        description="HTTPS: ECS, ECR and logs",
        tags=tags.of(called),
        opts=child,
    )
    after = pulumi.ResourceOptions(parent=parent, depends_on=[allowed, way])
    providers = [
        _provider(parent, each, cluster, asked, subnets, profile, group, tags, after, spot=kind)
        for each, kind in ((called, False), *([(f"{called}-spot", True)] if spot else []))
    ]
    settled = ClusterCapacityProviders(
        name, cluster_name=cluster.name, capacity_providers=[each.name for each in providers], opts=child
    )
    return Place(_weighed(providers[0].name, providers[-1].name, least, spot), settled)


def _weighed(demand: pulumi.Input[str], spare: pulumi.Input[str], least: int, spot: int) -> list[dict[str, Any]]:
    """Those that must be there are on demand; of the others so many percent are on what may be taken away."""
    found: list[dict[str, Any]] = [{"capacity_provider": demand, "base": least, "weight": 100 - spot}]
    return [*found, {"capacity_provider": spare, "weight": spot}] if spot else found


def _provider(
    parent: pulumi.Resource,
    name: str,
    cluster: Cluster,
    asked: Instances,
    subnets: pulumi.Input[Any],
    profile: InstanceProfile,
    security: SecurityGroup,
    tags: Tags,
    after: pulumi.ResourceOptions,
    *,
    spot: bool,
) -> CapacityProvider:
    """One group of instances, which ECS makes as many of as its tasks ask for."""
    disk = asked.disk
    volume: dict[str, Any] = {"volume_type": "gp3", "encrypted": "true", "delete_on_termination": "true"}
    if disk is not None:
        volume["volume_size"] = disk.gib
        if disk.key_arn is not None:
            volume["kms_key_id"] = disk.key_arn
    kinds = ("instance", "volume", "network-interface")
    marked: Any = [{"resource_type": each, "tags": tags.of(name)} for each in kinds]
    disks: Any = [{"device_name": nodes.ROOT, "ebs": volume}]
    template = LaunchTemplate(
        name,
        image_id=IMAGE,
        user_data=ecs_task.joining(cluster.name, spot=spot),
        iam_instance_profile={"arn": profile.arn},
        vpc_security_group_ids=[security.id],
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
        opts=after,
    )
    version = template.latest_version.apply(lambda found: str(int(found)))
    distribution: Any = {
        "on_demand_base_capacity": 0,
        "on_demand_percentage_above_base_capacity": 0 if spot else 100,
        "on_demand_allocation_strategy": "prioritized",
        "spot_allocation_strategy": "price-capacity-optimized",
    }
    types: Any = [{"instance_type": each} for each in asked.types]
    started: Any = {"launch_template_id": template.id, "version": version}
    kept: Any = pulumi.Output.from_input(tags.of(name)).apply(
        # The last one is ECS's own mark of a group that it makes larger and smaller.
        lambda known: [
            *({"key": key, "value": known[key], "propagate_at_launch": False} for key in sorted(known)),
            {"key": "AmazonECSManaged", "value": "", "propagate_at_launch": True},
        ]
    )
    group = Group(
        name,
        min_size=0,
        max_size=asked.most,
        vpc_zone_identifiers=subnets,
        mixed_instances_policy={
            "launch_template": {
                "launch_template_specification": started,
                "overrides": types,
            },
            "instances_distribution": distribution,
        },
        capacity_rebalance=spot,
        health_check_type="EC2",
        # ECS says which instance goes; without tasks, and with its group, all do.
        protect_from_scale_in=True,
        force_delete=True,
        tags=kept,
        opts=pulumi.ResourceOptions(parent=parent, ignore_changes=["desiredCapacity"]),
    )
    return CapacityProvider(
        name,
        auto_scaling_group_provider={
            "auto_scaling_group_arn": group.arn,
            "managed_termination_protection": "ENABLED",
            "managed_draining": "ENABLED",
            "managed_scaling": {"status": "ENABLED", "target_capacity": 100},
        },
        tags=tags.of(name),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def _agent(region: str, cluster: Cluster) -> pulumi.Output[str]:
    """What ECS's agent on an instance may do: join this cluster, and tell of its own tasks there."""
    inside = cluster.arn.apply(lambda arn: arn.replace(":cluster/", ":container-instance/") + "/*")
    within = {"ArnEquals": {"ecs:cluster": cluster.arn}}
    return pulumi.Output.json_dumps(
        policies.content(
            policies.allow(
                ["ecs:DeregisterContainerInstance", "ecs:RegisterContainerInstance"],
                cluster.arn,
            ),
            policies.allow(
                [
                    *("ecs:Poll", "ecs:PutSystemLogEvents", "ecs:StartTelemetrySession"),
                    "ecs:UpdateContainerInstancesState",
                ],
                inside,
                within,
            ),
            policies.allow(
                [
                    *("ecs:SubmitAttachmentStateChanges", "ecs:SubmitContainerStateChange"),
                    "ecs:SubmitTaskStateChange",
                ],
                cluster.arn,
            ),
            # These are about no resource.
            policies.allow(["ecs:DiscoverPollEndpoint"], "*", {"StringEquals": {"aws:RequestedRegion": region}}),
        )
    )
