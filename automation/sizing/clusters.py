"""Pods on the nodes of a cluster: how many of what, on how many nodes of a type, with what Kubernetes keeps of each.

What a node has for pods is documented:

- Of its processors the first core gives 6 %, the second 1 %, the third and fourth 0.5 %, and each further one 0.25 %.
- GKE keeps 25 % of the first 4 GiB of memory, 20 % of the next 4, 10 % of the next 8, 6 % of the next 112 and 2 % of
  the rest, and 100 MiB below which it evicts pods; a node has 110 pods at most ("Plan GKE Standard node sizes",
  https://cloud.google.com/kubernetes-engine/docs/concepts/plan-node-sizes, 2026-07-20).
- EKS keeps 11 MiB for each pod that a node may have, 255 MiB, and 100 MiB below which it evicts. A node has as many
  pods as its network interfaces have addresses, less one each, and two (nodeadm of
  https://github.com/awslabs/amazon-eks-ami, config.go and eni_max_pods.go, 2026-07-23).

What the cluster's own pods take of each node is an assumption, `OWN`, as is `KERNEL`.

A pod has a share of a core set aside and may use a core for each worker, as components/kubernetes/sizing.py has it. It
is reckoned by what is set aside, which it has for certain. Pods are put on a node until their CPU or the most of their
memory is used up, so that none is ever ended for want of memory.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from automation.costs.book import Book, Price
from automation.sizing.capacity import Cost, Fit, Load, Misfit, Shape, fit, needed
from automation.sizing.offer import GIB, Offer, shapes

TARGET: Final = "kubernetes"
"""A cluster that is there."""
OWN_CPU: Final = 0.4
"""vCPU of each node for the cluster's own pods: network, DNS, logs, storage."""
OWN_MEMORY: Final = 512
"""MiB for the same."""
OWN_PODS: Final = 8
"""How many these are."""
KERNEL: Final = 0.05
"""Share of a machine's memory that its kernel keeps, so that a node never has it."""
EVICTION: Final = 100
"""MiB below which pods are evicted."""
GKE_PODS: Final = 110
SHARES: Final = (0.1, 0.25, 0.5, 1.0)
"""Of a core for each worker: what may be set aside for a pod."""
LEAST: Final = 0.25
"""vCPU: what is less than that answers slowly as long as it is alone, too."""


@dataclass(frozen=True)
class Node:
    """What a node has for pods that are not the cluster's own."""

    cpu: float
    memory: float
    """MiB."""
    pods: int


@dataclass(frozen=True)
class Pods:
    """What runs in a cluster."""

    count: int
    on_each: int
    """On a node at most; 0 where nobody knows the nodes."""
    cpu: float
    memory: int
    """MiB that are set aside."""
    cpu_limit: int
    memory_limit: int

    def __str__(self) -> str:
        return f"{self.count} pod{'' if self.count == 1 else 's'} of {self.quantities['cpu']}"

    @property
    def quantities(self) -> dict[str, str]:
        """Requests and limits, as Kubernetes writes them."""
        return {
            "cpu": f"{round(self.cpu * 1000)}m",
            "memory": f"{self.memory}Mi",
            "cpu_limit": str(self.cpu_limit),
            "memory_limit": f"{self.memory_limit}Mi",
        }


def reserved_cpu(vcpus: float) -> float:
    """vCPU that EKS and GKE keep of a node."""
    tiers = ((1, 0.06), (2, 0.01), (4, 0.005), (math.inf, 0.0025))
    return _tiers(vcpus, tiers)


def reserved_by_gke(memory: float) -> float:
    """MiB that GKE keeps, without what it evicts for."""
    if memory < GIB:
        return 255
    tiers = ((4 * GIB, 0.25), (8 * GIB, 0.2), (16 * GIB, 0.1), (128 * GIB, 0.06), (math.inf, 0.02))
    return _tiers(memory, tiers)


def pods_of_eks(interfaces: int, addresses: int) -> int:
    """How many pods a node may have, by its network interfaces and the addresses of each."""
    return interfaces * (addresses - 1) + 2


def reserved_by_eks(pods: int) -> float:
    """MiB that EKS keeps, without what it evicts for."""
    return 11 * pods + 255


def _tiers(amount: float, tiers: tuple[tuple[float, float], ...]) -> float:
    kept = below = 0.0
    for end, share in tiers:
        kept += max(0.0, min(amount, end) - below) * share
        below = end
    return kept


def node(target: str, name: str, shape: Shape) -> Node | None:
    """What a machine has for pods as a node; None where nobody knows how many it may have."""
    memory = shape.memory * (1 - KERNEL) - EVICTION
    if target == "gcp-gke":
        pods = GKE_PODS
        memory -= reserved_by_gke(shape.memory)
    else:
        known = shapes("eks")["interfaces"].get(name)
        if known is None:
            return None
        pods = pods_of_eks(*known)
        memory -= reserved_by_eks(pods)
    cpu = min(shape.vcpus - reserved_cpu(shape.vcpus), shape.vcpus * shape.steady)
    return Node(cpu - OWN_CPU, memory - OWN_MEMORY, pods - OWN_PODS)


def offers(book: Book, machines: Iterator[Offer]) -> Iterator[Offer]:
    """Machines as nodes of a cluster that is made for the model."""
    for each in machines:
        target = {"aws-ec2": "aws-eks", "gcp-compute": "gcp-gke"}.get(each.target)
        if target is None or each.gpus:
            continue
        plane = control_plane(book, target)
        has = node(target, each.name, each.shape)
        if plane is None or has is None:
            continue
        yield replace(each, target=target, once=plane.amount, prices=(*each.prices, plane), node=has)


def control_plane(book: Book, target: str) -> Price | None:
    """What a cluster costs beside its nodes."""
    found = book.price(target.partition("-")[0], "*", "eks/cluster" if target == "aws-eks" else "gke/cluster")
    return found if found is not None and found.unit == "hour" else None


def on_nodes(load: Load, cost: Cost, has: Node, *, room: float, workers: int | None) -> Fit | Misfit:
    """The fewest nodes with pods that carry the load, or what stands against it."""
    fits: list[Fit] = []
    against: list[Misfit] = []
    for one in sizes(load, cost, room=room, workers=workers):
        if isinstance(one, Misfit):
            against.append(one)
            continue
        found, pods = one
        by = (has.cpu / pods.cpu, has.memory / pods.memory_limit, has.pods)
        on_each = math.floor(min(by) + 1e-9)
        if on_each < 1:
            against.append(Misfit("pods", max(0.0, has.cpu), pods.cpu) if by[0] < 1 else _full(by, has, pods))
            continue
        nodes = max(load.least, math.ceil(pods.count / on_each))
        fits.append(replace(found, count=nodes, pods=replace(pods, on_each=on_each)))
    if fits:
        return min(fits, key=lambda each: (each.count, each.p99_ms))
    return min(against, key=lambda each: (each.limit == "pods", each.expected / max(each.got, 1e-9)))


def _full(by: tuple[float, ...], has: Node, pods: Pods) -> Misfit:
    if by[1] < 1:
        return Misfit("memory", max(0.0, has.memory), pods.memory_limit)
    return Misfit("places", max(0, has.pods), 1)


def anywhere(load: Load, cost: Cost, *, room: float, workers: int | None) -> Fit | Misfit:
    """Pods for a cluster that is there: those for which least CPU is set aside, and of these the fastest."""
    found = list(sizes(load, cost, room=room, workers=workers))
    fits = [replace(one[0], pods=one[1]) for one in found if not isinstance(one, Misfit)]
    if fits:
        return min(fits, key=_together)
    return next(one for one in reversed(found) if isinstance(one, Misfit))


def _together(each: Fit) -> tuple[float, float]:
    pods = each.pods
    assert pods is not None
    return round(pods.count * pods.cpu, 6), each.p99_ms


def sizes(load: Load, cost: Cost, *, room: float, workers: int | None) -> Iterator[tuple[Fit, Pods] | Misfit]:
    """Pods by what is set aside for each."""
    each = workers or 1
    memory, most = (_sixteenths(needed(cost, each, extra)) for extra in (0.0, room))
    for share in SHARES:
        cpu = share * each
        if cpu < LEAST:
            continue
        found = fit(load, cost, Shape(cpu, most), room=room, workers=each)
        if isinstance(found, Misfit):
            yield found
        else:
            yield found, Pods(found.count, 0, cpu, memory, each, most)


def _sixteenths(memory: float) -> int:
    return math.ceil(memory / 16) * 16
