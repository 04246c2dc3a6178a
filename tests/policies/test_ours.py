"""All that the library's own stacks and components register, judged by the rules of clusters and models.

What breaks a rule stands here, with the reason; where that is a default of ours it is a defect, and said so.
"""

import dataclasses
from typing import Any, Final

import pytest

from policies import kubernetes, model
from policies.model_keep import RULES as KEEPING
from tests.policies.judging import judged
from tests.policies.programs import PROGRAMS, planned

RULES: Final = (*kubernetes.RULES, *model.RULES)
STACKS: Final = [name for name in PROGRAMS if " stack" in name]
PRODUCTION: Final = {"environment": "production"}

PLUGIN: Final = "gpus: nvidia-device-plugin"
BROKEN: Final[dict[str, set[str]]] = {
    # The kubelet's socket for devices is a file of the node's, and root's: NVIDIA's plugin is nothing without it.
    "pod-volume-kinds": {PLUGIN},
    "pod-not-root": {PLUGIN},
    "pod-user-not-zero": {PLUGIN},
    "pod-high-user": {PLUGIN},
    # A defect: it has two pods, one of which leads, and nothing keeps one of them when nodes are drained.
    "pod-disruption-budget": {
        "aws cluster-autoscaler: shop-cluster-autoscaler",
        "aws stack-aws-eks: models-cluster-autoscaler",
    },
    # Programs that ask for a cluster without protection.
    "cluster-not-replaced": {
        "aws cluster-that-some-may-reach: open",
        "aws everything: shop",
        "gcp cluster.cluster-that-some-may-reach: shop",
        "gcp cluster.autopilot-that-some-may-reach: auto",
    },
    # Programs that ask for two at least.
    "gpu-pool-to-zero": {"aws ec2-with-everything: digits", "gcp gpu-nodes.gpu-nodes-on-spot: gpu-on-demand"},
    # A program that asks for the internet to be let in, with `open_to_the_internet`.
    "backend-authenticated": {"gcp load-balancer.load-balancer-with-everything: edge-nodes"},
    # A program that asks for anybody to be let in.
    "cloud-run-authenticated": {"gcp function.function_of_ones_own: mine-anonymous"},
}
APART: Final = ("model-image-built", "pool-not-replaced")
"""Looked at below."""
UNRELEASED: Final = {
    "aws stack-aws-eks: digits",
    "gcp stack.stack gcp-gke: digits",
    "gcp stack.stack gcp-gke on Autopilot: digits",
    "gcp stack.stack gcp-cloudrun for everybody: models",
    "gcp stack.stack gcp-cloudrun alone: models",
}
"""Stacks whose file says nothing of a release, so that a version comes at once: in production they have to."""


def wrong(name: str, **how: Any) -> set[tuple[str, str]]:
    """The rules that a program breaks, each with the program and the resource."""
    found = judged(planned(name), rules=RULES, **how)
    return {(each.rule, f"{name}: {each.resource}") for each in found.wrong if each.rule not in APART}


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_registered_breaks_what_is_listed_and_nothing_else(name: str) -> None:
    expected = {(rule, line) for rule, lines in BROKEN.items() for line in lines if line.startswith(f"{name}: ")}
    assert wrong(name) == expected


def test_what_is_listed_is_of_a_program() -> None:
    lines = {line for lines in BROKEN.values() for line in lines} | UNRELEASED
    assert [line for line in lines if line.partition(": ")[0] not in PROGRAMS] == []


@pytest.mark.parametrize("name", STACKS)
def test_in_production_a_stack_that_says_nothing_of_a_release_or_a_key_is_told(name: str) -> None:
    more = wrong(name, tags=PRODUCTION) - wrong(name)
    unsigned = {f"{name}: {each.name}" for each in planned(name) if each.type.endswith(":ModelImage")}
    assert more == {
        *(("release-by-parts", line) for line in UNRELEASED if line.startswith(f"{name}: ")),
        *(("model-image-signed", line) for line in unsigned),
    }


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_runs_what_it_builds_and_knows_that_only_in_the_update(name: str) -> None:
    found = judged(planned(name), rules=RULES).of("model-image-built")
    assert (found.wrong, len(found.late)) == ([], 1)


def test_a_component_that_is_given_an_image_from_elsewhere_is_told() -> None:
    found = judged(planned("aws function"), rules=RULES).of("model-image-built")
    assert [each.resource for each in found.wrong] == ["digits"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_pool_of_ours_is_protected_and_each_is_told(name: str) -> None:
    """Some changes of a pool are a new pool beside it: the advisory rule says so of each, until it is protected."""
    (rule,) = (each for each in KEEPING if each.name == "pool-not-replaced")
    pools = [each for each in planned(name) if each.type in rule.types]
    found = judged(pools, rules=[rule])
    assert {each.resource for each in found.wrong} == {each.name for each in pools}
    kept = [dataclasses.replace(each, request={**each.request, "protect": True}) for each in pools]
    assert judged(kept, rules=[rule]).wrong == []
