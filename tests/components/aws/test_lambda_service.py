"""A model in AWS Lambda as it would be registered: who may call it, what it may do, and how a version is released."""

import json
from pathlib import Path
from typing import Any, cast

import pytest
from pulumi_aws.ec2.vpc import Vpc

from components.aws import lambda_service_release
from components.aws.lambda_service import LambdaArchitecture, LambdaService, LambdaServiceArgs, LambdaStrategy
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
ACCOUNT = "123456789012"
IMAGE = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com/models/digits@sha256:{'0123456789ab' + '0' * 52}"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
HERE: LambdaServiceArgs = {"account_id": ACCOUNT, "region": "eu-central-1", "image": IMAGE}
CANARY: LambdaServiceArgs = {
    **HERE,
    "release": {"strategy": LambdaStrategy.CANARY, "steps": [{"weight": 10, "pause": 300}]},
}
FULL: LambdaServiceArgs = {
    **CANARY,
    "release": {
        "strategy": LambdaStrategy.CANARY,
        "steps": [{"weight": each, "pause": 120} for each in (20, 40, 60, 80)],
    },
    "latency_seconds": 0.25,
    "reserved_concurrency": 50,
    "provisioned_concurrency": 2,
    "caller_arns": [f"arn:aws:iam::{ACCOUNT}:role/shop"],
    "vpc_id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "env": {"MODELPORT_QUEUE": "8"},
    "alarm_names": ["mine"],
    "alarm_topic_arns": [f"arn:aws:sns:eu-central-1:{ACCOUNT}:alarms"],
}


def _version(_: Planned) -> dict[str, Any]:
    return {"version": "7"}


def made_of(args: LambdaServiceArgs, *, preview: bool = False, name: str = "digits") -> Plan:
    return plan(lambda: LambdaService(name, args), preview=preview, outputs={"aws:lambda/function:Function": _version})


def _function(found: Plan) -> dict[str, Any]:
    return found.one("aws:lambda/function:Function").inputs


def _allowed(found: Plan, name: str) -> list[dict[str, Any]]:
    policy = found.one("aws:iam/rolePolicy:RolePolicy", name).inputs["policy"]
    return cast("list[Any]", json.loads(policy)["Statement"])


def _stack(found: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    made = found.one("aws:cloudformation/stack:Stack").inputs
    return json.loads(made["templateBody"]), made["parameters"]


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize(("name", "args"), [("lambda", HERE), ("lambda-canary", FULL)], ids=["usual", "full"])
def test_names_and_parents_stay(name: str, args: LambdaServiceArgs, preview: bool) -> None:
    made_of(args, preview=preview).holds(SNAPSHOTS / f"{name}.txt")


def test_what_a_preview_cannot_know_is_left_unknown() -> None:
    def program() -> None:
        later: Any = Vpc("net", cidr_block="10.0.0.0/16").id
        args = {**FULL, "image": later, "vpc_id": later, "subnet_ids": later, "key_arn": later, "role_arn": later}
        LambdaService("digits", cast("LambdaServiceArgs", args))

    found = plan(program)
    made = _function(found)
    assert (made["imageUri"], made["kmsKeyArn"], made["role"]) == (UNKNOWN, UNKNOWN, UNKNOWN)
    assert made["vpcConfig"] == {"subnetIds": UNKNOWN, "securityGroupIds": [UNKNOWN]}
    template, parameters = _stack(found)
    assert template["Resources"]["Live"]["Type"] == "AWS::Lambda::Alias"
    assert parameters["Version"] == UNKNOWN
    assert (made["memorySize"], made["timeout"]) == (2048, 29)


def test_the_function_is_the_image_and_each_change_a_version() -> None:
    made = _function(made_of(HERE))
    assert (made["name"], made["packageType"], made["imageUri"]) == ("digits", "Image", IMAGE)
    assert (made["publish"], made["architectures"]) == (True, ["x86_64"])
    assert (made["memorySize"], made["timeout"], made["ephemeralStorage"]) == (2048, 29, {"size": 512})
    assert not {"reservedConcurrentExecutions", "vpcConfig", "environment"} & set(made)
    arm = {**HERE, "architecture": LambdaArchitecture.ARM64, "memory": 1769, "timeout": 60, "disk_mb": 1024}
    made = _function(made_of(cast("LambdaServiceArgs", arm)))
    assert (made["architectures"], made["memorySize"], made["ephemeralStorage"]) == (["arm64"], 1769, {"size": 1024})


def test_environment_logs_and_image_have_a_key_of_their_own() -> None:
    found = made_of(HERE)
    key = found.one("aws:kms/key:Key").inputs
    assert key["enableKeyRotation"] is True
    logs = found.one("aws:cloudwatch/logGroup:LogGroup").inputs
    arn = "arn:aws:test:eu-central-1:123456789012:digits"
    assert (_function(found)["kmsKeyArn"], logs["kmsKeyId"], logs["retentionInDays"]) == (arn, arn, 365)
    mine = made_of({**HERE, "key_arn": KEY})
    assert (mine.all("aws:kms/key:Key"), _function(mine)["kmsKeyArn"]) == ([], KEY)


def test_it_may_write_its_own_log_and_traces_and_no_more() -> None:
    found = made_of(HERE)
    told = [(each["Action"], each["Resource"]) for each in _allowed(found, "digits")]
    assert told == [
        (["logs:CreateLogStream", "logs:PutLogEvents"], "arn:aws:test:eu-central-1:123456789012:digits:*"),
        (["kms:Decrypt"], "arn:aws:test:eu-central-1:123456789012:digits"),
        (["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*"),
    ]
    (trust,) = json.loads(found.one("aws:iam/role:Role").inputs["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    # What it is does not come before what it may do.
    assert "digits" in found.one("aws:lambda/function:Function").depends_on
    own = made_of({**HERE, "role_arn": f"arn:aws:iam::{ACCOUNT}:role/team/reader"})
    assert own.all("aws:iam/role:Role") == []
    assert own.one("aws:iam/rolePolicy:RolePolicy").inputs["role"] == "reader"


def test_its_url_answers_whom_iam_lets_and_everybody_only_when_told() -> None:
    found = made_of(HERE)
    url = found.one("aws:lambda/functionUrl:FunctionUrl")
    assert (url.inputs["authorizationType"], url.inputs["qualifier"]) == ("AWS_IAM", "live")
    assert found.all("aws:lambda/permission:Permission") == []
    # An alias has a URL once it is there.
    assert "digits" in url.depends_on
    allowed = made_of(FULL).all("aws:lambda/permission:Permission")
    role = f"arn:aws:iam::{ACCOUNT}:role/shop"
    assert [(each.inputs["action"], each.inputs["principal"], each.inputs["qualifier"]) for each in allowed] == [
        ("lambda:InvokeFunctionUrl", role, "live"),
        ("lambda:InvokeFunction", role, "live"),
    ]
    assert allowed[0].inputs["functionUrlAuthType"] == "AWS_IAM"
    assert allowed[1].inputs["invokedViaFunctionUrl"] is True
    opened = made_of({**HERE, "anonymous": True})
    assert opened.one("aws:lambda/functionUrl:FunctionUrl").inputs["authorizationType"] == "NONE"
    assert {each.inputs["principal"] for each in opened.all("aws:lambda/permission:Permission")} == {"*"}
    assert made_of({**HERE, "url": False}).all("aws:lambda/functionUrl:FunctionUrl") == []


def test_without_a_canary_the_alias_goes_to_the_newest_version_at_once() -> None:
    found = made_of(HERE)
    template, parameters = _stack(found)
    assert parameters == {"Function": "digits", "Version": "7"}
    assert template["Resources"] == {
        "Live": {
            "Type": "AWS::Lambda::Alias",
            "Properties": {
                "Name": "live",
                "Description": "The version of digits that callers reach",
                "FunctionName": {"Ref": "Function"},
                "FunctionVersion": {"Ref": "Version"},
            },
        }
    }
    assert not [each for each in found.resources if each.type.startswith("aws:codedeploy/")]


def test_a_canary_moves_the_weights_and_alarms_move_them_back() -> None:
    found = made_of(CANARY)
    template, parameters = _stack(found)
    policy = template["Resources"]["Live"]["UpdatePolicy"]
    assert policy == {
        "CodeDeployLambdaAliasUpdate": {
            "ApplicationName": {"Ref": "Application"},
            "DeploymentGroupName": {"Ref": "Group"},
        }
    }
    assert set(template["Parameters"]) == set(parameters) == {"Function", "Version", "Application", "Group"}
    assert found.one("aws:codedeploy/application:Application").inputs["computePlatform"] == "Lambda"
    group = found.one("aws:codedeploy/deploymentGroup:DeploymentGroup").inputs
    assert group["deploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes"
    assert group["alarmConfiguration"] == {"enabled": True, "alarms": ["digits-errors", "digits-errors-newest"]}
    assert group["autoRollbackConfiguration"]["enabled"] is True
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["autoRollbackConfiguration"]["events"]
    # The alarms are there, and CodeDeploy may do it, before the alias moves.
    assert {"digits-errors", "digits-errors-newest", "digits-shift"} <= found.one(
        "aws:cloudformation/stack:Stack"
    ).depends_on
    assert found.one("aws:cloudformation/stack:Stack").request["customTimeouts"] == {"update": "35m"}


def test_the_newest_version_is_judged_by_itself() -> None:
    found = made_of(FULL)
    queries = found.one("aws:cloudwatch/metricAlarm:MetricAlarm", "digits-errors-newest").inputs["metricQueries"]
    place = {"FunctionName": "digits", "Resource": "digits:live", "ExecutedVersion": "7"}
    assert [each["metric"]["dimensions"] for each in queries[:3]] == [
        place,
        {"Function": "digits", "Version": "7"},
        place,
    ]
    assert [each["metric"]["metricName"] for each in queries[:3]] == ["Errors", "ModelFaults", "Invocations"]
    slow = found.one("aws:cloudwatch/metricAlarm:MetricAlarm", "digits-slow-newest").inputs
    assert (slow["threshold"], slow["extendedStatistic"], slow["dimensions"]) == (250.0, "p99", place)
    topic = [f"arn:aws:sns:eu-central-1:{ACCOUNT}:alarms"]
    assert all(each.inputs["alarmActions"] == topic for each in found.all("aws:cloudwatch/metricAlarm:MetricAlarm"))
    alarms = found.one("aws:codedeploy/deploymentGroup:DeploymentGroup").inputs["alarmConfiguration"]["alarms"]
    assert alarms[-1] == "mine"
    assert "digits-refused" not in alarms


def test_codedeploy_may_move_this_alias_and_no_other() -> None:
    moves, looks = _allowed(made_of(CANARY), "digits-shift")
    own = f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:digits"
    assert moves["Resource"] == [own, f"{own}:*"]
    assert looks["Action"] == ["cloudwatch:DescribeAlarms"]
    role = made_of(CANARY).one("aws:iam/role:Role", "digits-shift").inputs["assumeRolePolicy"]
    (trust,) = json.loads(role)["Statement"]
    arn = f"arn:aws:codedeploy:eu-central-1:{ACCOUNT}:deploymentgroup:digits*"
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": arn},
    }


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(10, 1800)], "CodeDeployDefault.LambdaCanary10Percent30Minutes"),
        ([(each, 60) for each in range(10, 100, 10)], "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"),
        ([(each, 600) for each in range(10, 101, 10)], "CodeDeployDefault.LambdaLinear10PercentEvery10Minutes"),
        ([(25, 600)], "digits-canary-25-10"),
        ([(25, 60), (50, 60), (75, 60)], "digits-linear-25-1"),
    ],
)
def test_steps_are_codedeploys_own_where_it_has_them(steps: list[tuple[int, float]], expected: str) -> None:
    release: Any = {"strategy": "canary", "steps": [{"weight": weight, "pause": pause} for weight, pause in steps]}
    found = made_of({**HERE, "release": release})
    group = found.one("aws:codedeploy/deploymentGroup:DeploymentGroup").inputs
    assert group["deploymentConfigName"] == expected
    made = found.all("aws:codedeploy/deploymentConfig:DeploymentConfig")
    assert [each.name for each in made] == ([] if expected.startswith("CodeDeployDefault") else [expected])
    if made:
        routing = made[0].inputs["trafficRoutingConfig"]
        kind = "timeBasedLinear" if "linear" in expected else "timeBasedCanary"
        assert routing[kind] == {"percentage": 25, "interval": int(expected.rpartition("-")[2])}


def test_environments_are_warm_before_a_version_gets_requests() -> None:
    found = made_of(FULL)
    warm = found.one("aws:lambda/provisionedConcurrencyConfig:ProvisionedConcurrencyConfig")
    assert (warm.inputs["qualifier"], warm.inputs["provisionedConcurrentExecutions"]) == ("7", 2)
    after = found.one("aws:cloudformation/stack:Stack").request["propertyDependencies"]
    assert after
    assert any(urn == warm.urn for urn in found.one("aws:cloudformation/stack:Stack").request["dependencies"])
    assert _function(found)["reservedConcurrentExecutions"] == 50


def test_in_a_vpc_nobody_comes_in_and_only_https_goes_out() -> None:
    found = made_of(FULL)
    assert found.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule") == []
    rule = found.one("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").inputs
    assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 443, 443)
    *_, looks, makes = _allowed(found, "digits")
    assert looks["Condition"] == {"StringEquals": {"aws:RequestedRegion": "eu-central-1"}}
    ec2 = f"arn:aws:ec2:eu-central-1:{ACCOUNT}"
    assert makes["Action"] == ["ec2:CreateNetworkInterface"]
    assert makes["Resource"][:2] == [f"{ec2}:subnet/subnet-0123456789abcdef0", f"{ec2}:subnet/subnet-0123456789abcdef1"]


def test_everything_that_takes_tags_has_them() -> None:
    found = made_of({**FULL, "tags": {"team": "ml"}})
    without = ("rolePolicy", "permission", "functionUrl", "provisionedConcurrency", "deploymentConfig")
    for each in found.resources:
        if each.custom and not any(word.lower() in each.type.lower() for word in without):
            tags = each.inputs["tags"]
            assert (tags["modelport:component"], tags["team"]) == ("digits", "ml"), each.type


def test_a_template_takes_what_it_is_given() -> None:
    for shifted in (True, False):
        made = lambda_service_release.template("digits", shifted=shifted)
        asked = json.dumps(made["Resources"])
        assert all(f'{{"Ref": "{key}"}}' in asked for key in made["Parameters"])
