"""What a pod asks of its node, from what the build measured of the model: its size and its latency.

The server itself was measured: a master with the runtime loaded is 58 MiB resident, and each worker adds 15 to 20 of
its own before its model; what is asked for leaves each a little more. A request that is in hand costs memory too, so
the server is told how much of that it may hold (`held`), and the limit leaves room for it.
"""

import math
from collections.abc import Mapping

MEBI = 2**20
MASTER = 64 * MEBI
WORKER = 32 * MEBI
MODEL = 2.0
"""Memory of a loaded model, in multiples of its file: the graph, and the weights as the runtime lays them out."""
HELD = 64 * MEBI
"""Bodies that one worker may have in hand at once."""
PER_BODY = 4
"""Memory of a request in hand, in multiples of its body: text, tensors, answers."""
OVERHEAD_MS = 1.0
"""Of a request, beside the inference: HTTP, JSON, threads."""
LEAST_CPU = 0.1
SCRATCH = "256Mi"
"""Of the node's disk, for /tmp."""


def resources(
    metrics: Mapping[str, float] | None,
    *,
    workers: int = 1,
    requests_per_second: float = 20.0,
    cpu: str | None = None,
    memory: str | None = None,
    cpu_limit: str | None = None,
    memory_limit: str | None = None,
) -> dict[str, dict[str, str]]:
    """Requests and limits of a pod's container.

    metrics: of a ModelImage: `bytes` of the model and `p50_ms` of an inference. None, or without these: a small model.
    requests_per_second: what one pod has to answer steadily; with the latency it makes the CPU that is asked for.
    cpu, memory, cpu_limit, memory_limit: quantities of Kubernetes that stand in place of what would be worked out.
    """
    known = metrics or {}
    model, p50 = float(known.get("bytes") or 0), float(known.get("p50_ms") or 1.0)
    busy = requests_per_second * (p50 + OVERHEAD_MS) / 1000
    need = MASTER + workers * (WORKER + MODEL * model)
    room = workers * HELD * PER_BODY
    wanted = memory or _mebibytes(need)
    return {
        "requests": {
            "cpu": cpu or _cores(min(max(busy, LEAST_CPU), workers)),
            "memory": wanted,
            "ephemeral-storage": "64Mi",
        },
        "limits": {
            "cpu": cpu_limit or _most(cpu, workers),
            "memory": memory_limit or (_mebibytes(need + room) if memory is None else memory),
            "ephemeral-storage": "512Mi",
        },
    }


def _most(cpu: str | None, workers: int) -> str:
    """A core for each worker; what is set aside where that is more, as a limit may not be below it."""
    if cpu is None:
        return str(workers)
    cores = float(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu) if cpu[-1].isdigit() else math.inf
    return cpu if cores > workers else str(workers)


def _cores(count: float) -> str:
    return f"{math.ceil(round(count * 1000, 6) / 50) * 50}m"


def _mebibytes(count: float) -> str:
    return f"{math.ceil(count / MEBI / 16) * 16}Mi"
