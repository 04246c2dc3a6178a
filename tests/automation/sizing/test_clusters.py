"""Pods on nodes: what Kubernetes keeps of a node, as the clouds document it, and how many nodes a load takes then."""

import pytest

from automation.sizing import clusters
from automation.sizing.capacity import MEBI, Cost, Fit, Load, Misfit, Shape
from automation.sizing.clusters import Node

COST = Cost(cpu_ms=10, cpu_sd_ms=0, cpu_p99_ms=12, master_bytes=60 * MEBI, worker_bytes=40 * MEBI)


@pytest.mark.parametrize(("vcpus", "millicores"), [(1, 60), (2, 70), (4, 80), (16, 110), (64, 230)])
def test_of_a_nodes_processors_both_clouds_keep_what_they_document(vcpus: int, millicores: int) -> None:
    # 4 vCPU: GKE's "Plan GKE Standard node sizes" shows a node with 3920m to allocate. 64: 60 + 10 + 10 + 150.
    assert clusters.reserved_cpu(vcpus) * 1000 == pytest.approx(millicores)


@pytest.mark.parametrize(
    ("gib", "mib"),
    [(0.5, 255), (4, 1024), (7.5, 1024 + 0.2 * 3.5 * 1024), (64, 5611.52), (256, 9543.68 + 0.02 * 128 * 1024)],
)
def test_gke_keeps_memory_by_its_tiers(gib: float, mib: float) -> None:
    assert clusters.reserved_by_gke(gib * 1024) == pytest.approx(mib)


def test_eks_keeps_memory_by_the_pods_that_a_node_may_have() -> None:
    # m5.large has three interfaces of ten addresses, m5.4xlarge eight of thirty (eni-max-pods.txt: 29 and 234).
    assert (clusters.pods_of_eks(3, 10), clusters.pods_of_eks(8, 30)) == (29, 234)
    assert (clusters.reserved_by_eks(29), clusters.reserved_by_eks(234)) == (574, 2829)


def test_a_node_has_what_is_left_beside_what_the_cluster_runs() -> None:
    shape = Shape(4, 16 * 1024)
    has = clusters.node("gcp-gke", "e2-standard-4", shape)
    assert has is not None
    assert has.cpu == pytest.approx(3.92 - clusters.OWN_CPU)
    # GKE's own example of such a node has 13,498,416 KiB to allocate: never more is reckoned with.
    assert 0.9 * 13_498_416 / 1024 < has.memory + clusters.OWN_MEMORY <= 13_498_416 / 1024
    assert has.pods == 110 - clusters.OWN_PODS
    assert clusters.node("aws-eks", "x9.large", shape) is None
    burstable = clusters.node("aws-eks", "t3.large", Shape(2, 8192, 512, 0.3))
    assert burstable is not None and burstable.cpu == pytest.approx(0.6 - clusters.OWN_CPU)


def fitted(load: Load, has: Node, workers: int | None = None) -> Fit:
    found = clusters.on_nodes(load, COST, has, room=256, workers=workers)
    assert isinstance(found, Fit), found
    return found


def test_nodes_are_as_many_as_hold_the_pods() -> None:
    # Half a core at half the speed answers 25 a second, of which 17.5 are used: twenty pods, seven on each node.
    found = fitted(Load(350), Node(3.5, 100_000, 50))
    assert found.pods is not None
    assert (found.pods.count, found.pods.cpu, found.pods.on_each, found.count) == (20, 0.5, 7, 3)
    assert found.busy == pytest.approx(0.7)
    # Of pods of a whole core there would be three on each, and a node more.
    two = fitted(Load(350), Node(3.5, 100_000, 3))
    assert two.pods is not None and (two.pods.count, two.pods.cpu, two.count) == (10, 1.0, 4)


def test_memory_and_places_bound_the_pods_of_a_node_too() -> None:
    one = fitted(Load(350), Node(64, 400, 50))  # the most of a pod's memory is 368 MiB
    assert one.pods is not None and (one.pods.memory_limit, one.pods.on_each, one.count) == (368, 1, 10)
    places = fitted(Load(350), Node(64, 100_000, 2))
    assert places.pods is not None and (places.pods.on_each, places.count) == (2, 5)


def test_at_least_as_many_nodes_as_one_may_fail() -> None:
    assert fitted(Load(1), Node(8, 8192, 50)).count == 2


@pytest.mark.parametrize(
    ("has", "limit"), [(Node(0.1, 8192, 50), "pods"), (Node(8, 100, 50), "memory"), (Node(8, 8192, 0), "places")]
)
def test_a_node_that_no_pod_fits_on_says_why(has: Node, limit: str) -> None:
    found = clusters.on_nodes(Load(1), COST, has, room=256, workers=None)
    assert isinstance(found, Misfit) and found.limit == limit, found
    assert str(found).startswith("has ")


def test_a_pod_asks_for_what_was_measured() -> None:
    found = clusters.anywhere(Load(30), COST, room=256, workers=2)
    assert isinstance(found, Fit) and found.pods is not None
    # 60 and two times 40 MiB, with room for the requests of each besides; a core for each worker at most.
    asks = found.pods.quantities
    assert asks == {"cpu": "500m", "memory": "144Mi", "cpu_limit": "2", "memory_limit": "656Mi"}
    assert found.pods.count * found.pods.cpu * 1000 / 20 * 0.7 >= 30
