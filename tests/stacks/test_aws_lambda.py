"""The target `aws-lambda`: one stack file makes all around the model in AWS Lambda, and its versions are released."""

import json
from pathlib import Path
from typing import Any

import pytest

from stacks import aws_lambda
from stacks.spec import SpecError
from tests.components.planned import UNKNOWN, Planned
from tests.stacks.pictures import picture
from tests.stacks.stack_files import IMAGE, MODEL, ROOT, Outputs, StackFile

SNAPSHOT = Path(__file__).parent / "snapshots" / "aws-lambda.txt"
FUNCTION = "aws:lambda/function:Function"
DOMAIN = {
    "hostname": "digits.models.example.com",
    "zone_name": "models.example.com",
    "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
}


def _version(_: Planned) -> dict[str, Any]:
    return {"version": "7"}


def _api(_: Planned) -> dict[str, Any]:
    return {"rootResourceId": "root", "executionArn": "arn:aws:execute-api:eu-central-1:123456789012:a"}


def _stage(_: Planned) -> dict[str, Any]:
    return {"invokeUrl": "https://a.execute-api.eu-central-1.amazonaws.com/live"}


def _url(_: Planned) -> dict[str, Any]:
    return {"functionUrl": "https://a.lambda-url.eu-central-1.on.aws/"}


def _domain(_: Planned) -> dict[str, Any]:
    return {"regionalDomainName": "d-1", "regionalZoneId": "Z1"}


OUTPUTS: Outputs = {
    FUNCTION: _version,
    "aws:apigateway/domainName:DomainName": _domain,
    "aws:apigateway/restApi:RestApi": _api,
    "aws:apigateway/stage:Stage": _stage,
    "aws:lambda/functionUrl:FunctionUrl": _url,
}
FILE = StackFile("aws-lambda", aws_lambda.deploy, OUTPUTS)


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(tmp_path: Path, preview: bool) -> None:
    FILE.planned(tmp_path, preview=preview).holds(SNAPSHOT)


def test_the_picture_of_it_is_of_this_plan(tmp_path: Path) -> None:
    page = ROOT / "docs" / "aws-lambda.svg"
    drawn = picture("aws-lambda", FILE.planned(tmp_path))
    if not page.exists():
        page.write_text(drawn)
        raise AssertionError("docs/aws-lambda.svg was drawn, look at it and run the test again")
    assert page.read_text() == drawn, "to draw it anew, delete docs/aws-lambda.svg and run the test once"


def test_the_image_that_was_pushed_is_what_runs(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path)
    assert found.one(MODEL).inputs["destination"] == IMAGE.partition("@")[0]
    assert found.one(FUNCTION).inputs["imageUri"] == IMAGE
    first = FILE.planned(tmp_path, preview=True)
    assert first.one(MODEL).inputs["destination"] == UNKNOWN
    assert first.one(FUNCTION).inputs["imageUri"] == UNKNOWN


def test_lambda_may_pull_before_anything_is_pushed(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path)
    (allowed,) = json.loads(found.one("aws:ecr/repositoryPolicy:RepositoryPolicy").inputs["policy"])["Statement"]
    assert allowed["Principal"] == {"Service": "lambda.amazonaws.com"}
    needed = {urn.rpartition("$")[2] for urn in found.one(MODEL).request["dependencies"]}
    assert "aws:ecr/repositoryPolicy:RepositoryPolicy::models" in needed


def test_the_words_of_a_release_are_the_platforms_own(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path)
    group = found.one("aws:codedeploy/deploymentGroup:DeploymentGroup").inputs
    assert group["deploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    assert set(group["alarmConfiguration"]["alarms"]) == {
        *("models-errors", "models-errors-newest", "models-slow", "models-slow-newest"),
    }
    rolling = FILE.planned(tmp_path, release=None)
    assert not rolling.all("aws:codedeploy/deploymentGroup:DeploymentGroup")
    steps = {"steps": [{"weight": each, "pause": 60} for each in (25, 50, 75)]}
    linear = FILE.planned(tmp_path, release=steps).one("aws:codedeploy/deploymentConfig:DeploymentConfig").inputs
    assert linear["trafficRoutingConfig"]["type"] == "TimeBasedLinear"


def test_with_an_api_there_is_no_other_way_in(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path)
    assert not found.all("aws:lambda/functionUrl:FunctionUrl")
    assert {each.inputs["apiKeyRequired"] for each in found.all("aws:apigateway/method:Method")} == {True}
    both = FILE.planned(tmp_path, function={"url": {}})
    assert both.one("aws:lambda/functionUrl:FunctionUrl").inputs["authorizationType"] == "AWS_IAM"


def test_without_an_api_the_function_has_a_url_that_iam_guards(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path, function={"api": None})
    assert not [each for each in found.resources if each.type.startswith("aws:apigateway/")]
    assert found.one("aws:lambda/functionUrl:FunctionUrl").inputs["authorizationType"] == "AWS_IAM"


def test_an_api_has_a_name_of_ones_own(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path, function={"api": {"domain": DOMAIN, "client_cidrs": ["192.0.2.0/24"], "iam": True}})
    assert found.one("aws:apigateway/domainName:DomainName").inputs["domainName"] == DOMAIN["hostname"]
    assert found.one("aws:apigateway/restApi:RestApi").inputs["disableExecuteApiEndpoint"] is True
    assert {each.inputs["authorization"] for each in found.all("aws:apigateway/method:Method")} == {"AWS_IAM"}


_BAD: list[tuple[dict[str, Any], str]] = [
    ({"function": None}, "function is missing, expected the account and what is made in it; write account_id and "
     "region"),
    ({"function": {"memory": 20480}}, "function.memory is 20480, expected 128 to 10240 MB; write 10240"),
    (
        {"function": {"timeout": 60}},
        "timeout is 60 beside api, expected at most 29, as an API waits no longer; write 29",
    ),
    (
        {"function": {"account_id": "1234"}},
        "function.account_id is '1234', expected an AWS account id, twelve digits as text; for example "
        '"123456789012"',
    ),
    (
        {"function": {"region": "eu-central-9"}},
        "function.region is 'eu-central-9', expected one that there is; did you mean eu-central-2",
    ),
    (
        {"function": {"provisioned_concurrency": 60}},
        "function.provisioned_concurrency is 60, expected at most function.reserved_concurrency, which is 50; raise "
        "function.reserved_concurrency to 60",
    ),
    (
        {"function": {"api": {"plans": None}}},
        "function.api.plans is [], expected a plan with API keys, as everybody could call; write plans, or iam: True, "
        "or anonymous: True for everybody",
    ),
    (
        {"function": {"api": {"plans": {"partners": {"keys": ["Shop"]}}}}},
        "function.api.plans.partners.keys[0] is 'Shop', expected 1 to 32 of a-z, 0-9 and -, a letter first; for "
        "example shop",
    ),
    (
        {"function": {"api": {"domain": {**DOMAIN, "hostname": "digits.example.org"}}}},
        "function.api.domain.hostname is 'digits.example.org', expected a name of the zone models.example.com; write "
        "models.models.example.com, or the zone that it is in",
    ),
    (
        {"function": {"alarms": {"latency": 40}}},
        "function.alarms.latency is 40.0, expected 0.001 to 29 seconds; write 29",
    ),
    (
        {"release": {"strategy": "blue-green", "steps": None}},
        "release.strategy is blue-green with target aws-lambda, expected one of rolling, canary, as versions of a "
        "function stand beside each other anyway; write canary",
    ),
    (
        {"release": {"analysis": {"prometheus": "https://prometheus.example.com", "success_rate": {"min": 0.99}}}},
        "release.analysis is set with target aws-lambda, expected none, as AWS Lambda has no counterpart; remove it, "
        "and write function.alarms",
    ),
    (
        {"release": {"steps": [{"weight": 5, "pause": 60}, {"weight": 50, "pause": 60}]}},
        "release.steps is [5, 50], expected steps of equal size and pause, or one, as CodeDeploy has no others; write "
        "5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95 with one pause, or a single step",
    ),
    (
        {"image": {"push": "registry.example.com/digits"}},
        "image.push is set with target aws-lambda, expected none, as the stack makes its registry; remove it, and "
        "write function.registry.repository for another name",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sections", "said"), _BAD, ids=[said.partition(",")[0] for _, said in _BAD])
def test_what_cannot_be_is_said_before_anything_is_planned(tmp_path: Path, sections: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as error:
        FILE.spec(tmp_path, **sections)
    assert [line for line in error.value.lines if said in line], error.value.lines


def test_everything_goes_before_what_it_stands_on(tmp_path: Path) -> None:
    found = FILE.planned(tmp_path)
    stack = found.one("aws:cloudformation/stack:Stack")
    assert any(urn.endswith(f"{FUNCTION}::models") for urn in stack.request["dependencies"])
    policy = found.one("aws:iam/rolePolicy:RolePolicy", "models-calls")
    # What is called is there before it may be called.
    assert any(urn == stack.urn for urn in policy.request["dependencies"])
