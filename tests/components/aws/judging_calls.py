"""Which calls of AWS's make a resource of pulumi_aws's, by its token."""

from collections.abc import Mapping
from typing import Final

from tests.components.aws.judging_call import Row
from tests.components.aws.judging_calls_base import EC2, EDGE, IAM, S3
from tests.components.aws.judging_calls_ec2 import SCALED
from tests.components.aws.judging_calls_ecs import ECS
from tests.components.aws.judging_calls_guard import GUARD
from tests.components.aws.judging_calls_lambda import LAMBDA
from tests.components.aws.judging_calls_run import RUN, WATCH
from tests.components.aws.judging_calls_sagemaker import SAGEMAKER

CALLS: Final[Mapping[str, Row]] = {
    **EC2,
    **IAM,
    **EDGE,
    **S3,
    **RUN,
    **ECS,
    **SCALED,
    **WATCH,
    **GUARD,
    **SAGEMAKER,
    **LAMBDA,
}
"""How each resource is made."""

APART: Final[Mapping[str, str]] = {
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": "AWS makes it with the VPC, and the provider empties it",
    "aws:acm/certificateValidation:CertificateValidation": "the provider waits, and calls nothing",
}
"""What no call makes, and why."""
