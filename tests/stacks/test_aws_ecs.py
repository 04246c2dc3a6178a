"""The target `aws-ecs`: one stack file makes all around the model on AWS, and ECS releases its versions."""

import json
from pathlib import Path
from typing import Any

import pytest

from stacks import aws_ecs
from stacks.spec import SpecError
from tests.components.planned import UNKNOWN
from tests.stacks.pictures import picture
from tests.stacks.stack_files import IMAGE, MODEL, ROOT, StackFile

SNAPSHOT = Path(__file__).parent / "snapshots" / "aws-ecs.txt"
SERVICE = "aws:ecs/service:Service"

FILE = StackFile("aws-ecs", aws_ecs.deploy, {})


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(tmp_path: Path, preview: bool) -> None:
    FILE.planned(tmp_path, preview=preview).holds(SNAPSHOT)


def test_the_picture_of_it_is_of_this_plan(tmp_path: Path) -> None:
    page = ROOT / "docs" / "aws-ecs.svg"
    drawn = picture("aws-ecs", FILE.planned(tmp_path))
    if not page.exists():
        page.write_text(drawn)
        raise AssertionError("docs/aws-ecs.svg was drawn, look at it and run the test again")
    assert page.read_text() == drawn, "to draw it anew, delete docs/aws-ecs.svg and run the test once"


def test_the_image_that_was_pushed_is_what_runs(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path)
    assert found.one(MODEL).inputs["destination"] == IMAGE.partition("@")[0]
    (container,) = json.loads(found.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"])
    assert container["image"] == IMAGE
    first = FILE.planned(tmp_path, preview=True)
    assert first.one(MODEL).inputs["destination"] == UNKNOWN
    assert first.one("aws:ecs/taskDefinition:TaskDefinition").inputs["containerDefinitions"] == UNKNOWN


def test_the_words_of_a_release_are_ecss_own(tmp_path: Path) -> None:
    service = FILE.planned(tmp_path).one(SERVICE)
    assert service.inputs["deploymentConfiguration"] == {
        "strategy": "CANARY",
        "bakeTimeInMinutes": "1",
        "canaryConfiguration": {"canaryPercent": 10, "canaryBakeTimeInMinutes": "5"},
    }
    assert service.request["ignoreChanges"] == ["desiredCount"]
    (balancer,) = service.inputs["loadBalancers"]
    arn = "arn:aws:test:eu-central-1:123456789012:"
    assert balancer["targetGroupArn"] == f"{arn}models"
    assert balancer["advancedConfiguration"]["alternateTargetGroupArn"] == f"{arn}models-b"
    assert balancer["advancedConfiguration"]["productionListenerRule"] == f"{arn}models-digits.models.example.com"
    rolling = FILE.planned(tmp_path, release=None).one(SERVICE).inputs
    assert rolling["deploymentConfiguration"] == {"strategy": "ROLLING"}
    assert rolling["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    steps = {"strategy": "blue-green", "pause": 600, "steps": None}
    switched = FILE.planned(tmp_path, release=steps).one(SERVICE).inputs
    assert switched["deploymentConfiguration"] == {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "10"}


def test_tasks_stand_in_private_subnets_and_go_before_what_they_stand_in(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path)
    service = found.one(SERVICE)
    network = service.inputs["networkConfiguration"]
    assert network["subnets"] == ["models-private-a-id", "models-private-b-id", "models-private-c-id"]
    assert network["assignPublicIp"] is False
    needed = {urn.rpartition("$")[2] for urn in service.request["dependencies"]}
    assert "aws:ec2/routeTableAssociation:RouteTableAssociation::models-private-a" in needed
    assert "aws:lb/listenerRule:ListenerRule::models-digits.models.example.com" in needed
    assert "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders::models" in needed


def test_a_network_load_balancer_leads_to_tasks_too(tmp_path: Path) -> None:
    found = FILE.planned(
        tmp_path,
        ecs={"load_balancer": {"kind": "NLB"}, "alarms": None, "task": {"requests_per_minute": None}},
        release=None,
    )
    assert "alarms" not in found.one(SERVICE).inputs
    assert found.one(SERVICE).inputs["loadBalancers"][0]["containerPort"] == 8080


def test_alarms_are_of_this_service_and_its_load_balancer(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path, ecs={"monitoring": {"latency": 0.1}})
    alarm, whole = "aws:cloudwatch/metricAlarm:MetricAlarm", "aws:cloudwatch/compositeAlarm:CompositeAlarm"
    latency = found.one(alarm, "models-latency").inputs
    assert (latency["threshold"], latency["dimensions"]) == (0.1, {"LoadBalancer": "models/0123456789abcdef"})
    assert found.one(alarm, "models-cpu").inputs["dimensions"] == {"ClusterName": "models", "ServiceName": "models"}
    groups = [found.one(alarm, f"models-unhealthy-targets{each}").inputs for each in ("", "-alternate")]
    assert [each["dimensions"]["TargetGroup"] for each in groups] == [
        "models/0123456789abcdef",
        "models-b/0123456789abcdef",
    ]
    # They tell, and what rolls a release back are others.
    names = found.one(SERVICE).inputs["alarms"]["alarmNames"]
    assert not {"models-latency", found.one(whole).inputs["alarmName"]} & set(names)
    (mail,) = found.all("aws:sns/topicSubscription:TopicSubscription")
    assert mail.inputs["endpoint"] == "models@example.com"
    assert not FILE.planned(tmp_path, ecs={"monitoring": None}).all(whole)


def test_instances_with_gpus_take_the_place_of_fargate(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path, ecs={"gpu": {"instance_types": ["g6.xlarge"]}})
    assert {each.name for each in found.all("aws:autoscaling/group:Group")} == {"models-gpu", "models-gpu-spot"}


def test_without_a_load_balancer_nobody_reaches_it(tmp_path: Path) -> None:
    found = FILE.planned(
        tmp_path,
        ecs={"load_balancer": None, "alarms": None, "task": {"requests_per_minute": None}},
        release=None,
        autoscaling=None,
    )
    assert not found.all("aws:lb/loadBalancer:LoadBalancer")
    assert "loadBalancers" not in found.one(SERVICE).inputs


VPC = {
    "vpc_id": "vpc-0123456789abcdef0",
    "cidr": "10.20.0.0/16",
    "zones": ["eu-central-1a", "eu-central-1b"],
    "private_subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
}
_BAD: list[tuple[dict[str, Any], str]] = [
    ({"ecs": None}, "ecs is missing, expected the account and what is made in it; write account_id and region"),
    (
        {"ecs": {"task": {"cpu": 1024, "memory": 9000}}},
        "ecs.task.memory is 9000, expected MiB that Fargate has beside cpu 1024, 2048 to 8192 by 1024; write 8192",
    ),
    (
        {"ecs": {"account_id": "1234"}},
        "ecs.account_id is '1234', expected an AWS account id, twelve digits as text; for example \"123456789012\"",
    ),
    (
        {"ecs": {"region": "eu-central-9"}},
        "ecs.region is 'eu-central-9', expected one that there is; did you mean eu-central-2",
    ),
    (
        {"ecs": {"gpu": {"instance_types": ["m7i.large"]}}},
        "ecs.gpu.instance_types is 'm7i.large', expected an instance type with NVIDIA GPUs; for example g7e.8xlarge",
    ),
    (
        {"ecs": {"task": {"count": 3}}},
        "ecs.task.count is 3 beside autoscaling, expected one of them; remove it, and write autoscaling.min: 3",
    ),
    (
        {"autoscaling": {"min": 0}},
        "autoscaling.min is 0 with target aws-ecs, expected 1 or more, as nothing would start a task; write 1",
    ),
    (
        {"autoscaling": {"gpu": 50}},
        "autoscaling.gpu is set with target aws-ecs, expected min, max and cpu alone, as ECS has no counterpart; "
        "remove it, and write ecs.task.requests_per_minute to scale by requests",
    ),
    (
        {"release": {"strategy": "shadow", "steps": None}},
        "release.strategy is shadow with target aws-ecs, expected one of rolling, canary, blue-green, as ECS has no "
        "others; write canary",
    ),
    (
        {"release": {"baseline": True}},
        "release.baseline is set with target aws-ecs, expected none, as ECS has no counterpart; remove it",
    ),
    (
        {"release": {"analysis": {"prometheus": "https://prometheus.example.com", "success_rate": {"min": 0.99}}}},
        "release.analysis is set with target aws-ecs, expected none, as ECS has no counterpart; remove it, and write "
        "ecs.alarms",
    ),
    (
        {"release": {"steps": [{"weight": 5, "pause": 60}, {"weight": 50, "pause": 60}]}},
        "release.steps is [5, 50], expected steps of equal size and pause, each at least 3 percent, or one, as ECS has "
        "no others; write 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95 with one pause, or "
        "a single step",
    ),
    (
        {"release": {"steps": [{"weight": 10, "pause": 45}]}},
        "release.steps[0].pause is 45.0, expected whole minutes, as ECS counts in these; write 60",
    ),
    (
        {"ecs": {"load_balancer": None, "alarms": None, "task": {"requests_per_minute": None}}},
        "release.strategy is canary without ecs.load_balancer, expected one that moves requests from a version to the "
        "other; write ecs.load_balancer, or strategy: rolling",
    ),
    (
        {"ecs": {"load_balancer": {"kind": "NLB"}, "alarms": None, "task": {"requests_per_minute": None}}},
        "release.strategy is canary with ecs.load_balancer.kind NLB, which measures no answers, expected alarms of "
        "your own that roll it back; write ecs.alarms.names, or kind: ALB",
    ),
    (
        {
            "release": None,
            "autoscaling": None,
            "ecs": {
                "load_balancer": {"kind": "NLB"},
                "alarms": None,
                "monitoring": {"latency": 0.1},
                "task": {"requests_per_minute": None},
            },
        },
        "ecs: monitoring.latency is set without an ALB, expected one that measures answers; leave it out, or write "
        "load_balancer with kind: ALB",
    ),
    (
        {"ecs": {"name": "sg-digits"}},
        "ecs.name is 'sg-digits', expected a letter and at most 39 more of a-z, A-Z, 0-9 and -, not beginning with "
        "sg-; for example shop",
    ),
    (
        {"ecs": {"network": {"cidr": "10.20.0.1/16"}}},
        "ecs.network.cidr is '10.20.0.1/16', expected the network's own address; write 10.20.0.0/16",
    ),
    (
        {"ecs": {"network": {"cidr": None, "existing": VPC}, "load_balancer": {"internet_facing": True}}},
        "ecs.load_balancer.internet_facing is true beside ecs.network.existing with 0 public subnets, expected two at "
        "least, in which the load balancer stands; write public_subnet_ids, or leave internet_facing out",
    ),
    (
        {"ecs": {"load_balancer": {"hostname": "digits.example.org"}}},
        "ecs.load_balancer.hostname is digits.example.org, expected a name in the zone models.example.com; for example "
        "models.models.example.com",
    ),
    (
        {"image": {"push": "registry.example.com/digits"}},
        "image.push is set with target aws-ecs, expected none, as the stack makes its registry; remove it, and write "
        "ecs.registry.repository for another name",
    ),
    (
        {"kubernetes": {"namespace": "models"}},
        "kubernetes is set with target aws-ecs, expected it with target kubernetes or aws-eks or gcp-gke alone; remove "
        "it or set modelport:target to kubernetes",
    ),
]


@pytest.mark.parametrize(("sections", "said"), _BAD, ids=[said.partition(",")[0] for _, said in _BAD])
def test_what_cannot_be_is_said_before_anything_is_planned(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as error:
        FILE.spec(tmp_path, **sections)
    assert f"Pulumi.aws-ecs.yaml: {said}" in error.value.lines


def test_the_internet_is_spelled_out(tmp_path: Path) -> None:
    open_to_all = {"client_cidrs": ["0.0.0.0/0"], "internet_facing": True}
    with pytest.raises(SpecError, match="as no API key is asked for; name them, or write anonymous: true"):
        FILE.spec(tmp_path, ecs={"load_balancer": open_to_all})
    assert FILE.spec(tmp_path, ecs={"load_balancer": {**open_to_all, "anonymous": True}}).ecs
    halves = {**open_to_all, "client_cidrs": ["0.0.0.0/1", "128.0.0.0/1"]}
    with pytest.raises(SpecError, match=r"client_cidrs has 0\.0\.0\.0/1, expected networks of your own"):
        FILE.spec(tmp_path, ecs={"load_balancer": halves})
