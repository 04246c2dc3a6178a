"""How much CPU and memory a task of ECS gets: what Fargate sells, and what a model needs of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import pulumi

from components import checks
from components.aws import catalog
from components.kubernetes import sizing

FARGATE: Final[dict[int, Sequence[int]]] = {
    256: (512, 1024, 2048),
    512: range(1024, 4096 + 1, 1024),
    1024: range(2048, 8192 + 1, 1024),
    2048: range(4096, 16384 + 1, 1024),
    4096: range(8192, 30720 + 1, 1024),
    8192: range(16384, 61440 + 1, 4096),
    16384: range(32768, 122880 + 1, 8192),
}
"""MiB of memory by units of CPU, 1024 of which are a vCPU: every pair that there is (ECS developer guide, "Task CPU and
memory", and the model of RegisterTaskDefinition in botocore 1.43, 2026-11-22)."""
LEFT = 0.9
"""Share of an instance's memory that tasks get: the rest is for the system, and for ECS's agent."""
SCRATCH = 64
"""MiB of /tmp, which is memory here."""
UNITS = 1024
"""Units of a vCPU."""


class Size(NamedTuple):
    """Of a task."""

    cpu: int
    memory: int
    """MiB."""


class Wanted(NamedTuple):
    """What somebody says of a task's size; what is left out follows from the model."""

    cpu: int | None
    memory: int | None
    workers: int
    rate: float


def wanted(args: Mapping[str, Any]) -> Wanted:
    """`cpu`, `memory`, `workers` and `requests_per_second` of EcsService. Raises ArgsError."""
    found = Wanted(args.get("cpu"), args.get("memory"), args.get("workers", 1), args.get("requests_per_second", 20.0))
    checks.within("EcsService.workers", found.workers, 1, 64, "processes")
    checks.within("EcsService.requests_per_second", found.rate, 0.001, 100_000, "requests")
    return found


def of_fargate(given: Wanted) -> None:
    """Hold what is said to pairs that Fargate has. Raises ArgsError, which names the nearest."""
    if given.cpu is not None and given.cpu not in FARGATE:
        raise checks.wrong(
            "EcsService.cpu",
            given.cpu,
            f"units of CPU that Fargate has, one of {', '.join(map(str, FARGATE))}",
            f"write {_nearest(given.cpu, list(FARGATE))}",
        )
    if given.memory is None:
        return
    if given.cpu is None:
        every = sorted({each for known in FARGATE.values() for each in known})
        if given.memory not in every:
            expected = "MiB of memory that Fargate has beside some cpu"
            raise checks.wrong("EcsService.memory", given.memory, expected, f"write {_nearest(given.memory, every)}")
        return
    known = FARGATE[given.cpu]
    if given.memory not in known:
        steps = ", ".join(map(str, known)) if len(known) < 5 else f"{known[0]} to {known[-1]} by {known[1] - known[0]}"
        expected = f"MiB that Fargate has beside cpu {given.cpu}, {steps}"
        raise checks.wrong("EcsService.memory", given.memory, expected, f"write {_nearest(given.memory, known)}")


def of_instances(given: Wanted, types: Sequence[str]) -> None:
    """Hold what is said to what the smallest of some instance types has. Raises ArgsError."""
    room = _room(types)
    if given.cpu is not None:
        checks.within("EcsService.cpu", given.cpu, 128, room.cpu, f"units of CPU, which {types[0]} leaves")
    if given.memory is not None:
        checks.within("EcsService.memory", given.memory, 128, room.memory, f"MiB, which {types[0]} leaves")


def fitted(
    given: Wanted, metrics: pulumi.Input[Mapping[str, float]] | None, types: Sequence[str]
) -> pulumi.Input[Size]:
    """The size of a task. types: of the instances; none are Fargate's.

    metrics: of a ModelImage. Raises ArgsError where nothing fits: for what is an output once it is known.
    """

    def choose(known: Mapping[str, float] | None) -> Size:
        least = _least(given, known or {})
        return _on_instances(least, types) if types else _on_fargate(given, least)

    if isinstance(metrics, pulumi.Output):
        return metrics.apply(choose)
    return choose(metrics)  # type: ignore[arg-type]  # an Input that is no Output is the mapping itself


def _least(given: Wanted, metrics: Mapping[str, float]) -> Size:
    """What the model needs, where nobody said how much it gets."""
    asked = sizing.resources(metrics, workers=given.workers, requests_per_second=given.rate)
    cores = int(asked["requests"]["cpu"].removesuffix("m")) / 1000
    memory = int(asked["limits"]["memory"].removesuffix("Mi")) + SCRATCH
    return Size(given.cpu or math.ceil(cores * UNITS), given.memory or memory)


def _on_fargate(given: Wanted, least: Size) -> Size:
    for cpu, known in FARGATE.items():
        if cpu < least.cpu or given.cpu not in (None, cpu):
            continue
        for memory in known:
            if memory >= least.memory and given.memory in (None, memory):
                return Size(cpu, memory)
    most = given.cpu or max(FARGATE)
    raise checks.wrong(
        "what the model needs",
        f"{least.cpu} units of CPU and {least.memory} MiB",
        f"at most what Fargate has, {most} and {FARGATE[most][-1]}",
        "lower EcsService.requests_per_second, or write more cpu" if given.cpu else "use fewer workers, or EC2",
    )


def _on_instances(least: Size, types: Sequence[str]) -> Size:
    room = _room(types)
    if least.cpu > room.cpu or least.memory > room.memory:
        raise checks.wrong(
            "what the model needs",
            f"{least.cpu} units of CPU and {least.memory} MiB",
            f"at most what {types[0]} leaves, {room.cpu} and {room.memory}",
            "choose larger EcsService.instance_types",
        )
    return Size(max(least.cpu, 128), least.memory)


def _room(types: Sequence[str]) -> Size:
    known = [catalog.GPU_TYPES[each] for each in types]
    memory = min(each.memory for each in known) * 1024
    return Size(min(each.vcpus for each in known) * UNITS, int(memory * LEFT))


def _nearest(value: object, known: Sequence[int]) -> int:
    """The least that is enough, or the most that there is."""
    number = value if isinstance(value, int | float) else 0
    return next((each for each in known if each >= number), known[-1])
