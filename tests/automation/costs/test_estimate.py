"""What a stack costs, reckoned with a small book whose figures are easy to follow."""

import json
from datetime import date
from decimal import Decimal
from typing import Any, Final

import pytest

from automation.costs.book import Book, Key, Price, Source
from automation.costs.estimate import Budget, Estimate, Line, estimate, warnings
from engine.values import TAG, UNKNOWN, UNKNOWN_TEXT

SOURCE: Final = Source("list", "a list", "https://example.com", date(2026, 1, 31))
REGION: Final = {"urn": "urn:pulumi:t::p::pulumi:providers:aws::aws", "type": "pulumi:providers:aws",
                 "inputs": {"region": "eu-central-1"}}  # fmt: skip


def price(amount: str, unit: str = "hour") -> Price:
    return Price(Decimal(amount), unit, SOURCE)


BOOK: Final = Book(
    "USD",
    {
        Key("aws", "eu-central-1", "machine/m6i.large"): price("0.1"),
        Key("aws", "eu-central-1", "machine/m7i.large"): price("0.2"),
        Key("aws", "eu-central-1", "machine/m6i.large", "spot"): price("0.03"),
        Key("aws", "eu-central-1", "machine/m7i.large", "spot"): price("0.04"),
        Key("aws", "eu-central-1", "machine/g6.xlarge"): price("1"),
        Key("aws", "eu-central-1", "fargate/cpu"): price("0.04"),
        Key("aws", "eu-central-1", "fargate/memory"): price("0.005", "GB-hour"),
        Key("aws", "eu-central-1", "vpc/endpoint-interface"): price("0.01"),
        Key("aws", "eu-central-1", "kms/key"): price("1", "month"),
        Key("gcp", "europe-west4", "machine/n1-standard-4"): price("0.2"),
        Key("gcp", "europe-west4", "machine/g2-standard-8"): price("0.9"),
        Key("gcp", "europe-west4", "gpu/nvidia-tesla-t4"): price("0.35"),
        Key("gcp", "europe-west4", "disk/pd-balanced"): price("0.1", "GB-month"),
        Key("gcp", "europe-west4", "run/cpu"): price("0.09"),
        Key("gcp", "europe-west4", "run/memory"): price("0.01", "GB-hour"),
        Key("gcp", "europe-west4", "run/cpu-idle"): price("0.01"),
        Key("gcp", "europe-west4", "run/memory-idle"): price("0.01", "GB-hour"),
        Key("gcp", "europe-west4", "vertex/n1-standard-4"): price("0.23"),
        Key("gcp", "europe-west4", "vertex-gpu/nvidia-tesla-t4"): price("0.4"),
        Key("gcp", "*", "armor/policy"): price("5", "month"),
        Key("gcp", "*", "armor/rule"): price("1", "month"),
        Key("gcp", "*", "armor/requests"): price("0.75", "million"),
        Key("gcp", "*", "lb/global-first-five"): price("0.025"),
        Key("gcp", "*", "lb/global-additional"): price("0.01"),
    },
)


def made(type_: str, name: str, inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:t::p::{type_}::{name}", "type": type_, "inputs": inputs, **more}


def group(types: list[str], low: int, now: int, high: int, **more: Any) -> dict[str, Any]:
    scaling = {"minSize": low, "desiredSize": now, "maxSize": high}
    return made("aws:eks/nodeGroup:NodeGroup", "pool", {"instanceTypes": types, "scalingConfig": scaling, **more})


def reckoned(*resources: dict[str, Any]) -> Estimate:
    return estimate([REGION, *resources], BOOK)


def only(*resources: dict[str, Any]) -> Line:
    (line,) = reckoned(*resources).lines
    return line


def test_nodes_cost_now_at_least_and_at_most() -> None:
    line = only(group(["m6i.large"], 1, 2, 4))
    assert (line.per_month, line.least, line.most) == (Decimal("146.00"), Decimal("73.00"), Decimal("292.00"))
    assert line.what == "2 nodes m6i.large, eu-central-1, on-demand"
    assert line.source == "a list, 2026-01-31"


def test_a_group_whose_types_its_template_names_has_not_eks_own() -> None:
    line = only(group([], 1, 2, 2, launchTemplate={"id": "lt"}))
    assert (line.basis, line.why.partition(";")[0]) == ("unknown", "its types of machine are not said")
    assert "t3.medium" in only(group([], 1, 2, 2)).what


def test_of_several_types_the_dearest_counts() -> None:
    assert only(group(["m6i.large", "m7i.large"], 1, 1, 1)).per_month == Decimal("146.00")


def test_spot_has_prices_of_its_own() -> None:
    line = only(group(["m6i.large"], 1, 1, 1, capacityType="SPOT"))
    assert (line.basis, line.per_month) == ("spot", Decimal("21.90"))


def test_a_pool_of_gpus_with_a_minimum_of_none_says_so() -> None:
    line = only(group(["g6.xlarge"], 0, 0, 4))
    assert (line.per_month, line.least, line.most) == (Decimal(0), Decimal(0), Decimal("2920.00"))
    assert "none where nothing asks for them" in line.why


def test_one_type_without_a_price_makes_the_whole_pool_unknown() -> None:
    found = reckoned(group(["m6i.large", "p5.48xlarge"], 1, 1, 2))
    assert found.per_month == 0
    assert [line.per_month for line in found.unknown] == [None]
    assert "no price of machine/p5.48xlarge in eu-central-1, on-demand; 1 to 2 of them" in found.unknown[0].why


@pytest.mark.parametrize(
    "value", [UNKNOWN, UNKNOWN_TEXT, "(unknown)", {TAG: "secret", "ciphertext": "v1:x"}, "[secret]"]
)
@pytest.mark.parametrize("path", ["instanceTypes", "scalingConfig"])
def test_what_a_plan_does_not_know_is_not_known_and_never_nothing(path: str, value: Any) -> None:
    resource = group(["m6i.large"], 1, 2, 4)
    resource["inputs"][path] = value
    line = only(resource)
    assert (line.per_month, line.least, line.most, line.basis) == (None, None, None, "unknown")
    assert "not known before it is made" in line.why


def test_what_a_state_knows_is_taken_from_its_outputs() -> None:
    resource = group(["m6i.large"], 1, 2, 4)
    resource["inputs"]["instanceTypes"] = UNKNOWN_TEXT
    assert only({**resource, "outputs": {"instanceTypes": ["m6i.large"]}}).per_month == Decimal("146.00")


@pytest.mark.parametrize("value", ["two", True, None, "NaN", "Infinity", [], {}])
def test_a_number_that_is_none_is_not_known(value: Any) -> None:
    resource = group(["m6i.large"], 1, 2, 4)
    resource["inputs"]["scalingConfig"]["desiredSize"] = value
    assert only(resource).basis == "unknown"


def test_a_resource_without_a_region_is_not_priced_by_another() -> None:
    (line,) = estimate([group(["m6i.large"], 1, 1, 1)], BOOK).lines
    assert line.why.startswith("its region is not known")


def test_a_region_that_a_resource_says_itself_comes_before_its_provider() -> None:
    line = only(made("aws:kms/key:Key", "key", {"region": "us-east-1"}))
    assert "no price of kms/key in us-east-1" in line.why


def test_each_resource_is_priced_in_the_region_of_its_own_provider() -> None:
    other = {**REGION, "urn": "urn:pulumi:t::p::pulumi:providers:aws::other", "inputs": {"region": "us-east-1"}}
    key = made("aws:kms/key:Key", "key", {}, provider=f"{REGION['urn']}::id")
    assert only(other, key).per_month == Decimal("1.00")


def test_a_group_of_instances_is_part_on_demand_and_part_spot() -> None:
    policy = {
        "instancesDistribution": {"onDemandBaseCapacity": 2, "onDemandPercentageAboveBaseCapacity": 50},
        "launchTemplate": {"overrides": [{"instanceType": "m7i.large"}, {"instanceType": "m6i.large"}]},
    }
    sizes = {"minSize": 2, "desiredCapacity": 4, "maxSize": 8}
    found = reckoned(made("aws:autoscaling/group:Group", "group", {**sizes, "mixedInstancesPolicy": policy}))
    firm, spot = found.lines
    assert (firm.what, firm.per_month, firm.most) == ("3 instances m7i.large or m6i.large, eu-central-1, on-demand",
                                                      Decimal("438.00"), Decimal("730.00"))  # fmt: skip
    assert spot.what == "1 instance m7i.large or m6i.large, eu-central-1, spot"
    assert (spot.per_month, spot.least, spot.most) == (Decimal("29.20"), Decimal(0), Decimal("87.60"))


def test_tasks_of_fargate_cost_by_their_size_and_what_scales_them() -> None:
    service = made("aws:ecs/service:Service", "web", {"launchType": "FARGATE", "desiredCount": 2})
    task = made("aws:ecs/taskDefinition:TaskDefinition", "web", {"cpu": "1024", "memory": "2048"})
    target = made("aws:appautoscaling/target:Target", "web",
                  {"serviceNamespace": "ecs", "resourceId": UNKNOWN, "minCapacity": 1, "maxCapacity": 4})  # fmt: skip
    line = only(service, task, target)
    assert (line.per_month, line.least, line.most) == (Decimal("73.00"), Decimal("36.50"), Decimal("146.00"))


def test_tasks_of_an_unknown_size_are_not_known() -> None:
    service = made("aws:ecs/service:Service", "web", {"launchType": "FARGATE", "desiredCount": 2})
    task = made("aws:ecs/taskDefinition:TaskDefinition", "web", {"cpu": UNKNOWN, "memory": "2048"})
    assert "cpu is not known before it is made" in only(service, task).why


def test_an_endpoint_costs_in_each_of_its_zones_and_a_gateway_nothing() -> None:
    endpoint = {
        "vpcEndpointType": "Interface",
        "serviceName": "com.amazonaws.eu-central-1.ecr.api",
        "subnetIds": [UNKNOWN] * 3,
    }
    line = only(made("aws:ec2/vpcEndpoint:VpcEndpoint", "ecr", endpoint))
    assert (line.what, line.per_month) == ("VPC endpoint ecr.api in 3 zones, eu-central-1", Decimal("21.90"))
    assert reckoned(made("aws:ec2/vpcEndpoint:VpcEndpoint", "s3", {"vpcEndpointType": "Gateway"})).lines == ()


def pool(config: dict[str, Any], **more: Any) -> dict[str, Any]:
    inputs = {"location": "europe-west4", "nodeLocations": ["a", "b", "c"], "nodeConfig": config, **more}
    return made("gcp:container/nodePool:NodePool", "pool", inputs)


def test_a_pool_of_google_s_is_counted_in_each_zone_and_has_disks() -> None:
    scaled = {"initialNodeCount": 1, "autoscaling": {"minNodeCount": 1, "maxNodeCount": 2}}
    nodes, disks = reckoned(
        pool({"machineType": "g2-standard-8", "diskType": "pd-balanced", "diskSizeGb": 50}, **scaled)
    ).lines
    assert (nodes.per_month, nodes.least, nodes.most) == (Decimal("1971.00"), Decimal("1971.00"), Decimal("3942.00"))
    assert (disks.per_month, disks.most) == (Decimal("15.00"), Decimal("30.00"))


def test_accelerators_are_paid_where_the_machine_s_price_has_none() -> None:
    gpus = [{"type": "nvidia-tesla-t4", "count": 2}]
    nodes, _ = reckoned(pool({"machineType": "n1-standard-4", "guestAccelerators": gpus}, nodeCount=1)).lines
    assert nodes.per_month == Decimal("1971.00")


def test_five_rules_cost_as_one_and_each_more_by_itself() -> None:
    rules = [made("gcp:compute/globalForwardingRule:GlobalForwardingRule", f"rule-{n}", {}) for n in range(7)]
    assert [line.per_month for line in estimate(rules, BOOK).lines] == [
        Decimal("18.25"),
        Decimal("7.30"),
        Decimal("7.30"),
    ]


def test_a_policy_of_cloud_armor_costs_with_its_rules() -> None:
    policy = made("gcp:compute/securityPolicy:SecurityPolicy", "web", {"rules": [{"priority": 1}, {"priority": 9}]})
    whole, asked = reckoned(policy).lines
    assert (whole.per_month, whole.what) == (Decimal("7.00"), "policy web of Cloud Armor with 2 rules")
    assert (asked.basis, asked.why) == ("usage", "0.75 a million")


def test_an_instance_of_cloud_run_that_waits_costs_less_than_one_that_answers() -> None:
    limits = {"resources": {"limits": {"cpu": "2", "memory": "1Gi"}}}
    template = {"scaling": {"minInstanceCount": 1, "maxInstanceCount": 9}, "containers": [limits]}
    answering, warm = reckoned(
        made("gcp:cloudrunv2/service:Service", "web", {"location": "europe-west4", "template": template})
    ).lines
    assert answering.why == "paid by the second, 0.09 a vCPU and 0.01 a GiB an hour, up to 9 of them"
    assert (answering.basis, warm.per_month, warm.most) == ("usage", Decimal("21.90"), Decimal("21.90"))


def deployment(machine: dict[str, Any], **more: Any) -> dict[str, Any]:
    """As the component asks for replicas of Vertex AI."""
    version = {"model": {}, "deployed": {"dedicatedResources": {"machineSpec": machine, **more}}}
    given = {"region": "europe-west4", "scale": json.dumps({"minReplicaCount": 1, "maxReplicaCount": 3})}
    type_ = "pulumi-python:dynamic/modelport:VertexDeployment"
    return made(type_, "digits", {**given, "version": json.dumps(version)})


def test_replicas_of_vertex_ai_cost_with_their_accelerators() -> None:
    t4 = {"acceleratorType": "NVIDIA_TESLA_T4", "acceleratorCount": 2}
    plain, fast = (only(deployment({"machineType": "n1-standard-4", **more})) for more in ({}, t4))
    assert (plain.per_month, plain.most) == (Decimal("167.90"), Decimal("503.70"))
    assert fast.per_month == Decimal("751.90")


def test_replicas_of_vertex_ai_on_spot_machines_are_not_known() -> None:
    line = only(deployment({"machineType": "n1-standard-4"}, spot=True))
    assert (line.basis, line.per_month) == ("unknown", None)
    assert "a fee of Vertex AI's" in line.why


def test_a_type_that_nobody_knows_is_not_known() -> None:
    assert only(made("azure:compute/vm:VirtualMachine", "vm", {})).why == "there is no meter for this type of resource"


def test_components_and_providers_cost_nothing() -> None:
    assert (
        reckoned(made("modelport:index:EksCluster", "c", {}), made("awsx:ec2:Vpc", "v", {}, custom=False)).lines == ()
    )


def test_a_million_predictions_cost_their_share() -> None:
    found = reckoned(group(["m6i.large"], 2, 2, 2))
    assert found.per_million(20_000_000) == Decimal("7.3000")
    assert found.per_million(None) is None


def test_a_budget_that_does_not_hold_is_told_with_what_it_was() -> None:
    before, after = reckoned(group(["m6i.large"], 1, 1, 1)), reckoned(group(["m6i.large"], 2, 2, 2))
    assert warnings(before, after, Budget(Decimal(100))) == (
        "the stack costs $146.00 a month, expected at most the budget of $100.00; it was $73.00 before this change",
    )
    assert warnings(before, after, Budget(Decimal(200))) == ()


def test_a_budget_that_autoscalers_may_break_is_told() -> None:
    (told,) = warnings(None, reckoned(group(["m6i.large"], 1, 1, 4)), Budget(Decimal(100)))
    assert told.startswith("the stack costs $73.00 a month as planned and up to $292.00")


def test_a_budget_says_what_it_is_not_held_to() -> None:
    (told,) = warnings(None, reckoned(group(["x9.large"], 1, 1, 1)), Budget(Decimal(100)))
    assert told.startswith("the budget is held to what is known alone; not known is 1 node x9.large")


def test_without_a_budget_nothing_is_told() -> None:
    assert warnings(None, reckoned(group(["m6i.large"], 1, 1, 4)), None) == ()
