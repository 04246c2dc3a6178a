"""Which pools have GPUs: by every name that a cloud gives them."""

from typing import Any, Final

import pytest

from policies.model_gpu import RULES, machine_with_gpu
from tests.components.planned import Planned
from tests.policies.flips import made
from tests.policies.judging import Verdicts, judged

AWS: Final = "aws:eks/nodeGroup:NodeGroup"
MANY: Final = {"scalingConfig": {"minSize": 0, "maxSize": 1000}}


def bounded(*pools: Planned) -> Verdicts:
    return judged(pools, rules=[each for each in RULES if each.name == "gpu-pool-bounded"])


@pytest.mark.parametrize(
    "machine",
    ["g4dn.xlarge", "g6f.large", "gr6.4xlarge", "p5en.48xlarge", "p6-b200.48xlarge", "p6e-gb200.36xlarge",
     "inf2.xlarge", "trn2u.48xlarge", "dl1.24xlarge", "ml.p6-b200.48xlarge"],
)  # fmt: skip
def test_machines_with_accelerators_are_known_by_their_family(machine: str) -> None:
    assert machine_with_gpu(machine)
    pool = made(AWS, "pool", {"instanceTypes": [machine.removeprefix("ml.")], **MANY})
    assert [each.resource for each in bounded(pool).wrong] == ["pool"]


@pytest.mark.parametrize("machine", ["m7i.large", "c7gn.xlarge", "r8g.large", "t3.medium", "i4g.large", "mac1.metal"])
def test_machines_without_are_not(machine: str) -> None:
    assert not machine_with_gpu(machine)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [("AL2023_x86_64_NVIDIA", True), ("AL2_x86_64_GPU", True), ("BOTTLEROCKET_ARM_64_NVIDIA_FIPS", True),
     ("AL2023_x86_64_NEURON", True), ("AL2023_x86_64_STANDARD", False)],
)  # fmt: skip
def test_a_group_whose_types_its_template_names_is_known_by_its_image(kind: str, wrong: bool) -> None:
    pool = made(AWS, "pool", {"amiType": kind, "launchTemplate": {"id": "lt"}, **MANY})
    assert bool(bounded(pool).wrong) is wrong


@pytest.mark.parametrize(
    ("requirement", "wrong"),
    [
        ({"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["c7i", "p5"]}, True),
        ({"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["p6-b200"]}, True),
        ({"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["c7i", "m7i"]}, False),
        ({"key": "karpenter.k8s.aws/instance-family", "operator": "NotIn", "values": ["p5"]}, False),
    ],
)
def test_karpenters_families_are_those_of_machines(requirement: dict[str, Any], wrong: bool) -> None:
    spec = {"template": {"spec": {"requirements": [requirement]}}}
    pool = made("kubernetes:karpenter.sh/v1:NodePool", "pool", {"spec": spec})
    assert bool(bounded(pool).wrong) is wrong


def test_a_pool_of_tpus_is_one_of_accelerators() -> None:
    inputs = {"nodeConfig": {"machineType": "ct5lp-hightpu-4t"}, "autoscaling": {"maxNodeCount": 1000}}
    assert bounded(made("gcp:container/nodePool:NodePool", "pool", inputs)).wrong != []


def test_a_limit_that_is_null_asks_for_nothing() -> None:
    containers = [{"name": "a", "resources": {"limits": {"nvidia.com/gpu": None}}}]
    pod = made("kubernetes:core/v1:Pod", "pod", {"spec": {"containers": containers}})
    assert judged([pod], rules=[each for each in RULES if each.name == "gpu-pod-complete"]) == Verdicts()
