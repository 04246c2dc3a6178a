"""What a LambdaService refuses, in one line, with nothing registered."""

from typing import Any, cast

import pytest

from components.aws.lambda_service import LambdaService, LambdaServiceArgs
from components.checks import ArgsError
from tests.components.aws.test_lambda_service import ACCOUNT, HERE, IMAGE
from tests.components.planned import Plan, plan

US = IMAGE.replace("eu-central-1", "us-east-1")
STEPS = "LambdaService.release.steps"


def _canary(*weights: int, pause: float = 60) -> dict[str, Any]:
    return {"strategy": "canary", "steps": [{"weight": each, "pause": pause} for each in weights]}


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (
            {"image": "digits:1"},
            "LambdaService.image is 'digits:1', expected an image in Amazon ECR by digest, "
            "ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:...; pass the reference of a ModelImage whose "
            "destination is an EcrRegistry's url",
        ),
        (
            {"image": US},
            f"LambdaService.image is '{US}', expected an image in eu-central-1, as Lambda pulls from its own region; "
            "push it there",
        ),
        (
            {"account_id": "1234"},
            "LambdaService.account_id is '1234', expected an AWS account id, twelve digits as text; for example "
            '"123456789012"',
        ),
        ({"memory": 64}, "LambdaService.memory is 64, expected 128 to 10240 MB; write 128"),
        ({"memory": 20480}, "LambdaService.memory is 20480, expected 128 to 10240 MB; write 10240"),
        ({"timeout": 1000}, "LambdaService.timeout is 1000, expected 1 to 900 seconds; write 900"),
        ({"disk_mb": 100}, "LambdaService.disk_mb is 100, expected 512 to 10240 MB; write 512"),
        ({"architecture": "arm"}, "LambdaService.architecture is 'arm', expected one of x86_64, arm64; write arm64"),
        (
            {"reserved_concurrency": 0},
            "LambdaService.reserved_concurrency is 0, expected 1 to 100000 requests at once; write 1",
        ),
        (
            {"reserved_concurrency": 1, "provisioned_concurrency": 2},
            "LambdaService.provisioned_concurrency is 2, expected at most LambdaService.reserved_concurrency, which is "
            "1; raise LambdaService.reserved_concurrency to 2",
        ),
        (
            {"url": False, "anonymous": True},
            "LambdaService.anonymous is True, expected none without a URL; write url: True",
        ),
        (
            {"caller_arns": ["shop"]},
            "LambdaService.caller_arns[0] is 'shop', expected an ARN of iam; for example arn:aws:iam::123456789012:"
            "role/a",
        ),
        (
            {"alarm_topic_arns": [f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"]},
            f"LambdaService.alarm_topic_arns[0] is 'arn:aws:sns:us-east-1:{ACCOUNT}:alarms', expected one of "
            "eu-central-1, where what uses it is; make or take one in eu-central-1",
        ),
        (
            {"alarm_topic_arns": [f"arn:aws:sns:eu-central-1:{ACCOUNT}:a{number}" for number in range(6)]},
            "LambdaService.alarm_topic_arns is '6 topics', expected at most 5, as an alarm tells no more; leave some "
            "out",
        ),
        (
            {"role_arn": f"arn:aws:iam::{ACCOUNT}:user/digits"},
            f"LambdaService.role_arn is 'arn:aws:iam::{ACCOUNT}:user/digits', expected an ARN of iam; for example "
            "arn:aws:iam::123456789012:role/digits",
        ),
        (
            {"vpc_id": "vpc-0123456789abcdef0"},
            "LambdaService.subnet_ids is None, expected both of vpc_id and subnet_ids; write subnet_ids",
        ),
        (
            {"env": {"MODELPORT_PORT": "80"}},
            "a key of LambdaService.env is 'MODELPORT_PORT', expected one that the component does not set itself; "
            "leave it out",
        ),
        (
            {"env": {"SHOP_API_KEY": "7f3"}},
            "LambdaService.env['SHOP_API_KEY'] has a value, expected nothing secret there, as whoever may describe "
            "what runs reads it; leave it out",
        ),
        (
            {"env": {"DATABASE_URL": "postgres://shop:7f3@db.example.com/shop"}},
            "LambdaService.env['DATABASE_URL'] has a value, expected nothing secret there, as whoever may describe "
            "what runs reads it; leave it out",
        ),
        (
            {"env": {"AWS_REGION": "x"}},
            "a key of LambdaService.env is 'AWS_REGION', expected one that Lambda does not keep to itself; "
            "leave it out",
        ),
        (
            {"env": {"A1": "x" * 5000}},
            "LambdaService.env is '5002 bytes', expected at most 4096; leave some out",
        ),
        (
            {"latency_seconds": 60},
            "LambdaService.latency_seconds is 60, expected 0.001 to 29 seconds; write 29",
        ),
        ({"log_days": 100}, "LambdaService.log_days is 100, expected days for which CloudWatch keeps logs; write 90"),
        (
            {"release": {"strategy": "blue-green"}},
            "LambdaService.release.strategy is 'blue-green', expected one of rolling, canary; write rolling",
        ),
        (
            {"release": {"steps": [{"weight": 10}]}},
            f"{STEPS} is [{{'weight': 10}}], expected none beside strategy rolling; leave steps out",
        ),
        (
            {"release": {"strategy": "canary"}},
            f"{STEPS} is [], expected at least one step of a canary; for example weight 10, pause 300",
        ),
        ({"release": _canary(100)}, f"{STEPS}[0].weight is 100, expected a share of the requests; write 10, or "
         "strategy rolling"),
        ({"release": _canary(10, pause=90)}, f"{STEPS}[0].pause is 90, expected whole minutes, as CodeDeploy counts in "
         "these; write 120"),
        ({"release": _canary(10, 50)}, f"{STEPS} is [10, 50], expected steps of equal size and pause, or one, as "
         "CodeDeploy has no others; write 10, 20, 30, 40, 50, 60, 70, 80, 90 with one pause, or a single step"),
        ({"release": _canary(50, 10)}, f"{STEPS} is [50, 10], expected weights each larger than the one before; write "
         "[10, 50]"),
        ({"memroy": 1}, "LambdaService has no argument 'memroy', did you mean memory"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_line_and_nothing_is_registered(args: dict[str, Any], line: str) -> None:
    found = Plan()

    def program() -> None:
        LambdaService("digits", cast("LambdaServiceArgs", {**HERE, **args}))

    with pytest.raises(ArgsError) as raised:
        found = plan(program)
    assert (str(raised.value), found.resources) == (line, [])


@pytest.mark.parametrize("name", ["sg-digits", "d" * 49, "1st", "a_b"])
def test_a_name_that_does_not_fit_is_refused(name: str) -> None:
    with pytest.raises(ArgsError, match="the name of LambdaService is"):
        plan(lambda: LambdaService(name, HERE))
