"""What all groups of nodes have in common: how their instances start, and how many there may be."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import pulumi
from pulumi_aws.ec2.launch_template import LaunchTemplate

from components import checks
from components.aws import checks as aws
from components.aws import policies
from components.aws.tags import Tags
from components.sizes import Sizes as Sizes
from components.sizes import asked

ROOT = "/dev/xvda"
DATA = "/dev/xvdb"
"""Bottlerocket keeps its own system on the root volume, and images and what pods write on this one."""
KEY = "key/1234abcd-12ab-34cd-56ef-1234567890ab"
TRUST: Final = policies.document(
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
)
POLICIES: Final = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
"""What a node itself may do: find its cluster, and pull."""
MOST_NODES = 450
"""Of a managed node group, as EKS's quota has it (EKS user guide, "Service quotas", 2026-11-22)."""


class Disk(NamedTuple):
    """A node's disk."""

    gib: int
    key_arn: pulumi.Input[str] | None
    device: str = ROOT


def arm(instance_type: str) -> bool:
    """Whether its processors are AWS's own, Graviton: the letter after the generation says so."""
    return re.match(r"(a1|[a-z]+[0-9]+g[a-z]*)\.", instance_type) is not None


def one_architecture(what: str, types: Sequence[str]) -> None:
    """Hold the types of one group to one architecture: it has one image. Raises ArgsError."""
    arms = [each for each in types if arm(each)]
    if arms and len(arms) < len(types):
        other = next(each for each in types if not arm(each))
        raise checks.wrong(
            what,
            list(types),
            f"types of one architecture ({arms[0]} is arm64, {other} is x86_64)",
            "put the others into a group of their own",
        )


def types(what: str, given: Sequence[str], region: str, example: str = "m7i.large") -> list[str]:
    """Instance types of one group, the preferred one first. Raises ArgsError."""
    if isinstance(given, str) or not given:
        raise checks.wrong(what, given, "a list of at least one instance type", f"write ['{example}']")
    for each in given:
        aws.instance_type(what, each)
        aws.offered(what, each, region)
    if len(set(given)) != len(given):
        raise checks.wrong(what, list(given), "each type once", f"write {sorted(set(given))}")
    one_architecture(what, given)
    return list(given)


def sizes(what: str, args: Mapping[str, Any], prefix: str, usual: Sizes) -> Sizes:
    """How many nodes a managed node group has, as `components.sizes.asked` has it. Raises ArgsError."""
    return asked(what, args, prefix, usual, MOST_NODES)


def moved(*, fixed: bool) -> list[str]:
    """What an autoscaler changes of a node group, and an `up` leaves as it is.

    EKS is told the whole of its sizes whenever one of them changes, this one as it was: it refuses a `min` above that.
    """
    return [] if fixed else ["scalingConfig.desiredSize"]


def disk(what: str, gib: float, key_arn: pulumi.Input[str] | None, device: str = ROOT) -> Disk:
    """A node's disk. Raises ArgsError. what: the argument for its size."""
    # Below, EKS's images do not fit beside what pods need; above, gp3 has no more.
    checks.within(what, gib, 20, 16384, "GiB")
    return Disk(int(gib), key_arn, device)


def key(what: str, value: pulumi.Input[str] | None, region: str) -> pulumi.Input[str] | None:
    """The ARN of a KMS key of the region, or that of another resource which is an output. Raises ArgsError."""
    if value is not None and not isinstance(value, pulumi.Output):
        aws.arn(what, value, "kms", r"key/([0-9a-f-]{36}|mrk-[0-9a-f]{32})", KEY)
        aws.here(what, cast("str", value), region)
    return value


def subnets(what: str, value: pulumi.Input[Sequence[pulumi.Input[str]]], least: int) -> pulumi.Input[Any]:
    """Ids of subnets. Raises ArgsError, for what is an output once it is known."""

    def rule(known: Sequence[pulumi.Input[str]]) -> None:
        told = [each for each in known if isinstance(each, str)]
        if isinstance(known, str) or len(set(told)) != len(told) or len(known) < least:
            many = "two availability zones" if least > 1 else "an availability zone"
            raise checks.wrong(what, told if len(told) == len(known) else f"{len(known)} subnets",
                f"at least {least} private subnets, of {many}, each once", "add those of the other zones",
            )  # fmt: skip

    def plain(known: Sequence[pulumi.Input[str]]) -> None:
        rule(known)
        for each in known:
            if isinstance(each, str):
                aws.identity(what, each, "subnet")

    if isinstance(value, pulumi.Output):
        return checks.asked(value, rule)
    plain(cast("Sequence[pulumi.Input[str]]", value))
    return value


def template(parent: pulumi.Resource, name: str, disk: Disk, tags: Tags) -> LaunchTemplate:
    """How instances start: their credentials are for the node alone, their disks are encrypted.

    Image, instance type and security group are the node group's to say: EKS then keeps them at what the cluster has.
    """
    volume: dict[str, Any] = {"volume_type": "gp3", "encrypted": "true", "delete_on_termination": "true"}
    if disk.key_arn is not None:
        volume["kms_key_id"] = disk.key_arn
    devices: list[Any] = [{"device_name": disk.device, "ebs": {**volume, "volume_size": disk.gib}}]
    if disk.device != ROOT:
        devices.insert(0, {"device_name": ROOT, "ebs": volume})
    return LaunchTemplate(
        name,
        block_device_mappings=devices,
        metadata_options={
            "http_endpoint": "enabled",
            "http_tokens": "required",
            # One hop is the node itself: a pod's request has made two.
            "http_put_response_hop_limit": 1,
            "instance_metadata_tags": "disabled",
        },
        tag_specifications=[
            {"resource_type": each, "tags": tags.of(name)} for each in ("instance", "volume", "network-interface")
        ],
        update_default_version=True,
        tags=tags.of(name),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def started_by(made: LaunchTemplate) -> Any:
    """A launch template as a node group refers to it: by its newest version, so that a changed one is rolled out."""
    return {"id": made.id, "version": made.latest_version.apply(lambda found: str(int(found)))}
