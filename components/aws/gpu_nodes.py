"""Nodes with NVIDIA GPUs in a cluster on EKS."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, NotRequired, Optional, TypedDict

import pulumi
from pulumi_aws.autoscaling.tag import Tag
from pulumi_aws.eks.node_group import NodeGroup

from components import checks, node_labels
from components.aws import catalog, nodes
from components.aws import checks as aws
from components.aws.tags import Tags
from components.node_labels import GPU as RESOURCE
from components.node_labels import GPU_PRESENT as PRESENT

LONGEST = 40
"""Characters of the name: `NAME-on-demand` with Pulumi's suffix is a node group's, of 63 at most."""
ACCELERATOR = "k8s.amazonaws.com/accelerator"
"""Label that tells cluster autoscaler of a GPU before the device plugin does."""
TEMPLATE = "k8s.io/cluster-autoscaler/node-template"
"""What cluster autoscaler reads from a group of no nodes: what one of them would be like."""
RESERVED = ("kubernetes.io/", "k8s.io/", "eks.amazonaws.com/")


class EksGpuImage(Enum):
    """What nodes with GPUs start from. The architecture follows the instance types."""

    AL2023 = "al2023"
    """Amazon Linux 2023 with NVIDIA's driver and container toolkit; the device plugin comes from GpuNodes."""
    BOTTLEROCKET = "bottlerocket"
    """Bottlerocket with NVIDIA's driver, container toolkit and a device plugin of its own: GpuNodes leaves it alone."""


class EksTaintEffect(Enum):
    """What becomes of pods that do not put up with a taint."""

    NO_SCHEDULE = "NO_SCHEDULE"
    """None comes."""
    NO_EXECUTE = "NO_EXECUTE"
    """None comes, and those there go."""
    PREFER_NO_SCHEDULE = "PREFER_NO_SCHEDULE"
    """They come where there is nowhere else."""


EFFECTS: Final = {
    EksTaintEffect.NO_SCHEDULE: "NoSchedule",
    EksTaintEffect.NO_EXECUTE: "NoExecute",
    EksTaintEffect.PREFER_NO_SCHEDULE: "PreferNoSchedule",
}
"""As Kubernetes writes them."""

AMI_TYPES: Final = {
    (EksGpuImage.AL2023, False): "AL2023_x86_64_NVIDIA",
    (EksGpuImage.AL2023, True): "AL2023_ARM_64_NVIDIA",
    (EksGpuImage.BOTTLEROCKET, False): "BOTTLEROCKET_x86_64_NVIDIA",
    (EksGpuImage.BOTTLEROCKET, True): "BOTTLEROCKET_ARM_64_NVIDIA",
}
"""By image, and whether the processors are Graviton."""


class EksTaint(TypedDict):
    """What keeps pods off a node that do not put up with it."""

    key: str
    """Its key."""
    value: NotRequired[str]
    """Its value. Default: none."""
    effect: NotRequired[EksTaintEffect]
    """What becomes of other pods. Default: none comes."""


class EksGpuNodeGroupArgs(TypedDict):
    region: str
    """Region, as `eu-central-1`: that of the AWS provider."""
    cluster_name: pulumi.Input[str]
    """Name of the cluster: `name` of an EksCluster."""
    cluster_version: pulumi.Input[str]
    """Version of Kubernetes: `version` of an EksCluster. A higher one replaces the nodes one by one."""
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets of the cluster."""
    node_role_arn: pulumi.Input[str]
    """ARN of the nodes' role: `node_role_arn` of an EksCluster."""
    instance_types: Sequence[str]
    """Instance types with NVIDIA GPUs, the preferred one first: all with as many GPUs of one model, and of one
    architecture, as an autoscaler takes the nodes of a group for alike."""
    image: NotRequired[EksGpuImage]
    """What nodes start from. Default: Amazon Linux 2023."""
    release: NotRequired[pulumi.Input[str]]
    """Release of that image, as `1.36.4-20260917`. Default: the newest when the nodes are made or upgraded."""
    min: NotRequired[int]
    """Least number of nodes, on demand. Default: 0."""
    desired: NotRequired[int]
    """Number of nodes at first, on demand; an autoscaler moves it from then on. Default: the least."""
    fixed_size: NotRequired[bool]
    """Whether no autoscaler moves the number of nodes, so that `desired` is what it is at all times. Default: no."""
    max: NotRequired[int]
    """Greatest number of nodes; with `spot`, of each of the two groups. Default: 1."""
    spot: NotRequired[bool]
    """Whether to prefer spot instances: a second group of them stands beside the one on demand, which is what remains
    when there is no spot capacity. Default: no."""
    disk_gib: NotRequired[int]
    """Size of a node's encrypted disk, GiB. Default: 100, as images with CUDA are large."""
    disk_key_arn: NotRequired[pulumi.Input[str]]
    """ARN of the KMS key of the nodes' disks, which the service-linked role of EC2 Auto Scaling may use. Default: the
    account's own key for EBS."""
    labels: NotRequired[dict[str, str]]
    """Labels of the nodes beside this library's. Default: none."""
    taints: NotRequired[Sequence[EksTaint]]
    """What keeps other pods off. Default: `nvidia.com/gpu=true:NoSchedule`."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made, beside this library's. Default: none."""


class EksGpuNodeGroup(pulumi.ComponentResource):
    """Nodes with GPUs of one model, none until a pod asks for one, on demand or on spot instances first.

    With `spot` there are two node groups, `NAME-spot` and `NAME-on-demand`. Cluster autoscaler chooses between them
    by its priority expander, which wants the one whose name has `-spot-` first and the other below it; a group without
    capacity is left alone for a while, and the next one is taken. Karpenter uses no node groups: a node pool of its own
    that allows `spot` and `on-demand` takes spot first. What must never be evicted asks for
    `eks.amazonaws.com/capacityType: ON_DEMAND`. Outputs: `names`, `scaling_groups`, `node_selector`.
    """

    names: pulumi.Output[list[str]]
    """Names of the node groups, the one on demand first."""
    scaling_groups: pulumi.Output[list[str]]
    """Names of their auto scaling groups, in the same order."""
    node_selector: pulumi.Output[dict[str, str]]
    """Labels by which a pod asks for these very GPUs."""

    def __init__(self, name: str, args: EksGpuNodeGroupArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("EksGpuNodeGroup", args, EksGpuNodeGroupArgs)
        aws.named("EksGpuNodeGroup", name, LONGEST)
        aws.region("EksGpuNodeGroup.region", args["region"])
        cluster = _told(args["cluster_name"], _cluster_name)
        version = _told(args["cluster_version"], _cluster_version)
        subnets = nodes.subnets("EksGpuNodeGroup.subnet_ids", args["subnet_ids"], 1)
        role = _told(args["node_role_arn"], _role)
        types = _types(args["instance_types"], args["region"])
        image = checks.choice("EksGpuNodeGroup.image", args.get("image", EksGpuImage.AL2023), EksGpuImage)
        sizes = nodes.sizes("EksGpuNodeGroup", args, "", nodes.Sizes(0, 0, 1))
        disk = nodes.disk(
            "EksGpuNodeGroup.disk_gib",
            args.get("disk_gib", 100),
            nodes.key("EksGpuNodeGroup.disk_key_arn", args.get("disk_key_arn"), args["region"]),
            nodes.DATA if image is EksGpuImage.BOTTLEROCKET else nodes.ROOT,
        )
        taints = _taints(args.get("taints"))
        gpus = catalog.GPU_TYPES[types[0]]
        chosen = {ACCELERATOR: f"nvidia-{gpus.model}"}
        labels = {**chosen, **_labels(args.get("labels", {}))}
        if image is EksGpuImage.AL2023:
            # Bottlerocket has a device plugin of its own: a second one would tell the kubelet of the same GPUs.
            labels = {PRESENT: "true", **labels}
        tags = Tags("EksGpuNodeGroup.tags", name, args.get("tags"))
        super().__init__("modelport:index:EksGpuNodeGroup", name, {}, opts)

        template = nodes.template(self, name, disk, tags)
        told = _template(labels, taints, gpus.count, disk.gib)
        groups: list[NodeGroup] = []
        scaling: list[pulumi.Output[str]] = []
        # What is always there must be there: on spot it might not be.
        kinds = {"on-demand": sizes, **({"spot": nodes.Sizes(0, 0, sizes.most)} if args.get("spot", False) else {})}
        for kind, each in kinds.items():
            called = f"{name}-{kind}"
            group = NodeGroup(
                called,
                cluster_name=cluster,
                version=version,
                node_role_arn=role,
                subnet_ids=subnets,
                ami_type=AMI_TYPES[image, gpus.arm],
                release_version=args.get("release"),
                capacity_type="SPOT" if kind == "spot" else "ON_DEMAND",
                instance_types=types,
                launch_template=nodes.started_by(template),
                scaling_config={"min_size": each.least, "desired_size": each.desired, "max_size": each.most},
                update_config={"max_unavailable": 1},
                node_repair_config={"enabled": True},
                labels=labels,
                taints=[{**taint, "effect": effect.value} for taint, effect in taints],
                tags=tags.of(called),
                opts=pulumi.ResourceOptions(
                    parent=self, ignore_changes=nodes.moved(fixed=args.get("fixed_size", False))
                ),
            )
            groups.append(group)
            scaling.append(group.resources.apply(_scaling_group))
            for key, value in told.items():
                Tag(
                    f"{called}-{key.removeprefix(TEMPLATE + '/').replace('/', '-')}",
                    autoscaling_group_name=scaling[-1],
                    tag={"key": key, "value": value, "propagate_at_launch": False},
                    opts=pulumi.ResourceOptions(parent=self),
                )
        self.names = pulumi.Output.all(*[each.node_group_name for each in groups]).apply(list)
        self.scaling_groups = pulumi.Output.all(*scaling).apply(list)
        self.node_selector = pulumi.Output.from_input(chosen)
        self.register_outputs(
            {"names": self.names, "scaling_groups": self.scaling_groups, "node_selector": self.node_selector}
        )


def _told(value: pulumi.Input[str], rule: Any) -> pulumi.Input[str]:
    """What another resource tells of itself is taken for what it is; what a program writes is checked."""
    if not isinstance(value, pulumi.Output):
        rule(value)
    return value


def _cluster_name(value: str) -> None:
    checks.fits("EksGpuNodeGroup.cluster_name", value, aws.CLUSTER, "the name of an EKS cluster", "shop")


def _cluster_version(value: str) -> None:
    checks.one_of("EksGpuNodeGroup.cluster_version", value, catalog.KUBERNETES)


def _role(value: str) -> None:
    aws.arn("EksGpuNodeGroup.node_role_arn", value, "iam", r"role/[\w+=,.@/-]{1,512}", "role/shop-nodes")


def _types(given: Sequence[str], region: str) -> list[str]:
    what = "EksGpuNodeGroup.instance_types"
    if not isinstance(given, str):
        for each in given:
            aws.gpu_type(what, each)
    types = nodes.types(what, given, region, "g6.xlarge")
    kinds = {each: catalog.GPU_TYPES[each] for each in types}
    first = kinds[types[0]]
    alike = [each for each, has in kinds.items() if (has.model, has.count) == (first.model, first.count)]
    for each, has in kinds.items():
        if each not in alike:
            expected = (
                f"as many GPUs of one model each ({types[0]} has {first.count} {first.model}, {each} has {has.count} "
                f"{has.model})"
            )
            raise checks.wrong(what, types, expected, f"write {alike}, and a group of its own for the others")
    return types


def _labels(given: Mapping[str, str]) -> dict[str, str]:
    ours = (PRESENT, ACCELERATOR)
    return node_labels.labels("EksGpuNodeGroup.labels", given, reserved=RESERVED, ours=ours, whose="EKS's own")


def _taints(given: Sequence[EksTaint] | None) -> list[tuple[EksTaint, EksTaintEffect]]:
    known = [EksTaint(key=RESOURCE, value="true")] if given is None else given
    return node_labels.taints("EksGpuNodeGroup.taints", known, EksTaint, EksTaintEffect, EksTaintEffect.NO_SCHEDULE)


def _template(
    labels: Mapping[str, str], taints: Sequence[tuple[EksTaint, EksTaintEffect]], gpus: int, disk: int
) -> dict[str, str]:
    """Tags of an auto scaling group that say what a node of it would be like."""
    return {
        **{f"{TEMPLATE}/label/{key}": value for key, value in labels.items()},
        **{f"{TEMPLATE}/taint/{each['key']}": f"{each.get('value', '')}:{EFFECTS[effect]}" for each, effect in taints},
        f"{TEMPLATE}/resources/{RESOURCE}": str(gpus),
        f"{TEMPLATE}/resources/ephemeral-storage": f"{disk}Gi",
    }


def _scaling_group(found: Sequence[Any]) -> str:
    """EKS makes one for each node group."""
    return str(found[0].autoscaling_groups[0].name)
