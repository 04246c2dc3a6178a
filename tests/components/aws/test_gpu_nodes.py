"""Nodes with GPUs in a cluster on EKS, as they would be registered."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.aws import catalog
from components.aws.cluster import EksCluster
from components.aws.gpu_nodes import EksGpuNodeGroup, EksGpuNodeGroupArgs
from components.checks import ArgsError
from components.kubernetes import gpu_nodes as in_the_cluster
from tests.components.aws.test_cluster import HERE as CLUSTER
from tests.components.aws.test_cluster import KEY, SUBNETS
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
HERE: EksGpuNodeGroupArgs = {
    "region": "eu-central-1",
    "cluster_name": "shop",
    "cluster_version": "1.36",
    "subnet_ids": SUBNETS,
    "node_role_arn": "arn:aws:iam::123456789012:role/shop-nodes",
    "instance_types": ["g6.xlarge", "g6.2xlarge"],
}
NODES, TEMPLATE = "aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate"
TAG = "aws:autoscaling/tag:Tag"


def _told(made: Planned) -> dict[str, Any]:
    return {
        "nodeGroupName": f"{made.name}-1a2b3c4",
        "resources": [{"autoscalingGroups": [{"name": f"eks-{made.name}"}]}],
    }


OUTPUTS: dict[str, Callable[[Planned], dict[str, Any]]] = {NODES: _told, TEMPLATE: lambda _: {"latestVersion": 3}}


def _plan(preview: bool = True, **more: Any) -> Plan:
    args: Any = {**HERE, **more}
    return plan(lambda: EksGpuNodeGroup("gpu", args), preview=preview, outputs=OUTPUTS)


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    _plan(preview, spot=True).holds(SNAPSHOTS / "gpu_nodes.txt")


def test_without_spot_the_names_of_what_remains_are_the_same() -> None:
    assert set(_plan().lines()) < set(_plan(spot=True).lines())


def test_the_nodes() -> None:
    nodes = _plan(False).one(NODES)
    assert nodes.inputs == {
        "clusterName": "shop",
        "version": "1.36",
        "nodeRoleArn": "arn:aws:iam::123456789012:role/shop-nodes",
        "subnetIds": SUBNETS,
        "amiType": "AL2023_x86_64_NVIDIA",
        "capacityType": "ON_DEMAND",
        "instanceTypes": ["g6.xlarge", "g6.2xlarge"],
        "launchTemplate": {"id": "gpu-id", "version": "3"},
        "scalingConfig": {"minSize": 0, "desiredSize": 0, "maxSize": 1},
        "updateConfig": {"maxUnavailable": 1},
        "nodeRepairConfig": {"enabled": True},
        "labels": {"nvidia.com/gpu.present": "true", "k8s.amazonaws.com/accelerator": "nvidia-l4"},
        "taints": [{"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"}],
        "tags": {"modelport:component": "gpu", "Name": "gpu-on-demand"},
    }
    assert nodes.request["ignoreChanges"] == ["scalingConfig.desiredSize"]
    assert "ignoreChanges" not in _plan(fixed_size=True).one(NODES).request


def test_the_cluster_they_join_may_be_unknown() -> None:
    def program() -> None:
        cluster = EksCluster("shop", CLUSTER)
        later = {"cluster_name": cluster.arn, "cluster_version": cluster.arn, "node_role_arn": cluster.node_role_arn}
        args: Any = {**HERE, **later, "subnet_ids": cluster.arn, "disk_key_arn": cluster.arn}
        EksGpuNodeGroup("gpu", args)

    found = plan(program)
    nodes = found.one(NODES, "gpu-on-demand").inputs
    for key in ("clusterName", "version", "nodeRoleArn", "subnetIds"):
        assert nodes[key] == UNKNOWN
    assert {each.inputs["autoscalingGroupName"] for each in found.all(TAG)} == {UNKNOWN}


def test_they_are_made_after_the_clusters_own_nodes_and_go_before_them() -> None:
    def program() -> None:
        cluster = EksCluster("shop", CLUSTER)
        told = {"cluster_name": cluster.name, "cluster_version": cluster.version}
        args: Any = {**HERE, **told, "node_role_arn": cluster.node_role_arn}
        EksGpuNodeGroup("gpu", args)

    assert "shop-system" in plan(program).one(NODES, "gpu-on-demand").depends_on


def test_what_prefers_spot_falls_back_to_a_group_on_demand() -> None:
    found = _plan(spot=True, min=1, max=4, desired=2)
    on_demand, spot = found.one(NODES, "gpu-on-demand").inputs, found.one(NODES, "gpu-spot").inputs
    assert (on_demand["capacityType"], spot["capacityType"]) == ("ON_DEMAND", "SPOT")
    # What is always there does not hang on spot capacity.
    assert on_demand["scalingConfig"] == {"minSize": 1, "desiredSize": 2, "maxSize": 4}
    assert spot["scalingConfig"] == {"minSize": 0, "desiredSize": 0, "maxSize": 4}
    apart = {"capacityType", "scalingConfig", "tags"}
    assert {key for key in spot if spot[key] != on_demand[key]} == apart
    for each in found.all(NODES):
        assert each.request["ignoreChanges"] == ["scalingConfig.desiredSize"]


@pytest.mark.parametrize(
    ("image", "type_", "expected"),
    [
        ("al2023", "g6.xlarge", "AL2023_x86_64_NVIDIA"),
        ("al2023", "g5g.xlarge", "AL2023_ARM_64_NVIDIA"),
        ("bottlerocket", "g6.xlarge", "BOTTLEROCKET_x86_64_NVIDIA"),
        ("bottlerocket", "g5g.xlarge", "BOTTLEROCKET_ARM_64_NVIDIA"),
    ],
)
def test_the_image_is_for_nvidia_and_the_architecture(image: str, type_: str, expected: str) -> None:
    assert _plan(image=image, instance_types=[type_]).one(NODES).inputs["amiType"] == expected


@pytest.mark.parametrize(("image", "device"), [("al2023", "/dev/xvda"), ("bottlerocket", "/dev/xvdb")])
def test_all_disks_are_encrypted_and_credentials_stay_on_the_node(image: str, device: str) -> None:
    template = _plan(image=image, disk_gib=200, disk_key_arn=KEY).one(TEMPLATE).inputs
    for each in template["blockDeviceMappings"]:
        assert each["ebs"]["encrypted"] == "true"
        assert (each["ebs"]["volumeType"], each["ebs"]["kmsKeyId"]) == ("gp3", KEY)
    sizes = {each["deviceName"]: each["ebs"].get("volumeSize") for each in template["blockDeviceMappings"]}
    assert sizes == {"/dev/xvda": None, device: 200}
    assert template["metadataOptions"]["httpTokens"] == "required"
    assert template["metadataOptions"]["httpPutResponseHopLimit"] == 1


def test_the_device_plugin_goes_where_there_is_none() -> None:
    """GpuNodes looks for the label; Bottlerocket tells the kubelet of its GPUs by itself."""
    args: in_the_cluster.GpuNodesArgs = {"device_plugin_image": f"registry.test/plugin@sha256:{'0' * 64}"}
    daemons = plan(lambda: in_the_cluster.GpuNodes("gpus", args)).one("kubernetes:apps/v1:DaemonSet")
    pod = daemons.inputs["spec"]["template"]["spec"]
    (selected,) = pod["nodeSelector"].items()
    assert selected in _plan().one(NODES).inputs["labels"].items()
    assert selected[0] not in _plan(image="bottlerocket").one(NODES).inputs["labels"]
    (taint,) = _plan().one(NODES).inputs["taints"]
    (tolerated,) = pod["tolerations"]
    assert (tolerated["key"], tolerated["operator"], tolerated["effect"]) == (taint["key"], "Exists", "NoSchedule")


def test_a_group_of_none_says_what_a_node_of_it_would_be_like() -> None:
    found = _plan(
        False,
        instance_types=["g6.12xlarge"],
        labels={"team": "ml"},
        taints=[{"key": "nvidia.com/gpu", "value": "true"}, {"key": "slow", "effect": "PREFER_NO_SCHEDULE"}],
        disk_gib=300,
        spot=True,
    )
    for kind in ("on-demand", "spot"):
        group = f"eks-gpu-{kind}"
        tags = [each.inputs["tag"] for each in found.all(TAG) if each.inputs["autoscalingGroupName"] == group]
        assert {each["propagateAtLaunch"] for each in tags} == {False}
        prefix = "k8s.io/cluster-autoscaler/node-template/"
        assert {each["key"].removeprefix(prefix): each["value"] for each in tags} == {
            "label/nvidia.com/gpu.present": "true",
            "label/k8s.amazonaws.com/accelerator": "nvidia-l4",
            "label/team": "ml",
            "taint/nvidia.com/gpu": "true:NoSchedule",
            "taint/slow": ":PreferNoSchedule",
            "resources/nvidia.com/gpu": "4",
            "resources/ephemeral-storage": "300Gi",
        }


def test_what_it_tells() -> None:
    found: dict[str, Any] = {}

    def program() -> None:
        group = EksGpuNodeGroup("gpu", {**HERE, "spot": True})
        told = {each: getattr(group, each) for each in EksGpuNodeGroup.__annotations__}
        pulumi.Output.all(**told).apply(found.update)

    plan(program, preview=False, outputs=OUTPUTS)
    assert found == {
        "names": ["gpu-on-demand-1a2b3c4", "gpu-spot-1a2b3c4"],
        "scaling_groups": ["eks-gpu-on-demand", "eks-gpu-spot"],
        "node_selector": {"k8s.amazonaws.com/accelerator": "nvidia-l4"},
    }


@pytest.mark.parametrize("type_", list(catalog.GPU_TYPES))
def test_every_gpu_type_can_be_had_where_it_is_offered(type_: str) -> None:
    region = catalog.regions(type_)[0]
    nodes = _plan(instance_types=[type_], region=region).one(NODES)
    assert nodes.inputs["instanceTypes"] == [type_]
    assert nodes.inputs["labels"]["k8s.amazonaws.com/accelerator"] == f"nvidia-{catalog.GPU_TYPES[type_].model}"


def test_everything_that_takes_tags_has_them() -> None:
    found = _plan(tags={"team": "ml"}, spot=True)
    tags = {each.name: each.inputs["tags"] for each in found.resources if each.type in (NODES, TEMPLATE)}
    ours = {"modelport:component": "gpu", "team": "ml"}
    assert tags == {each: {**ours, "Name": each} for each in ("gpu", "gpu-on-demand", "gpu-spot")}


WHAT = "EksGpuNodeGroup.instance_types"


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"instance_types": ["m6i.large"]},
            f"{WHAT} is 'm6i.large', expected an instance type with NVIDIA GPUs; for example g6.xlarge",
        ),
        (
            {"instance_types": ["g6.xlage"]},
            f"{WHAT} is 'g6.xlage', expected an instance type with NVIDIA GPUs; for example g6.xlarge",
        ),
        (
            {"instance_types": ["g4ad.xlarge"]},
            f"{WHAT} is 'g4ad.xlarge', expected an instance type with NVIDIA GPUs, but it has GPUs of AMD, which EKS "
            "has no image for; for example g6.xlarge",
        ),
        (
            {"region": "eu-west-1"},
            f"{WHAT} is 'g6.xlarge', expected an instance type that eu-west-1 has; eu-central-1, eu-central-2, "
            "eu-north-1 has it",
        ),
        (
            {"instance_types": ["g6.xlarge", "g5.xlarge"]},
            f"{WHAT} is ['g6.xlarge', 'g5.xlarge'], expected as many GPUs of one model each (g6.xlarge has 1 l4, "
            "g5.xlarge has 1 a10g); write ['g6.xlarge'], and a group of its own for the others",
        ),
        (
            {"instance_types": ["g6.xlarge", "g6.12xlarge"]},
            f"{WHAT} is ['g6.xlarge', 'g6.12xlarge'], expected as many GPUs of one model each (g6.xlarge has 1 l4, "
            "g6.12xlarge has 4 l4); write ['g6.xlarge'], and a group of its own for the others",
        ),
        (
            {"instance_types": ["g5g.xlarge", "g4dn.xlarge"]},
            f"{WHAT} is ['g5g.xlarge', 'g4dn.xlarge'], expected types of one architecture (g5g.xlarge is arm64, "
            "g4dn.xlarge is x86_64); put the others into a group of their own",
        ),
        (
            {"instance_types": []},
            f"{WHAT} is [], expected a list of at least one instance type; write ['g6.xlarge']",
        ),
        (
            {"instance_types": "g6.xlarge"},
            f"{WHAT} is 'g6.xlarge', expected a list of at least one instance type; write ['g6.xlarge']",
        ),
        (
            {"desired": 3, "max": 2},
            "EksGpuNodeGroup.desired is 3, expected at most EksGpuNodeGroup.max, which is 2; raise EksGpuNodeGroup.max "
            "to 3",
        ),
        (
            {"min": 2, "max": 1},
            "EksGpuNodeGroup.min is 2, expected at most EksGpuNodeGroup.max, which is 1; raise EksGpuNodeGroup.max "
            "to 2",
        ),
        ({"max": 0}, "EksGpuNodeGroup.max is 0, expected 1 to 450 nodes; write 1"),
        ({"min": -1}, "EksGpuNodeGroup.min is -1, expected 0 to 450 nodes; write 0"),
        ({"disk_gib": 10}, "EksGpuNodeGroup.disk_gib is 10, expected 20 to 16384 GiB; write 20"),
        ({"image": "ubuntu"}, "EksGpuNodeGroup.image is 'ubuntu', expected one of al2023, bottlerocket; write al2023"),
        (
            {"node_role_arn": "shop-nodes"},
            "EksGpuNodeGroup.node_role_arn is 'shop-nodes', expected an ARN of iam; for example "
            "arn:aws:iam::123456789012:role/shop-nodes",
        ),
        (
            {"cluster_version": "1.20"},
            "EksGpuNodeGroup.cluster_version is '1.20', expected one of 1.36, 1.35, 1.34, 1.33, 1.32; write 1.32",
        ),
        (
            {"cluster_name": "my cluster"},
            "EksGpuNodeGroup.cluster_name is 'my cluster', expected the name of an EKS cluster; for example shop",
        ),
        (
            {"subnet_ids": []},
            "EksGpuNodeGroup.subnet_ids is [], expected at least 1 private subnets, of an availability zone, each "
            "once; add those of the other zones",
        ),
        (
            {"labels": {"node.kubernetes.io/kind": "gpu"}},
            "a key of EksGpuNodeGroup.labels is 'node.kubernetes.io/kind', expected one that is not Kubernetes' or "
            "EKS's own; leave it out",
        ),
        (
            {"labels": {"team": "machine learning"}},
            "EksGpuNodeGroup.labels['team'] is 'machine learning', expected at most 63 letters, digits and any of "
            "._-; for example ml",
        ),
        (
            {"taints": [{"key": "slow", "effect": "NoSchedule"}]},
            "EksGpuNodeGroup.taints.effect is 'NoSchedule', expected one of NO_SCHEDULE, NO_EXECUTE, "
            "PREFER_NO_SCHEDULE; write NO_SCHEDULE",
        ),
        ({"taints": [{"value": "true"}]}, "EksGpuNodeGroup.taints.key is missing, expected a value; write key: ..."),
        ({"spots": True}, "EksGpuNodeGroup has no argument 'spots', did you mean spot"),
    ],
)
def test_a_mistake_is_told_before_anything_is_planned(more: Any, line: str) -> None:
    told: list[str] = []
    args: Any = {**HERE, **more}

    def program() -> None:
        try:
            EksGpuNodeGroup("gpu", args)
        except ArgsError as problem:
            told.append(str(problem))

    found = plan(program)
    assert told == [line]
    assert found.resources == []
