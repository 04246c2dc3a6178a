"""What a stack may cost an hour at most: the machines that it may have, at the prices that are given.

A price book is none of this pack's: prices differ by region, contract and day. What has no price here is not yet
known, never free.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from pulumi_policy import Severity

from policies.given import yes
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
            # Without a word of its own a group has what its launch template says, and else what EKS takes.
            default = () if each.told("launchTemplate") else ("t3.medium",)
            yield _Machines(each, tuple(map(str, each.values("instanceTypes"))) or default, _most(each))
        case "aws:autoscaling/group:Group":
            overrides = each.each("mixedInstancesPolicy.launchTemplate.overrides")
            yield _Machines(each, tuple(str(one.at("instanceType", "")) for one in overrides), _most(each))
        case "aws:ec2/instance:Instance" | "aws:ec2/spotInstanceRequest:SpotInstanceRequest":
            yield _Machines(each, (str(each.at("instanceType")),), 1)
        case "aws:rds/instance:Instance" | "aws:rds/clusterInstance:ClusterInstance":
            yield _Machines(each, (str(each.at("instanceClass")),), 1)
        case "aws:sagemaker/endpointConfiguration:EndpointConfiguration":
            for variant in each.each("productionVariants"):
                if variant.told("serverlessConfig"):
                    yield _Machines(each, ("sagemaker-serverless",), variant.at("serverlessConfig.maxConcurrency", 1))
                    continue
                scaled = _scaled(whole, "sagemaker", f"/{variant.at('variantName')}")
                number = max(scaled, variant.at("initialInstanceCount", 1))
                yield _Machines(each, (str(variant.at("instanceType")),), number)
        case "aws:ecs/service:Service":
            yield from _tasks(whole, each)
        case "aws:lambda/function:Function":
            reserved = each.at("reservedConcurrentExecutions", -1)
            if reserved < 0:
                raise NotKnown("reservedConcurrentExecutions")  # as many as the account may have
            yield _Machines(each, ("lambda",), reserved)
        case "gcp:container/nodePool:NodePool":
            yield _nodes(each)
        case "gcp:compute/instance:Instance":
            yield _Machines(each, (_with_gpus(each, str(each.at("machineType")), "guestAccelerators"),), 1)
        case "gcp:cloudrunv2/service:Service":
            yield _Machines(each, ("cloud-run",), each.at("template.scaling.maxInstanceCount", 100))
        case "pulumi-python:dynamic/modelport:VertexDeployment":
            scale, version = (Look(each.type, each.name, each.urn, each.parsed(key)) for key in ("scale", "version"))
            spec = "deployed.dedicatedResources.machineSpec"
            machine = version.at(f"{spec}.machineType")
            most = scale.at("maxReplicaCount")
            if machine is None or most is None:
                raise NotKnown("version" if machine is None else "scale")
            if str(machine).startswith("n1-") and version.told(f"{spec}.acceleratorType"):
                raise NotKnown("the price of its GPUs")
            yield _Machines(each, (f"vertex/{machine}",), most)
        case "gcp:container/cluster:Cluster":
            if yes(each.at("enableAutopilot")):
                raise NotKnown("the number of pods")
            if not yes(each.at("removeDefaultNodePool")):
                raise NotKnown("the default pool")
        case "aws:eks/cluster:Cluster":
            if yes(each.at("computeConfig.enabled")):
                raise NotKnown("the number of pods")
        case _:
            raise NotKnown(_NOT_COUNTED.get(each.type, "spec.template.spec.requirements"))


def _most(each: Look) -> float:
    """The maximum of a pool. Raises NotKnown where it has none: that is no end, and not nothing."""
    found = bounds(each)[1]
    if found is None:
        raise NotKnown("the maximum")
    return found


def _nodes(each: Look) -> _Machines:
    zones = 1
    if not each.told("autoscaling.totalMaxNodeCount"):
        # The numbers of a pool are those of one zone, and a region has several that nobody names.
        zones = len(each.values("nodeLocations")) or (1 if str(each.at("location", "")).count("-") == 2 else 0)
        if not zones:
            raise NotKnown("nodeLocations")
    machine = str(each.at("nodeConfig.machineType", "e2-medium"))
    return _Machines(each, (_with_gpus(each, machine, "nodeConfig.guestAccelerators"),), _most(each) * zones)


def _with_gpus(each: Look, machine: str, path: str) -> str:
    """The machine, where its price is that of all in it. Raises NotKnown for GPUs that are paid beside it."""
    if machine.startswith("n1-") and list(each.each(path)):
        raise NotKnown(f"the price of {path}")
    return machine


def _tasks(whole: Whole, each: Look) -> Iterator[_Machines]:
    providers = [str(one.at("capacityProvider", "")) for one in each.each("capacityProviderStrategies")]
    kind = each.at("launchType")
    if kind is None and not providers:
        raise NotKnown("launchType")  # whatever its cluster takes
    if kind == "FARGATE" or any(one.startswith("FARGATE") for one in providers):
        number = max(_scaled(whole, "ecs", f"/{each.at('name', each.name)}"), each.at("desiredCount", 1))
        yield _Machines(each, ("fargate",), number)


_NOT_COUNTED: Final[Mapping[str, str]] = {
    "aws:ec2/fleet:Fleet": "what the fleet has",
    "aws:ec2/spotFleetRequest:SpotFleetRequest": "what the fleet has",
    "aws:eks/fargateProfile:FargateProfile": "the number of pods",
    "gcp:cloudfunctionsv2/function:Function": "the number of instances",
    "gcp:cloudrun/service:Service": "the number of instances",
    "gcp:compute/instanceGroupManager:InstanceGroupManager": "the machine of its template",
    "gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager": "the machine of its template",
}
"""What has machines, or is paid as if it had, and does not say itself how many of what kind."""

_COUNTED: Final = (
    "aws:eks/nodeGroup:NodeGroup",
    "aws:eks/cluster:Cluster",
    "aws:autoscaling/group:Group",
    "aws:ec2/instance:Instance",
    "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
    "aws:rds/instance:Instance",
    "aws:rds/clusterInstance:ClusterInstance",
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration",
    "aws:ecs/service:Service",
    "aws:lambda/function:Function",
    "gcp:container/cluster:Cluster",
    "gcp:container/nodePool:NodePool",
    "gcp:compute/instance:Instance",
    "gcp:cloudrunv2/service:Service",
    "pulumi-python:dynamic/modelport:VertexDeployment",
    "kubernetes:karpenter.sh/*:NodePool",
    *_NOT_COUNTED,
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
                "description": "Dollars an hour by type of machine, as m7i.large; also fargate for a task, lambda, "
                "cloud-run and sagemaker-serverless for an instance that computes, and vertex/TYPE for a machine of "
                "Vertex AI.",
            },
        },
    ),
)
