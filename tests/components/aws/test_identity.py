"""Roles that one pod, task or function may take, and what they may do, as they would be registered."""

import json
from pathlib import Path
from typing import Any, cast

import pytest

from components.aws.identity import WITHOUT_RESOURCES, AwsIdentity, AwsIdentityArgs, AwsService
from components.checks import ArgsError
from tests.components.planned import UNKNOWN, Plan, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
ACCOUNT = "123456789012"
TASK: AwsIdentityArgs = {"region": "eu-central-1", "account_id": ACCOUNT, "service": AwsService.TASK}
POD: AwsIdentityArgs = {
    "region": "eu-central-1",
    "account_id": ACCOUNT,
    "service": AwsService.POD,
    "cluster_name": "shop",
    "namespace": "models",
    "service_account": "digits",
}
FULL: AwsIdentityArgs = {
    **POD,
    "reads_objects": [{"bucket": "shop-models", "prefix": "digits/"}],
    "reads_secret_arns": [f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:api-AbCdEf"],
    "decrypts_with_key_arns": [f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd"],
    "puts_metrics_in": ["Modelport"],
    "tags": {"team": "ml"},
}


def _made(args: AwsIdentityArgs, *, preview: bool = False) -> Plan:
    return plan(lambda: AwsIdentity("digits", args), preview=preview)


def _trusted(found: Plan) -> dict[str, Any]:
    (statement,) = json.loads(found.one("aws:iam/role:Role").inputs["assumeRolePolicy"])["Statement"]
    return cast("dict[str, Any]", statement)


def _allowed(found: Plan) -> list[dict[str, Any]]:
    return cast("list[Any]", json.loads(found.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])["Statement"])


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    _made(FULL, preview=preview).holds(SNAPSHOTS / "identity.txt")


def test_a_pod_of_one_service_account_takes_the_role() -> None:
    found = _made(FULL)
    assert _trusted(found) == {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Condition": {
            "StringEquals": {
                "aws:SourceAccount": ACCOUNT,
                "aws:RequestTag/eks-cluster-arn": f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/shop",
                "aws:RequestTag/kubernetes-namespace": "models",
                "aws:RequestTag/kubernetes-service-account": "digits",
            }
        },
    }
    bound = found.one("aws:eks/podIdentityAssociation:PodIdentityAssociation")
    assert bound.inputs == {
        "clusterName": "shop",
        "namespace": "models",
        "serviceAccount": "digits",
        "roleArn": f"arn:aws:test:eu-central-1:{ACCOUNT}:digits",
        "tags": {"modelport:component": "digits", "Name": "digits", "team": "ml"},
    }


def test_a_task_takes_its_role_for_its_own_account_alone() -> None:
    found = _made(TASK)
    assert _trusted(found) == {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:ecs:eu-central-1:{ACCOUNT}:*"},
        },
    }
    # Without a permission there is no policy, and what is no pod has nothing to be bound to.
    assert [each.type for each in found.resources] == ["modelport:index:AwsIdentity", "aws:iam/role:Role"]


def test_a_function_takes_its_role_for_its_own_account_alone() -> None:
    found = _trusted(_made({**TASK, "service": AwsService.FUNCTION, "region": "us-gov-west-1"}))
    assert found["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert found["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_ready_made_permissions_name_what_they_are_for() -> None:
    owned = {"aws:ResourceAccount": ACCOUNT}
    assert _allowed(_made(FULL)) == [
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": "arn:aws:s3:::shop-models/digits/*",
            "Condition": {"StringEquals": owned},
        },
        {
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": "arn:aws:s3:::shop-models",
            "Condition": {"StringEquals": owned, "StringLike": {"s3:prefix": "digits/*"}},
        },
        {
            "Effect": "Allow",
            "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
            "Resource": [f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:api-AbCdEf"],
        },
        {
            "Effect": "Allow",
            "Action": ["kms:Decrypt"],
            "Resource": [f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd"],
        },
        {
            "Effect": "Allow",
            "Action": ["cloudwatch:PutMetricData"],
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": ["Modelport"]}},
        },
    ]


def test_a_statement_is_written_as_it_is_given() -> None:
    conditions: Any = [
        {"operator": "StringEquals", "key": "aws:ResourceTag/team", "values": ["ml"]},
        {"operator": "StringEquals", "key": "aws:SourceVpc", "values": ["vpc-0123456789abcdef0"]},
    ]
    queue = f"arn:aws:sqs:eu-central-1:{ACCOUNT}:jobs"
    given: AwsIdentityArgs = {
        **TASK,
        "statements": [
            {"actions": ["sqs:SendMessage"], "resources": [queue], "conditions": conditions},
            {"actions": ["ecr:GetAuthorizationToken"], "resources": ["*"]},
        ],
    }
    assert _allowed(_made(given)) == [
        {
            "Effect": "Allow",
            "Action": ["sqs:SendMessage"],
            "Resource": [queue],
            "Condition": {
                "StringEquals": {"aws:ResourceTag/team": ["ml"], "aws:SourceVpc": ["vpc-0123456789abcdef0"]},
            },
        },
        {"Effect": "Allow", "Action": ["ecr:GetAuthorizationToken"], "Resource": ["*"]},
    ]


def test_a_bucket_of_another_account_is_read_where_that_is_said() -> None:
    theirs: AwsIdentityArgs = {
        **TASK,
        "reads_objects": [{"bucket": "theirs", "prefix": "a/", "account_id": "210987654321"}],
    }
    assert [each["Condition"]["StringEquals"] for each in _allowed(_made(theirs))] == [
        {"aws:ResourceAccount": "210987654321"}
    ] * 2


def test_an_account_that_bounds_roles_says_by_what() -> None:
    bounds = f"arn:aws:iam::{ACCOUNT}:policy/bounds"
    found = _made({**TASK, "permissions_boundary_arn": bounds})
    assert found.one("aws:iam/role:Role").inputs["permissionsBoundary"] == bounds


def test_what_is_not_known_yet_makes_the_plan_no_different() -> None:
    def program() -> None:
        later: Any = AwsIdentity("first", TASK).role_name
        AwsIdentity("digits", {**FULL, "cluster_name": later, "reads_secret_arns": [later]})

    found = plan(program)
    role, policy = found.one("aws:iam/role:Role", "digits"), found.one("aws:iam/rolePolicy:RolePolicy", "digits")
    assert role.inputs["assumeRolePolicy"] == UNKNOWN
    assert policy.inputs["policy"] == UNKNOWN
    assert role.inputs["tags"] == {"modelport:component": "digits", "Name": "digits", "team": "ml"}


def test_who_takes_the_arn_waits_until_the_role_may_do_something() -> None:
    def program() -> None:
        arn = AwsIdentity("digits", FULL).role_arn
        AwsIdentity(
            "other", {**TASK, "permissions_boundary_arn": arn.apply(lambda _: f"arn:aws:iam::{ACCOUNT}:policy/x")}
        )

    found = plan(program, preview=False).one("aws:iam/role:Role", "other")
    waited = {urn.split("$")[-1].partition("::")[0] for urn in found.request["dependencies"]}
    assert waited == {
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:eks/podIdentityAssociation:PodIdentityAssociation",
    }


def _allowing(actions: list[str], *resources: str) -> dict[str, Any]:
    return {"statements": [{"actions": actions, "resources": list(resources)}]}


SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:a-AbCdEf"


MISTAKES: list[tuple[Any, str]] = [
    (
        {**TASK, "service": "s3.amazonaws.com"},
        "AwsIdentity.service is 's3.amazonaws.com', expected one of pods.eks.amazonaws.com, "
        "ecs-tasks.amazonaws.com, lambda.amazonaws.com; write pods.eks.amazonaws.com",
    ),
    (
        {**TASK, "account_id": 123456789012},
        "AwsIdentity.account_id is 123456789012, expected an AWS account id, twelve digits as text; "
        'for example "123456789012"',
    ),
    (
        {**TASK, "region": "eu-centrl-1"},
        "AwsIdentity.region is 'eu-centrl-1', expected one that there is; did you mean eu-central-1",
    ),
    (
        {**TASK, "namespace": "models"},
        "AwsIdentity.namespace is 'models', expected nothing for a task; leave namespace out",
    ),
    (
        {**TASK, "service": AwsService.POD},
        "AwsIdentity.cluster_name is None, expected what a pod's role is bound to; write cluster_name: ...",
    ),
    (
        {**POD, "service_account": "*"},
        "AwsIdentity.service_account is '*', expected the name of a service account; for example digits",
    ),
    (
        {**TASK, **_allowing(["*"], SECRET)},
        "AwsIdentity.statements[0].actions is '*', expected an action by its whole name, as a wildcard allows what "
        "nobody thought of; for example s3:GetObject",
    ),
    (
        {**TASK, **_allowing(["s3:*"], SECRET)},
        "AwsIdentity.statements[0].actions is 's3:*', expected an action by its whole name, as a wildcard allows "
        "what nobody thought of; for example s3:GetObject",
    ),
    (
        {**TASK, **_allowing(["s3:Get*"], SECRET)},
        "AwsIdentity.statements[0].actions is 's3:Get*', expected an action by its whole name, as a wildcard "
        "allows what nobody thought of; for example s3:GetObject",
    ),
    (
        {**TASK, **_allowing(["xray:PutTraceSegments", "sqs:SendMessage"], "*")},
        "AwsIdentity.statements[0].resources[0] is '*', expected the ARNs that sqs:SendMessage is for; name them",
    ),
    (
        {**TASK, **_allowing(["s3:GetObject"], "arn:aws:s3:::*")},
        "AwsIdentity.statements[0].resources[0] is 'arn:aws:s3:::*', expected an ARN that names its service and is "
        "more than a wildcard; for example arn:aws:s3:::shop-models/digits/*",
    ),
    (
        {**TASK, **_allowing([], SECRET)},
        "AwsIdentity.statements[0].actions is [], expected at least one; name it, or leave the statement out",
    ),
    (
        {**TASK, "statements": [{"actions": ["a:B"], "resources": [SECRET], "conditions": [
            {"operator": "Equals", "key": "aws:SourceVpc", "values": []}]}]},
        "AwsIdentity.statements[0].conditions[0].operator is 'Equals', expected an operator of IAM; "
        "for example StringEquals",
    ),
    (
        {**TASK, "reads_objects": [{"bucket": "models", "prefix": "digits"}]},
        "AwsIdentity.reads_objects[0].prefix is 'digits', expected what keys begin with, up to a slash and without "
        "wildcards; for example models/digits/",
    ),
    (
        {**TASK, "reads_objects": [{"bucket": "Models", "prefix": "digits/"}]},
        "AwsIdentity.reads_objects[0].bucket is 'Models', expected the name of a bucket; for example shop-models",
    ),
    (
        {**TASK, "reads_secret_arns": ["api"]},
        "AwsIdentity.reads_secret_arns[0] is 'api', expected an ARN of secretsmanager; for example "
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:digits/api-AbCdEf",
    ),
    (
        {**TASK, "decrypts_with_key_arns": [SECRET]},
        f"AwsIdentity.decrypts_with_key_arns[0] is '{SECRET}', expected an ARN of kms; for example "
        "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
    (
        {**TASK, "puts_metrics_in": ["AWS/EC2"]},
        "AwsIdentity.puts_metrics_in is 'AWS/EC2', expected a namespace of 1 to 255 letters, digits and any of "
        ".-_/#, which is not AWS's own; for example Modelport",
    ),
    ({**TASK, "role": "x"}, "AwsIdentity has no argument 'role', it takes account_id, region, service, "
     "cluster_name, namespace, service_account, reads_objects, reads_secret_arns, decrypts_with_key_arns, "
     "puts_metrics_in, statements, permissions_boundary_arn, tags"),
]  # fmt: skip


@pytest.mark.parametrize(("args", "line"), MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_registered(args: Any, line: str) -> None:
    found = Plan()

    def program() -> None:
        with pytest.raises(ArgsError) as told:
            AwsIdentity("digits", args)
        assert str(told.value) == line

    found = plan(program)
    assert found.resources == []


def test_what_is_known_late_is_asked_late() -> None:
    def program() -> None:
        secret = AwsIdentity("first", TASK).role_name
        AwsIdentity("digits", {**TASK, "reads_secret_arns": [secret]})

    with pytest.raises(ValueError, match=r"AwsIdentity.reads_secret_arns\[0\] is 'first', expected an ARN of"):
        plan(program, preview=False)


def test_a_policy_too_long_for_iam_is_refused() -> None:
    arns = [f"arn:aws:sqs:eu-central-1:{ACCOUNT}:{'q' * 40}-{at}" for at in range(200)]
    statements: Any = [{"actions": ["sqs:SendMessage"], "resources": arns}]
    with pytest.raises(
        ArgsError, match=r"^AwsIdentity.statements is '\d+ characters together', expected at most 10240"
    ):
        _made({**TASK, "statements": statements})


def test_actions_without_resources_are_exact() -> None:
    assert [each for each in WITHOUT_RESOURCES if "*" in each] == []
