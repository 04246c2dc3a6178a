"""Rules of AWS, each flipped both ways on what the components and the stacks really register."""

import dataclasses
import datetime
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from policies.aws import RULES
from policies.rules import Rule
from stacks import aws_ec2, aws_ecs, aws_lambda, aws_sagemaker
from tests.components.aws import judging
from tests.components.aws.judging_programs import PROGRAMS
from tests.components.planned import Plan, Planned
from tests.policies import aws_flips, aws_flips_access, flips
from tests.policies.flips import GONE, Flip, document
from tests.policies.judging import Verdict, judged, remedied
from tests.stacks import aws_plans
from tests.stacks.stack_files import StackFile

FLIPS: Final = (
    *aws_flips.CLUSTERS,
    *aws_flips.MACHINES,
    *aws_flips.SERVING,
    *aws_flips_access.NETWORK,
    *aws_flips_access.IDENTITY,
    *aws_flips_access.KEPT,
)
BROKEN: Final = {
    ("eks-api-private", "cluster-that-some-may-reach", "open"): "this cluster names the networks that may reach it",
    ("lambda-concurrency", "function", "digits"): "a bound takes from the account what it reserves, so it is asked for",
    ("lambda-concurrency", "function-behind-an-api", "answers"): "as above",
    ("lb-deletion-protected", "everything", "way"): "this load balancer is free to go; by default it is protected",
}
"""What programs break on purpose, and why."""
ADDED_ALONE: Final = ("iam-no-users",)
"""Rules of what no component makes."""
FILES: Final = (
    StackFile("aws-ec2", aws_ec2.deploy, {}),
    StackFile("aws-ecs", aws_ecs.deploy, {}),
    StackFile("aws-lambda", aws_lambda.deploy, {}),
    StackFile("aws-sagemaker", aws_sagemaker.deploy, {}),
)
BY_NAME: Final = {each.name: each for each in RULES}
ROLE: Final = "aws:iam/role:Role"


@functools.cache
def planned(program: str) -> Sequence[Planned]:
    """What a judged program registers, named as the provider names it before a policy looks."""
    return flips.named(judging.planned(PROGRAMS[program]).resources, _names)


def _names(each: Planned) -> dict[str, str]:
    return judging.named(each) if each.type.startswith("aws:") else {}


@pytest.fixture(scope="session")
def eks(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    folder: Path = tmp_path_factory.mktemp("policies")
    return aws_plans.planned(aws_plans.spec(folder, aws_plans.document()))


def test_every_rule_is_flipped() -> None:
    assert {each.rule for each in FLIPS} == set(BY_NAME)


def test_what_the_components_and_stacks_make_keeps_every_rule_but_what_is_listed() -> None:
    found = {
        (each.rule, program, each.resource)
        for program in PROGRAMS
        for each in judged(planned(program), rules=RULES).wrong
    }
    assert found == set(BROKEN)


def test_nothing_of_what_is_made_is_unknown_once_it_is_made() -> None:
    assert [each for program in PROGRAMS for each in judged(planned(program), rules=RULES).late] == []


def test_what_the_stack_makes_keeps_every_rule_in_a_preview(eks: Plan) -> None:
    assert judged(eks.resources, rules=RULES).wrong == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.target)
def test_what_a_stack_file_makes_keeps_every_rule_in_a_preview(file: StackFile, tmp_path: Path) -> None:
    assert judged(file.planned(tmp_path, preview=True).resources, rules=RULES).wrong == []


@pytest.mark.parametrize("flip", FLIPS, ids=str)
def test_what_is_changed_breaks_it_and_nobody_else_does(flip: Flip) -> None:
    rule, resources = BY_NAME[flip.rule], planned(flip.plan)
    assert flips.kept(rule, resources).wrong == []
    found = flips.broken(rule, resources, flip).wrong
    assert {*found} == {Verdict(flip.rule, name) for name in flip.breaks or (flip.name,)}


@pytest.mark.parametrize("flip", [each for each in FLIPS if each.unknown is not None], ids=str)
def test_what_is_not_known_yet_is_neither_kept_nor_broken(flip: Flip) -> None:
    found = flips.late(BY_NAME[flip.rule], planned(flip.plan), flip)
    assert [each.rule for each in found.late] == [flip.rule]
    assert found.late[0].text.startswith("not yet known: ")


@pytest.mark.parametrize(
    "name", [each.name for each in RULES if isinstance(each, Rule) and each.name not in ADDED_ALONE]
)
def test_a_rule_looks_at_what_is_made(name: str) -> None:
    programs = {each.plan for each in FLIPS if each.rule == name and each.added is None}
    assert any(flips.concerned(BY_NAME[name], planned(program)) for program in programs)


REMEDIED: Final = [each for each in FLIPS if isinstance(rule := BY_NAME[each.rule], Rule) and rule.remedy is not None]


@pytest.mark.parametrize("flip", REMEDIED, ids=str)
def test_a_remedy_puts_it_right(flip: Flip) -> None:
    rule = BY_NAME[flip.rule]
    assert isinstance(rule, Rule)
    broken = [
        each for each in flips.changed(planned(flip.plan), flip) if (each.type, each.name) == (flip.type, flip.name)
    ]
    inputs = remedied(rule, broken[0])
    assert inputs is not None
    assert flips.kept(rule, [dataclasses.replace(broken[0], inputs=dict(inputs))]).wrong == []


@pytest.mark.parametrize("flip", REMEDIED, ids=str)
def test_a_remedy_leaves_alone_what_is_right(flip: Flip) -> None:
    rule = BY_NAME[flip.rule]
    assert isinstance(rule, Rule)
    assert remedied(rule, flips.found(planned(flip.plan), flip)) is None


def _flip(rule: str, change: dict[str, Any] | None = None) -> tuple[Any, Sequence[Planned], Flip]:
    """The first flip of a rule, or another change of the same resource."""
    first = next(each for each in FLIPS if each.rule == rule)
    return BY_NAME[rule], planned(first.plan), first if change is None else dataclasses.replace(first, change=change)


@pytest.mark.parametrize(
    ("rule", "change", "config", "right"),
    [
        ("eks-logs", {"enabledClusterLogTypes": ["api", "audit"]}, {"kinds": ["audit"]}, True),
        ("eks-logs", {"enabledClusterLogTypes": ["api"]}, {"kinds": ["audit"]}, False),
        (
            "aws-no-open-administration",
            {"cidrIpv4": "0.0.0.0/0", "fromPort": 22, "toPort": 22},
            {"ports": [5432]},
            True,
        ),
        ("aws-no-open-administration", {"cidrIpv4": "0.0.0.0/0"}, {"ports": [443]}, False),
        ("kms-deletion-window", {"deletionWindowInDays": 7}, {"days": 7}, True),
        ("kms-deletion-window", {"deletionWindowInDays": 20}, {"days": 30}, False),
        ("logs-kept", {"retentionInDays": 30}, {"days": 30}, True),
        ("logs-kept", {"retentionInDays": 365}, {"days": 400}, False),
        ("secrets-rotated", {"rotationRules.automaticallyAfterDays": 180}, {"days": 365}, True),
        ("secrets-rotated", {"rotationRules.automaticallyAfterDays": 8}, {"days": 7}, False),
    ],
)
def test_settings_say_how_much(rule: str, change: dict[str, Any], config: dict[str, Any], right: bool) -> None:
    found = flips.broken(*_flip(rule, change), config={rule: config})
    assert (found.wrong == []) is right


def test_every_setting_is_tried() -> None:
    assert {each.name for each in RULES if each.config} == {
        "eks-logs", "aws-no-open-administration", "kms-deletion-window", "logs-kept", "secrets-rotated"
    }  # fmt: skip


@pytest.mark.parametrize("rule", ["eks-logs", "s3-public-access-block"])
def test_an_exception_holds_until_its_last_day(rule: str) -> None:
    today = datetime.datetime.now(tz=datetime.UTC).date()
    of = next(each for each in FLIPS if each.rule == rule)
    for until, held in ((today, True), (today - datetime.timedelta(days=1), False)):
        excepted = {"resource": (of.breaks or (of.name,))[0], "reason": "moved soon", "until": until.isoformat()}
        found = flips.broken(*_flip(rule), config={rule: {"exceptions": [excepted]}})
        assert (found.wrong == []) is held


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("eks-api-not-open", {"vpcConfig.endpointPublicAccess": True, "vpcConfig.publicAccessCidrs": ["192.0.2.0/24"]}),
        ("eks-nodes-no-open-ssh", {"remoteAccess": {"ec2SshKey": "laptop", "sourceSecurityGroupIds": ["sg-1"]}}),
        ("ec2-metadata-tokens", {"metadataOptions": {"httpEndpoint": "disabled"}}),
        ("ec2-metadata-one-hop", {"metadataOptions": GONE}),
        ("aws-no-open-administration", {"cidrIpv4": "0.0.0.0/0", "fromPort": 443, "toPort": 443}),
        ("aws-no-open-administration", {"cidrIpv4": "10.0.0.0/8", "fromPort": 22, "toPort": 22}),
        ("lb-tls-modern", {"sslPolicy": "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"}),
        ("lb-tls-modern", {"protocol": "TCP", "sslPolicy": GONE}),
        ("lb-drops-invalid-headers", {"loadBalancerType": "network", "dropInvalidHeaderFields": GONE}),
        ("kms-rotated", {"customerMasterKeySpec": "ECC_NIST_P256", "enableKeyRotation": GONE}),
        ("ecr-tags-immutable", {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"}),
        ("sqs-encrypted", {"sqsManagedSseEnabled": GONE}),
        ("lambda-callers-named", {"principal": "*", "principalOrgId": "o-1234567890"}),
        ("lambda-environment-own-key", {"environment": GONE, "kmsKeyArn": GONE}),
        ("lambda-code-signed", {"packageType": "Zip", "codeSigningConfigArn": "arn:aws:lambda:x"}),
        ("sagemaker-own-key", {"kmsKeyArn": GONE, "productionVariants[0].instanceType": "ml.g5.xlarge"}),
        ("secrets-rotated", {"rotationRules": {"scheduleExpression": "rate(12 hours)"}}),
        ("aws-no-secrets-in-environment", {"environment.variables.UPSTREAM_TOKEN": "arn:aws:secretsmanager:x"}),
        ("iam-pass-role-bounded", {"policy": document({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*",
            "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}})}),
        ("aws-not-shared-with-all", {"policy": document({"Effect": "Allow", "Principal": "*", "Action": "sqs:*",
            "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:s3:::shop"}}})}),
        ("aws-not-shared-with-all", {"policy": document({"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt",
            "Condition": {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}}})}),
        ("iam-web-identity-bounded", {"assumeRolePolicy": document({"Effect": "Allow",
            "Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/oidc.eks/id/A"},
            "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {"oidc.eks/id/A:aud": "sts",
            "oidc.eks/id/A:sub": "system:serviceaccount:models:digits"}}})}),
        ("iam-trust-named", {"assumeRolePolicy": document({"Effect": "Allow", "Principal": {"AWS": "*"},
            "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}})}),
        ("iam-no-administrator", {"policy": document({"Effect": "Deny", "Action": "*", "Resource": "*"})}),
        ("iam-no-administrator", {"policy": "no JSON"}),
    ],
)  # fmt: skip
def test_what_else_is_right(rule: str, change: dict[str, Any]) -> None:
    found = flips.broken(*_flip(rule, change))
    assert (found.wrong, found.late) == ([], [])


def test_the_value_of_a_secret_is_not_told() -> None:
    for rule in ("ecs-no-secrets-in-environment", "aws-no-secrets-in-environment", "ec2-no-keys-in-user-data"):
        assert [
            each for each in flips.broken(*_flip(rule)).wrong if "hunter2" in each.text or "AKIA" in each.text
        ] == []


def test_a_bucket_without_a_block_is_seen_in_a_preview_where_no_name_is_known(eks: Plan) -> None:
    block = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    left = [each for each in eks.resources if each.type != block]
    rule = BY_NAME["s3-public-access-block"]
    assert flips.kept(rule, eks.resources).wrong == flips.kept(rule, eks.resources).late == []
    assert flips.kept(rule, left).wrong == [Verdict("s3-public-access-block", "models-logs")]


def test_nodes_in_a_subnet_that_a_route_opens_are_seen(eks: Plan) -> None:
    group = eks.one("aws:eks/nodeGroup:NodeGroup", "models-system")
    (public,) = (each for each in eks.all("aws:ec2/subnet:Subnet") if each.name == "models-public-a")
    asked = {**group.request, "propertyDependencies": {"subnetIds": {"urns": [public.urn]}}}
    moved = [dataclasses.replace(each, request=asked) if each is group else each for each in eks.resources]
    found = flips.kept(BY_NAME["eks-nodes-private"], moved)
    assert found.wrong == [Verdict("eks-nodes-private", "models-system")]
    assert "models-public-a" in found.wrong[0].text
