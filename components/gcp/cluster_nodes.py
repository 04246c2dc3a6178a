"""The nodes that a cluster's own pods run on: who they are, how they start, and how many there are."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import pulumi
from pulumi_gcp.container.node_pool import NodePool
from pulumi_gcp.projects.iam_member import IAMMember
from pulumi_gcp.serviceaccount.account import Account

from components import checks, sizes
from components.gcp import catalog
from components.gcp import checks as gcp
from components.gcp.labels import Labels
from components.sizes import Sizes

ROLE: Final = "roles/container.defaultNodeServiceAccount"
"""What a node itself may do: write logs and metrics, and read those that pods are scaled by (GKE, "Configure GKE node
service accounts", 2026-11-22). To pull is a repository's to allow."""
SCOPES: Final = ["https://www.googleapis.com/auth/cloud-platform"]
"""What a node may do is its roles' to say, which scopes only narrow for old API versions' sake."""
MOST_NODES: Final = 1000
"""Of a node pool in one zone (GKE, "Quotas and limits", 2026-11-22)."""
HYPERDISK: Final = ("c4", "c4a", "c4d", "h4d", "m4", "n4", "n4a", "n4d", "x4")
"""Machine series without GPUs that boot from Hyperdisk alone (Compute Engine, "About Hyperdisk", 2026-11-22)."""
READ_ONLY_PORT: Final = {"insecure_kubelet_readonly_port_enabled": "FALSE"}
"""The kubelet's port that asks nobody who he is."""


class System(NamedTuple):
    """The pool that is asked for."""

    machine_type: str
    gib: int
    zones: list[str]
    sizes: Sizes


def system(what: str, args: Mapping[str, Any], region: str) -> System:
    """What `system_*` and `zones` of a component's arguments ask for. Raises ArgsError."""
    zones = args.get("zones", catalog.zones(region)[:3])
    if isinstance(zones, str):
        raise checks.wrong(f"{what}.zones", zones, "a list of zones", f"write ['{zones}']")
    gcp.zones(f"{what}.zones", zones, region)
    machine_type = args.get("system_machine_type", "e2-standard-4")
    gcp.machine_type(f"{what}.system_machine_type", machine_type)
    if re.match(r"(a[2-9]x?|g[2-9])-", machine_type):
        expected = "a machine type without GPUs, as the cluster's own pods would hold them"
        raise checks.wrong(f"{what}.system_machine_type", machine_type, expected, "make a GkeGpuNodePool for it")
    # Below, system and images leave pods no room; above, pd-balanced has no more.
    gib = checks.whole(f"{what}.system_disk_gib", args.get("system_disk_gib", 100), 20, 65536, "GiB")
    return System(machine_type, gib, list(zones), _sizes(what, args, len(zones)))


def _sizes(what: str, args: Mapping[str, Any], zones: int) -> Sizes:
    found = sizes.asked(what, args, "system_", Sizes(zones, zones, 2 * zones), zones * MOST_NODES)
    if "system_desired" in args:
        if found.desired % zones or not found.desired:
            expected = f"a multiple of {zones}, the zones, as Google makes as many nodes in each"
            nearest = -(-max(found.desired, 1) // zones) * zones
            raise checks.wrong(f"{what}.system_desired", found.desired, expected, f"write {nearest}")
        return found
    desired = -(-max(found.least, 1) // zones) * zones
    if desired > found.most:
        expected = f"at least {desired}, as Google makes as many nodes in each of {zones} zones"
        raise checks.wrong(f"{what}.system_max", found.most, expected, f"write {desired}, or name fewer zones")
    return Sizes(found.least, desired, found.most)


def disk_type(machine_type: str) -> str:
    """What a machine type boots from."""
    return "hyperdisk-balanced" if machine_type.partition("-")[0] in HYPERDISK else "pd-balanced"


def account(name: str, project: str, opts: pulumi.ResourceOptions) -> tuple[Account, IAMMember]:
    """Who the nodes are, with all that they may do in the project."""
    called = f"{name}-nodes"
    made = Account(called, project=project, display_name=f"Nodes of the cluster {name}", opts=opts)
    return made, IAMMember(called, project=project, role=ROLE, member=made.member, opts=opts)


def config(
    who: pulumi.Input[str],
    tag: pulumi.Input[str],
    key: pulumi.Input[str] | None,
    labels: Labels,
    *,
    machine_type: str | None,
    gib: int,
) -> dict[str, Any]:
    """How a node starts: who it is, that nobody has tampered with it, and what pods hear of it.

    key: of its disk. Default: one of Google's own. machine_type: Default: GKE's smallest.
    """
    return {
        **({"machine_type": machine_type, "disk_type": disk_type(machine_type)} if machine_type else {}),
        "disk_size_gb": gib,
        **({} if key is None else {"boot_disk_kms_key": key}),
        # The one that streams images, and starts pods before all of theirs is there.
        "image_type": "COS_CONTAINERD",
        "gcfs_config": {"enabled": True},
        "gvnic": {"enabled": True},
        "service_account": who,
        "oauth_scopes": SCOPES,
        "shielded_instance_config": {"enable_secure_boot": True, "enable_integrity_monitoring": True},
        # A pod is who its own service account is: it does not reach the node's.
        "workload_metadata_config": {"mode": "GKE_METADATA"},
        "metadata": {"disable-legacy-endpoints": "true"},
        "kubelet_config": READ_ONLY_PORT,
        "tags": [tag],
        "resource_labels": labels.all(),
    }


def pool(
    name: str,
    asked: System,
    started: Mapping[str, Any],
    *,
    project: str,
    region: str,
    cluster: pulumi.Output[str],
    opts: pulumi.ResourceOptions,
) -> NodePool:
    """The pool `system`. Its version is the control plane's, behind which GKE moves it."""
    # Google counts all of these together, and those to begin with in each zone.
    autoscaling: Any = {
        "total_min_node_count": asked.sizes.least,
        "total_max_node_count": asked.sizes.most,
        "location_policy": "BALANCED",
    }
    # One node more, then one less: nothing that runs has less room meanwhile.
    upgrades: Any = {"strategy": "SURGE", "max_surge": 1, "max_unavailable": 0}
    node: Any = {**started, "labels": {"modelport.io/nodes": "system"}}
    return NodePool(
        f"{name}-system",
        project=project,
        location=region,
        cluster=cluster,
        node_locations=asked.zones,
        initial_node_count=asked.sizes.desired // len(asked.zones),
        autoscaling=autoscaling,
        management={"auto_repair": True, "auto_upgrade": True},
        upgrade_settings=upgrades,
        network_config={"enable_private_nodes": True},
        node_config=node,
        opts=pulumi.ResourceOptions.merge(
            opts,
            # The number that it began with is read once, and another would replace it; what there are by now is the
            # autoscaler's, and their version the channel's.
            pulumi.ResourceOptions(ignore_changes=["initialNodeCount", "nodeCount", "version"]),
        ),
    )


def groups(made: NodePool) -> pulumi.Output[list[str]]:
    """The instance groups of a pool, one of each zone: what a backend of a load balancer takes."""
    return made.managed_instance_group_urls.apply(lambda found: _plain(found))


def _plain(found: Sequence[str] | None) -> list[str]:
    return list(found or ())
