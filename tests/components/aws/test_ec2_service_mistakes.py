"""What a service on EC2 refuses, in one line, before anything is registered."""

from typing import Any, cast

import pytest

from components.aws.ec2_service import Ec2Service, Ec2ServiceArgs
from components.checks import ArgsError
from tests.components.aws.test_ec2_service import BALANCED, HERE, made_of
from tests.components.planned import Plan, plan

_STEPS = [{"weight": 10, "pause": 300}]
_BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"min": 4, "max": 2},
        "Ec2Service.desired is 4, expected at most Ec2Service.max, which is 2; raise Ec2Service.max to 4",
    ),
    (
        {"desired": 5, "max": 3},
        "Ec2Service.desired is 5, expected at most Ec2Service.max, which is 3; raise Ec2Service.max to 5",
    ),
    ({"min": 0}, "Ec2Service.min is 0, expected 1 to 1000 instances; write 1"),
    ({"max": 2000}, "Ec2Service.max is 2000, expected 1 to 1000 instances; write 1000"),
    (
        {"account_id": "1234"},
        "Ec2Service.account_id is '1234', expected an AWS account id, twelve digits as text; for example "
        '"123456789012"',
    ),
    (
        {"region": "eu-central-9"},
        "Ec2Service.region is 'eu-central-9', expected one that there is; did you mean eu-central-2",
    ),
    (
        {"image": "digits:latest"},
        "Ec2Service.image is 'digits:latest', expected an image in Amazon ECR by digest, "
        "ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:...; pass the reference of a ModelImage whose "
        "destination is an EcrRegistry's url",
    ),
    (
        {"vpc_id": "net"},
        "Ec2Service.vpc_id is 'net', expected an id that begins with vpc-; for example vpc-0123456789abcdef0",
    ),
    (
        {"subnet_ids": ["subnet-0123456789abcdef0"]},
        "Ec2Service.subnet_ids is ['subnet-0123456789abcdef0'], expected at least 2 private subnets, of two "
        "availability "
        "zones, each once; add those of the other zones",
    ),
    (
        {"instance_types": ["g6.xlarge"], "region": "eu-west-1"},
        "Ec2Service.instance_types is 'g6.xlarge', expected an instance type that eu-west-1 has; eu-central-1, "
        "eu-central-2, eu-north-1 has it",
    ),
    (
        {"instance_types": ["g9.xlarge"]},
        "Ec2Service.instance_types is 'g9.xlarge', expected an instance type with NVIDIA GPUs; for example g6.xlarge",
    ),
    (
        {"instance_types": ["g6.xlarge", "m7i.large"]},
        "Ec2Service.instance_types is ['g6.xlarge', 'm7i.large'], expected types that all have GPUs, as g6.xlarge "
        "has, or "
        "none of them; write ['g6.xlarge']",
    ),
    (
        {"instance_types": ["m7g.large"]},
        "Ec2Service.instance_types is 'm7g.large', expected a type of x86_64, as images are of; for example m7i.large",
    ),
    (
        {"instance_types": []},
        "Ec2Service.instance_types is [], expected a list of at least one instance type; write ['m7i.large']",
    ),
    (
        {"instance_types": ["large"]},
        "Ec2Service.instance_types is 'large', expected an EC2 instance type; for example m7i.large",
    ),
    (
        {"image_id": "al2023"},
        "Ec2Service.image_id is 'al2023', expected an id that begins with ami-; for example ami-0123456789abcdef0",
    ),
    (
        {"wait": False},
        "Ec2Service.wait is False, expected true without image_id, as AWS rolls no image back that it looks up itself; "
        "write image_id, or leave wait out",
    ),
    ({"spot_percent": 100}, "Ec2Service.spot_percent is 100, expected 0 to 99 percent; write 99"),
    ({"disk_gib": 8}, "Ec2Service.disk_gib is 8, expected 30 to 16384 GiB; write 30"),
    ({"max_instance_days": 400}, "Ec2Service.max_instance_days is 400, expected 1 to 365 days; write 365"),
    ({"log_days": 42}, "Ec2Service.log_days is 42, expected days for which CloudWatch keeps logs; write 30"),
    ({"workers": 0}, "Ec2Service.workers is 0, expected 1 to 256 processes; write 1"),
    (
        {"env": {"MODELPORT_PORT": "80"}},
        "a key of Ec2Service.env is 'MODELPORT_PORT', expected one that the component does not set itself; leave it "
        "out",
    ),
    (
        {"env": {"SHOP_API_KEY": "7f3"}},
        "Ec2Service.env['SHOP_API_KEY'] has a value, expected nothing secret there, as whoever may describe what "
        "runs reads it; leave it out",
    ),
    (
        {"env": {"a-b": "1"}},
        "a key of Ec2Service.env is 'a-b', expected a name of a variable; for example MODELPORT_QUEUE",
    ),
    ({"env": {"A": "1\n2"}}, "Ec2Service.env['A'] is '1\\n2', expected one line; for example 16"),
    (
        {"env": {"A": "x" * 12_000}},
        "Ec2Service.env is '12006 bytes', expected at most 8192, as user data has 16384; shorten it",
    ),
    (
        {"latency_seconds": 0.1},
        "Ec2Service.latency_seconds is 0.1, expected an application load balancer that measures it; write "
        "load_balancer "
        "with arn_suffix and target_group_arn_suffix, or leave latency_seconds out",
    ),
    (
        {"max": 4, "requests_target": 600},
        "Ec2Service.requests_target is 600, expected an application load balancer that counts them; write "
        "load_balancer "
        "with arn_suffix and target_group_arn_suffix",
    ),
    (
        {"load_balancer": {"target_group_arn": "a", "security_group_id": "sg-0123456789abcdef0"}},
        "Ec2Service.load_balancer.target_group_arn is 'a', expected an ARN of elasticloadbalancing; for example "
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/digits/0123456789abcdef",
    ),
    (
        {"alarm_names": [f"alarm-{number}" for number in range(11)]},
        "Ec2Service.alarm_names is '11 alarms', expected at most 10, as an instance refresh looks at 10 with ours; "
        "join "
        "some of them in a composite alarm",
    ),
    (
        {"release": {"steps": _STEPS}},
        "Ec2Service.release.steps is [{'weight': 10, 'pause': 300}], expected none beside strategy rolling; leave "
        "steps out",
    ),
    (
        {"release": {"strategy": "blue-green"}},
        "Ec2Service.release.strategy is 'blue-green', expected one of rolling, canary; write rolling",
    ),
    (
        {"release": {"strategy": "canary"}},
        "Ec2Service.release.steps is [], expected at least one step of a canary; for example weight 10, pause 300",
    ),
    (
        {"release": {"strategy": "canary", "steps": [{"weight": 50}, {"weight": 10}]}},
        "Ec2Service.release.steps is [50, 10], expected weights each larger than the one before; write [10, 50]",
    ),
    (
        {"release": {"strategy": "canary", "steps": [{"weight": 10, "pause": 60}, {"weight": 50, "pause": 300}]}},
        "Ec2Service.release.steps pauses is [60, 300], expected one pause, as an instance refresh has no others; "
        "write 300 "
        "for each",
    ),
    (
        {"release": {"strategy": "canary", "steps": _STEPS, "pause": 200_000}},
        "Ec2Service.release.pause is 200000, expected 0 to 172800 seconds; write 172800",
    ),
    ({"imge": "x"}, "Ec2Service has no argument 'imge', did you mean image"),
]


@pytest.mark.parametrize(("changed", "said"), _BAD, ids=[said.partition(",")[0][:60] for _, said in _BAD])
def test_what_cannot_be_is_said_and_nothing_is_made(changed: dict[str, Any], said: str) -> None:
    seen: list[Plan] = []
    with pytest.raises(ArgsError) as error:
        seen.append(plan(lambda: Ec2Service("digits", cast("Ec2ServiceArgs", {**HERE, **changed}))))
    assert str(error.value) == said
    assert not seen


def test_a_role_of_another_name_would_not_fit() -> None:
    with pytest.raises(ArgsError, match="at most 39 more of a-z"):
        made_of(HERE, name="d" * 41)
    with pytest.raises(ArgsError, match="not beginning with sg-"):
        made_of(HERE, name="sg-digits")


def test_two_names_of_a_load_balancer_go_together() -> None:
    balancer = {key: value for key, value in cast("Any", BALANCED)["load_balancer"].items() if key != "arn_suffix"}
    with pytest.raises(ArgsError, match=r"load_balancer\.arn_suffix is None, expected both of what CloudWatch knows"):
        made_of(cast("Any", {**HERE, "load_balancer": balancer}))
