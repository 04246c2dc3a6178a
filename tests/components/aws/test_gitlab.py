"""Roles for pipelines of GitLab, as they would be registered: who takes them, and what they may do."""

import fnmatch
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.aws.gitlab import GitlabOidcRole
from components.checks import ArgsError
from tests.components.aws.test_github import ATTACHED, BOUNDS, DEPLOY, PROVIDER, ROLE, STATE, trust
from tests.components.planned import Plan, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
ARGS: dict[str, Any] = {
    "account_id": "123456789012",
    "region": "eu-central-1",
    "gitlab_project": "example/shop/models",
    "gitlab_project_id": "456789",
    "branches": ["main"],
    "permissions_boundary_arn": BOUNDS,
}
FULL: dict[str, Any] = {
    "tiers": ["production"],
    "statements": [DEPLOY],
    "policy_arns": ["arn:aws:iam::123456789012:policy/deploy"],
    "preview_statements": [STATE],
}
MINE = "project_id:456789:ref_type:branch:ref"
BY_PATH = {"by_path_alone": True}


def planned(preview: bool = False, without: str = "", **changes: Any) -> Plan:
    given: Any = {key: value for key, value in {**ARGS, **changes}.items() if key not in without.split()}
    return plan(lambda: GitlabOidcRole("ci", given), preview=preview)


def subjects(found: Plan, name: str = "ci") -> tuple[str, list[str]]:
    """How subjects are compared, and with what; whom a token is for is always named whole."""
    condition = trust(found.one(ROLE, name))["Condition"]
    host = found.all(PROVIDER)[0].inputs["url"].removeprefix("https://")
    assert condition["StringEquals"].pop(f"{host}:aud") == "sts.amazonaws.com"
    ((how, compared),) = [(how, compared) for how, compared in condition.items() if compared]
    ((key, values),) = compared.items()
    assert key == f"{host}:sub"
    return how, values


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, **FULL).holds(SNAPSHOTS / "gitlab.txt")


def test_who_takes_a_role_is_compared_letter_by_letter() -> None:
    found = planned(branches=["main", "release/1.2"])
    assert trust(found.one(ROLE, "ci")) == {
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:test:eu-central-1:123456789012:ci"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                "gitlab.com:aud": "sts.amazonaws.com",
                "gitlab.com:sub": [f"{MINE}:main", f"{MINE}:release/1.2"],
            }
        },
    }
    assert found.one(PROVIDER).inputs["url"] == "https://gitlab.com"


def test_a_project_whose_subject_has_no_number_is_named_so() -> None:
    how, found = subjects(planned(without="gitlab_project_id", **BY_PATH))
    assert (how, found) == ("StringEquals", ["project_path:example/shop/models:ref_type:branch:ref:main"])


def test_tiers_ask_for_a_protected_environment() -> None:
    how, found = subjects(planned(tiers=["production", "staging"]))
    ends = [f"environment_protected:true:deployment_tier:{tier}" for tier in ("production", "staging")]
    assert (how, found) == ("StringEquals", [f"{MINE}:main:{end}" for end in ends])


def test_previews_are_of_any_branch_of_this_project_alone_and_look() -> None:
    found = planned(**FULL)
    how, (pattern,) = subjects(found, "ci-preview")
    assert (how, pattern) == ("StringLike", f"{MINE}:*")
    assert fnmatch.fnmatchcase(f"{MINE}:feature/x", pattern)
    for other in (f"{MINE.replace('456789', '4567890')}:main", f"{MINE.replace('branch', 'tag')}:v1", "project_id:4"):
        assert not fnmatch.fnmatchcase(other, pattern)
    assert {each.inputs["role"]: each.inputs["policyArn"] for each in found.all(ATTACHED)} == {
        "ci": "arn:aws:iam::123456789012:policy/deploy",
        "ci-preview": "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess",
    }


def test_jobs_of_every_branch_take_the_role_where_that_is_said_and_there_is_no_other_then() -> None:
    found = planned(without="branches", any_branch=True)
    assert subjects(found) == ("StringLike", [f"{MINE}:*"])
    assert [each.name for each in found.all(ROLE)] == ["ci"]


def test_a_gitlab_of_one_s_own_is_another_provider_with_claims_of_its_name() -> None:
    found = planned(issuer="https://code.example.com/gitlab")
    assert found.one(PROVIDER).inputs["url"] == "https://code.example.com/gitlab"
    assert subjects(found)[1] == [f"{MINE}:main"]
    condition = trust(found.one(ROLE, "ci"))["Condition"]["StringEquals"]
    assert set(condition) == {"code.example.com/gitlab:aud", "code.example.com/gitlab:sub"}


def test_outputs() -> None:
    known: list[str] = []

    def program() -> None:
        given: Any = {**ARGS, "tags": {"team": "ml"}}
        made = GitlabOidcRole("ci", given)
        told = (made.role_arn, made.role_name, made.preview_role_arn, made.preview_role_name, made.provider_arn)
        pulumi.Output.all(*told).apply(known.extend)

    found = plan(program, preview=False)
    arn = "arn:aws:test:eu-central-1:123456789012:"
    assert known == [f"{arn}ci", "ci", f"{arn}ci-preview", "ci-preview", f"{arn}ci"]
    assert {each.inputs["tags"]["team"] for each in found.resources if "tags" in each.inputs} == {"ml"}


PROVIDER_ARN = "arn:aws:iam::123456789012:oidc-provider/gitlab.com"


@pytest.mark.parametrize(
    ("without", "changes", "said"),
    [
        ("gitlab_project", {}, "GitlabOidcRole.gitlab_project is missing"),
        ("", {"gitlab_project": "models"}, "GitlabOidcRole.gitlab_project is 'models', expected groups and name of"),
        ("", {"gitlab_project": "example/*"}, "GitlabOidcRole.gitlab_project is 'example/*', expected groups and"),
        ("gitlab_project_id", {}, "GitlabOidcRole.gitlab_project_id is None, expected GitLab's number, as a path that "
         "is given up is free for others; write the Project ID of Settings, General, or by_path_alone"),
        ("", {"gitlab_project_id": "x"}, "GitlabOidcRole.gitlab_project_id is 'x', expected a number as text"),
        ("", BY_PATH, "GitlabOidcRole.gitlab_project_id is '456789', expected nothing beside by_path_alone"),
        ("branches", {}, "GitlabOidcRole.branches is [], expected a protected branch at least"),
        ("", {"branches": ["*"]}, "GitlabOidcRole.branches is '*', expected the name of a branch, without wildcards"),
        ("", {"branches": ["a:b"]}, "GitlabOidcRole.branches is 'a:b', expected the name of a branch"),
        ("", {"any_branch": True}, "GitlabOidcRole.branches is ['main'], expected nothing beside any_branch"),
        ("branches", {"any_branch": True, "previews": True}, "GitlabOidcRole.previews is True, expected none beside"),
        ("", {"tiers": ["prod"]}, "GitlabOidcRole.tiers is 'prod', expected one of production, staging"),
        ("", {"tiers": "production"}, "GitlabOidcRole.tiers is 'production', expected a list of names"),
        ("", {"issuer": "http://gitlab.com"}, "GitlabOidcRole.issuer is 'http://gitlab.com', expected the address of"),
        ("", {"issuer": "https://gitlab.com/"}, "GitlabOidcRole.issuer is 'https://gitlab.com/', expected"),
        ("", {"issuer": "https://gitlab.com:8443"}, "expected the address of a GitLab, with https, in small letters"),
        ("", {"provider_arn": PROVIDER_ARN.replace("gitlab", "gitl.b")}, "GitlabOidcRole.provider_arn is"),
        ("", {"provider_arn": PROVIDER_ARN.replace("1234", "4321")}, "as an account trusts its own alone"),
        ("", {"preview_statements": [DEPLOY]}, "tells no secret, as merge requests do it"),
        ("permissions_boundary_arn", {}, "GitlabOidcRole.permissions_boundary_arn is None, expected the ARN of"),
        ("", {"project": "a/b"}, "GitlabOidcRole has no argument 'project'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_before_anything_is_planned(without: str, changes: dict[str, Any], said: str) -> None:
    given: Any = {key: value for key, value in {**ARGS, **changes}.items() if key not in without.split()}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            GitlabOidcRole("ci", given)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []


def test_what_is_told_of_a_role_is_written_in_letters_that_iam_takes() -> None:
    found = planned(branches=["🚀"])
    assert found.one(ROLE, "ci").inputs["description"] == "Jobs of example/shop/models"
    assert json.loads(found.one(ROLE, "ci").inputs["assumeRolePolicy"])
