"""What can be had to run a model on, with its price: machines, tasks of Fargate, instances of Cloud Run.

What machines have comes from public lists (`costs/shapes`), what Fargate and Cloud Run sell from the tables that stacks
are held to, and all prices from the book.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from automation.costs.book import Book
from automation.sizing import clusters, functions
from automation.sizing.capacity import Shape
from automation.sizing.offer import GIB, Offer, gcp_arch, priced, shapes, size

SYSTEM: Final = 512
"""MiB of a machine for its system and the agents on it."""
SCRATCH: Final = 64
"""MiB of /tmp, which is memory in Fargate and in Cloud Run."""
_AWS_MACHINE: Final = re.compile(r"machine/([cmrt]\d[a-z-]*\.\w+)")
_GCP_MACHINE: Final = re.compile(r"machine/((?:e2|n1|n2|n4|c3|c4|c4a|t2a|a2|g2)-\w+(?:-\w+)?)")


def offers(book: Book, cloud: str, region: str) -> Iterator[Offer]:
    """All that a cloud has in a region and the book has a price of."""
    if cloud == "aws":
        yield from (machines := list(_ec2(book, region)))
        yield from clusters.offers(book, iter(machines))
        yield from _fargate(book, region)
        yield from functions.offers(book, region)
    else:
        yield from (machines := list(_compute(book, region)))
        yield from clusters.offers(book, iter(machines))
        yield from _cloud_run(book, region)


def lists() -> tuple[str, ...]:
    """Where the shapes of machines were read, and of which day."""
    found = [(whole["source"], whole["date"]) for whole in map(shapes, ("aws", "eks", "gcp"))]
    burst = shapes("aws")["burstable"]
    return tuple(f"{url}, {day}" for url, day in [*found, (burst["source"], burst["date"])])


def _ec2(book: Book, region: str) -> Iterator[Offer]:
    from components.aws.catalog import GPU_TYPES

    whole = shapes("aws")
    burst = whole["burstable"]
    for key in book.prices:
        if key.cloud != "aws" or key.region != region or key.basis != "on-demand":
            continue
        hosted = key.item.startswith("machine/ml.")
        name = key.item.replace("machine/ml.", "machine/")
        price = priced(book, "aws", region, key.item, "hour")
        target = "aws-sagemaker" if hosted else "aws-ec2"
        called = key.item.removeprefix("machine/")
        if (has := GPU_TYPES.get(name.removeprefix("machine/"))) is not None and price:
            arch = "arm64" if has.arm else "amd64"
            shape = Shape(has.vcpus, has.memory * GIB, SYSTEM)
            yield Offer(
                target, called, region, shape, arch, price.amount, Decimal(0), (price,), gpu=has.model, gpus=has.count
            )
        if not (found := _AWS_MACHINE.fullmatch(name)) or found[1] not in whole["machines"]:
            continue
        vcpus, memory, arch = whole["machines"][found[1]]
        family, _, size = found[1].partition(".")
        steady = burst["percent"][size] / 100 if family in burst["families"] else 1.0
        if price:
            shape = Shape(vcpus, memory, SYSTEM, steady)
            yield Offer(target, called, region, shape, arch, price.amount, Decimal(0), (price,))


def _fargate(book: Book, region: str) -> Iterator[Offer]:
    from components.aws.ecs_sizes import FARGATE

    of_cpu = priced(book, "aws", region, "fargate/cpu", "hour")
    of_memory = priced(book, "aws", region, "fargate/memory", "GB-hour")
    if of_cpu is None or of_memory is None:
        return
    for units, memories in FARGATE.items():
        for memory in memories:
            per_hour = of_cpu.amount * units / 1024 + of_memory.amount * memory / GIB
            shape = Shape(units / 1024, memory, SCRATCH)
            name = size(units / 1024, memory)
            yield Offer(
                "aws-ecs", name, region, shape, "amd64", per_hour, Decimal(0), (of_cpu, of_memory), units, memory
            )


def _compute(book: Book, region: str) -> Iterator[Offer]:
    known = shapes("gcp")["machines"]
    for key in book.prices:
        if key.cloud != "gcp" or key.region != region or key.basis != "on-demand":
            continue
        hosted = key.item.startswith("vertex/")
        name = key.item.replace("vertex/", "machine/")
        if not (found := _GCP_MACHINE.fullmatch(name)) or found[1] not in known:
            continue
        vcpus, memory, *accelerated = known[found[1]]
        gpu, gpus = accelerated or ("", 0)
        if price := priced(book, "gcp", region, key.item, "hour"):
            target = "gcp-vertex" if hosted else "gcp-compute"
            shape = Shape(vcpus, memory * GIB, SYSTEM)
            nothing = Decimal(0)
            yield Offer(
                target, found[1], region, shape, gcp_arch(found[1]), price.amount, nothing, (price,), gpu=gpu, gpus=gpus
            )


def _cloud_run(book: Book, region: str) -> Iterator[Offer]:
    from components.gcp.cloud_run_sizes import PAIRS

    of_cpu = priced(book, "gcp", region, "run/cpu", "hour")
    of_memory = priced(book, "gcp", region, "run/memory", "GB-hour")
    of_requests = priced(book, "gcp", region, "run/requests", "million")
    if of_cpu is None or of_memory is None or of_requests is None:
        return
    prices = (of_cpu, of_memory, of_requests)
    for cpu, (least, most) in PAIRS.items():
        memory = least
        while memory <= most:
            per_hour = of_cpu.amount * cpu + of_memory.amount * memory / GIB
            shape = Shape(cpu, memory, SCRATCH)
            name = size(cpu, memory)
            yield Offer("gcp-cloudrun", name, region, shape, "amd64", per_hour, of_requests.amount, prices, cpu, memory)
            memory *= 2
