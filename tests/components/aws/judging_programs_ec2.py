"""The services on EC2 that the judges judge: by default, and in their other kinds."""

from pathlib import Path

from components.aws.ec2_service import Ec2Service, Ec2ServiceArgs, Ec2Strategy
from stacks import aws_ec2
from stacks.spec import StackSpec
from tests.components.aws.judging import ACCOUNT, REGION

_BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"
_HERE: Ec2ServiceArgs = {
    "account_id": ACCOUNT,
    "region": REGION,
    "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/models/digits@sha256:{'a' * 64}",
    "vpc_id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
}


def ec2() -> None:
    Ec2Service("digits", _HERE)


def ec2_with_everything() -> None:
    Ec2Service(
        "digits",
        {
            **_HERE,
            "load_balancer": {
                "target_group_arn": f"{_BALANCER}:targetgroup/a/0123456789abcdef",
                "security_group_id": "sg-0123456789abcdef0",
                "arn_suffix": "app/digits/0123456789abcdef",
                "target_group_arn_suffix": "targetgroup/a/0123456789abcdef",
            },
            "allowed_security_group_ids": ["sg-0123456789abcdef9"],
            "instance_types": ["g6.xlarge", "g5.xlarge"],
            "image_id": "ami-0123456789abcdef0",
            "disk_key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "spot_percent": 50,
            "max": 8,
            "requests_target": 600,
            "latency_seconds": 0.25,
            "allow_sessions": True,
            "wait": False,
            "workers": 2,
            "env": {"MODELPORT_QUEUE": "64"},
            "release": {"strategy": Ec2Strategy.CANARY, "steps": [{"weight": 10, "pause": 300}]},
            "tags": {"team": "ml"},
        },
    )


def stack_aws_ec2() -> None:
    aws_ec2.deploy(StackSpec.from_file(Path(__file__).parents[3] / "Pulumi.aws-ec2.yaml"))
