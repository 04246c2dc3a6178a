"""The target `aws-ec2`: one stack file makes all around the model on AWS, and an instance refresh releases its "
"versions."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from components.checks import ArgsError
from stacks import aws_ec2
from stacks.spec import SpecError
from tests.components.planned import UNKNOWN, Plan, plan
from tests.stacks.pictures import picture
from tests.stacks.stack_files import IMAGE, MODEL, ROOT, StackFile

SNAPSHOT = Path(__file__).parent / "snapshots" / "aws-ec2.txt"
GROUP = "aws:autoscaling/group:Group"
REFRESH = "pulumi-python:dynamic/modelport:InstanceRefresh"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"

FILE = StackFile("aws-ec2", aws_ec2.deploy, {})


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The stack file as it stands, once it is made."""
    return FILE.planned(tmp_path_factory.mktemp("stack"))


def test_names_and_parents_stay(tmp_path: Path, planned: Plan) -> None:
    planned.holds(SNAPSHOT)
    FILE.planned(tmp_path, preview=True).holds(SNAPSHOT)


def test_the_picture_of_it_is_of_this_plan(planned: Plan) -> None:
    page = ROOT / "docs" / "aws-ec2.svg"
    drawn = picture("aws-ec2", planned)
    if not page.exists():
        page.write_text(drawn)
        raise AssertionError("docs/aws-ec2.svg was drawn, look at it and run the test again")
    assert page.read_text() == drawn, "to draw it anew, delete docs/aws-ec2.svg and run the test once"


def test_the_image_that_was_pushed_is_what_instances_run(tmp_path: Path, planned: Plan) -> None:
    assert planned.one(MODEL).inputs["destination"] == IMAGE.partition("@")[0]
    told = base64.b64decode(planned.one(TEMPLATE).inputs["userData"]).decode()
    assert f"IMAGE={IMAGE}\\n" in told
    first = FILE.planned(tmp_path, preview=True)
    assert first.one(MODEL).inputs["destination"] == UNKNOWN
    assert first.one(TEMPLATE).inputs["userData"] == UNKNOWN


def test_the_words_of_a_release_are_those_of_an_instance_refresh(tmp_path: Path, planned: Plan) -> None:
    canary = json.loads(planned.one(REFRESH).inputs["preferences"])
    assert (canary["CheckpointPercentages"], canary["CheckpointDelay"], canary["BakeTime"]) == ([10, 100], 300, 120)
    assert canary["AlarmSpecification"] == {"Alarms": ["models-errors", "models-slow"]}
    assert canary["AutoRollback"] is False
    rolling = json.loads(FILE.planned(tmp_path, release=None).one(REFRESH).inputs["preferences"])
    assert not {"CheckpointPercentages", "BakeTime"} & set(rolling)
    looked = json.loads(
        FILE.planned(tmp_path, release={"strategy": "rolling", "steps": None, "pause": 300})
        .one(REFRESH)
        .inputs["preferences"]
    )
    assert looked["BakeTime"] == 300
    found = FILE.planned(tmp_path, ec2={"instance": {"image_id": "ami-0123456789abcdef0"}, "wait": False})
    own = found.one(REFRESH).inputs
    assert (json.loads(own["preferences"])["AutoRollback"], own["wait"]) == (True, False)


def test_instances_stand_in_private_subnets_and_go_before_what_they_stand_in(planned: Plan) -> None:
    group = planned.one(GROUP)
    assert group.inputs["vpcZoneIdentifiers"] == ["models-private-a-id", "models-private-b-id", "models-private-c-id"]
    assert (group.inputs["minSize"], group.inputs["maxSize"]) == (2, 8)
    target = planned.one("aws:lb/targetGroup:TargetGroup").inputs
    assert (target["targetType"], target["port"]) == ("instance", 8080)
    needed = {urn.rpartition("$")[2] for urn in group.request["dependencies"]}
    assert "aws:ec2/routeTableAssociation:RouteTableAssociation::models-private-a" in needed
    assert "aws:lb/listenerRule:ListenerRule::models-digits.models.example.com" in needed
    assert "aws:iam/rolePolicy:RolePolicy::models" in needed
    # Instances have ended with their group, and only then their security group and network go.
    template = {urn.rpartition("$")[2] for urn in planned.one(TEMPLATE).request["dependencies"]}
    assert "aws:ec2/securityGroup:SecurityGroup::models" in template
    assert "aws:ec2/launchTemplate:LaunchTemplate::models" in needed


def test_instances_with_gpus_start_with_nvidias_driver(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path, ec2={"instance": {"types": ["g6.xlarge", "g5.xlarge"]}})
    assert "/gpu/recommended/" in found.one(TEMPLATE).inputs["imageId"]


def test_a_network_load_balancer_leads_to_instances_too(tmp_path: Path) -> None:
    found = FILE.planned(
        tmp_path,
        ec2={"load_balancer": {"kind": "NLB"}, "alarms": None, "instance": {"requests_per_minute": None}},
        release=None,
    )
    assert not found.all("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert found.one(GROUP).inputs["targetGroupArns"] == ["arn:aws:test:eu-central-1:123456789012:models"]


def test_without_a_load_balancer_nobody_reaches_it(tmp_path: Path) -> None:
    found = FILE.planned(
        tmp_path,
        ec2={"load_balancer": None, "alarms": None, "instance": {"requests_per_minute": None}},
        release=None,
        autoscaling=None,
    )
    assert not found.all("aws:lb/loadBalancer:LoadBalancer")
    assert not [
        each
        for each in found.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if each.inputs["securityGroupId"] == "models-id"
    ]


_BAD: list[tuple[dict[str, Any], str]] = [
    ({"ec2": None}, "ec2 is missing, expected the account and what is made in it; write account_id and region"),
    (
        {"ec2": {"account_id": "1234"}},
        "ec2.account_id is '1234', expected an AWS account id, twelve digits as text; for example \"123456789012\"",
    ),
    (
        {"ec2": {"region": "eu-central-9"}},
        "ec2.region is 'eu-central-9', expected one that there is; did you mean eu-central-2",
    ),
    (
        {"ec2": {"instance": {"types": ["g9.xlarge"]}}},
        "ec2.instance.types is 'g9.xlarge', expected an instance type with NVIDIA GPUs; for example g6.xlarge",
    ),
    (
        {"ec2": {"region": "eu-west-1", "instance": {"types": ["g6.xlarge"]}}},
        "ec2.instance.types is 'g6.xlarge', expected an instance type that eu-west-1 has; eu-central-1, eu-central-2, "
        "eu-north-1 has it",
    ),
    (
        {"ec2": {"instance": {"count": 3}}},
        "ec2.instance.count is 3 beside autoscaling, expected one of them; remove it, and write autoscaling.min: 3",
    ),
    (
        {"autoscaling": {"min": 0}},
        "autoscaling.min is 0 with target aws-ec2, expected 1 or more, as nothing would start an instance; write 1",
    ),
    (
        {"autoscaling": {"latency": 0.5}},
        "autoscaling.latency is set with target aws-ec2, expected min, max and cpu alone, as EC2 Auto Scaling has no "
        "counterpart; remove it, and write ec2.instance.requests_per_minute to scale by requests",
    ),
    (
        {"release": {"strategy": "blue-green", "steps": None}},
        "release.strategy is blue-green with target aws-ec2, expected one of rolling, canary, as an instance "
        "refresh has "
        "no others; write canary",
    ),
    (
        {"release": {"analysis": {"prometheus": "https://prometheus.example.com", "success_rate": {"min": 0.99}}}},
        "release.analysis is set with target aws-ec2, expected none, as an instance refresh has no counterpart; remove "
        "it, and write ec2.alarms",
    ),
    (
        {"release": {"baseline": True}},
        "release.baseline is set with target aws-ec2, expected none, as an instance refresh has no counterpart; "
        "remove it",
    ),
    (
        {"release": {"steps": [{"weight": 10, "pause": 60}, {"weight": 50, "pause": 300}]}},
        "release.steps pauses is [60, 300], expected one pause, as an instance refresh has no others; write 300 for "
        "each",
    ),
    (
        {"ec2": {"load_balancer": {"kind": "NLB"}, "alarms": None, "instance": {"requests_per_minute": None}}},
        "release.strategy is canary without an ALB, expected alarms that end it; write ec2.load_balancer with kind "
        "ALB, "
        "or ec2.alarms.names",
    ),
    (
        {"ec2": {"wait": False}},
        "ec2.wait is False, expected true without image_id, as AWS rolls no image back that it looks up itself; write "
        "ec2.instance.image_id, or leave wait out",
    ),
    (
        {"ec2": {"network": {"nat": "none"}}},
        "ec2: network.nat is none, expected a NAT gateway, as instances fetch the AWS command line and reach EC2 Auto "
        "Scaling through it; write nat: shared",
    ),
    (
        {"ec2": {"load_balancer": {"hostname": "digits.example.org"}}},
        "ec2.load_balancer.hostname is digits.example.org, expected a name in the zone models.example.com; for example "
        "models.models.example.com",
    ),
    (
        {"image": {"push": "registry.example.com/digits"}},
        "image.push is set with target aws-ec2, expected none, as the stack makes its registry; remove it, and write "
        "ec2.registry.repository for another name",
    ),
    (
        {"gateway": {"hostname": "a.example.com"}},
        "gateway is set with target aws-ec2, expected it with target kubernetes alone; remove it, and "
        "write ec2.load_balancer",
    ),
]


@pytest.mark.parametrize(("sections", "said"), _BAD, ids=[said.partition(",")[0] for _, said in _BAD])
def test_what_cannot_be_is_said_before_anything_is_planned(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as error:
        FILE.spec(tmp_path, **sections)
    assert f"Pulumi.aws-ec2.yaml: {said}" in error.value.lines


def test_what_only_a_component_knows_to_be_wrong_is_said_before_anything_is_made(tmp_path: Path) -> None:
    given = FILE.spec(tmp_path, ec2={"registry": {"repository": "Digits"}})
    with pytest.raises(ArgsError, match=r"^ec2\.registry\.repository is 'Digits', expected 2 to 256 of a-z and 0-9"):
        plan(lambda: aws_ec2.deploy(given))


def test_the_internet_is_spelled_out(tmp_path: Path) -> None:
    open_to_all = {"client_cidrs": ["0.0.0.0/0"], "internet_facing": True}
    with pytest.raises(SpecError, match="as no API key is asked for; name them, or write anonymous: true"):
        FILE.spec(tmp_path, ec2={"load_balancer": open_to_all})
    assert FILE.spec(tmp_path, ec2={"load_balancer": {**open_to_all, "anonymous": True}}).ec2
    halves = {**open_to_all, "client_cidrs": ["0.0.0.0/1", "128.0.0.0/1"]}
    with pytest.raises(SpecError, match=r"client_cidrs has 0\.0\.0\.0/1, expected networks of your own"):
        FILE.spec(tmp_path, ec2={"load_balancer": halves})
