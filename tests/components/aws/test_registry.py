"""A repository of Amazon ECR, as it would be registered."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.aws import registry
from components.aws.registry import EcrRegistry, EcrRegistryArgs
from components.checks import ArgsError
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
HERE: EcrRegistryArgs = {"account_id": "123456789012", "region": "eu-central-1", "repository": "models/digits"}
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
URL = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/models/digits"
TOLD = {"aws:ecr/repository:Repository": lambda _made: {"repositoryUrl": URL}}
REPOSITORY, LIFECYCLE, PULLERS, OWN_KEY = (
    "aws:ecr/repository:Repository",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy",
    "aws:kms/key:Key",
)


def planned(preview: bool = True, **changes: Any) -> Plan:
    given: Any = {**HERE, **changes}
    return plan(lambda: EcrRegistry("images", given), preview=preview, outputs=TOLD)


def policy(found: Planned) -> Any:
    return json.loads(found.inputs["policy"])


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, pull_account_ids=["210987654321"]).holds(SNAPSHOTS / "registry.txt")


def test_what_a_repository_is() -> None:
    found = planned(preview=False)
    assert found.one(REPOSITORY).inputs == {
        "name": "models/digits",
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfigurations": [
            {"encryptionType": "KMS", "kmsKey": "arn:aws:test:eu-central-1:123456789012:images"}
        ],
        "forceDelete": False,
        "tags": {"modelport:component": "images", "Name": "images"},
    }
    assert found.one(LIFECYCLE).inputs["repository"] == "models/digits"
    assert found.one(LIFECYCLE).depends_on == {"images"}
    assert not found.all(PULLERS), "who may pull is IAM's to say until somebody is named"


def test_a_preview_knows_all_that_there_is_to_know() -> None:
    found = planned()
    (encrypted,) = found.one(REPOSITORY).inputs["encryptionConfigurations"]
    assert encrypted == {"encryptionType": "KMS", "kmsKey": UNKNOWN}
    assert found.one(REPOSITORY).inputs["name"] == "models/digits"
    assert [rule["rulePriority"] for rule in policy(found.one(LIFECYCLE))["rules"]] == [1, 2]


def test_its_own_key_rotates_and_serves_this_account_by_way_of_ecr_alone() -> None:
    made = planned().one(OWN_KEY)
    assert made.inputs["enableKeyRotation"] is True
    assert made.inputs["tags"] == {"modelport:component": "images", "Name": "images"}
    administration, use = policy(made)["Statement"]
    assert administration["Principal"] == use["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert not any(action in ("kms:*", "*") for action in [*administration["Action"], *use["Action"]])
    assert use["Action"] == ["kms:CreateGrant", "kms:DescribeKey", "kms:RetireGrant"]
    assert use["Condition"] == {
        "StringEquals": {"kms:CallerAccount": "123456789012", "kms:ViaService": "ecr.eu-central-1.amazonaws.com"}
    }


@pytest.mark.parametrize("preview", [True, False])
def test_a_given_key_is_used_as_it_is(preview: bool) -> None:
    found = planned(preview, key_arn=KEY)
    assert not found.all(OWN_KEY)
    assert found.one(REPOSITORY).inputs["encryptionConfigurations"][0]["kmsKey"] == KEY


def test_what_goes_and_what_stays() -> None:
    rules = policy(planned(images_kept=20, untagged_days=3).one(LIFECYCLE))["rules"]
    assert [rule["selection"] for rule in rules] == [
        {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 3},
        {"tagStatus": "tagged", "tagPatternList": ["*"], "countType": "imageCountMoreThan", "countNumber": 20},
    ]
    assert {rule["action"]["type"] for rule in rules} == {"expire"}


def test_named_accounts_may_pull_and_nothing_else() -> None:
    found = planned(pull_account_ids=["210987654321", "333333333333"])
    (only,) = policy(found.one(PULLERS))["Statement"]
    assert only["Principal"] == {"AWS": ["arn:aws:iam::210987654321:root", "arn:aws:iam::333333333333:root"]}
    assert only["Action"] == ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]


def test_destroy_leaves_the_images_and_what_they_need_unless_asked() -> None:
    asked = {"pull_account_ids": ["210987654321"]}
    children = [each for each in planned(**asked).resources if each.custom]
    assert [each.request.get("retainOnDelete") for each in children] == [True] * 4
    found = planned(**asked, delete_images=True)
    assert found.one(REPOSITORY).inputs["forceDelete"] is True
    assert not any(each.request.get("retainOnDelete") for each in found.resources)


def test_one_that_was_left_is_taken_over() -> None:
    found = planned(adopt=True, key_arn=KEY)
    assert found.one(REPOSITORY).request["importId"] == "models/digits"
    assert "importId" not in found.one(LIFECYCLE).request


def test_other_partitions() -> None:
    found = planned(region="us-gov-west-1", pull_account_ids=["210987654321"])
    assert policy(found.one(PULLERS))["Statement"][0]["Principal"] == {"AWS": ["arn:aws-us-gov:iam::210987654321:root"]}


def test_outputs() -> None:
    known: dict[str, Any] = {}

    def program() -> None:
        made = EcrRegistry("images", HERE)
        for each in ("url", "arn", "repository", "key_arn"):
            getattr(made, each).apply(lambda value, each=each: known.update({each: value}))

    plan(program, preview=False, outputs=TOLD)
    assert known == {
        "url": URL,
        "arn": "arn:aws:test:eu-central-1:123456789012:images",
        "repository": "models/digits",
        "key_arn": "arn:aws:test:eu-central-1:123456789012:images",
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"account_id": "12345"}, "EcrRegistry.account_id is '12345', expected an AWS account id"),
        ({"region": "eu-central-9"}, "EcrRegistry.region is 'eu-central-9', expected one that there is; did you mean"),
        ({"repository": "Models/Digits"}, "EcrRegistry.repository is 'Models/Digits', expected 2 to 256 of a-z"),
        ({"repository": "m"}, "EcrRegistry.repository is 'm', expected 2 to 256 of a-z"),
        ({"repository": "m" * 257}, "expected 2 to 256 of a-z"),
        ({"repository": "models//digits"}, "EcrRegistry.repository is 'models//digits'"),
        ({"images_kept": 0}, "EcrRegistry.images_kept is 0, expected 1 to 10000; write 1"),
        ({"images_kept": 2.5}, "EcrRegistry.images_kept is 2.5, expected a whole number; write 2"),
        ({"untagged_days": True}, "EcrRegistry.untagged_days is True, expected 1 to 365; write 1"),
        ({"pull_account_ids": ["*"]}, "EcrRegistry.pull_account_ids is '*', expected an AWS account id"),
        ({"pull_account_ids": ["123456789012"]}, "expected other accounts, as in this one IAM decides; leave out"),
        ({"pull_account_ids": ["210987654321"] * 2}, "expected each account once; write ['210987654321']"),
        ({"key_arn": "alias/mine"}, "EcrRegistry.key_arn is 'alias/mine', expected an ARN of kms; for example arn:aws"),
        (
            {"key_arn": KEY.replace("eu-central-1", "us-east-1")},
            "expected one of eu-central-1, where what uses it is; make or take one in eu-central-1",
        ),
        ({"adopt": True}, "EcrRegistry.adopt is True, expected `key_arn` with it, as a repository keeps the key"),
        ({"repositry": "x"}, "EcrRegistry has no argument 'repositry', did you mean repository"),
        ({"tags": {"aws:mine": "x"}}, "a key of EcrRegistry.tags is 'aws:mine'"),
    ],
)
def test_what_cannot_be_is_named_before_anything_is_planned(changes: dict[str, Any], said: str) -> None:
    given: Any = {**HERE, **changes}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            EcrRegistry("images", given)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []


def test_a_key_that_is_known_late_is_asked_then() -> None:
    def program() -> None:
        given: Any = {**HERE, "key_arn": pulumi.Output.from_input("key")}
        registry.given_key(given)

    with pytest.raises(ArgsError, match=r"EcrRegistry\.key_arn is 'key'"):
        plan(program, preview=False)


def test_a_name_that_is_too_long() -> None:
    with pytest.raises(ArgsError, match="the name of EcrRegistry is"):
        plan(lambda: EcrRegistry("i" * 64, HERE))


def test_functions_of_this_account_may_pull_where_they_are_meant_to() -> None:
    (only,) = policy(planned(pulled_by_functions=True).one(PULLERS))["Statement"]
    assert only["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert only["Condition"] == {"ArnLike": {"aws:SourceArn": "arn:aws:lambda:eu-central-1:123456789012:function:*"}}
    both = policy(planned(pulled_by_functions=True, pull_account_ids=["210987654321"]).one(PULLERS))["Statement"]
    assert [each["Sid"] for each in both] == ["Pull", "Functions"]
    assert planned().all(PULLERS) == []
