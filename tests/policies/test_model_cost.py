"""The ceiling of what a stack may cost an hour."""

import json
from typing import Any, Final

import pytest

from policies.model_cost import RULES as COSTS
from tests.components.planned import UNKNOWN, Planned
from tests.policies.flips import made
from tests.policies.judging import Verdicts, judged

KARPENTER: Final[dict[str, Any]] = {"spec": {"limits": {"cpu": "64"}}}
PRICES: Final = {"m7i.large": 0.1, "m6i.large": 0.2, "ml.m7i.large": 0.5, "fargate": 0.05, "e2-standard-4": 1.0}
MACHINES: Final = [
    made("aws:eks/nodeGroup:NodeGroup", "pool",
         {"instanceTypes": ["m7i.large", "m6i.large"], "scalingConfig": {"maxSize": 4}}),
    made("aws:sagemaker/endpointConfiguration:EndpointConfiguration", "endpoint",
         {"productionVariants": [{"variantName": "main", "instanceType": "ml.m7i.large", "initialInstanceCount": 2}]}),
    made("aws:appautoscaling/target:Target", "target",
         {"serviceNamespace": "sagemaker", "resourceId": "endpoint/models/variant/main", "maxCapacity": 8}),
    made("aws:ecs/service:Service", "tasks", {"name": "tasks", "launchType": "FARGATE", "desiredCount": 4}),
    made("gcp:container/nodePool:NodePool", "nodes",
         {"nodeConfig": {"machineType": "e2-standard-4"}, "nodeLocations": ["a", "b"],
          "autoscaling": {"maxNodeCount": 3}}),
]  # fmt: skip
TOTAL: Final = 4 * 0.2 + 8 * 0.5 + 4 * 0.05 + 6 * 1.0


def costing(ceiling: float, prices: dict[str, float], resources: list[Planned] | None = None) -> Verdicts:
    config = {"cost-ceiling": {"ceiling_per_hour": ceiling, "prices": prices}}
    return judged(MACHINES if resources is None else resources, rules=COSTS, config=config)


def test_without_a_ceiling_nothing_is_asked() -> None:
    assert judged(MACHINES, rules=COSTS) == Verdicts()


def test_the_most_that_a_stack_may_cost_is_held_to_its_ceiling() -> None:
    assert costing(TOTAL + 0.001, dict(PRICES)) == Verdicts()
    (verdict,) = costing(TOTAL - 0.001, dict(PRICES)).wrong
    assert verdict.resource == "nodes"
    assert verdict.text.startswith("the stack may cost $11.00 an hour, $6.00 of it here, expected at most $11.00")


def test_what_has_no_price_is_not_known_and_never_free() -> None:
    prices = {key: value for key, value in PRICES.items() if key != "fargate"}
    (verdict,) = costing(1000, prices).late
    assert "the price of fargate (tasks) decides" in verdict.text
    over = costing(1, prices)
    assert ([each.resource for each in over.wrong], len(over.late)) == (["nodes"], 1)


def test_what_karpenter_makes_is_not_known() -> None:
    pool = made("kubernetes:karpenter.sh/v1:NodePool", "pool", KARPENTER)
    assert len(costing(1, {}, [pool]).late) == 1


@pytest.mark.parametrize("path", ["instanceTypes", "scalingConfig"])
def test_a_pool_that_is_not_known_has_no_price_yet(path: str) -> None:
    pool = made("aws:eks/nodeGroup:NodeGroup", "pool", {**MACHINES[0].inputs, path: UNKNOWN})
    verdicts = costing(0.01, dict(PRICES), [pool])
    assert (verdicts.wrong, len(verdicts.late)) == ([], 1)


def vertex(**machine: str) -> str:
    """A version of Vertex AI's on machines of a kind."""
    return json.dumps({"deployed": {"dedicatedResources": {"machineSpec": machine}}})


NO_END: Final[list[tuple[str, dict[str, Any], str]]] = [
    ("aws:eks/nodeGroup:NodeGroup", {"launchTemplate": {"id": "a"}, "scalingConfig": {"maxSize": 2}}, "its machines"),
    ("aws:eks/nodeGroup:NodeGroup", {"instanceTypes": ["m7i.large"], "scalingConfig": {}}, "the maximum"),
    ("aws:eks/cluster:Cluster", {"computeConfig": {"enabled": True}}, "the number of pods"),
    ("aws:lambda/function:Function", {}, "reservedConcurrentExecutions"),
    ("aws:lambda/function:Function", {"reservedConcurrentExecutions": -1}, "reservedConcurrentExecutions"),
    ("aws:ecs/service:Service", {"desiredCount": 5000}, "launchType"),
    ("aws:ec2/spotInstanceRequest:SpotInstanceRequest", {"instanceType": "p5.48xlarge"}, "the price of p5.48xlarge"),
    ("aws:sagemaker/endpointConfiguration:EndpointConfiguration",
     {"productionVariants": [{"variantName": "a", "serverlessConfig": {"maxConcurrency": 9}}]}, "sagemaker-serverless"),
    ("gcp:container/nodePool:NodePool",
     {"location": "europe-west3", "nodeConfig": {"machineType": "e2-standard-4"}, "autoscaling": {"maxNodeCount": 2}},
     "nodeLocations"),
    ("gcp:container/nodePool:NodePool",
     {"location": "europe-west3-a", "autoscaling": {"minNodeCount": 2}}, "the maximum"),
    ("gcp:container/nodePool:NodePool",
     {"location": "europe-west3-a", "nodeCount": 1,
      "nodeConfig": {"machineType": "n1-standard-4", "guestAccelerators": [{"type": "nvidia-tesla-t4"}]}},
     "nodeConfig.guestAccelerators"),
    ("gcp:container/cluster:Cluster", {"enableAutopilot": True}, "the number of pods"),
    ("gcp:container/cluster:Cluster", {}, "the default pool"),
    ("gcp:compute/regionInstanceGroupManager:RegionInstanceGroupManager", {"targetSize": 100}, "of its template"),
    ("pulumi-python:dynamic/modelport:VertexDeployment", {"scale": '{"maxReplicaCount": 8}', "version": "{}"},
     "version"),
    ("pulumi-python:dynamic/modelport:VertexDeployment",
     {"scale": '{"maxReplicaCount": 8}',
      "version": vertex(machineType="n1-standard-4", acceleratorType="NVIDIA_TESLA_T4")},
     "the price of its GPUs"),
]  # fmt: skip
"""What may cost anything, and says nothing of how much."""


@pytest.mark.parametrize(("type_", "inputs", "missing"), NO_END, ids=str)
def test_what_has_no_end_is_not_known_and_never_free(type_: str, inputs: dict[str, Any], missing: str) -> None:
    verdicts = costing(1, dict(PRICES), [made(type_, "it", inputs)])
    assert verdicts.wrong == []
    (verdict,) = verdicts.late
    assert missing in verdict.text


@pytest.mark.parametrize(
    ("type_", "inputs", "most"),
    [
        ("gcp:container/nodePool:NodePool",
         {"location": "europe-west3-a", "nodeConfig": {"machineType": "e2-standard-4"}, "nodeCount": 3}, 3.0),
        ("aws:lambda/function:Function", {"reservedConcurrentExecutions": 5}, 0.5),
        ("aws:rds/instance:Instance", {"instanceClass": "db.m7g.large"}, 0.3),
        ("gcp:container/cluster:Cluster", {"removeDefaultNodePool": True}, 0.0),
        ("pulumi-python:dynamic/modelport:VertexDeployment",
         {"scale": '{"maxReplicaCount": 8}', "version": vertex(machineType="n1-standard-4")}, 4.0),
    ],
)  # fmt: skip
def test_what_says_how_much_is_counted(type_: str, inputs: dict[str, Any], most: float) -> None:
    prices = {**PRICES, "lambda": 0.1, "db.m7g.large": 0.3, "vertex/n1-standard-4": 0.5}
    one = [made(type_, "it", inputs)]
    assert costing(most + 0.01, prices, one) == Verdicts()
    assert not most or len(costing(most - 0.01, prices, one).wrong) == 1
