"""Machine types of Compute Engine with NVIDIA GPUs, and where they are offered: data with a date, and who says so.

The table is complete: what is not in it is refused, and told apart where there is a reason. A region or a zone without
a machine type is named before anything is planned.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from components import checks
from components.gcp import catalog

UPDATED: Final = "2026-11-22"
"""The day on which somebody last held these tables to what Google says."""

ACCELERATORS: Final[dict[str, str]] = {
    "t4": "nvidia-tesla-t4",
    "v100": "nvidia-tesla-v100",
    "l4": "nvidia-l4",
    "rtx-pro-6000": "nvidia-rtx-pro-6000",
    "a100": "nvidia-tesla-a100",
    "a100-80gb": "nvidia-a100-80gb",
    "h100": "nvidia-h100-80gb",
    "h100-mega": "nvidia-h100-mega-80gb",
    "h200": "nvidia-h200-141gb",
    "b200": "nvidia-b200",
}
"""Models of GPUs, and what the APIs of Compute Engine and GKE call them (Compute Engine, "GPU machine types", and GKE,
"About GPUs", 2026-11-22)."""

PARTITIONS: Final[dict[str, dict[str, int]]] = {
    "a100": {"1g.5gb": 7, "2g.10gb": 3, "3g.20gb": 2, "7g.40gb": 1},
    "a100-80gb": {"1g.10gb": 7, "2g.20gb": 3, "3g.40gb": 2, "7g.80gb": 1},
    "h100": {"1g.10gb": 7, "1g.20gb": 4, "2g.20gb": 3, "3g.40gb": 2, "7g.80gb": 1},
    "h100-mega": {"1g.10gb": 7, "1g.20gb": 4, "2g.20gb": 3, "3g.40gb": 2, "7g.80gb": 1},
    "h200": {"1g.18gb": 7, "1g.35gb": 4, "2g.35gb": 3, "3g.71gb": 2, "4g.71gb": 1, "7g.141gb": 1},
    "b200": {"1g.23gb": 7, "1g.45gb": 4, "2g.45gb": 3, "3g.90gb": 2, "4g.90gb": 1, "7g.180gb": 1},
    "rtx-pro-6000": {"1g.24gb": 4, "2g.48gb": 2, "4g.96gb": 1},
}
"""Sizes into which a GPU can be partitioned (MIG), and how many there are then of each: what the device plugin that
GKE runs on nodes with GPUs takes (GoogleCloudPlatform/container-engine-accelerators, pkg/gpu/nvidia/mig)."""


@dataclass(frozen=True)
class Gpus:
    """A machine with its GPUs."""

    model: str
    """As NVIDIA calls it, in lower case: a key of ACCELERATORS."""
    count: int
    vcpus: int
    memory: float
    """Of the machine, GiB."""

    @property
    def accelerator(self) -> str:
        """What the APIs call the GPU."""
        return ACCELERATORS[self.model]


def _family(name: str, gpu: str, sizes: str) -> dict[str, Gpus]:
    """`sizes`: SIZE=GPUS/VCPUS/GIB, blanks between them."""
    found: dict[str, Gpus] = {}
    for each in sizes.split():
        size, _, numbers = each.partition("=")
        count, vcpus, memory = map(int, numbers.split("/"))
        found[f"{name}-{size}"] = Gpus(gpu, count, vcpus, memory)
    return found


GPU_TYPES: Final[dict[str, Gpus]] = {
    **_family(
        "g2-standard",
        "l4",
        "4=1/4/16 8=1/8/32 12=1/12/48 16=1/16/64 24=2/24/96 32=1/32/128 48=4/48/192 96=8/96/384",
    ),
    **_family("g4-standard", "rtx-pro-6000", "48=1/48/180 96=2/96/360 192=4/192/720 384=8/384/1440"),
    **_family("a2-highgpu", "a100", "1g=1/12/85 2g=2/24/170 4g=4/48/340 8g=8/96/680"),
    **_family("a2-megagpu", "a100", "16g=16/96/1360"),
    **_family("a2-ultragpu", "a100-80gb", "1g=1/12/170 2g=2/24/340 4g=4/48/680 8g=8/96/1360"),
    **_family("a3-highgpu", "h100", "1g=1/26/234 2g=2/52/468 4g=4/104/936 8g=8/208/1872"),
    **_family("a3-edgegpu", "h100", "8g=8/208/1872"),
    **_family("a3-megagpu", "h100-mega", "8g=8/208/1872"),
    **_family("a3-ultragpu", "h200", "8g=8/224/2952"),
    **_family("a4-highgpu", "b200", "8g=8/224/3968"),
}
"""Machine types that come with their GPUs (Compute Engine, "Accelerator-optimized machine family"; processors and
memory as its machineTypes.list told them, which SkyPilot's catalog of 2026 has recorded)."""

N1: Final[dict[str, tuple[int, float]]] = {
    **{f"n1-standard-{size}": (size, 3.75 * size) for size in (2, 4, 8, 16, 32, 64, 96)},
    **{f"n1-highmem-{size}": (size, 6.5 * size) for size in (2, 4, 8, 16, 32, 64, 96)},
}
"""Machine types that GPUs are attached to: processors, and memory in GiB. Those with less memory for each are no use
beside a GPU."""

ATTACHED: Final[dict[str, dict[int, tuple[int, int]]]] = {
    "t4": {1: (48, 312), 2: (48, 312), 4: (96, 624)},
    "v100": {1: (12, 78), 2: (24, 156), 4: (48, 312), 8: (96, 624)},
}
"""GPUs that are attached to a machine of N1: how many there may be, and the most processors and GiB of memory that the
machine has beside so many (Compute Engine, "GPU machine types", N1)."""

LEFT_OUT: Final[dict[str, str]] = {
    "g4-standard-6": "it has a part of a GPU, which wants NVIDIA's vGPU driver and GKE installs another",
    "g4-standard-12": "it has a part of a GPU, which wants NVIDIA's vGPU driver and GKE installs another",
    "g4-standard-24": "it has a part of a GPU, which wants NVIDIA's vGPU driver and GKE installs another",
    "a4x": "it is sold by the rack, to be planned with Google, and its processors are ARM",
    "n1-highcpu": "it has too little memory beside a GPU",
}
"""What begins so has GPUs and is no use here, and why."""

SPOT_ALONE: Final = frozenset({"a3-highgpu-1g", "a3-highgpu-2g", "a3-highgpu-4g"})
"""Sold as Spot VMs, or as Flex-start VMs, which end after seven days at most (Compute Engine, "Accelerator-optimized
machine family", A3 High)."""
RESERVED_OR_SPOT: Final = frozenset({"a3-ultragpu-8g", "a4-highgpu-8g"})
"""Sold by reservation or as Spot VMs, never on demand (AI Hypercomputer, "Choose a consumption option")."""

HYPERDISK: Final = ("g4-standard", "a3-ultragpu", "a4-highgpu")
"""Families that boot from Hyperdisk Balanced alone; the others boot from Persistent Disks (Compute Engine,
"Accelerator-optimized machine family", supported disk types)."""

ZONES: Final[dict[str, str]] = {
    "t4": "asia-east1=ac asia-east2=ac asia-northeast1=ac asia-northeast3=bc asia-south1=ab asia-southeast1=abc "
    "asia-southeast2=ab australia-southeast1=ac europe-central2=bc europe-west1=bcd europe-west2=ab europe-west3=b "
    "europe-west4=abc me-west1=bc northamerica-northeast1=c southamerica-east1=abc us-central1=abcf us-east1=bcd "
    "us-east4=abc us-west1=ab us-west2=bc us-west3=b us-west4=ab",
    "v100": "asia-east1=c europe-west4=abc us-central1=abcf us-east1=bc us-west1=ab",
    "g2-standard": "asia-east1=abc asia-northeast1=abc asia-northeast3=ab asia-south1=abc asia-southeast1=abc "
    "europe-west1=bc europe-west2=ab europe-west3=ab europe-west4=abc europe-west6=bc me-central2=ac "
    "northamerica-northeast1=bc northamerica-northeast2=ab us-central1=abc us-east1=bcd us-east4=ac us-west1=abc "
    "us-west4=ac",
    "g4-standard": "asia-east1=ab asia-south1=c asia-south2=ac asia-southeast1=abc asia-southeast2=bc "
    "europe-north1=abc europe-west1=bc europe-west10=b europe-west2=bc europe-west4=abc europe-west8=bc me-central2=a "
    "us-central1=bcf us-east1=bd us-east4=bc us-east5=abc us-south1=ab us-west1=abc us-west3=a us-west4=ac",
    "a2-highgpu": "asia-northeast1=ac asia-northeast3=ab asia-southeast1=abc europe-west4=ab me-west1=ac "
    "us-central1=abcf us-east1=b us-west1=b us-west3=b us-west4=b",
    "a2-megagpu": "asia-southeast1=ac europe-west4=ab us-central1=abcf",
    "a2-ultragpu": "asia-southeast1=c europe-west4=a us-central1=ac us-east4=c us-east5=ab",
    "a3-highgpu": "asia-east1=c asia-northeast1=b asia-south1=c asia-south2=b asia-southeast1=bc "
    "australia-southeast1=c europe-north1=c europe-west1=bc europe-west3=c europe-west4=bc europe-west9=c "
    "us-central1=abc us-east4=abc us-east5=a us-west1=ab us-west4=a",
    "a3-edgegpu": "asia-northeast1=b asia-northeast3=ac asia-south1=c asia-southeast1=bc europe-west2=b "
    "europe-west3=ac europe-west4=bc europe-west9=c northamerica-northeast2=c us-central1=abc us-east4=abc us-east5=a "
    "us-west1=ab us-west4=a",
    "a3-megagpu": "asia-east1=c asia-northeast1=b asia-southeast1=bc australia-southeast1=c europe-north1=c "
    "europe-west1=bc europe-west3=c europe-west4=bc us-central1=abc us-east4=abc us-east5=a us-west1=ab us-west4=a",
    "a3-ultragpu": "asia-south1=b asia-south2=c europe-west1=b europe-west4=a us-central1=b us-east4=b us-east5=a "
    "us-south1=b us-west1=c",
    "a4-highgpu": "asia-northeast1=b asia-southeast1=b europe-north1=bc europe-west4=b us-central1=b us-east1=b "
    "us-east4=b us-south1=b us-west2=c us-west3=bc",
}
"""Letters of the zones, by region, that offer a family, or a GPU that is attached: what Compute Engine's
machineTypes.list and acceleratorTypes.list told (as SkyPilot's catalog of 2026 has recorded them), and the zones that
Google's documentation had beside those ("GPU regions and zones" and "Regions and zones", 2026-10). In some of them
there is only what was reserved: that a zone offers a type does not say that one can be had today."""


class GkeAttachedGpu(Enum):
    """A GPU that is attached to a machine of the series N1."""

    T4 = "T4"
    """NVIDIA T4, 16 GB: 1, 2 or 4 of them."""
    V100 = "V100"
    """NVIDIA V100, 16 GB: 1, 2, 4 or 8 of them."""


def family(machine_type: str) -> str:
    """What comes before the size."""
    return machine_type.rpartition("-")[0]


def disk_type(machine_type: str) -> str:
    """What its machine boots from."""
    return "hyperdisk-balanced" if family(machine_type) in HYPERDISK else "pd-balanced"


def _where(machine_type: str, model: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in ZONES[model if model in ATTACHED else family(machine_type)].split():
        region, _, letters = each.partition("=")
        found[region] = [f"{region}-{letter}" for letter in letters]
    return found


def zones(machine_type: str, model: str, region: str) -> list[str]:
    """The zones of a region that offer a machine type with its GPUs, or with those that are attached to it."""
    return _where(machine_type, model).get(region, [])


def regions(machine_type: str, model: str) -> list[str]:
    """The regions that do."""
    return [each for each in catalog.ZONES if each in _where(machine_type, model)]


def machine(what: str, machine_type: object, gpu: object = None, count: object = None) -> Gpus:
    """A machine type with its GPUs, or with `count` of `gpu` attached. Raises ArgsError.

    what: the component, whose arguments are `machine_type`, `gpu` and `gpu_count`.
    """
    if machine_type in N1:
        return _attached(what, str(machine_type), gpu, count)
    if machine_type not in GPU_TYPES:
        raise _unknown(f"{what}.machine_type", machine_type)
    for key, value in (("gpu", gpu), ("gpu_count", count)):
        if value is not None:
            told = value.value if isinstance(value, Enum) else value
            expected = f"nothing beside {machine_type}, which has GPUs of its own"
            raise checks.wrong(f"{what}.{key}", told, expected, "leave it out")
    return GPU_TYPES[str(machine_type)]


def _unknown(what: str, machine_type: object) -> checks.ArgsError:
    expected = "a machine type with NVIDIA GPUs, or of the series n1"
    reason = next((why for start, why in LEFT_OUT.items() if f"{machine_type}-".startswith(f"{start}-")), None)
    if reason is not None:
        return checks.wrong(what, machine_type, f"{expected}, but {reason}", "for example g2-standard-8")
    near = difflib.get_close_matches(str(machine_type), [*GPU_TYPES, *N1], 1)
    return checks.wrong(what, machine_type, expected, f"for example {near[0] if near else 'g2-standard-8'}")


def _attached(what: str, machine_type: str, gpu: object, count: object) -> Gpus:
    if gpu is None:
        raise checks.ArgsError(
            f"{what}.gpu is missing, expected the GPU that is attached to {machine_type}, which has none of its own; "
            "write gpu: T4"
        )
    model = checks.choice(f"{what}.gpu", gpu, GkeAttachedGpu).value.lower()
    limits = ATTACHED[model]
    many = checks.whole(f"{what}.gpu_count", 1 if count is None else count, 1, max(limits), "GPUs")
    if many not in limits:
        more = min(each for each in limits if each > many)
        raise checks.wrong(f"{what}.gpu_count", many, f"one of {', '.join(map(str, limits))}", f"write {more}")
    vcpus, memory = N1[machine_type]
    most, gib = limits[many]
    if vcpus > most or memory > gib:
        fits = [each for each, (cpus, size) in limits.items() if vcpus <= cpus and memory <= size]
        fix = f"write gpu_count: {fits[0]}, or take a smaller one" if fits else "take a smaller one"
        expected = f"at most {most} vCPUs and {gib} GiB beside {many} {model.upper()}"
        raise checks.wrong(f"{what}.machine_type", machine_type, expected, fix)
    return Gpus(model, many, vcpus, memory)


def offered(what: str, machine_type: str, gpus: Gpus, region: str, wanted: Sequence[str] | None) -> list[str]:
    """The zones that nodes go into: those that are wanted, or all of the region that offer the type. Raises ArgsError.

    what: the component, whose arguments are `machine_type` and `zones`.
    """
    has = zones(machine_type, gpus.model, region)
    called = f"{machine_type} with {gpus.model.upper()}" if gpus.model in ATTACHED else machine_type
    if not has:
        known = regions(machine_type, gpus.model)
        near = sorted(known, key=lambda each: (each.partition("-")[0] != region.partition("-")[0], known.index(each)))
        raise checks.wrong(
            f"{what}.machine_type", called, f"a machine type that {region} has", f"{', '.join(near[:3])} have it"
        )
    if wanted is None:
        return has
    if isinstance(wanted, str) or not wanted:
        raise checks.wrong(f"{what}.zones", wanted, "a list of at least one zone", f"write {has}, or leave it out")
    for each in wanted:
        if each not in has:
            expected = f"zones of {region} that have {called}"
            raise checks.wrong(f"{what}.zones", each, expected, f"take of {', '.join(has)}")
    if len(set(wanted)) != len(wanted):
        raise checks.wrong(f"{what}.zones", list(wanted), "each zone once", f"write {sorted(set(wanted))}")
    return list(wanted)
