"""Functions of AWS Lambda and the API before one that the judges judge: by default, and in their other kinds."""

from pathlib import Path

from components.aws.api_gateway import AwsApiGateway
from components.aws.lambda_service import LambdaService, LambdaServiceArgs, LambdaStrategy
from stacks import aws_lambda
from stacks.spec import StackSpec
from tests.components.aws.judging import ACCOUNT, REGION

_HERE: LambdaServiceArgs = {
    "account_id": ACCOUNT,
    "region": REGION,
    "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/models/digits@sha256:{'a' * 64}",
}
_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
_FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:digits:live"
_INVOKED = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{_FUNCTION}/invocations"


def function() -> None:
    LambdaService("digits", _HERE)


def function_with_everything() -> None:
    LambdaService(
        "whole",
        {
            **_HERE,
            "memory": 4096,
            "disk_mb": 1024,
            "reserved_concurrency": 50,
            "provisioned_concurrency": 2,
            "caller_arns": [f"arn:aws:iam::{ACCOUNT}:role/shop"],
            "vpc_id": "vpc-0123456789abcdef0",
            "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
            "release": {
                "strategy": LambdaStrategy.CANARY,
                "steps": [{"weight": each, "pause": 120} for each in (25, 50, 75)],
            },
            "latency_seconds": 0.25,
            "alarm_names": ["digits-business"],
            "env": {"MODELPORT_QUEUE": "8"},
            "key_arn": _KEY,
            "tags": {"team": "ml"},
        },
    )


def api() -> None:
    AwsApiGateway(
        "digits",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "function": {"arn": _FUNCTION, "invoke_arn": _INVOKED},
            "plans": [{"name": "partners", "keys": ["shop", "office"], "per_day": 10_000}],
        },
    )


def api_with_a_name() -> None:
    AwsApiGateway(
        "named",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "function": {"arn": _FUNCTION, "invoke_arn": _INVOKED},
            "iam": True,
            "client_cidrs": ["192.0.2.0/24"],
            "domain": {
                "hostname": "digits.example.com",
                "zone_name": "example.com",
                "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
            },
            "web_acl_arn": f"arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/shop/1234abcd-12ab-34cd",
            "account_may_log": True,
            "key_arn": _KEY,
        },
    )


def function_behind_an_api() -> None:
    """What is made on a simulated AWS."""
    made = LambdaService(
        "answers",
        {
            **_HERE,
            "url": False,
            "release": {"strategy": LambdaStrategy.CANARY, "steps": [{"weight": 10, "pause": 300}]},
        },
    )
    AwsApiGateway(
        "answers",
        {
            "account_id": ACCOUNT,
            "region": REGION,
            "function": {"arn": made.alias_arn, "invoke_arn": made.invoke_arn},
            "plans": [{"name": "partners", "keys": ["shop"], "per_day": 10_000}],
        },
    )


def stack_aws_lambda() -> None:
    aws_lambda.deploy(StackSpec.from_file(Path(__file__).parents[3] / "Pulumi.aws-lambda.yaml"))
