"""How much CPU and memory an instance of Cloud Run gets, and which GPU: the pairs that there are, and where."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

from components import checks

WHAT: Final = "CloudRunService"
GIB: Final = 1024
"""MiB."""

PAIRS: Final[dict[int, tuple[int, int]]] = {
    1: (512, 4 * GIB),
    2: (512, 8 * GIB),
    4: (2 * GIB, 16 * GIB),
    6: (4 * GIB, 24 * GIB),
    8: (4 * GIB, 32 * GIB),
}
"""MiB of memory by vCPU, at least and at most ("Configure CPU limits" and "Configure memory limits" of Cloud Run, the
second generation of its sandbox, 2026-11-22). Less than one vCPU answers one request at a time, and is left out."""
CPU_USUAL, MEMORY_USUAL = 1, 2 * GIB


class CloudRunGpu(Enum):
    """GPUs of Cloud Run, one for each instance."""

    L4 = "nvidia-l4"
    """24 GB of its own."""
    RTX_PRO_6000 = "nvidia-rtx-pro-6000"
    """96 GB of its own."""


class _Gpu(NamedTuple):
    pairs: Mapping[int, tuple[int, int]]
    regions: tuple[str, ...]
    invited: tuple[str, ...]


GPUS: Final[dict[CloudRunGpu, _Gpu]] = {
    CloudRunGpu.L4: _Gpu(
        {cpu: (16 * GIB, PAIRS[cpu][1]) for cpu in (4, 6, 8)},
        ("asia-south1", "asia-southeast1", "europe-west1", "europe-west4", "us-central1", "us-east4"),
        ("asia-south1", "us-central1"),
    ),
    CloudRunGpu.RTX_PRO_6000: _Gpu(
        dict.fromkeys(range(20, 45), (80 * GIB, 176 * GIB)),
        ("asia-south2", "asia-southeast1", "europe-west4", "us-central1"),
        ("asia-south2",),
    ),
}
"""What an instance with a GPU has of CPU and memory, the regions that have it, and which of these Google invites to
("GPU support" of Cloud Run, and for the most of an RTX PRO 6000 Google's announcement of it, 2026-11-22)."""


class Size(NamedTuple):
    """Of an instance."""

    cpu: int
    memory: int
    """MiB."""
    gpu: CloudRunGpu | None


def asked(args: Mapping[str, Any], what: str = WHAT) -> Size:
    """`cpu`, `memory` and `gpu` of what runs in Cloud Run. Raises ArgsError, which names the nearest."""
    gpu = None if args.get("gpu") is None else checks.choice(f"{WHAT}.gpu", args["gpu"], CloudRunGpu)
    pairs: Mapping[int, tuple[int, int]] = PAIRS
    if gpu is not None:
        pairs = GPUS[gpu].pairs
        _here(gpu, str(args["region"]))
    elif "gpu_zonal_redundancy" in args:
        got = args["gpu_zonal_redundancy"]
        raise checks.wrong(f"{WHAT}.gpu_zonal_redundancy", got, "none without a GPU", "leave it out, or write gpu")
    beside = "" if gpu is None else f" with {gpu.value}"
    cpu = args.get("cpu", CPU_USUAL if gpu is None else min(pairs))
    if cpu not in pairs or isinstance(cpu, bool):
        number = cpu if isinstance(cpu, int | float) and not isinstance(cpu, bool) else min(pairs)
        nearest = min(pairs, key=lambda each: abs(each - number))
        listed = ", ".join(map(str, pairs)) if len(pairs) < 10 else f"{min(pairs)} to {max(pairs)}"
        raise checks.wrong(f"{what}.cpu", cpu, f"{listed} vCPU{beside}", f"write {nearest}")
    least, most = pairs[int(cpu)]
    usual = MEMORY_USUAL if gpu is None and int(cpu) == CPU_USUAL else max(least, MEMORY_USUAL)
    memory = checks.whole(
        f"{what}.memory beside {int(cpu)} vCPU{beside}", args.get("memory", usual), least, most, "MiB"
    )
    return Size(int(cpu), memory, gpu)


def _here(gpu: CloudRunGpu, region: str) -> None:
    if region not in GPUS[gpu].regions:
        near = sorted(GPUS[gpu].regions, key=lambda each: (each.partition("-")[0] != region.partition("-")[0], each))
        expected = f"a GPU that Cloud Run has in {region}"
        raise checks.wrong(f"{WHAT}.gpu", gpu.value, expected, f"{', '.join(near)} have it")
