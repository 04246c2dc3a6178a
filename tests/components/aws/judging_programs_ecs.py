"""The services in ECS that the judges judge: on Fargate, and on instances with GPUs."""

from typing import Final

from components.aws.ecs import EcsCapacity, EcsService, EcsStrategy
from tests.components.aws.judging import ACCOUNT, REGION

DIGEST: Final = "sha256:" + "a" * 64


def ecs() -> None:
    image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/models/digits@{DIGEST}"
    subnets = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    balancer = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"
    EcsService(
        "digits",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "image": image,
            "vpc_id": "vpc-0123456789abcdef0",
            "subnet_ids": subnets,
            "load_balancer": {
                "target_group_arn": f"{balancer}:targetgroup/a/0123456789abcdef",
                "alternate_target_group_arn": f"{balancer}:targetgroup/b/0123456789abcdef",
                "rule_arn": f"{balancer}:listener-rule/app/digits/0123456789abcdef/0123456789abcdef/0123456789abcdef",
                "security_group_id": "sg-0123456789abcdef0",
                "arn_suffix": "app/digits/0123456789abcdef",
                "target_group_arn_suffix": "targetgroup/a/0123456789abcdef",
                "alternate_target_group_arn_suffix": "targetgroup/b/0123456789abcdef",
            },
            "max": 8,
            "spot_percent": 50,
            "requests_target": 600,
            "latency_seconds": 0.25,
            "release": {"strategy": EcsStrategy.CANARY, "steps": [{"weight": 10, "pause": 300}]},
        },
    )


def ecs_with_gpus() -> None:
    EcsService(
        "digits",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/models/digits@{DIGEST}",
            "vpc_id": "vpc-0123456789abcdef0",
            "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
            "namespace_id": "ns-0123456789abcdef",
            "allowed_security_group_ids": ["sg-0123456789abcdef9"],
            "capacity": EcsCapacity.GPU_INSTANCES,
            "instance_types": ["g6.xlarge", "g6.2xlarge"],
            "spot_percent": 50,
            "max": 4,
        },
    )
