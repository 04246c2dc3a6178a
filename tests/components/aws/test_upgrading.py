"""A stack that is there is what the program says: today's components leave it alone, and a new version updates it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.aws.cluster import EksCluster, EksClusterArgs
from components.aws.gpu_nodes import EksGpuNodeGroup
from tests.components.aws import test_cluster, test_gpu_nodes
from tests.components.aws.test_cluster import SUBNETS
from tests.components.upgrading import Earlier

HERE: EksClusterArgs = {
    "region": "eu-central-1",
    "account_id": "123456789012",
    "version": "1.35",
    "subnet_ids": SUBNETS,
    "admins": {"deployer": "arn:aws:iam::123456789012:role/deployer"},
    "private_access_cidrs": ["10.8.0.0/16"],
}
TOLD = {**test_cluster.OUTPUTS, **test_gpu_nodes.OUTPUTS}
TAG = "aws:autoscaling/tag:Tag"


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of."""
    args: Any = {**HERE, **changed}
    cluster = EksCluster("shop", args)
    EksGpuNodeGroup(
        "gpu",
        {
            "region": "eu-central-1",
            "cluster_name": cluster.name,
            "cluster_version": cluster.version,
            "subnet_ids": SUBNETS,
            "node_role_arn": cluster.node_role_arn,
            "instance_types": ["g6.xlarge"],
            "spot": True,
        },
    )


EARLIER = Earlier("cluster", shop, TOLD)


def test_what_an_earlier_release_has_made_and_an_autoscaler_has_moved_is_left_alone(folder: Path) -> None:
    moved = [{**each} for each in EARLIER.state]
    for each in moved:
        if each["type"] == "aws:eks/nodeGroup:NodeGroup":
            sizes = {**each["inputs"]["scalingConfig"], "desiredSize": 3}
            each |= {key: {**each[key], "scalingConfig": sizes} for key in ("inputs", "outputs")}
    assert moved != EARLIER.state
    assert EARLIER.changes(folder, state=moved) == {}


def test_a_new_version_of_kubernetes_updates_and_replaces_nothing(folder: Path) -> None:
    found = EARLIER.changes(folder, {"version": "1.36"})
    assert set(found) == {"update"}
    of_kubernetes = {"shop", "shop-system", "gpu-on-demand", "gpu-spot", "shop-kube-proxy", "shop-coredns"}
    # What these tell of themselves, they might tell otherwise.
    after = {"shop-api-from-10-8-0-0-16"} | {
        each["id"].removesuffix("-id") for each in EARLIER.state if each["type"] == TAG
    }
    assert found["update"] == of_kubernetes | after


def test_a_number_of_nodes_that_nobody_else_moves_is_what_is_said(folder: Path) -> None:
    more = {"system_min": 3, "system_desired": 3}
    assert EARLIER.changes(folder, {"system_desired": 3}) == {}
    # Ignored, EKS would be told the old number beside the new bounds, and refuse it.
    assert "shop-system" in EARLIER.changes(folder, {**more, "system_fixed_size": True})["update"]


def test_who_is_no_administrator_any_more_loses_that_alone(folder: Path) -> None:
    other = {"admins": {"ops": "arn:aws:iam::123456789012:role/ops"}}
    assert EARLIER.changes(folder, other) == {
        "create": {"shop-admin-ops"},
        "delete": {"shop-admin-deployer"},
    }
