"""What a service in ECS cannot be, each in one line before anything is registered."""

from typing import Any, cast

import pulumi
import pytest

from components.aws.ecs import EcsCapacity, EcsService, EcsServiceArgs
from components.checks import ArgsError
from tests.components.aws.test_ecs import GPUS, HERE, IMAGE, made_of
from tests.components.planned import plan

_BAD: list[tuple[dict[str, Any], str]] = [
    (
        {"cpu": 1024, "memory": 9000},
        "EcsService.memory is 9000, expected MiB that Fargate has beside cpu 1024, 2048 to 8192 by 1024; write 8192",
    ),
    (
        {"cpu": 256, "memory": 3072},
        "EcsService.memory is 3072, expected MiB that Fargate has beside cpu 256, 512, 1024, 2048; write 2048",
    ),
    (
        {"cpu": 300},
        "EcsService.cpu is 300, expected units of CPU that Fargate has, one of 256, 512, 1024, 2048, 4096, 8192, "
        "16384; write 512",
    ),
    (
        {"memory": 700},
        "EcsService.memory is 700, expected MiB of memory that Fargate has beside some cpu; write 1024",
    ),
    (
        {"metrics": {"bytes": 2.0**40}},
        "what the model needs is '103 units of CPU and 2097568 MiB', expected at most what Fargate has, 16384 and "
        "122880; use fewer workers, or EC2",
    ),
    (
        {"min": 1, "desired": 5, "max": 4},
        "EcsService.desired is 5, expected at most EcsService.max, which is 4; raise EcsService.max to 5",
    ),
    ({"min": 0}, "EcsService.min is 0, expected 1 to 5000 tasks; write 1"),
    ({"cpu_target": 50}, "EcsService.cpu_target is 50, expected a max above min (2) beside it; raise max"),
    (
        {"max": 4, "requests_target": 600},
        "EcsService.requests_target is 600, expected an application load balancer that counts them; write "
        "load_balancer with arn_suffix and target_group_arn_suffix",
    ),
    (
        {"gpus": 1},
        "EcsService.gpus is 1, expected none on Fargate, which has no GPUs; leave gpus out, or write capacity: "
        "EcsCapacity.GPU_INSTANCES with instance_types",
    ),
    (
        {"instance_types": ["g6.xlarge"]},
        "EcsService.instance_types is ['g6.xlarge'], expected none on Fargate, which has no instances; leave "
        "instance_types out, or write capacity: EcsCapacity.GPU_INSTANCES with instance_types",
    ),
    (
        {"capacity": EcsCapacity.GPU_INSTANCES, "instance_types": ["m7i.large"]},
        "EcsService.instance_types is 'm7i.large', expected an instance type with NVIDIA GPUs; for example g7e.8xlarge",
    ),
    (
        {"capacity": EcsCapacity.GPU_INSTANCES},
        "EcsService.instance_types is [], expected a list of at least one instance type; write ['g6.xlarge']",
    ),
    (
        {"capacity": EcsCapacity.GPU_INSTANCES, "instance_types": ["g5g.xlarge"]},
        "EcsService.instance_types is 'g5g.xlarge', expected a type of x86_64, as images are of; for example g6.xlarge",
    ),
    (
        {"capacity": EcsCapacity.GPU_INSTANCES, "instance_types": ["g6.xlarge"], "gpus": 2},
        "EcsService.gpus is 2, expected 1 to 1 GPUs, as g6.xlarge has; write 1",
    ),
    (
        {"capacity": EcsCapacity.GPU_INSTANCES, "instance_types": ["g6.xlarge"], "memory": 16384},
        "EcsService.memory is 16384, expected 128 to 14745 MiB, which g6.xlarge leaves; write 14745",
    ),
    (
        {"capacity": EcsCapacity.GPU_INSTANCES, "instance_types": ["g6.xlarge"], "max_instances": 1},
        "EcsService.max_instances is 1, expected 2 to 1000 instances; write 2",
    ),
    (
        {"capacity": "ec2"},
        "EcsService.capacity is 'ec2', expected one of fargate, gpu-instances; write fargate",
    ),
    ({"spot_percent": 100}, "EcsService.spot_percent is 100, expected 0 to 99 percent; write 99"),
    (
        {"image": "registry.example.com/digits@sha256:" + "0" * 64},
        f"EcsService.image is 'registry.example.com/digits@sha256:{'0' * 64}', expected an image in Amazon ECR by "
        "digest, ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:...; pass the reference of a ModelImage whose "
        "destination is an EcrRegistry's url",
    ),
    (
        {"image": IMAGE.partition("@")[0] + ":latest"},
        f"EcsService.image is '{IMAGE.partition('@')[0]}:latest', expected an image in Amazon ECR by digest, "
        "ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:...; pass the reference of a ModelImage whose "
        "destination is an EcrRegistry's url",
    ),
    (
        {"account_id": "1234"},
        "EcsService.account_id is '1234', expected an AWS account id, twelve digits as text; for example "
        '"123456789012"',
    ),
    (
        {"region": "eu-central-9"},
        "EcsService.region is 'eu-central-9', expected one that there is; did you mean eu-central-2",
    ),
    (
        {"vpc_id": "net"},
        "EcsService.vpc_id is 'net', expected an id that begins with vpc-; for example vpc-0123456789abcdef0",
    ),
    (
        {"subnet_ids": ["subnet-0123456789abcdef0"]},
        "EcsService.subnet_ids is ['subnet-0123456789abcdef0'], expected at least 2 private subnets, "
        "of two availability zones, each once; add those of the other zones",
    ),
    (
        {"task_role_arn": "digits"},
        "EcsService.task_role_arn is 'digits', expected an ARN of iam; for example "
        "arn:aws:iam::123456789012:role/digits",
    ),
    ({"log_days": 42}, "EcsService.log_days is 42, expected days for which CloudWatch keeps logs; write 30"),
    (
        {"latency_seconds": 0.5},
        "EcsService.latency_seconds is 0.5, expected an application load balancer that measures it; write "
        "load_balancer with arn_suffix and target_group_arn_suffix, or leave latency_seconds out",
    ),
    (
        {"env": {"MODELPORT_PORT": "80"}},
        "a key of EcsService.env is 'MODELPORT_PORT', expected one that the component does not set itself; leave it "
        "out",
    ),
    (
        {"env": {"A": "a" * 32_768}},
        "EcsService.env is '32769 bytes', expected at most 32768, as a task definition has twice as many for all that "
        "it says; shorten it",
    ),
    (
        {"env": {"SHOP_API_KEY": "7f3"}},
        "EcsService.env['SHOP_API_KEY'] has a value, expected nothing secret there, as whoever may describe what "
        "runs reads it; leave it out",
    ),
    ({"launch_type": "FARGATE"}, "EcsService has no argument 'launch_type', did you mean instance_types"),
    (
        {"load_balancer": {"target_group_arn": "digits", "security_group_id": "sg-0123456789abcdef0"}},
        "EcsService.load_balancer.target_group_arn is 'digits', expected an ARN of elasticloadbalancing; for example "
        "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/digits/0123456789abcdef",
    ),
]


@pytest.mark.parametrize(("given", "said"), _BAD, ids=[said.partition(",")[0] for _, said in _BAD])
def test_what_is_wrong_is_said_before_anything_is_registered(given: dict[str, Any], said: str) -> None:
    registered: list[str] = []

    def program() -> None:
        try:
            EcsService("digits", cast("EcsServiceArgs", {**HERE, **given}))
        except ArgsError as error:
            registered.append(str(error))

    found = plan(program)
    assert registered == [said]
    assert found.resources == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sg-digits", "the name of EcsService is 'sg-digits', expected a letter and at most 39 more"),
        (
            "ecs-digits",
            "the name of EcsService is 'ecs-digits', expected one that does not begin with aws, ecs, fargate",
        ),
    ],
)
def test_a_name_that_aws_would_not_take_is_refused(name: str, said: str) -> None:
    with pytest.raises(ArgsError, match=said):
        made_of(GPUS, name=name)


def test_what_is_known_later_is_asked_then() -> None:
    with pytest.raises(ValueError, match="expected at most what Fargate has"):
        made_of({**HERE, "metrics": pulumi.Output.from_input({"bytes": 2.0**40})})
