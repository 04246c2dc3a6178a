"""Nodes with NVIDIA GPUs in a cluster on GKE."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, NotRequired, Optional, TypedDict

import pulumi
from pulumi_gcp.container.node_pool import NodePool

from components import checks, node_labels, sizes
from components.gcp import checks as gcp
from components.gcp import cluster_nodes, gpus, keys
from components.gcp.gpus import GkeAttachedGpu
from components.gcp.labels import Labels
from components.node_labels import GPU as RESOURCE
from components.node_labels import GPU_PRESENT as PRESENT
from components.sizes import Sizes

LONGEST = 22
"""Characters of the name: `NAME-on-demand` with Pulumi's suffix is a node pool's, of 40 at most."""
MOVED: Final = ["initialNodeCount", "nodeCount", "version"]
"""What an autoscaler, somebody who resizes a pool, and the release channel change, and an `up` leaves as it is: another
first number of nodes would replace the pool."""
MOST_CLIENTS = 48
"""Containers that share a GPU, at most (GKE, "About GPU sharing strategies", 2026-11-22)."""
MOST_AT_ONCE = 20
"""Nodes that an upgrade has in hand at once, at most (GKE, "Node upgrade strategies", 2026-11-22)."""
ABOUT = "cloud.google.com/gke"
"""What labels that GKE gives nodes begin with."""
RESERVED = ("kubernetes.io/", "k8s.io/", "cloud.google.com/", "gke.io/")
SPOT_FIRST = "modelport.io/on-demand"
"""Key of the taint by which the scheduler would rather have spot nodes."""
CLUSTER = r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?"
"""Names of GKE clusters."""
TAG = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
RESERVATION = (
    rf"(projects/{gcp.PROJECT}/reservations/)?[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?"
    r"(/reservationBlocks/[a-z0-9-]{1,63})?"
)
RESERVATION_NAME = "compute.googleapis.com/reservation-name"


class GkeGpuDriver(Enum):
    """Which of NVIDIA's drivers GKE installs on nodes."""

    DEFAULT = "DEFAULT"
    """The one that belongs to the nodes' version of GKE."""
    LATEST = "LATEST"
    """The newest that there is for that version."""
    NONE = "NONE"
    """None: a DaemonSet of the cluster's own installs one."""


class GkeGpuSharingStrategy(Enum):
    """How containers share a GPU, or a partition of one."""

    TIME_SHARING = "TIME_SHARING"
    """By turns, with neither memory nor faults apart."""
    MPS = "MPS"
    """At once, by NVIDIA's Multi-Process Service, each within limits of its own. Its pods want `hostIPC`, which those
    of ModelService do not have, and Pod Security allows in a privileged namespace alone."""


class GkeTaintEffect(Enum):
    """What becomes of pods that do not put up with a taint."""

    NO_SCHEDULE = "NO_SCHEDULE"
    """None comes."""
    NO_EXECUTE = "NO_EXECUTE"
    """None comes, and those there go."""
    PREFER_NO_SCHEDULE = "PREFER_NO_SCHEDULE"
    """They come where there is nowhere else."""


DRIVERS: Final = {
    GkeGpuDriver.DEFAULT: "DEFAULT",
    GkeGpuDriver.LATEST: "LATEST",
    GkeGpuDriver.NONE: "INSTALLATION_DISABLED",
}
"""As GKE's API writes them."""

STRATEGIES: Final = {GkeGpuSharingStrategy.TIME_SHARING: "time-sharing", GkeGpuSharingStrategy.MPS: "mps"}
"""As GKE's labels of nodes write them."""


class GkeGpuSharing(TypedDict):
    """How many containers share a GPU, and how."""

    strategy: NotRequired[GkeGpuSharingStrategy]
    """How they share it. Default: by turns."""
    clients: int
    """How many containers share a GPU, or a partition of one: 2 to 48."""


class GkeTaint(TypedDict):
    """What keeps pods off a node that do not put up with it."""

    key: str
    """Its key."""
    value: NotRequired[str]
    """Its value. Default: none."""
    effect: NotRequired[GkeTaintEffect]
    """What becomes of other pods. Default: none comes."""


class GkeGpuNodePoolArgs(TypedDict):
    project: str
    """Id of the project of the cluster."""
    region: str
    """Region of the cluster, as `europe-west4`."""
    cluster_name: pulumi.Input[str]
    """Name of the cluster: `name` of a GkeCluster. The nodes follow its version, as its release channel moves it."""
    node_service_account: pulumi.Input[str]
    """Address of the nodes' service account: `node_service_account` of a GkeCluster."""
    node_tag: pulumi.Input[str]
    """Network tag of the nodes: `node_tag` of a GkeCluster."""
    machine_type: str
    """Machine type with NVIDIA GPUs, as `g2-standard-8`, or of the series N1 with a `gpu` attached."""
    gpu: NotRequired[GkeAttachedGpu]
    """GPU that is attached to a machine of the series N1, which has none of its own. Default: none."""
    gpu_count: NotRequired[int]
    """How many of that GPU each node has. Default: 1."""
    zones: NotRequired[Sequence[str]]
    """Zones that nodes may be in. Default: those of the region that offer the machine type with its GPUs."""
    min: NotRequired[int]
    """Least number of nodes, over all zones; with `spot`, on demand where the type is sold so. Default: 0."""
    max: NotRequired[int]
    """Greatest number of nodes, over all zones; with `spot`, of each of the two pools. Default: 1, or the least."""
    spot: NotRequired[bool]
    """Whether to prefer Spot VMs: a second pool of them stands beside the one on demand, which is what remains when
    there is no spot capacity. Some types are sold as Spot VMs alone, or but for a reservation: these have no pool on
    demand. Default: no."""
    reservation: NotRequired[str]
    """Name of a reservation that nodes are taken out of, and of nothing else, but for spot: that of another project as
    `projects/PROJECT/reservations/NAME`. It wants `zones`, those of the reservation. Default: none."""
    use_reservations: NotRequired[bool]
    """Whether nodes on demand are taken out of any reservation that fits, as long as there is one. Default: yes."""
    partition: NotRequired[str]
    """Size of the partitions that each GPU is divided into (multi-instance GPU), as `1g.10gb`: a pod's GPU is then one
    of these, with memory and faults apart. Default: none, a GPU is whole."""
    sharing: NotRequired[GkeGpuSharing]
    """How many containers share a GPU, or a partition. Default: nobody shares."""
    driver: NotRequired[GkeGpuDriver]
    """NVIDIA's driver. Default: the one that belongs to the nodes' version of GKE."""
    image_streaming: NotRequired[bool]
    """Whether a container starts while its image is still on its way from Artifact Registry. Default: yes."""
    disk_gib: NotRequired[int]
    """Size of a node's disk, GiB. Default: 100, as images with CUDA are large."""
    disk_key_name: NotRequired[pulumi.Input[str]]
    """Whole name of the key of Cloud KMS for the nodes' disks, in the cluster's region, which the service agent of
    Compute Engine may use. Default: a key of Google's own."""
    node_labels: NotRequired[dict[str, str]]
    """Labels of the nodes in Kubernetes, beside GKE's. Default: none."""
    taints: NotRequired[Sequence[GkeTaint]]
    """What keeps other pods off. Default: `nvidia.com/gpu=present:NoSchedule`, which GKE adds by itself where it is
    missing and the cluster has nodes without GPUs."""
    max_surge: NotRequired[int]
    """Nodes that an upgrade has beyond those there are, for which there must be capacity. Default: 0."""
    max_unavailable: NotRequired[int]
    """Nodes that an upgrade takes away at once. Default: 1, or 0 where `max_surge` is more."""
    labels: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Labels of the machines and their disks in Google Cloud, beside this library's. Default: none."""


class GkeGpuNodePool(pulumi.ComponentResource):
    """Nodes with GPUs of one model, none until a pod asks for one, on demand or on Spot VMs first.

    With `spot` there are two node pools, `NAME-spot` and `NAME-on-demand`. GKE's cluster autoscaler makes nodes in the
    cheapest pool that has capacity, so on Spot VMs as long as there are any, and in whichever zone has some; a taint
    that pods need not put up with lets the scheduler fill spot nodes first. What must never be evicted asks for
    `cloud.google.com/gke-provisioning: standard`. GKE brings NVIDIA's driver and device plugin: GpuNodes leaves these
    nodes alone. Outputs: `names`, `node_selector`.
    """

    names: pulumi.Output[list[str]]
    """Names of the node pools, the one on demand first."""
    node_selector: pulumi.Output[dict[str, str]]
    """Labels by which a pod asks for these very GPUs, whole, partitioned or shared as they are."""

    def __init__(self, name: str, args: GkeGpuNodePoolArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        what = "GkeGpuNodePool"
        checks.given(what, args, GkeGpuNodePoolArgs)
        gcp.named(what, name, LONGEST)
        gcp.project(f"{what}.project", args["project"])
        gcp.region(f"{what}.region", args["region"])
        cluster = checks.asked(args["cluster_name"], _cluster_name)
        account = checks.asked(
            args["node_service_account"], lambda known: gcp.account(f"{what}.node_service_account", known)
        )
        tag = checks.asked(args["node_tag"], _tag)
        type_ = args["machine_type"]
        machine = gpus.machine(what, type_, args.get("gpu"), args.get("gpu_count"))
        zones = gpus.offered(what, type_, machine, args["region"], args.get("zones"))
        kinds = _kinds(args)
        size = sizes.asked(what, args, "", Sizes(0, 0, 1), len(zones) * cluster_nodes.MOST_NODES)
        accelerator, chosen = _accelerator(args, machine)
        disk = checks.whole(f"{what}.disk_gib", args.get("disk_gib", 100), 20, 65536, "GiB")
        key = keys.given(f"{what}.disk_key_name", args.get("disk_key_name"), args["region"])
        node_labels_ = node_labels.labels(
            f"{what}.node_labels", args.get("node_labels") or {}, reserved=RESERVED, ours=(PRESENT,), whose="GKE's own"
        )
        taints = _taints(args.get("taints"))
        upgrade = _upgrade(args)
        labels = Labels(f"{what}.labels", name, args.get("labels"))
        super().__init__("modelport:index:GkeGpuNodePool", name, {}, opts)

        started: dict[str, Any] = {
            **cluster_nodes.config(account, tag, key, labels, machine_type=type_, gib=disk),
            "disk_type": gpus.disk_type(type_),
            "gcfs_config": {"enabled": args.get("image_streaming", True)},
            "guest_accelerators": [accelerator],
        }
        if node_labels_:
            started["labels"] = node_labels_
        pools: list[NodePool] = []
        for kind in kinds:
            # What is always there must be there: on spot it might not be.
            least = size.least if kind == kinds[0] else 0
            config: Any = {**started, "taints": taints}
            if kind == "spot":
                config["spot"] = True
            else:
                config["reservation_affinity"] = _affinity(args)
                if "spot" in kinds:
                    config["taints"] = [*taints, _taint(SPOT_FIRST, "true", GkeTaintEffect.PREFER_NO_SCHEDULE)]
            pools.append(
                NodePool(
                    f"{name}-{kind}",
                    project=args["project"],
                    location=args["region"],
                    cluster=cluster,
                    node_locations=zones,
                    initial_node_count=_at_first(least, size.most, len(zones)),
                    # Balanced, a zone without capacity would hold up the others.
                    autoscaling={
                        "total_min_node_count": least,
                        "total_max_node_count": size.most,
                        "location_policy": "ANY",
                    },
                    management={"auto_repair": True, "auto_upgrade": True},
                    upgrade_settings=upgrade,
                    network_config={"enable_private_nodes": True},
                    node_config=config,
                    opts=pulumi.ResourceOptions(parent=self, ignore_changes=MOVED),
                )
            )
        self.names = pulumi.Output.all(*[each.name for each in pools]).apply(list)
        self.node_selector = pulumi.Output.from_input(chosen)
        self.register_outputs({"names": self.names, "node_selector": self.node_selector})


def _cluster_name(value: str) -> None:
    checks.fits("GkeGpuNodePool.cluster_name", value, CLUSTER, "the name of a GKE cluster", "shop")


def _tag(value: str) -> None:
    expected = "a network tag, at most 63 of a-z, 0-9 and -, a letter first"
    checks.fits("GkeGpuNodePool.node_tag", value, TAG, expected, "shop-nodes")


def _kinds(args: GkeGpuNodePoolArgs) -> list[str]:
    """Which pools there are, the steadier first."""
    type_, spot, reservation = args["machine_type"], args.get("spot", False), args.get("reservation")
    if reservation is not None:
        _reserved(args, reservation)
    if type_ in gpus.SPOT_ALONE and not spot:
        expected = f"True, as {type_} is sold as Spot VMs alone"
        raise checks.wrong("GkeGpuNodePool.spot", spot, expected, "write spot: True, or take a3-highgpu-8g")
    if type_ in gpus.RESERVED_OR_SPOT and not spot and reservation is None:
        raise checks.wrong(
            "GkeGpuNodePool.machine_type",
            type_,
            "a type that is sold on demand, as this is by reservation or as Spot VMs alone",
            "write reservation: NAME, or spot: True",
        )
    steady = type_ not in gpus.SPOT_ALONE and (type_ not in gpus.RESERVED_OR_SPOT or reservation is not None)
    return [*(["on-demand"] if steady else []), *(["spot"] if spot else [])]


def _reserved(args: GkeGpuNodePoolArgs, reservation: str) -> None:
    what = "GkeGpuNodePool.reservation"
    checks.fits(what, reservation, RESERVATION, "the name of a reservation", "projects/shop-prod/reservations/gpus")
    if args["machine_type"] in gpus.SPOT_ALONE:
        expected = f"nothing beside {args['machine_type']}, which is sold as Spot VMs alone"
        raise checks.wrong(what, reservation, expected, "leave it out")
    if not args.get("use_reservations", True):
        expected = "True beside a reservation"
        raise checks.wrong("GkeGpuNodePool.use_reservations", False, expected, "leave one of them out")
    if args.get("zones") is None:
        raise checks.ArgsError(
            f"GkeGpuNodePool.zones is missing, expected those of the reservation {reservation!r}, as GKE would look "
            "for it in every zone; write zones: [...]"
        )


def _affinity(args: GkeGpuNodePoolArgs) -> dict[str, Any]:
    """What nodes on demand are taken out of."""
    if (reservation := args.get("reservation")) is not None:
        return {"consume_reservation_type": "SPECIFIC_RESERVATION", "key": RESERVATION_NAME, "values": [reservation]}
    used = args.get("use_reservations", True)
    return {"consume_reservation_type": "ANY_RESERVATION" if used else "NO_RESERVATION"}


def _at_first(least: int, most: int, zones: int) -> int:
    """Nodes of each zone when the pool is made: enough for the least, and never beyond the most."""
    each = -(-least // zones)
    return each if each * zones <= most else least // zones


def _accelerator(args: GkeGpuNodePoolArgs, machine: gpus.Gpus) -> tuple[dict[str, Any], dict[str, str]]:
    """The GPUs as GKE takes them, and the labels that its nodes with them have."""
    driver = checks.choice("GkeGpuNodePool.driver", args.get("driver", GkeGpuDriver.DEFAULT), GkeGpuDriver)
    made: dict[str, Any] = {
        "type": machine.accelerator,
        "count": machine.count,
        "gpu_driver_installation_config": {"gpu_driver_version": DRIVERS[driver]},
    }
    chosen = {f"{ABOUT}-accelerator": machine.accelerator}
    if (partition := args.get("partition")) is not None:
        _partition(partition, machine, args["machine_type"])
        made["gpu_partition_size"] = partition
        chosen[f"{ABOUT}-gpu-partition-size"] = partition
    if (sharing := args.get("sharing")) is not None:
        what = "GkeGpuNodePool.sharing"
        checks.given(what, sharing, GkeGpuSharing)
        usual = GkeGpuSharingStrategy.TIME_SHARING
        strategy = checks.choice(f"{what}.strategy", sharing.get("strategy", usual), GkeGpuSharingStrategy)
        clients = checks.whole(f"{what}.clients", sharing["clients"], 2, MOST_CLIENTS, "containers")
        made["gpu_sharing_config"] = {"gpu_sharing_strategy": strategy.value, "max_shared_clients_per_gpu": clients}
        chosen[f"{ABOUT}-gpu-sharing-strategy"] = STRATEGIES[strategy]
        chosen[f"{ABOUT}-max-shared-clients-per-gpu"] = str(clients)
    return made, chosen


def _partition(value: object, machine: gpus.Gpus, machine_type: str) -> None:
    what = "GkeGpuNodePool.partition"
    sizes = gpus.PARTITIONS.get(machine.model)
    if sizes is None:
        able = ", ".join(
            sorted({gpus.family(each) for each, has in gpus.GPU_TYPES.items() if has.model in gpus.PARTITIONS})
        )
        expected = f"nothing beside {machine_type}, whose {machine.model.upper()} cannot be partitioned"
        raise checks.wrong(what, value, expected, f"leave it out, or take a type of {able}")
    if value not in sizes:
        expected = f"a size that {machine.model.upper()} has, one of {', '.join(sizes)}"
        raise checks.wrong(what, value, expected, f"for example {next(iter(sizes))}")


def _taints(given: Sequence[GkeTaint] | None) -> list[dict[str, str]]:
    known = [GkeTaint(key=RESOURCE, value="present")] if given is None else given
    usual = GkeTaintEffect.NO_SCHEDULE
    found = node_labels.taints("GkeGpuNodePool.taints", known, GkeTaint, GkeTaintEffect, usual)
    return [_taint(each["key"], each.get("value", ""), effect) for each, effect in found]


def _taint(key: str, value: str, effect: GkeTaintEffect) -> dict[str, str]:
    return {"key": key, "value": value, "effect": effect.value}


def _upgrade(args: Mapping[str, Any]) -> Any:
    what = "GkeGpuNodePool"
    surge = checks.whole(f"{what}.max_surge", args.get("max_surge", 0), 0, MOST_AT_ONCE, "nodes")
    away = args.get("max_unavailable", 0 if surge else 1)
    checks.whole(f"{what}.max_unavailable", away, 0, MOST_AT_ONCE - surge, "nodes")
    if not surge and not away:
        expected = "at least 1 where max_surge is 0, as an upgrade would otherwise have no node to begin with"
        raise checks.wrong(f"{what}.max_unavailable", away, expected, "write 1")
    return {"strategy": "SURGE", "max_surge": surge, "max_unavailable": int(away)}
