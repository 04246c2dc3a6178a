"""Secrets, who may read them and what makes them anew, as they would be registered."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.aws.secrets import AwsSecrets
from components.checks import ArgsError
from tests.components.planned import SECRET, UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
WRITER, READER = (f"arn:aws:iam::123456789012:role/{name}" for name in ("deployer", "digits"))
ROTATOR = "arn:aws:lambda:eu-central-1:123456789012:function:rotate"
ARGS: dict[str, Any] = {
    "account_id": "123456789012",
    "region": "eu-central-1",
    "secrets": {"api": {}},
    "writer_role_arns": [WRITER],
}
VALUE = "only for tests"
KEY, ONE, POLICY, VERSION, ROTATION, PERMISSION = (
    "aws:kms/key:Key",
    "aws:secretsmanager/secret:Secret",
    "aws:secretsmanager/secretPolicy:SecretPolicy",
    "aws:secretsmanager/secretVersion:SecretVersion",
    "aws:secretsmanager/secretRotation:SecretRotation",
    "aws:lambda/permission:Permission",
)
ARN = "arn:aws:test:eu-central-1:123456789012:shop-api"


def full() -> dict[str, Any]:
    """Arguments with all there is; outputs belong to the program that makes them."""
    return {
        "secrets": {
            "api": {"value": pulumi.Output.secret(VALUE), "description": "For the shop"},
            "database": {
                "value": pulumi.Output.secret(VALUE),
                "rotation": {"function_arn": ROTATOR, "schedule": "cron(0 3 ? * SUN *)", "window_hours": 3},
            },
        },
        "reader_role_arns": [READER],
    }


def planned(preview: bool = False, **changes: Any) -> Plan:
    given: Any = {**ARGS, **changes}
    return plan(lambda: AwsSecrets("shop", given), preview=preview)


def planned_in_full(preview: bool = False) -> Plan:
    def program() -> None:
        given: Any = {**ARGS, **full()}
        AwsSecrets("shop", given)

    return plan(program, preview=preview)


def statements(found: Planned) -> dict[str, Any]:
    return {each["Sid"]: each for each in json.loads(found.inputs["policy"])["Statement"]}


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned_in_full(preview).holds(SNAPSHOTS / "secrets.txt")


def test_what_a_secret_is() -> None:
    found = planned()
    assert found.one(ONE).inputs == {
        "description": "api of shop",
        "kmsKeyId": "arn:aws:test:eu-central-1:123456789012:shop",
        "recoveryWindowInDays": 30,
        "tags": {"modelport:component": "shop", "Name": "shop-api"},
    }
    assert not found.all(VERSION) + found.all(ROTATION), "somebody puts a value"
    assert found.one(KEY).inputs["enableKeyRotation"] is True


def test_it_refuses_plain_http_and_every_other_account() -> None:
    policy = planned().one(POLICY)
    assert policy.inputs["blockPublicPolicy"] is True
    found = statements(policy)
    assert set(found) == {"EncryptedOnTheWay", "OtherAccounts"}, "and nobody is let in who is not named"
    for each in found.values():
        assert (each["Effect"], each["Principal"], each["Action"]) == ("Deny", "*", "secretsmanager:*")
        assert each["Resource"] == ARN
    assert found["EncryptedOnTheWay"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert found["OtherAccounts"]["Condition"] == {
        "StringNotEquals": {"aws:PrincipalAccount": "123456789012"},
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
    }


def test_named_roles_read_and_do_nothing_else() -> None:
    found = planned(reader_role_arns=[READER])
    assert statements(found.one(POLICY))["Readers"] == {
        "Sid": "Readers",
        "Effect": "Allow",
        "Principal": {"AWS": [READER]},
        "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
        "Resource": ARN,
    }
    key = statements(found.one(KEY))
    assert key["Readers"]["Principal"] == {"AWS": [READER]}
    assert key["Readers"]["Action"] == ["kms:Decrypt", "kms:DescribeKey"]


def test_rights_in_iam_open_none_of_them() -> None:
    """Only roles that the key's policy names can use it, and by way of Secrets Manager alone."""
    found = statements(planned().one(KEY))
    assert set(found) == {"Administration", "Writers"}
    used = {"*", "kms:*", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*"}
    assert not used & set(found["Administration"]["Action"])
    assert found["Writers"]["Principal"] == {"AWS": [WRITER]}
    assert found["Writers"]["Action"] == ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*"]
    assert found["Writers"]["Condition"] == {
        "StringEquals": {
            "kms:CallerAccount": "123456789012",
            "kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com",
        }
    }


@pytest.mark.parametrize("preview", [True, False])
def test_a_value_is_a_secret_wherever_it_stands(preview: bool) -> None:
    found = planned_in_full(preview)
    for each in found.all(VERSION):
        assert each.inputs["secretString"] == {SECRET: VALUE}
        assert "secretString" in each.request["additionalSecretOutputs"]
        del each.inputs["secretString"]
        del each.request["object"]["secretString"]
    assert VALUE not in repr(found)


def test_an_output_that_nobody_marked_becomes_a_secret() -> None:
    def program() -> None:
        given: Any = {**ARGS, "secrets": {"api": {"value": pulumi.Output.from_input(VALUE)}}}
        AwsSecrets("shop", given)

    assert plan(program, preview=False).one(VERSION).inputs["secretString"] == {SECRET: VALUE}


def test_nothing_is_put_before_it_refuses_whom_it_should() -> None:
    needed = planned_in_full().one(VERSION, "shop-api").request["dependencies"]
    assert any(urn.endswith("secretPolicy:SecretPolicy::shop-api") for urn in needed)


def test_what_a_function_makes_anew_is_let_be() -> None:
    found = planned_in_full()
    assert found.one(VERSION, "shop-database").request["ignoreChanges"] == ["secretString"]
    assert "ignoreChanges" not in found.one(VERSION, "shop-api").request
    rotation = found.one(ROTATION)
    assert rotation.inputs == {
        "secretId": "shop-database-id",
        "rotationLambdaArn": ROTATOR,
        "rotationRules": {"scheduleExpression": "cron(0 3 ? * SUN *)", "duration": "3h"},
        "rotateImmediately": True,
    }
    needed = {urn.rpartition("$")[2] for urn in rotation.request["dependencies"]}
    kinds = (PERMISSION, VERSION, POLICY)
    assert {f"{kind}::shop-database" for kind in kinds} <= needed
    assert found.one(PERMISSION).inputs == {
        "action": "lambda:InvokeFunction",
        "function": ROTATOR,
        "principal": "secretsmanager.amazonaws.com",
        "sourceAccount": "123456789012",
        "sourceArn": "arn:aws:test:eu-central-1:123456789012:shop-database",
    }
    plain = planned(secrets={"api": {"rotation": {"function_arn": ROTATOR, "wait_for_the_first": True}}})
    assert plain.one(ROTATION).inputs["rotationRules"] == {"automaticallyAfterDays": 30}
    assert plain.one(ROTATION).inputs["rotateImmediately"] is False


def test_what_is_deleted_can_be_had_back_unless_asked() -> None:
    assert planned(recovery_days=7).one(ONE).inputs["recoveryWindowInDays"] == 7
    assert planned(delete_at_once=True).one(ONE).inputs["recoveryWindowInDays"] == 0


def test_a_preview_knows_all_that_there_is_to_know() -> None:
    found = planned(preview=True, reader_role_arns=[READER])
    assert found.one(ONE).inputs["kmsKeyId"] == UNKNOWN
    assert found.one(POLICY).inputs == {"secretArn": UNKNOWN, "policy": UNKNOWN, "blockPublicPolicy": True}
    assert statements(found.one(KEY))["Readers"]["Principal"] == {"AWS": [READER]}


def test_outputs() -> None:
    known: list[Any] = []

    def program() -> None:
        given: Any = {**ARGS, "tags": {"team": "ml"}}
        made = AwsSecrets("shop", given)
        pulumi.Output.all(made.arns, made.key_arn).apply(known.extend)

    assert plan(program, preview=False).one(ONE).inputs["tags"]["team"] == "ml"
    assert known == [{"api": ARN}, "arn:aws:test:eu-central-1:123456789012:shop"]


def rotated(**rotation: Any) -> dict[str, Any]:
    return {"secrets": {"api": {"rotation": {"function_arn": ROTATOR, **rotation}}}}


ROTATED = "AwsSecrets.secrets['api'].rotation"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"account_id": "1234"}, "AwsSecrets.account_id is '1234', expected an AWS account id"),
        ({"secrets": {}}, "AwsSecrets.secrets is {}, expected at least one secret; write {\"api\": {}}"),
        ({"secrets": {"API": {}}}, "a name of AwsSecrets.secrets is 'API', expected at most 40 lower-case letters"),
        ({"secrets": {"api": {"valeu": "x"}}}, "AwsSecrets.secrets['api'] has no argument 'valeu', did you mean value"),
        ({"secrets": {"api": {"value": VALUE}}}, "AwsSecrets.secrets['api'].value is plain text, expected a secret"),
        ({"writer_role_arns": []}, "AwsSecrets.writer_role_arns is [], expected at least one role"),
        ({"writer_role_arns": WRITER}, "AwsSecrets.writer_role_arns is '" + WRITER + "', expected a list of ARNs"),
        ({"reader_role_arns": ["digits"]}, "AwsSecrets.reader_role_arns[0] is 'digits', expected an ARN of iam"),
        ({"reader_role_arns": [READER.replace("role/", "user/")]}, "expected an ARN of iam; for example"),
        ({"reader_role_arns": [READER.replace("1234", "4321")]}, "expected a role of 123456789012, as others"),
        ({"recovery_days": 0}, "AwsSecrets.recovery_days is 0, expected 7 to 30 days; write 7"),
        ({"recovery_days": 7, "delete_at_once": True}, "AwsSecrets.recovery_days is 7, expected nothing beside"),
        (rotated(function_arn="rotate"), f"{ROTATED}.function_arn is 'rotate', expected an ARN of lambda; for example"),
        (rotated(days=0), f"{ROTATED}.days is 0, expected 1 to 1000 days; write 1"),
        (rotated(days=5, schedule="rate(10 days)"), f"{ROTATED}.days is 5, expected nothing beside schedule"),
        (rotated(schedule="daily"), f"{ROTATED}.schedule is 'daily', expected rate(N days), rate(N hours) of at least"),
        (rotated(schedule="rate(1 hour)"), f"{ROTATED}.schedule is 'rate(1 hour)', expected rate(N days), rate"),
        (rotated(schedule="rate(6 hours)", window_hours=7), f"{ROTATED}.window_hours is 7, expected 1 to 6 hours"),
        (rotated(window_hours=25), f"{ROTATED}.window_hours is 25, expected 1 to 24 hours; write 24"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_before_anything_is_planned(changes: dict[str, Any], said: str) -> None:
    given: Any = {**ARGS, **changes}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            AwsSecrets("shop", given)
        assert said in str(raised.value)
        assert VALUE not in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []


def test_a_value_that_is_too_long_is_not_shown() -> None:
    def program() -> None:
        given: Any = {**ARGS, "secrets": {"api": {"value": pulumi.Output.secret(VALUE * 5000)}}}
        AwsSecrets("shop", given)

    with pytest.raises(ValueError, match=r"AwsSecrets\.secrets\['api'\]\.value is '70000 bytes', expected") as raised:
        plan(program, preview=False)
    assert VALUE not in str(raised.value)
