"""Nodes with GPUs in a cluster on GKE, as they would be registered."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.checks import ArgsError
from components.gcp import gpus
from components.gcp.gpu_nodes import (
    GkeGpuDriver,
    GkeGpuNodePool,
    GkeGpuNodePoolArgs,
    GkeGpuSharingStrategy,
    GkeTaintEffect,
)
from components.gcp.gpus import GkeAttachedGpu
from components.kubernetes import gpu_nodes as in_the_cluster
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
PROJECT, REGION = "shop-prod", "europe-west4"
KEY = f"projects/{PROJECT}/locations/{REGION}/keyRings/nodes/cryptoKeys/disks"
ACCOUNT = f"shop-nodes@{PROJECT}.iam.gserviceaccount.com"
HERE: GkeGpuNodePoolArgs = {
    "project": PROJECT,
    "region": REGION,
    "cluster_name": "shop",
    "node_service_account": ACCOUNT,
    "node_tag": "shop-nodes",
    "machine_type": "g2-standard-8",
}
NODES = "gcp:container/nodePool:NodePool"
ZONES = [f"{REGION}-{letter}" for letter in "abc"]
GPU_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}


def _told(made: Planned) -> dict[str, Any]:
    return {"name": f"{made.name}-1a2b3c4"}


OUTPUTS: dict[str, Callable[[Planned], dict[str, Any]]] = {NODES: _told}


def _plan(preview: bool = True, **more: Any) -> Plan:
    args: Any = {**HERE, **more}
    return plan(lambda: GkeGpuNodePool("gpu", args), preview=preview, outputs=OUTPUTS)


def _nodes(name: str = "gpu-on-demand", **more: Any) -> dict[str, Any]:
    """What is asked of one pool's nodes."""
    found: dict[str, Any] = _plan(**more).one(NODES, name).inputs["nodeConfig"]
    return found


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    _plan(preview, spot=True).holds(SNAPSHOTS / "gpu_nodes.txt")


def test_without_spot_the_names_of_what_remains_are_the_same() -> None:
    assert set(_plan().lines()) < set(_plan(spot=True).lines())


def test_the_longest_name_is_a_node_pools_with_pulumis_suffix() -> None:
    name = "g" * 22
    found = plan(lambda: GkeGpuNodePool(name, {**HERE, "spot": True}))
    assert max(len(each.name) for each in found.all(NODES)) + 8 == 40


def test_the_nodes() -> None:
    """All that is asked for: what is not here is Google's default."""
    pool = _plan(False).one(NODES)
    assert pool.inputs == {
        "project": PROJECT,
        "location": REGION,
        "cluster": "shop",
        "nodeLocations": ZONES,
        "initialNodeCount": 0,
        "autoscaling": {"totalMinNodeCount": 0, "totalMaxNodeCount": 1, "locationPolicy": "ANY"},
        "management": {"autoRepair": True, "autoUpgrade": True},
        "upgradeSettings": {"strategy": "SURGE", "maxSurge": 0, "maxUnavailable": 1},
        "networkConfig": {"enablePrivateNodes": True},
        "nodeConfig": {
            "machineType": "g2-standard-8",
            "imageType": "COS_CONTAINERD",
            "guestAccelerators": [
                {
                    "type": "nvidia-l4",
                    "count": 1,
                    "gpuDriverInstallationConfig": {"gpuDriverVersion": "DEFAULT"},
                }
            ],
            "diskType": "pd-balanced",
            "diskSizeGb": 100,
            "serviceAccount": ACCOUNT,
            "oauthScopes": ["https://www.googleapis.com/auth/cloud-platform"],
            "tags": ["shop-nodes"],
            "taints": [GPU_TAINT],
            "resourceLabels": {"modelport-component": "gpu"},
            "metadata": {"disable-legacy-endpoints": "true"},
            "workloadMetadataConfig": {"mode": "GKE_METADATA"},
            "shieldedInstanceConfig": {"enableSecureBoot": True, "enableIntegrityMonitoring": True},
            "kubeletConfig": {"insecureKubeletReadonlyPortEnabled": "FALSE"},
            "gcfsConfig": {"enabled": True},
            "gvnic": {"enabled": True},
            "reservationAffinity": {"consumeReservationType": "ANY_RESERVATION"},
        },
    }


@pytest.mark.parametrize("name", ["gpu-on-demand", "gpu-spot"])
def test_what_others_move_is_left_alone(name: str) -> None:
    """A pool whose first number of nodes differs would be replaced."""
    assert _plan(spot=True).one(NODES, name).request["ignoreChanges"] == ["initialNodeCount", "nodeCount", "version"]


def test_the_cluster_they_join_may_be_unknown() -> None:
    def program() -> None:
        later = GkeGpuNodePool("earlier", HERE).names.apply(lambda known: known[0])
        told = {"cluster_name": later, "node_service_account": later, "node_tag": later, "disk_key_name": later}
        args: Any = {**HERE, **told, "labels": later.apply(lambda known: {"team": known})}
        GkeGpuNodePool("gpu", args)

    pool = plan(program).one(NODES, "gpu-on-demand")
    assert pool.inputs["cluster"] == UNKNOWN
    for key in ("serviceAccount", "bootDiskKmsKey", "resourceLabels"):
        assert pool.inputs["nodeConfig"][key] == UNKNOWN
    assert pool.inputs["nodeConfig"]["tags"] == [UNKNOWN]
    assert pool.depends_on == {"earlier-on-demand"}


def test_what_is_wrong_with_a_cluster_that_was_unknown_is_told_before_the_nodes_are_made() -> None:
    args: Any = {**HERE, "node_service_account": pulumi.Output.from_input("shop-nodes")}
    with pytest.raises(Exception, match=r"GkeGpuNodePool\.node_service_account is 'shop-nodes', expected the address"):
        plan(lambda: GkeGpuNodePool("gpu", args), preview=False)


def test_what_prefers_spot_falls_back_to_a_pool_on_demand() -> None:
    found = _plan(spot=True, min=1, max=4)
    on_demand, spot = found.one(NODES, "gpu-on-demand").inputs, found.one(NODES, "gpu-spot").inputs
    # What is always there does not hang on spot capacity.
    assert on_demand["autoscaling"] == {"totalMinNodeCount": 1, "totalMaxNodeCount": 4, "locationPolicy": "ANY"}
    assert spot["autoscaling"] == {"totalMinNodeCount": 0, "totalMaxNodeCount": 4, "locationPolicy": "ANY"}
    assert {key for key in spot if spot[key] != on_demand[key]} == {"autoscaling", "initialNodeCount", "nodeConfig"}
    nodes, others = spot["nodeConfig"], on_demand["nodeConfig"]
    assert nodes["spot"] is True
    assert "spot" not in others
    # A Spot VM is not taken out of a reservation.
    assert "reservationAffinity" not in nodes
    apart = {"spot", "reservationAffinity", "taints"}
    assert {key for key in {*nodes, *others} if nodes.get(key) != others.get(key)} == apart


def test_the_scheduler_would_rather_have_spot_nodes() -> None:
    """The autoscaler makes the cheaper ones first; a soft taint keeps pods off the others while there are some."""
    soft = {"key": "modelport.io/on-demand", "value": "true", "effect": "PREFER_NO_SCHEDULE"}
    assert _nodes("gpu-on-demand", spot=True)["taints"] == [GPU_TAINT, soft]
    assert _nodes("gpu-spot", spot=True)["taints"] == [GPU_TAINT]
    assert _nodes("gpu-on-demand")["taints"] == [GPU_TAINT]


@pytest.mark.parametrize(
    ("more", "first"),
    [
        ({}, 0),
        ({"min": 1, "max": 3}, 1),
        ({"min": 4, "max": 6}, 2),
        # Three zones with one node each would be more than there may be: the autoscaler makes the least by itself.
        ({"min": 1, "max": 1}, 0),
        ({"min": 4, "max": 5}, 1),
        ({"min": 1, "max": 1, "zones": ["europe-west4-b"]}, 1),
    ],
)
def test_the_first_nodes_of_each_zone_are_the_least_and_never_beyond_the_most(more: Any, first: int) -> None:
    assert _plan(**more).one(NODES).inputs["initialNodeCount"] == first


@pytest.mark.parametrize(
    ("type_", "spot", "reservation", "pools"),
    [
        ("g2-standard-8", False, None, ["gpu-on-demand"]),
        ("g2-standard-8", True, None, ["gpu-on-demand", "gpu-spot"]),
        ("g2-standard-8", False, "gpus", ["gpu-on-demand"]),
        ("a3-highgpu-1g", True, None, ["gpu-spot"]),
        ("a3-ultragpu-8g", True, None, ["gpu-spot"]),
        ("a3-ultragpu-8g", False, "gpus", ["gpu-on-demand"]),
        ("a4-highgpu-8g", True, "gpus", ["gpu-on-demand", "gpu-spot"]),
    ],
)
def test_there_are_the_pools_that_google_sells(
    type_: str, spot: bool, reservation: str | None, pools: list[str]
) -> None:
    more: Any = {} if reservation is None else {"reservation": reservation, "zones": [_zone(type_)]}
    found = _plan(machine_type=type_, spot=spot, **more).all(NODES)
    assert [each.name for each in found] == pools


def _zone(type_: str) -> str:
    return gpus.zones(type_, gpus.GPU_TYPES[type_].model, REGION)[0]


def test_the_least_number_of_a_type_that_is_sold_as_spot_alone_is_of_its_only_pool() -> None:
    found = _plan(machine_type="a3-highgpu-1g", spot=True, min=2, max=4).one(NODES, "gpu-spot")
    assert found.inputs["autoscaling"]["totalMinNodeCount"] == 2
    assert found.inputs["nodeConfig"]["taints"] == [GPU_TAINT]


@pytest.mark.parametrize(
    ("more", "affinity"),
    [
        ({}, {"consumeReservationType": "ANY_RESERVATION"}),
        ({"use_reservations": False}, {"consumeReservationType": "NO_RESERVATION"}),
        (
            {"reservation": "projects/shop-prod/reservations/gpus", "zones": ["europe-west4-b"]},
            {
                "consumeReservationType": "SPECIFIC_RESERVATION",
                "key": "compute.googleapis.com/reservation-name",
                "values": ["projects/shop-prod/reservations/gpus"],
            },
        ),
    ],
)
def test_what_nodes_are_taken_out_of(more: Any, affinity: Any) -> None:
    assert _nodes(**more)["reservationAffinity"] == affinity


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        (GkeGpuDriver.DEFAULT, "DEFAULT"),
        (GkeGpuDriver.LATEST, "LATEST"),
        (GkeGpuDriver.NONE, "INSTALLATION_DISABLED"),
        ("NONE", "INSTALLATION_DISABLED"),
    ],
)
def test_the_driver(driver: Any, expected: str) -> None:
    (gpu,) = _nodes(driver=driver)["guestAccelerators"]
    assert gpu["gpuDriverInstallationConfig"] == {"gpuDriverVersion": expected}


def _asked_for(**more: Any) -> dict[str, str]:
    """By which labels a pod asks for the GPUs."""
    found: dict[str, str] = {}

    def program() -> None:
        args: Any = {**HERE, **more}
        GkeGpuNodePool("gpu", args).node_selector.apply(found.update)

    plan(program)
    return found


@pytest.mark.parametrize(
    ("given", "sharing", "labels"),
    [
        (
            {"clients": 4},
            {"gpuSharingStrategy": "TIME_SHARING", "maxSharedClientsPerGpu": 4},
            {"gke-gpu-sharing-strategy": "time-sharing", "gke-max-shared-clients-per-gpu": "4"},
        ),
        (
            {"strategy": GkeGpuSharingStrategy.MPS, "clients": 48},
            {"gpuSharingStrategy": "MPS", "maxSharedClientsPerGpu": 48},
            {"gke-gpu-sharing-strategy": "mps", "gke-max-shared-clients-per-gpu": "48"},
        ),
    ],
)
def test_containers_share_a_gpu_and_a_pod_asks_for_a_share(given: Any, sharing: Any, labels: dict[str, str]) -> None:
    (gpu,) = _nodes(sharing=given)["guestAccelerators"]
    assert gpu["gpuSharingConfig"] == sharing
    expected = {f"cloud.google.com/{key}": value for key, value in {"gke-accelerator": "nvidia-l4", **labels}.items()}
    assert _asked_for(sharing=given) == expected


@pytest.mark.parametrize(
    ("type_", "size"),
    [
        (next(each for each in gpus.GPU_TYPES if gpus.GPU_TYPES[each].model == model), size)
        for model, sizes in gpus.PARTITIONS.items()
        for size in sizes
    ],
)
def test_every_partition_that_a_gpu_has_can_be_asked_for(type_: str, size: str) -> None:
    region = gpus.regions(type_, gpus.GPU_TYPES[type_].model)[0]
    more = {"machine_type": type_, "region": region, "partition": size, "spot": True}
    (gpu,) = _nodes("gpu-spot", **more)["guestAccelerators"]
    assert gpu["gpuPartitionSize"] == size
    assert _asked_for(**more)["cloud.google.com/gke-gpu-partition-size"] == size


def test_a_partition_may_be_shared() -> None:
    more: Any = {"machine_type": "a2-highgpu-1g", "partition": "1g.5gb", "sharing": {"clients": 2}}
    (gpu,) = _nodes(**more)["guestAccelerators"]
    assert (gpu["gpuPartitionSize"], gpu["gpuSharingConfig"]["maxSharedClientsPerGpu"]) == ("1g.5gb", 2)


@pytest.mark.parametrize("type_", list(gpus.GPU_TYPES))
def test_every_type_can_be_had_where_it_is_offered(type_: str) -> None:
    machine = gpus.GPU_TYPES[type_]
    region = gpus.regions(type_, machine.model)[-1]
    pool = _plan(machine_type=type_, region=region, spot=True).all(NODES)[-1]
    nodes = pool.inputs["nodeConfig"]
    assert pool.inputs["nodeLocations"] == gpus.zones(type_, machine.model, region)
    assert (nodes["machineType"], nodes["diskType"]) == (type_, gpus.disk_type(type_))
    (gpu,) = nodes["guestAccelerators"]
    assert (gpu["type"], gpu["count"]) == (machine.accelerator, machine.count)


@pytest.mark.parametrize(
    ("gpu", "count", "accelerator", "zones"),
    [
        (GkeAttachedGpu.T4, None, {"type": "nvidia-tesla-t4", "count": 1}, "europe-west3-b"),
        ("T4", 4, {"type": "nvidia-tesla-t4", "count": 4}, "europe-west3-b"),
        (GkeAttachedGpu.V100, 2, {"type": "nvidia-tesla-v100", "count": 2}, "us-west1-a us-west1-b"),
    ],
)
def test_gpus_are_attached_to_n1_where_both_are(gpu: Any, count: int | None, accelerator: Any, zones: str) -> None:
    more: Any = {} if count is None else {"gpu_count": count}
    region = zones.split()[0][:-2]
    pool = _plan(machine_type="n1-standard-8", gpu=gpu, region=region, **more).one(NODES)
    assert pool.inputs["nodeLocations"] == zones.split()
    (found,) = pool.inputs["nodeConfig"]["guestAccelerators"]
    assert {**found, **accelerator} == found


def test_zones_are_those_that_are_named() -> None:
    assert _plan(zones=["europe-west4-c"]).one(NODES).inputs["nodeLocations"] == ["europe-west4-c"]


def test_disks_are_encrypted_with_the_key_that_is_named() -> None:
    nodes = _nodes(disk_key_name=KEY, disk_gib=300)
    assert (nodes["bootDiskKmsKey"], nodes["diskSizeGb"]) == (KEY, 300)


def test_images_stream_unless_somebody_does_not_want_it() -> None:
    assert _nodes(image_streaming=False)["gcfsConfig"] == {"enabled": False}


def test_an_upgrade_may_go_beyond_the_nodes_that_are_there() -> None:
    settings = _plan(max_surge=1).one(NODES).inputs["upgradeSettings"]
    assert settings == {"strategy": "SURGE", "maxSurge": 1, "maxUnavailable": 0}
    settings = _plan(max_surge=2, max_unavailable=3).one(NODES).inputs["upgradeSettings"]
    assert settings == {"strategy": "SURGE", "maxSurge": 2, "maxUnavailable": 3}


def test_labels_and_taints_of_ones_own() -> None:
    given = [{"key": "slow", "effect": GkeTaintEffect.PREFER_NO_SCHEDULE}, {"key": "a.b/c", "value": "d"}]
    nodes = _nodes(node_labels={"team": "ml"}, taints=given)
    assert nodes["labels"] == {"team": "ml"}
    assert nodes["taints"] == [
        {"key": "slow", "value": "", "effect": "PREFER_NO_SCHEDULE"},
        {"key": "a.b/c", "value": "d", "effect": "NO_SCHEDULE"},
    ]


def test_machines_have_the_labels_that_are_given_in_google_cloud() -> None:
    for name in ("gpu-on-demand", "gpu-spot"):
        nodes = _nodes(name, labels={"team": "ml"}, spot=True)
        assert nodes["resourceLabels"] == {"modelport-component": "gpu", "team": "ml"}


def test_the_device_plugin_of_gpu_nodes_stays_away_and_its_pods_are_let_in() -> None:
    """GKE runs a plugin of its own: a second would tell the kubelet of the same GPUs."""
    args: in_the_cluster.GpuNodesArgs = {"device_plugin_image": f"registry.test/plugin@sha256:{'0' * 64}"}
    daemons = plan(lambda: in_the_cluster.GpuNodes("gpus", args)).one("kubernetes:apps/v1:DaemonSet")
    pod = daemons.inputs["spec"]["template"]["spec"]
    (selected,) = pod["nodeSelector"]
    assert selected not in _nodes().get("labels", {})
    with pytest.raises(ArgsError, match=r"a key of GkeGpuNodePool\.node_labels is 'nvidia\.com/gpu\.present'"):
        _plan(node_labels={selected: "true"})
    (taint,) = _nodes()["taints"]
    (tolerated,) = pod["tolerations"]
    assert (tolerated["key"], tolerated["operator"], tolerated["effect"]) == (taint["key"], "Exists", "NoSchedule")


def test_what_it_tells() -> None:
    found: dict[str, Any] = {}

    def program() -> None:
        pool = GkeGpuNodePool("gpu", {**HERE, "spot": True})
        told = {each: getattr(pool, each) for each in GkeGpuNodePool.__annotations__}
        pulumi.Output.all(**told).apply(found.update)

    plan(program, preview=False, outputs=OUTPUTS)
    assert found == {
        "names": ["gpu-on-demand-1a2b3c4", "gpu-spot-1a2b3c4"],
        "node_selector": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
    }
