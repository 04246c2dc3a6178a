"""The endpoints of SageMaker that the judges judge: by default, and in their other kinds."""

from pathlib import Path
from typing import Any

from components.aws.sagemaker import SageMakerEndpoint, SageMakerEndpointArgs, SageMakerStrategy
from stacks import aws_sagemaker
from stacks.spec import StackSpec
from tests.components.aws.judging import ACCOUNT, REGION

_ROOT = Path(__file__).parents[3]

_REPOSITORY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/models/digits"
_HERE: SageMakerEndpointArgs = {
    "account_id": ACCOUNT,
    "region": REGION,
    "image": f"{_REPOSITORY}@sha256:{'a' * 64}",
    "vpc_id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
}


def sagemaker() -> None:
    SageMakerEndpoint("digits", _HERE)


def sagemaker_with_everything() -> None:
    SageMakerEndpoint(
        "digits",
        {
            **_HERE,
            "min": 2,
            "max": 8,
            "cpu_target": 50,
            "requests_target": 600,
            "in_flight_target": 4,
            "workers": 2,
            "env": {"MODELPORT_QUEUE": "64"},
            "latency_seconds": 0.25,
            "alarm_names": ["digits-business"],
            "capture": {"percent": 20},
            "shadow": {"image": f"{_REPOSITORY}@sha256:{'b' * 64}", "percent": 50},
            "release": {"strategy": SageMakerStrategy.CANARY, "steps": [{"weight": 10}]},
            "tags": {"team": "ml"},
        },
    )


def sagemaker_of_two_versions() -> None:
    SageMakerEndpoint(
        "digits",
        {
            **_HERE,
            "weight": 9,
            "variants": {"next": {"image": f"{_REPOSITORY}@sha256:{'b' * 64}", "weight": 1}},
            "release": {
                "strategy": SageMakerStrategy.CANARY,
                "steps": [{"weight": each, "pause": 120} for each in (25, 50, 75)],
            },
            "max": 3,
        },
    )


def sagemaker_in(vpc_id: Any, subnet_ids: Any) -> None:
    """One that is all free to go again."""
    SageMakerEndpoint(
        "served",
        {
            **_HERE,
            "vpc_id": vpc_id,
            "subnet_ids": subnet_ids,
            # moto knows types of some years ago.
            "instance_type": "ml.m5.large",
            "max": 4,
            "latency_seconds": 0.25,
            "capture": {"percent": 20, "delete_data": True},
            "release": {"strategy": SageMakerStrategy.CANARY, "steps": [{"weight": 10}]},
        },
    )


def stack_aws_sagemaker() -> None:
    aws_sagemaker.deploy(StackSpec.from_file(_ROOT / "Pulumi.aws-sagemaker.yaml"))
