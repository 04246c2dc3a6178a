"""Pods with GPUs, and pools of nodes that have them."""

import re
from collections.abc import Iterator
from typing import Final

from pulumi_policy import EnforcementLevel, Severity

from policies.kubernetes_pods import PODS, containers, kind, named, pods
from policies.looking import Look
from policies.model_stack import PRODUCTION, environment, in_production
from policies.rules import Rule

_GPU: Final = re.compile(
    r"(nvidia\.com/(gpu|mig-.*)(\.shared)?|amd\.com/gpu|aws\.amazon\.com/neuron.*|google\.com/tpu)"
)
_LABELS: Final = (
    "cloud.google.com/gke-accelerator",
    "k8s.amazonaws.com/accelerator",
    "nvidia.com/gpu.present",
    "karpenter.k8s.aws/instance-gpu-name",
)
_FAMILY: Final = r"(g\d|p\d|inf\d|trn\d|gr\d|dl\d|vt\d)[\w-]*"
_FAMILIES: Final = re.compile(rf"(ml\.)?{_FAMILY}\.")
_IMAGES: Final = re.compile(r"_(GPU|NVIDIA|NEURON)(_|$)")
"""What a kind of machine image of EKS is called that has a driver of accelerators."""
_TAINTS: Final = re.compile(r"(nvidia\.com|amd\.com|aws\.amazon\.com)/.*")
_POOLS: Final = (
    "aws:eks/nodeGroup:NodeGroup",
    "aws:autoscaling/group:Group",
    "gcp:container/nodePool:NodePool",
    "kubernetes:karpenter.sh/*:NodePool",
)
_KUBERNETES: Final = "https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/"


def machine_with_gpu(name: str) -> bool:
    """Whether instances of a type of AWS have accelerators, by their family."""
    return _FAMILIES.match(name) is not None


def _asked(container: Look, part: str) -> dict[str, str]:
    """How many GPUs of each kind, as text: a quantity may be a number or a text of one."""
    wanted = [each for each in container.keys(f"resources.{part}") if _GPU.fullmatch(each)]
    found = {each: container.keyed(f"resources.{part}", each) for each in wanted}
    known = {key: value for key, value in found.items() if value is not None}
    return {key: value if isinstance(value, str) else f"{value:g}" for key, value in known.items()}


def _complete(pod: Look) -> Iterator[str]:
    wanted: set[str] = set()
    for each in containers(pod, "containers", "initContainers"):
        limits, requests = _asked(each, "limits"), _asked(each, "requests")
        wanted |= limits.keys() | requests.keys()
        for key, number in requests.items():
            if limits.get(key) != number:
                yield f"{named(each)} asks for {number} {key}, expected resources.limits with the same"
    for key in sorted(wanted):
        if not _tolerated(pod, key):
            yield f"the pod has {key} and no toleration of the taint of such nodes, expected one with that key"
    on = [label for label in pod.keys("spec.nodeSelector") if label in _LABELS]
    if on and not wanted and kind(pod) != "DaemonSet":
        yield f"the pod is only for nodes with {on[0]} and has no GPU, expected resources.limits with one"


def _tolerated(pod: Look, key: str) -> bool:
    plain = key.removesuffix(".shared")
    return any(
        each.at("key", "") in (key, plain) or (each.at("key", "") == "" and each.at("operator", "Equal") == "Exists")
        for each in pod.each("spec.tolerations")
    )


def with_gpus(pool: Look) -> bool:
    """Whether the nodes of a pool have GPUs. Raises NotKnown."""
    match pool.type.rpartition(":")[2]:
        case "NodeGroup":
            types = [*map(str, pool.values("instanceTypes"))]
            # A group's types may stand in its launch template alone.
            kind = str(pool.at("amiType", "")) if not types else ""
            return (
                any(map(machine_with_gpu, types))
                or bool(_IMAGES.search(kind))
                or any(_TAINTS.match(str(one.at("key"))) for one in pool.each("taints"))
            )
        case "Group":
            overrides = pool.each("mixedInstancesPolicy.launchTemplate.overrides")
            return any(machine_with_gpu(str(one.at("instanceType", ""))) for one in overrides)
        case _ if pool.type.startswith("gcp:"):
            machine = str(pool.at("nodeConfig.machineType", ""))
            return bool(list(pool.each("nodeConfig.guestAccelerators"))) or machine.startswith(
                ("a2-", "a3-", "a4", "g2-", "g4-", "ct", "tpu")
            )
        case _:
            return _karpenter_gpus(pool)


def _karpenter_gpus(pool: Look) -> bool:
    if any(_TAINTS.match(str(one.at("key"))) for one in pool.each("spec.template.spec.taints")):
        return True
    for one in pool.each("spec.template.spec.requirements"):
        key, values = str(one.at("key")), [*map(str, one.values("values"))]
        wanted = one.at("operator") == "In"
        if key.startswith(("karpenter.k8s.aws/instance-gpu", "karpenter.k8s.aws/instance-accelerator")):
            return bool(one.at("operator") != "DoesNotExist")
        if key == "karpenter.k8s.aws/instance-category" and wanted and {"g", "p", "inf", "trn"} & set(values):
            return True
        if key == "karpenter.k8s.aws/instance-family" and wanted and any(re.fullmatch(_FAMILY, one) for one in values):
            return True
        if key == "node.kubernetes.io/instance-type" and wanted and any(map(machine_with_gpu, values)):
            return True
    return False


def bounds(pool: Look) -> tuple[float, float | None]:
    """The fewest and the most nodes of a pool, in each zone or in all; None where there is no end to them."""
    if pool.type.endswith(":NodeGroup"):
        return pool.at("scalingConfig.minSize", 0), pool.at("scalingConfig.maxSize")
    if pool.type.endswith(":Group"):
        return pool.at("minSize", 0), pool.at("maxSize")
    if pool.type.startswith("gcp:"):
        if pool.at("autoscaling") is None:
            fixed = pool.at("nodeCount", pool.at("initialNodeCount", 1))
            return fixed, fixed
        least = max(pool.at("autoscaling.minNodeCount", 0), pool.at("autoscaling.totalMinNodeCount", 0))
        return least, pool.at("autoscaling.totalMaxNodeCount", pool.at("autoscaling.maxNodeCount"))
    limits = pool.keys("spec.limits")
    return 0, 1 if {"cpu", "nodes", "nvidia.com/gpu", "amd.com/gpu"} & set(limits) else None


def _bounded(pool: Look) -> Iterator[str]:
    if not with_gpus(pool):
        return
    most, ceiling = bounds(pool)[1], pool.config["most"]
    if most is None:
        yield "the pool with GPUs has no maximum, expected one"
    elif most > ceiling:
        yield f"the pool with GPUs may have {most:g} nodes, expected at most {ceiling:g}"


def _to_zero(pool: Look) -> Iterator[str]:
    if in_production(pool) or not with_gpus(pool):
        return
    least = bounds(pool)[0]
    if least > 0:
        yield f"the pool with GPUs keeps {least:g} nodes in {environment(pool)}, expected none while nothing needs them"


RULES: Final = (
    Rule(
        name="gpu-pod-complete",
        title="A pod with GPUs has a limit of them and tolerates the taint of their nodes",
        why="Without the limit it gets none, without the toleration it waits for ever",
        fix="write resources: {limits: {nvidia.com/gpu: 1}} and tolerations: [{key: nvidia.com/gpu, operator: Exists}]",
        severity=Severity.HIGH,
        links=(_KUBERNETES,),
        types=PODS,
        over=pods,
        look=_complete,
    ),
    Rule(
        name="gpu-pool-bounded",
        title="A pool of nodes with GPUs has a maximum",
        why="A loop that makes pods makes nodes, at the price of GPUs",
        fix="write a maximum, or for Karpenter spec: {limits: {nvidia.com/gpu: ...}}",
        severity=Severity.HIGH,
        links=("https://karpenter.sh/docs/concepts/nodepools/",),
        types=_POOLS,
        look=_bounded,
        config={
            "most": {
                "type": "integer",
                "minimum": 1,
                "default": 16,
                "description": "The largest maximum of a pool, in nodes; Karpenter's own limits are not counted.",
            }
        },
    ),
    Rule(
        name="gpu-pool-to-zero",
        title="Outside of production a pool of nodes with GPUs goes down to none",
        why="A node with a GPU costs as much idle as busy",
        fix="write a minimum of 0",
        severity=Severity.LOW,
        level=EnforcementLevel.ADVISORY,
        links=("https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html",),
        types=_POOLS,
        look=_to_zero,
        config=PRODUCTION,
    ),
)
