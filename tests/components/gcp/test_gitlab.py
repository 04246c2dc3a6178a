"""Accounts for pipelines of GitLab: what would be registered, and which tokens a CEL of its makers lets in."""

from pathlib import Path
from typing import Any

import pytest

from components.checks import ArgsError
from components.gcp.gitlab import GcpGitlabIdentity
from tests.components.gcp.federation import federated
from tests.components.gcp.test_github import DEPLOY, POOL, PROVIDER, STATE, TAKES, TOLD
from tests.components.planned import Plan, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
ARGS: dict[str, Any] = {
    "project": "shop-prod",
    "gitlab_project": "example/shop/models",
    "gitlab_project_id": "456789",
    "branches": ["main"],
}
FULL: dict[str, Any] = {
    "environments": ["production"],
    "statements": {"digits": DEPLOY},
    "roles": ["roles/artifactregistry.writer"],
    "gives": ["roles/container.defaultNodeServiceAccount"],
    "preview_statements": {"state": STATE},
}
TOKEN: dict[str, str] = {
    "iss": "https://gitlab.com",
    "sub": "project_path:example/shop/models:ref_type:branch:ref:main",
    "namespace_id": "72",
    "namespace_path": "example/shop",
    "project_id": "456789",
    "project_path": "example/shop/models",
    "job_project_id": "456789",
    "pipeline_id": "574",
    "pipeline_source": "push",
    "job_id": "302",
    "ref": "main",
    "ref_type": "branch",
    "ref_path": "refs/heads/main",
    "ref_protected": "true",
}
"""Claims of a token of a job (GitLab's page "OpenID Connect (OIDC) Authentication Using ID Tokens", 2026-11-23)."""
PRODUCTION = {"environment": "production", "environment_protected": "true", "deployment_tier": "production"}
MERGE = {
    "pipeline_source": "merge_request_event",
    "ref": "mine",
    "ref_path": "refs/heads/mine",
    "ref_protected": "false",
}
FORK = {
    **MERGE,
    "project_id": "99",
    "project_path": "mallory/models",
    "namespace_id": "98",
    "namespace_path": "mallory",
}


def planned(preview: bool = False, without: str = "", **changes: Any) -> Plan:
    given: Any = {key: value for key, value in {**ARGS, **changes}.items() if key not in without.split()}
    return plan(lambda: GcpGitlabIdentity("ci", given), preview=preview, outputs=TOLD)


def accesses(tokens: list[dict[str, str]], without: str = "", **changes: Any) -> list[str | None]:
    """What tokens get: `deploy`, `preview`, or nothing."""
    provider = planned(without=without, **changes).one(PROVIDER).inputs
    found = federated(provider, [{**TOKEN, **each} for each in tokens])
    assert all(each is None or "error" not in each for each in found), found
    return [None if each is None else str(each["attribute"]["access"]) for each in found]


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, **FULL).holds(SNAPSHOTS / "gitlab.txt")


def test_who_is_the_account_is_compared_letter_by_letter() -> None:
    found = planned(environments=["production"])
    assert found.one(PROVIDER).inputs == {
        "project": "shop-prod",
        "workloadIdentityPoolId": "ci-gitlab",
        "workloadIdentityPoolProviderId": "gitlab",
        "displayName": "GitLab",
        "oidc": {"issuerUri": "https://gitlab.com"},
        "attributeMapping": {
            "google.subject": '"project:" + assertion.project_id + ":job:" + assertion.job_id',
            "attribute.access": (
                'assertion.ref_type == "branch" && assertion.ref in ["main"] && assertion.ref_protected == "true" && '
                'assertion.pipeline_source != "merge_request_event" && has(assertion.environment) && '
                'assertion.environment in ["production"] && assertion.environment_protected == "true" ? "deploy" : '
                '(assertion.ref_type == "branch" && assertion.pipeline_source == "merge_request_event" ? "preview" : '
                '"none")'
            ),
        },
        "attributeCondition": 'assertion.project_id == "456789" && attribute.access != "none"',
    }
    assert found.one(POOL).inputs["description"] == "Jobs of example/shop/models"
    assert sorted(each.inputs["member"].rpartition("/")[2] for each in found.all(TAKES)) == ["deploy", "preview"]


def test_a_protected_branch_deploys_and_a_merge_request_looks() -> None:
    sources = [{"pipeline_source": each} for each in ("push", "schedule", "web", "api")]
    assert accesses([*sources, PRODUCTION, MERGE]) == [*["deploy"] * 5, "preview"]
    assert accesses([{}, MERGE], previews=False) == ["deploy", None]


def test_no_other_token_is_taken() -> None:
    others = [
        {"ref": "other"},
        {"ref": "main2"},
        {"ref": "MAIN"},
        {"ref": "x/main"},
        {"ref_type": "tag"},
        # Nobody guards the branch, so that whoever may push may deploy.
        {"ref_protected": "false"},
        # Another project, though it has got the path of this one.
        {"project_id": "9"},
        {"project_id": "4567890"},
        # A fork's merge request, in the fork's project or in this one.
        FORK,
        {**FORK, "job_project_id": "99"},
        {**MERGE, "ref_type": "tag"},
    ]
    assert accesses(others) == [None] * len(others)
    # A merge request of a protected branch looks, as any other one does.
    assert accesses([{**MERGE, "ref": "main", "ref_protected": "true"}]) == ["preview"]


def test_where_environments_are_named_a_job_deploys_to_one_of_them_that_is_protected() -> None:
    tokens = [
        PRODUCTION,
        {},
        {**PRODUCTION, "environment": "staging"},
        {**PRODUCTION, "environment_protected": "false"},
        {**PRODUCTION, "ref": "other", "ref_protected": "false"},
        {**PRODUCTION, **MERGE},
    ]
    taken = ["deploy", None, None, None, None, "preview"]
    assert accesses(tokens, environments=["production"]) == taken
    taken[3] = "deploy"
    assert accesses(tokens, environments=["production"], unprotected_environments=True) == taken


def test_jobs_of_every_branch_deploy_where_that_is_said_and_those_of_a_fork_do_not() -> None:
    tokens = [{}, MERGE, {"ref": "other", "ref_protected": "false"}, FORK, {"ref_type": "tag"}]
    assert accesses(tokens, without="branches", any_branch=True) == ["deploy", "deploy", "deploy", None, None]
    named = {"environments": ["review"], "any_branch": True}
    review = {**MERGE, **PRODUCTION, "environment": "review"}
    assert accesses([review, MERGE], without="branches", **named) == ["deploy", None]


def test_a_gitlab_of_one_s_own_issues_the_tokens_where_it_is_named() -> None:
    found = planned(issuer="https://code.example.com/gitlab").one(PROVIDER).inputs
    assert found["oidc"] == {"issuerUri": "https://code.example.com/gitlab"}


def test_a_token_that_lacks_a_claim_is_not_taken() -> None:
    provider = planned().one(PROVIDER).inputs
    claims = ("ref", "ref_type", "ref_protected", "pipeline_source", "project_id", "job_id")
    tokens = [{key: value for key, value in TOKEN.items() if key != claim} for claim in claims]
    for claim, found in zip(claims, federated(provider, tokens), strict=True):
        assert found is not None and claim in found["error"], "IAM refuses a token whose mapping cannot be read"


def test_names_of_branches_are_texts_and_nothing_else() -> None:
    names = ['say-"yes"', "it's", "größe", "🚀", "a&&true", "a||true"]
    provider = planned(branches=names).one(PROVIDER).inputs
    found = federated(provider, [*({**TOKEN, "ref": name} for name in names), TOKEN])
    assert [each is not None and each["attribute"]["access"] for each in found] == [*["deploy"] * 6, False]


@pytest.mark.parametrize(
    ("without", "changes", "said"),
    [
        ("gitlab_project_id", {}, "GcpGitlabIdentity.gitlab_project_id is missing"),
        ("", {"gitlab_project_id": "x"}, "GcpGitlabIdentity.gitlab_project_id is 'x', expected a number as text"),
        ("", {"gitlab_project": "*/models"}, "GcpGitlabIdentity.gitlab_project is '*/models', expected groups and"),
        ("branches", {}, "GcpGitlabIdentity.branches is [], expected a protected branch at least"),
        ("", {"environments": ["review/*"]}, "GcpGitlabIdentity.environments is 'review/*', expected the name of an"),
        ("", {"unprotected_environments": True}, "GcpGitlabIdentity.environments is [], expected the unprotected"),
        ("", {"any_branch": True}, "GcpGitlabIdentity.branches is ['main'], expected nothing beside any_branch"),
        ("branches", {"any_branch": True, "preview_statements": {"state": STATE}}, "expected none, as previews is"),
        ("", {"branches": ["x" * 240, "y" * 240] + [f"{'z' * 236}{at}" for at in range(1000, 1008)]},
         "expected with environments an expression of at most 2048, as IAM takes no more"),
        ("", {"issuer": "gitlab.com"}, "GcpGitlabIdentity.issuer is 'gitlab.com', expected the address of a GitLab"),
        ("", {"roles": ["roles/editor"]}, "GcpGitlabIdentity.roles[0] is 'roles/editor', expected a role of one"),
        ("", {"pool_id": "gcp-ci"}, "GcpGitlabIdentity.pool_id is 'gcp-ci', expected 4 to 32 of a-z"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_before_anything_is_planned(without: str, changes: dict[str, Any], said: str) -> None:
    given: Any = {key: value for key, value in {**ARGS, **changes}.items() if key not in without.split()}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            GcpGitlabIdentity("ci", given)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []
