"""How a version comes to its requests, and who says how many answer."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from pulumi_policy import Severity

from policies.beside import beside, of
from policies.kubernetes_beside import space
from policies.kubernetes_pods import kind
from policies.looking import Look
from policies.model_stack import PRODUCTION, environment, in_production
from policies.rules import Rule, StackRule, Whole

_RELEASE: Final = "pulumi-python:dynamic/modelport:Release"
_REFRESH: Final = "pulumi-python:dynamic/modelport:InstanceRefresh"
_TRAFFIC: Final = "pulumi-python:dynamic/modelport:CloudRunTraffic"
_ROLLOUT: Final = "pulumi-python:dynamic/modelport:ComputeRollout"
_DEPLOYED: Final = "pulumi-python:dynamic/modelport:VertexDeployment"
_CAREFUL: Final = ("canary", "blue-green", "ab", "shadow")


def _by_parts(each: Look) -> Iterator[str]:
    if not in_production(each):
        return
    found = _HOW[each.type if each.type in _HOW else "kubernetes"](each)
    if found:
        yield f"{found} in {environment(each)}, expected a part of the requests first"


def _released(each: Look) -> str:
    plan = cast("Mapping[str, Any]", each.parsed("strategy") or {})
    strategy = str(plan.get("strategy", "rolling"))
    if strategy not in _CAREFUL:
        return f"strategy is {strategy}"
    steps = cast("list[Mapping[str, Any]]", plan.get("steps") or [])
    if strategy == "canary" and steps and steps[0].get("weight", 0) >= 100:
        return f"the first step of the canary has {steps[0]['weight']}% of the requests"
    return ""


def _refreshed(each: Look) -> str:
    chosen = cast("Mapping[str, Any]", each.parsed("preferences") or {})
    at = cast("list[float]", chosen.get("CheckpointPercentages") or [])
    return "" if at and at[0] < 100 else "the instances are refreshed without a checkpoint"


def _moved(each: Look) -> str:
    stages = cast("list[list[float]]", each.parsed("stages") or [])
    return "" if stages and stages[0][0] < 100 else "a new version gets all requests at once"


def _tasks(each: Look) -> str:
    if not each.told("loadBalancers") and not each.told("serviceConnectConfiguration"):
        return ""
    if each.at("deploymentController.type", "ECS") != "ECS":
        return ""  # CodeDeploy, or somebody else, who is asked there
    strategy = str(each.at("deploymentConfiguration.strategy", "ROLLING"))
    return "" if strategy in ("CANARY", "LINEAR", "BLUE_GREEN") else f"deploymentConfiguration.strategy is {strategy}"


def _deployed(each: Look) -> str:
    name = str(each.at("deploymentConfigName", "CodeDeployDefault.OneAtATime"))
    return f"deploymentConfigName is {name}" if name.endswith("AllAtOnce") else ""


def _endpoint(each: Look) -> str:
    if each.at("deploymentConfig.rollingUpdatePolicy") is not None:
        return ""
    routing = "deploymentConfig.blueGreenUpdatePolicy.trafficRoutingConfiguration.type"
    way = str(each.at(routing, "ALL_AT_ONCE"))
    return "" if way in ("CANARY", "LINEAR") else f"{routing} is {way}"


def _rollout(each: Look) -> str:
    ways = ("spec.strategy.canary", "spec.strategy.blueGreen")
    if any(each.at(way) is not None for way in ways):
        return ""
    return "spec.strategy has neither canary nor blueGreen"


_HOW: Final = {
    _RELEASE: _released,
    _REFRESH: _refreshed,
    _TRAFFIC: _moved,
    _ROLLOUT: _moved,
    _DEPLOYED: _moved,
    "aws:ecs/service:Service": _tasks,
    "aws:codedeploy/deploymentGroup:DeploymentGroup": _deployed,
    "aws:sagemaker/endpoint:Endpoint": _endpoint,
    "kubernetes": _rollout,
}
"""What is wrong of how a resource of a type brings a version to its requests; "" for nothing."""

_ROLLED: Final = "kubernetes:argoproj.io/*:Rollout"
_COUNTED: Final = (
    "kubernetes:apps/*:Deployment",
    "kubernetes:apps/*:StatefulSet",
    "kubernetes:apps/*:ReplicaSet",
    "aws:ecs/service:Service",
    "aws:autoscaling/group:Group",
    _ROLLED,
)


def _ignored(each: Look, path: str) -> bool:
    """Whether the program leaves a property to whoever changes it outside."""
    given = each.options.ignore_changes if each.options is not None else []
    return any(path == one or path.startswith(f"{one}.") for one in given)


def _counted(whole: Whole, each: Look) -> Iterator[str]:
    if each.type.startswith("kubernetes:"):
        yield from _pods_counted(whole, each)
        return
    path, scaled = _AUTOSCALED[each.type]
    by = scaled(whole, each) if each.told(path) and not _ignored(each, path) else ""
    if by:
        yield f"{path} is not ignored, and {by} changes it, expected it in ignoreChanges"


def _said(each: Look) -> bool:
    """Whether the program says how many pods there are; in an update the API server fills in what nobody said."""
    fields = list(each.each("metadata.managedFields"))
    if not fields:
        return each.told("spec.replicas")
    own = [one for one in fields if str(one.at("manager", "")).startswith("pulumi")]
    return any(one.told("fieldsV1.f:spec.f:replicas") for one in own)


def _pods_counted(whole: Whole, each: Look) -> Iterator[str]:
    if not _said(each) or _ignored(each, "spec.replicas"):
        return
    for scaler in whole.once(_scalers).get((space(each), kind(each), str(each.at("metadata.name"))), []):
        yield f"spec.replicas is said, and {kind(scaler)} {scaler.name} changes it, expected one of them"


def _scalers(whole: Whole) -> dict[tuple[str, str, str], list[Look]]:
    """What scales pods, by namespace, kind and name of its target."""
    found: dict[tuple[str, str, str], list[Look]] = {}
    for each in whole.all("kubernetes:autoscaling/*:HorizontalPodAutoscaler", "kubernetes:keda.sh/*:ScaledObject"):
        target = each.part("spec.scaleTargetRef")
        key = (space(each), str(target.at("kind", "Deployment")), str(target.at("name")))
        found.setdefault(key, []).append(each)
    return found


def _tasks_scaled(whole: Whole, each: Look) -> str:
    name = str(each.at("name", each.name))
    for target in whole.all("aws:appautoscaling/target:Target"):
        if target.at("serviceNamespace") == "ecs" and str(target.at("resourceId")).endswith(f"/{name}"):
            return f"Application Auto Scaling by {target.name}"
    return ""


def _group_scaled(whole: Whole, each: Look) -> str:
    for policy in whole.all("aws:autoscaling/policy:Policy"):
        if policy.at("autoscalingGroupName") == each.at("name", each.name):
            return f"the scaling policy {policy.name}"
    return ""


def _pool(each: Look) -> Iterator[str]:
    """Of nodes, where the pool itself says between what an autoscaler moves."""
    if each.type.startswith("gcp:"):
        path, scaled = "nodeCount", each.at("autoscaling") is not None
    else:
        path = "scalingConfig.desiredSize"
        scaled = each.at("scalingConfig.minSize") != each.at("scalingConfig.maxSize")
    if scaled and each.told(path) and not _ignored(each, path):
        yield f"{path} is said, and an autoscaler changes it, expected it in ignoreChanges"


_AUTOSCALED: Final = {
    "aws:ecs/service:Service": ("desiredCount", _tasks_scaled),
    "aws:autoscaling/group:Group": ("desiredCapacity", _group_scaled),
}
"""Where a resource says how many there are, and who else does."""

RULES: Final = (
    Rule(
        name="release-by-parts",
        title="In production a new version gets a part of the requests before it gets all",
        why="What only shows under real requests would meet all of them at once",
        fix="take canary, or another strategy in steps",
        severity=Severity.HIGH,
        links=("https://sre.google/workbook/canarying-releases/",),
        types=(*(each for each in _HOW if each != "kubernetes"), _ROLLED),
        look=_by_parts,
        config=PRODUCTION,
    ),
    StackRule(
        name="replicas-said-once",
        title="What an autoscaler counts is not counted in the program too",
        why="Every update would set it back to the program's number, under load as well",
        fix="leave the number out, or name it in ignoreChanges",
        severity=Severity.MEDIUM,
        links=("https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/",),
        **beside(of(*_COUNTED), _counted),
    ),
    Rule(
        name="pool-size-said-once",
        title="The size of a pool of nodes that an autoscaler moves is ignored in the program",
        why="Every update would set it back to the program's number, and take nodes from under pods",
        fix="write ignoreChanges for the property",
        severity=Severity.MEDIUM,
        links=("https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html",),
        types=("aws:eks/nodeGroup:NodeGroup", "gcp:container/nodePool:NodePool"),
        look=_pool,
    ),
)
