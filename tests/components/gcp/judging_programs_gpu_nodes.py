"""Nodes with GPUs as programs: as they are by default, and in their other kinds with every argument."""

from collections.abc import Callable
from typing import Final

from components.gcp.gpu_nodes import (
    GkeGpuDriver,
    GkeGpuNodePool,
    GkeGpuNodePoolArgs,
    GkeGpuSharingStrategy,
    GkeTaintEffect,
)
from components.gcp.gpus import GkeAttachedGpu

PROJECT: Final = "shop-prod"
REGION: Final = "europe-west4"
HERE: Final[GkeGpuNodePoolArgs] = {
    "project": PROJECT,
    "region": REGION,
    "cluster_name": "shop",
    "node_service_account": f"shop-nodes@{PROJECT}.iam.gserviceaccount.com",
    "node_tag": "shop-nodes",
    "machine_type": "g2-standard-8",
}


def gpu_nodes() -> None:
    GkeGpuNodePool("gpu", HERE)


def gpu_nodes_on_spot() -> None:
    GkeGpuNodePool(
        "gpu",
        {
            **HERE,
            "zones": [f"{REGION}-a", f"{REGION}-b"],
            "min": 2,
            "max": 8,
            "spot": True,
            "use_reservations": False,
            "sharing": {"strategy": GkeGpuSharingStrategy.TIME_SHARING, "clients": 4},
            "driver": GkeGpuDriver.LATEST,
            "image_streaming": False,
            "disk_gib": 300,
            "disk_key_name": f"projects/{PROJECT}/locations/{REGION}/keyRings/nodes/cryptoKeys/disks",
            "node_labels": {"team": "ml"},
            "taints": [
                {"key": "nvidia.com/gpu", "value": "present"},
                {"key": "slow", "effect": GkeTaintEffect.PREFER_NO_SCHEDULE},
            ],
            "max_surge": 1,
            "max_unavailable": 1,
            "labels": {"team": "ml"},
        },
    )


def gpu_nodes_that_were_reserved() -> None:
    GkeGpuNodePool(
        "gpu",
        {
            **HERE,
            "machine_type": "a3-ultragpu-8g",
            "zones": [f"{REGION}-a"],
            "reservation": f"projects/{PROJECT}/reservations/gpus",
            "partition": "1g.18gb",
            "sharing": {"strategy": GkeGpuSharingStrategy.MPS, "clients": 2},
        },
    )


def gpu_nodes_of_n1() -> None:
    GkeGpuNodePool(
        "gpu",
        {
            **HERE,
            "machine_type": "n1-standard-8",
            "gpu": GkeAttachedGpu.T4,
            "gpu_count": 2,
            "driver": GkeGpuDriver.NONE,
        },
    )


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "gpu-nodes": gpu_nodes,
    "gpu-nodes-on-spot": gpu_nodes_on_spot,
    "gpu-nodes-that-were-reserved": gpu_nodes_that_were_reserved,
    "gpu-nodes-of-n1": gpu_nodes_of_n1,
}
