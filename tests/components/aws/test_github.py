"""Roles for workflows of GitHub, as they would be registered: who takes them, and what they may do."""

import fnmatch
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.aws.github import GithubOidcRole
from components.checks import ArgsError
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
BOUNDS = "arn:aws:iam::123456789012:policy/bounds"
PROVIDER_ARN = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
DEPLOY: Any = {
    "actions": ["ecs:UpdateService"],
    "resources": ["arn:aws:ecs:eu-central-1:123456789012:service/shop/digits"],
}
STATE: Any = {"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::shop-state/*"]}
ARGS: dict[str, Any] = {
    "account_id": "123456789012",
    "region": "eu-central-1",
    "repository": "example/models",
    "owner_id": "123456",
    "repository_id": "456789",
    "branches": ["main"],
    "permissions_boundary_arn": BOUNDS,
}
FULL: dict[str, Any] = {
    "environments": ["production"],
    "statements": [DEPLOY],
    "policy_arns": ["arn:aws:iam::123456789012:policy/deploy"],
    "preview_statements": [STATE],
}
PROVIDER, ROLE, RIGHTS, ATTACHED = (
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
    "aws:iam/role:Role",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
)
SUBJECT, AUDIENCE = (f"token.actions.githubusercontent.com:{word}" for word in ("sub", "aud"))


def planned(preview: bool = False, without: str = "", **changes: Any) -> Plan:
    given: Any = {key: value for key, value in {**ARGS, **changes}.items() if key not in without.split()}
    return plan(lambda: GithubOidcRole("ci", given), preview=preview)


def trust(found: Planned) -> Any:
    (only,) = json.loads(found.inputs["assumeRolePolicy"])["Statement"]
    return only


def subjects(found: Plan, name: str = "ci") -> list[str]:
    condition = trust(found.one(ROLE, name))["Condition"]
    return condition.get("StringLike", condition["StringEquals"])[SUBJECT]


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, **FULL).holds(SNAPSHOTS / "github.txt")


def test_who_takes_a_role_is_compared_letter_by_letter() -> None:
    found = planned(environments=["production"])
    assert trust(found.one(ROLE, "ci")) == {
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:test:eu-central-1:123456789012:ci"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                AUDIENCE: "sts.amazonaws.com",
                SUBJECT: [
                    "repo:example@123456/models@456789:ref:refs/heads/main",
                    "repo:example@123456/models@456789:environment:production",
                ],
            }
        },
    }


def test_pull_requests_take_another_role_that_looks_alone() -> None:
    found = planned(**FULL)
    assert subjects(found, "ci-preview") == ["repo:example@123456/models@456789:pull_request"]
    assert "pull_request" not in "".join(subjects(found))
    given = {each.inputs["role"]: each.inputs["policyArn"] for each in found.all(ATTACHED)}
    assert given == {
        "ci": "arn:aws:iam::123456789012:policy/deploy",
        "ci-preview": "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
    }
    (looks,) = json.loads(found.one(RIGHTS, "ci-preview").inputs["policy"])["Statement"]
    assert looks == {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::shop-state/*"]}
    (does,) = json.loads(found.one(RIGHTS, "ci").inputs["policy"])["Statement"]
    assert does["Action"] == ["ecs:UpdateService"]


def test_previews_may_be_left_out() -> None:
    found = planned(previews=False)
    assert [each.name for each in found.all(ROLE)] == ["ci"]
    assert not found.all(ATTACHED)


def test_both_are_bounded_and_last_an_hour() -> None:
    for each in planned().all(ROLE):
        assert each.inputs["permissionsBoundary"] == BOUNDS
        assert each.inputs["maxSessionDuration"] == 3600
    free = planned(without="permissions_boundary_arn", without_permissions_boundary=True, minutes=120)
    assert ["permissionsBoundary" in each.inputs for each in free.all(ROLE)] == [False, False]
    assert free.one(ROLE, "ci").inputs["maxSessionDuration"] == 7200


def test_the_provider_is_for_sts_alone_and_made_where_none_is_named() -> None:
    assert planned().one(PROVIDER).inputs == {
        "url": "https://token.actions.githubusercontent.com",
        "clientIdLists": ["sts.amazonaws.com"],
        "tags": {"modelport:component": "ci", "Name": "ci"},
    }
    adopted = planned(provider_arn=PROVIDER_ARN)
    assert not adopted.all(PROVIDER)
    assert trust(adopted.one(ROLE, "ci"))["Principal"] == {"Federated": PROVIDER_ARN}


def test_a_repository_without_numbers_in_its_token_is_named_so() -> None:
    found = planned(without="owner_id repository_id", by_name_alone=True)
    assert subjects(found) == ["repo:example/models:ref:refs/heads/main"]


def test_an_organisation_is_trusted_by_an_argument_that_says_so() -> None:
    found = planned(without="repository repository_id", any_repository_of_organisation="example")
    condition = trust(found.one(ROLE, "ci"))["Condition"]
    assert condition["StringEquals"] == {AUDIENCE: "sts.amazonaws.com"}
    (pattern,) = condition["StringLike"][SUBJECT]
    assert pattern == "repo:example@123456/*:ref:refs/heads/main"
    assert fnmatch.fnmatchcase("repo:example@123456/shop@5:ref:refs/heads/main", pattern)
    for other in ("example2@123456/shop@5:ref:refs/heads/main", "example@1234567/shop@5:ref:refs/heads/main",
                  "example@123456/shop@5:ref:refs/heads/mine", "example@123456/shop@5:pull_request"):  # fmt: skip
        assert not fnmatch.fnmatchcase(f"repo:{other}", pattern)
    assert "StringLike" not in trust(planned().one(ROLE, "ci"))["Condition"]


def test_a_preview_knows_all_that_there_is_to_know() -> None:
    found = planned(preview=True, **FULL)
    assert found.one(ROLE, "ci").inputs["assumeRolePolicy"] == UNKNOWN
    assert trust(planned(preview=True, provider_arn=PROVIDER_ARN).one(ROLE, "ci"))["Principal"]["Federated"]
    assert json.loads(found.one(RIGHTS, "ci").inputs["policy"])


def test_outputs() -> None:
    known: list[str] = []

    def program() -> None:
        given: Any = {**ARGS, "tags": {"team": "ml"}}
        made = GithubOidcRole("ci", given)
        told = (made.role_arn, made.role_name, made.preview_role_arn, made.preview_role_name, made.provider_arn)
        pulumi.Output.all(*told).apply(known.extend)

    found = plan(program, preview=False)
    arn = "arn:aws:test:eu-central-1:123456789012:"
    assert known == [f"{arn}ci", "ci", f"{arn}ci-preview", "ci-preview", f"{arn}ci"]
    assert {each.inputs["tags"]["team"] for each in found.resources if "tags" in each.inputs} == {"ml"}


ORGANISED = {"any_repository_of_organisation": "example"}


@pytest.mark.parametrize(
    ("without", "changes", "said"),
    [
        ("", {"account_id": "1"}, "GithubOidcRole.account_id is '1', expected an AWS account id"),
        ("repository", {}, "GithubOidcRole.repository is None, expected a value, or any_repository_of_organisation"),
        ("", ORGANISED, "GithubOidcRole.repository is 'example/models', expected a value, or any_repository_of_organ"),
        ("", {"repository": "example/*"}, "GithubOidcRole.repository is 'example/*', expected owner and name of one"),
        ("", {"repository": "models"}, "GithubOidcRole.repository is 'models', expected owner and name of"),
        ("repository repository_id", {"any_repository_of_organisation": "*"}, "expected the name of an organisation"),
        ("repository", ORGANISED, "GithubOidcRole.repository_id is '456789', expected nothing beside any"),
        ("owner_id", {}, "GithubOidcRole.owner_id is None, expected GitHub's number, as a name that is given up is "
         "free for others; ask `gh api repos/example/models --jq .owner.id` for it, or write by_name_alone"),
        ("repository_id", {}, "GithubOidcRole.repository_id is None, expected GitHub's number"),
        ("", {"repository_id": "models"}, "GithubOidcRole.repository_id is 'models', expected a number as text"),
        ("", {"by_name_alone": True}, "GithubOidcRole.owner_id is '123456', expected nothing beside by_name_alone"),
        ("branches", {}, "GithubOidcRole.branches is [], expected a branch at least, or one of environments"),
        ("", {"branches": "main"}, "GithubOidcRole.branches is 'main', expected a list of names; write ['main']"),
        ("", {"branches": ["*"]}, "GithubOidcRole.branches is '*', expected the name of a branch, without wildcards"),
        ("", {"branches": ["release/*"]}, "GithubOidcRole.branches is 'release/*', expected the name of a branch"),
        ("", {"branches": ["main", "main"]}, "GithubOidcRole.branches is ['main', 'main'], expected each of them once"),
        ("", {"environments": ["a:b"]}, "GithubOidcRole.environments is 'a:b', expected the name of an environment"),
        ("permissions_boundary_arn", {}, "GithubOidcRole.permissions_boundary_arn is None, expected the ARN of"),
        ("", {"without_permissions_boundary": True}, "expected nothing beside without_permissions_boundary"),
        ("", {"policy_arns": ["arn:aws:iam::aws:policy/AdministratorAccess"]}, "as this one allows all there is"),
        ("", {"statements": [{**DEPLOY, "actions": ["ecs:*"]}]}, "GithubOidcRole.statements[0].actions is 'ecs:*'"),
        ("", {"preview_statements": [DEPLOY]}, "GithubOidcRole.preview_statements[0].actions is 'ecs:UpdateService', "
         "expected an action that changes nothing and tells no secret"),
        ("", {"preview_statements": [{"actions": ["secretsmanager:GetSecretValue"],
                                      "resources": ["arn:aws:secretsmanager:eu-central-1:123456789012:secret:a"]}]},
         "expected an action that changes nothing and tells no secret, as pull requests do it"),
        ("", {"preview_statements": [STATE], "previews": False}, "expected none, as previews is False"),
        ("", {"minutes": 30}, "GithubOidcRole.minutes is 30, expected 60 to 720 minutes; write 60"),
        ("", {"provider_arn": "arn:aws:iam::123456789012:oidc-provider/example.com"}, "expected an ARN of iam"),
        ("", {"provider_arn": PROVIDER_ARN.replace("1234", "4321")}, "as an account trusts its own alone"),
        ("", {"branch": "main"}, "GithubOidcRole has no argument 'branch', did you mean branches"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_before_anything_is_planned(without: str, changes: dict[str, Any], said: str) -> None:
    given: Any = {key: value for key, value in {**ARGS, **changes}.items() if key not in without.split()}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            GithubOidcRole("ci", given)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []


@pytest.mark.parametrize("name", ["main", "release/1.2", "feature/a_b-c", "käfer"])
def test_names_of_branches_are_gits(name: str) -> None:
    assert subjects(planned(branches=[name])) == [f"repo:example@123456/models@456789:ref:refs/heads/{name}"]
