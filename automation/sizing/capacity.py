"""How many machines of a shape carry a load, and how long callers wait then: a model, and not a measurement.

What is known is what a request costs on the machine that built, of one core's time. What is not known is how fast a
vCPU elsewhere is, so `speed` is an assumption with a name. The rest follows:

- A worker answers one request at a time on its share of the vCPUs. Workers beyond the vCPUs share them.
- Machines are busy at most 1 - headroom of the time.
- Each worker has a queue of its own, since a connection that is kept alive stays with its worker, and requests come at
  random moments (M/G/1). Of a worker that is busy u of the time, 99 of 100 requests wait at most
  ln(100 u) (1 + v) / (2 (1 - u)) times the time of one, v being the variance of that time by the square of its mean.
- Of wait and request, what 99 of 100 take at most is added up, which is more than 99 of 100 take of both together.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from automation.sizing.clusters import Pods

MEBI: Final = 2**20
MOST: Final = 1000
"""Machines, beyond which another shape is meant."""
MOST_WORKERS: Final = 64
SPEED: Final = 0.5
"""What a vCPU there does of what a core here does, where nobody says it. A vCPU is one of two threads of a core in most
types, so with both at work each has half of a core; what such threads gain together, and newer cores, is in reserve."""
HEADROOM: Final = 0.3
LEAST: Final = 2


@dataclass(frozen=True)
class Load:
    """What is to be carried."""

    rps: float
    """Requests a second, of all callers together."""
    p99_ms: float | None = None
    """Within which 99 of 100 requests are to be answered, without the network. None: that is not looked at."""
    headroom: float = HEADROOM
    """Share of the processors that is kept free."""
    least: int = LEAST
    """The fewest machines, so that one may fail."""
    speed: float = SPEED


@dataclass(frozen=True)
class Cost:
    """What a request costs, as a build measured it on one core, and what the server holds in memory."""

    cpu_ms: float
    cpu_sd_ms: float
    cpu_p99_ms: float
    master_bytes: int
    worker_bytes: int


@dataclass(frozen=True)
class Shape:
    """What a machine has."""

    vcpus: float
    memory: float
    """MiB."""
    reserve: float = 0.0
    """MiB that the system, its agents and what is written to /tmp take."""
    steady: float = 1.0
    """Share of its vCPUs that it has for as long as it likes; less for what earns credits."""


@dataclass(frozen=True)
class Fit:
    """How a shape carries a load."""

    count: int
    workers: int
    """On each."""
    busy: float
    """Share of the time that processors are busy, of what is theirs for long."""
    p99_ms: float
    """Within which 99 of 100 requests are answered."""
    memory: float
    """MiB that each needs."""
    billed_ms: float = 0.0
    """Of a request, where that is paid for."""
    measured: str = ""
    """Type of machine that it was measured on; empty where it is reckoned."""
    pods: "Pods | None" = None
    """In a cluster, where `count` is of nodes, and `workers` of each pod."""


@dataclass(frozen=True)
class Misfit:
    """Why it does not."""

    limit: str
    """`memory`, `latency` or `number`; of a cluster's node `pods`, for want of CPU, or `places`."""
    got: float
    expected: float

    def __str__(self) -> str:
        if self.limit == "memory":
            return f"has {self.got:.0f} MiB for the model, which needs {self.expected:.0f}"
        if self.limit == "latency":
            return f"answers 99 of 100 in {self.got:.3g} ms at best, expected {self.expected:g}"
        if self.limit == "pods":
            return f"has {self.got:.3g} vCPU for pods, of which one has {self.expected:g} set aside"
        if self.limit == "places":
            return f"has places for {self.got:.0f} pods beside the cluster's own, expected {self.expected:.0f}"
        return f"would be {self.got:.0f} of them, expected {self.expected:.0f} at most"


def needed(cost: Cost, workers: int, room: float) -> float:
    """MiB for so many workers. room: MiB of requests in hand, for each."""
    return (cost.master_bytes + workers * cost.worker_bytes) / MEBI + workers * room


def fit(load: Load, cost: Cost, shape: Shape, *, room: float, workers: int | None = None) -> Fit | Misfit:
    """The fewest machines of `shape` that carry `load`, or what stands against it.

    workers: on each. Default: one for each vCPU, or as many as its memory holds.
    """
    free = shape.memory - shape.reserve
    each = workers or max(1, min(int(shape.vcpus), MOST_WORKERS))
    while workers is None and each > 1 and needed(cost, each, room) > free:
        each -= 1
    memory = needed(cost, each, room)
    if memory > free:
        return Misfit("memory", max(free, 0), memory)
    share = min(1.0, shape.vcpus / each)  # of a vCPU, for each worker
    took = cost.cpu_ms / 1000 / load.speed / share
    varies = (cost.cpu_sd_ms / cost.cpu_ms) ** 2
    longest = cost.cpu_p99_ms / load.speed / share
    if load.p99_ms is not None and longest > load.p99_ms:
        return Misfit("latency", longest, load.p99_ms)
    # A second, by one that does nothing else for as long as it likes.
    carried = min(each, shape.vcpus * shape.steady) / (cost.cpu_ms / 1000 / load.speed)
    count = max(load.least, math.ceil(load.rps / (carried * (1 - load.headroom)) - 1e-9))

    def answered(machines: int) -> float:
        return longest + _wait(load.rps / machines / each * took, varies) * took * 1000

    if load.p99_ms is not None and answered(count) > load.p99_ms:
        # From the count on where hardly anybody waits, more are of no use.
        low, high = count, max(count + 1, math.ceil(100 * load.rps * took / each))
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if answered(middle) <= load.p99_ms else (middle, high)
        count = high
    if count > MOST:
        return Misfit("number", count, MOST)
    return Fit(count, each, load.rps / (count * carried), answered(count), memory)


def _wait(busy: float, varies: float) -> float:
    """That 99 of 100 wait at most before a worker that is so busy, in times that a request takes."""
    return max(0.0, math.log(100 * busy)) * (1 + varies) / 2 / (1 - busy)
