"""What a stack may cost an hour at most: the machines that it may have, at the prices that are given.

A price book is none of this pack's: prices differ by region, contract and day. What has no price here is not yet
known, never free.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from pulumi_policy import Severity

from policies.looking import Look, NotKnown
from policies.model_gpu import bounds
from policies.rules import StackRule, Whole


@dataclass(frozen=True)
class _Machines:
    """Machines of one kind, or of several of which the dearest counts."""

    of: Look
    kinds: tuple[str, ...]
    number: float


def _machines(whole: Whole, each: Look) -> Iterator[_Machines]:
    """The most that a resource may have of each kind. Raises NotKnown."""
    match each.type:
        case "aws:eks/nodeGroup:NodeGroup":
            yield _Machines(each, tuple(each.values("instanceTypes")) or ("t3.medium",), bounds(each)[1] or 0)
        case "aws:autoscaling/group:Group":
            overrides = each.each("mixedInstancesPolicy.launchTemplate.overrides")
            yield _Machines(each, tuple(str(one.at("instanceType", "")) for one in overrides), each.at("maxSize", 0))
        case "aws:ec2/instance:Instance":
            yield _Machines(each, (str(each.at("instanceType")),), 1)
        case "aws:sagemaker/endpointConfiguration:EndpointConfiguration":
            for variant in each.each("productionVariants"):
                if variant.told("serverlessConfig"):
                    continue
                scaled = _scaled(whole, "sagemaker", f"/{variant.at('variantName')}")
                number = max(scaled, variant.at("initialInstanceCount", 1))
                yield _Machines(each, (str(variant.at("instanceType")),), number)
        case "aws:ecs/service:Service":
            providers = [str(one.at("capacityProvider", "")) for one in each.each("capacityProviderStrategies")]
            if each.at("launchType") == "FARGATE" or any(one.startswith("FARGATE") for one in providers):
                number = max(_scaled(whole, "ecs", f"/{each.at('name', each.name)}"), each.at("desiredCount", 1))
                yield _Machines(each, ("fargate",), number)
        case "aws:lambda/function:Function":
            yield _Machines(each, ("lambda",), max(each.at("reservedConcurrentExecutions", 1), 1))
        case "gcp:container/nodePool:NodePool":
            zones = 1 if each.told("autoscaling.totalMaxNodeCount") else max(1, len(each.values("nodeLocations")))
            machine = str(each.at("nodeConfig.machineType", "e2-medium"))
            yield _Machines(each, (machine,), (bounds(each)[1] or 0) * zones)
        case "gcp:compute/instance:Instance":
            yield _Machines(each, (str(each.at("machineType")),), 1)
        case "gcp:cloudrunv2/service:Service":
            yield _Machines(each, ("cloud-run",), each.at("template.scaling.maxInstanceCount", 100))
        case _:
            raise NotKnown("spec.template.spec.requirements")


_COUNTED: Final = (
    "aws:eks/nodeGroup:NodeGroup",
    "aws:autoscaling/group:Group",
    "aws:ec2/instance:Instance",
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
    "aws:ecs/service:Service",
    "aws:lambda/function:Function",
    "gcp:container/nodePool:NodePool",
    "gcp:compute/instance:Instance",
    "gcp:cloudrunv2/service:Service",
    "kubernetes:karpenter.sh/*:NodePool",
)


def _scaled(whole: Whole, namespace: str, ending: str) -> float:
    """The most that Application Auto Scaling makes of it; 0 where it does not."""
    most = 0.0
    for target in whole.all("aws:appautoscaling/target:Target"):
        if target.at("serviceNamespace") == namespace and str(target.at("resourceId")).endswith(ending):
            most = max(most, target.at("maxCapacity", 0))
    return most


def _prices(whole: Whole) -> Mapping[str, float]:
    return cast("Mapping[str, float]", whole.config["prices"])


def _costs(whole: Whole) -> Iterator[tuple[Look, float | str]]:
    """What each costs an hour, or what is not known of that."""
    prices: Mapping[str, Any] = _prices(whole)
    for each in whole.all(*_COUNTED):
        try:
            for one in _machines(whole, each):
                missing = [kind for kind in one.kinds if kind not in prices] if one.kinds else ["its machines"]
                if missing and one.number:
                    yield each, f"the price of {missing[0]} ({each.name})"
                else:
                    yield each, one.number * max((float(prices[kind]) for kind in one.kinds), default=0.0)
        except NotKnown as error:
            yield each, f"{error.path} of {each.name}"


def _dear(whole: Whole) -> Iterator[tuple[Look, str]]:
    ceiling = float(whole.config["ceiling_per_hour"])
    if not ceiling:
        return
    known = [(each, cost) for each, cost in _costs(whole) if not isinstance(cost, str)]
    total = sum(cost for _, cost in known)
    if total > ceiling:
        dearest, cost = max(known, key=lambda each: each[1])
        yield (
            dearest,
            (f"the stack may cost ${total:.2f} an hour, ${cost:.2f} of it here, expected at most ${ceiling:.2f}"),
        )


def _unpriced(whole: Whole) -> Iterator[str]:
    if whole.config["ceiling_per_hour"]:
        yield from (cost for _, cost in _costs(whole) if isinstance(cost, str))


RULES: Final = (
    StackRule(
        name="cost-ceiling",
        title="The stack costs no more an hour than its ceiling, with as many machines as it may have",
        why="An autoscaler or a loop spends what nobody meant to spend",
        fix="lower a maximum, take smaller machines, or raise ceiling_per_hour",
        severity=Severity.HIGH,
        links=("https://www.finops.org/framework/",),
        look=_dear,
        unknown=_unpriced,
        config={
            "ceiling_per_hour": {
                "type": "number",
                "minimum": 0,
                "default": 0,
                "description": "Dollars an hour; 0 for no ceiling.",
            },
            "prices": {
                "type": "object",
                "additionalProperties": {"type": "number", "minimum": 0},
                "default": {},
                "description": "Dollars an hour by type of machine, as m7i.large; also fargate for a task, lambda and "
                "cloud-run for an instance that computes.",
            },
        },
    ),
)
