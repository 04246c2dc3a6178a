"""Accounts for workflows of GitHub, as they would be registered: who they are, and what they may do."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.checks import ArgsError
from components.gcp.github import GcpGithubIdentity
from components.gcp.identity import GcpResourceKind
from components.gcp.workflows import MAPPING
from tests.components.planned import UNKNOWN, Plan, Planned, plan

SNAPSHOTS = Path(__file__).parent / "snapshots"
POOL_NAME = "projects/123456789012/locations/global/workloadIdentityPools/ci-github"
DEPLOY: Any = {
    "role": "roles/run.developer",
    "kind": GcpResourceKind.RUN_SERVICE,
    "resource": "projects/shop-prod/locations/europe-west4/services/digits",
}
STATE: Any = {"role": "roles/storage.objectViewer", "kind": GcpResourceKind.BUCKET, "resource": "shop-state"}
ARGS: dict[str, Any] = {
    "project": "shop-prod",
    "repository": "example/models",
    "owner_id": "123456",
    "repository_id": "456789",
    "branches": ["main"],
}
FULL: dict[str, Any] = {
    "environments": ["production"],
    "statements": {"digits": DEPLOY},
    "roles": ["roles/artifactregistry.writer", "projects/shop-prod/roles/deploys"],
    "gives": ["roles/container.defaultNodeServiceAccount"],
    "preview_statements": {"state": STATE},
}
POOL, PROVIDER, ACCOUNT, TAKES, HAS = (
    "gcp:iam/workloadIdentityPool:WorkloadIdentityPool",
    "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider",
    "gcp:serviceaccount/account:Account",
    "gcp:serviceaccount/iAMMember:IAMMember",
    "gcp:projects/iAMMember:IAMMember",
)


def _account(made: Planned) -> dict[str, Any]:
    email = f"{made.name}@shop-prod.iam.gserviceaccount.com"
    name = f"projects/shop-prod/serviceAccounts/{email}"
    return {"email": email, "member": f"serviceAccount:{email}", "name": name}


TOLD: dict[str, Callable[[Planned], dict[str, Any]]] = {
    ACCOUNT: _account,
    POOL: lambda _: {"name": POOL_NAME},
    PROVIDER: lambda _: {"name": f"{POOL_NAME}/providers/github"},
}


def planned(preview: bool = False, without: str = "", **changes: Any) -> Plan:
    given: Any = {key: value for key, value in {**ARGS, **changes}.items() if key not in without.split()}
    return plan(lambda: GcpGithubIdentity("ci", given), preview=preview, outputs=TOLD)


@pytest.mark.parametrize("preview", [True, False])
def test_names_and_parents_stay(preview: bool) -> None:
    planned(preview, **FULL).holds(SNAPSHOTS / "github.txt")


def test_who_is_the_account_is_compared_letter_by_letter() -> None:
    found = planned(environments=["production"])
    assert found.one(PROVIDER).inputs == {
        "project": "shop-prod",
        "workloadIdentityPoolId": "ci-github",
        "workloadIdentityPoolProviderId": "github",
        "displayName": "GitHub",
        "oidc": {"issuerUri": "https://token.actions.githubusercontent.com"},
        "attributeMapping": {
            "google.subject": '"repository:" + assertion.repository_id + ":run:" + assertion.run_id',
            "attribute.access": (
                'assertion.sub in ["repo:example/models:ref:refs/heads/main", '
                '"repo:example@123456/models@456789:ref:refs/heads/main", '
                '"repo:example/models:environment:production", '
                '"repo:example@123456/models@456789:environment:production"] && '
                '!assertion.event_name.startsWith("pull_request") ? "deploy" : '
                '(assertion.sub in ["repo:example/models:pull_request", '
                '"repo:example@123456/models@456789:pull_request"] && '
                'assertion.event_name == "pull_request" ? "preview" : "none")'
            ),
        },
        "attributeCondition": (
            'assertion.repository_owner_id == "123456" && assertion.repository_id == "456789" && '
            'attribute.access != "none"'
        ),
    }
    assert found.one(POOL).inputs == {
        "project": "shop-prod",
        "workloadIdentityPoolId": "ci-github",
        "displayName": "ci",
        "description": "Workflows of example/models",
    }


def test_tokens_are_for_the_provider_and_for_nothing_else() -> None:
    """Audiences that are named are taken instead of the provider's own name, which no other provider has."""
    assert set(planned().one(PROVIDER).inputs["oidc"]) == {"issuerUri"}


def test_each_account_is_taken_by_its_own_access_alone() -> None:
    found = planned()
    assert {each.name: each.inputs for each in found.all(TAKES)} == {
        f"{name}-github": {
            "serviceAccountId": f"projects/shop-prod/serviceAccounts/{name}@shop-prod.iam.gserviceaccount.com",
            "role": "roles/iam.workloadIdentityUser",
            "member": f"principalSet://iam.googleapis.com/{POOL_NAME}/attribute.access/{access}",
        }
        for name, access in (("ci", "deploy"), ("ci-preview", "preview"))
    }


def test_the_account_may_do_what_is_named() -> None:
    found = planned(**FULL)
    given = {each.inputs["role"]: each.inputs for each in found.all(HAS) if each.inputs["member"].count("ci@")}
    assert set(given) == {
        "roles/artifactregistry.writer",
        "projects/shop-prod/roles/deploys",
        "roles/resourcemanager.projectIamAdmin",
    }
    assert given["roles/resourcemanager.projectIamAdmin"]["condition"] == {
        "title": "ci: these roles alone",
        "expression": (
            'api.getAttribute("iam.googleapis.com/modifiedGrantsByRole", []).hasOnly('
            '["roles/container.defaultNodeServiceAccount"])'
        ),
    }
    service = found.one("gcp:cloudrunv2/serviceIamMember:ServiceIamMember").inputs
    assert (service["name"], service["role"]) == (DEPLOY["resource"], "roles/run.developer")


def test_nothing_is_allowed_that_is_not_named() -> None:
    found = planned()
    assert [(each.inputs["role"], each.inputs["member"]) for each in found.all(HAS)] == [
        ("roles/iam.securityReviewer", "serviceAccount:ci-preview@shop-prod.iam.gserviceaccount.com")
    ]


def test_pull_requests_are_another_account_that_looks_alone() -> None:
    found = planned(**FULL)
    preview = "serviceAccount:ci-preview@shop-prod.iam.gserviceaccount.com"
    theirs = {each.inputs["role"] for each in found.resources if each.inputs.get("member") == preview}
    assert theirs == {"roles/iam.securityReviewer", "roles/storage.objectViewer"}


def test_previews_may_be_left_out() -> None:
    found = planned(previews=False)
    assert [each.name for each in found.all(ACCOUNT)] == ["ci"]
    assert not found.all(HAS)
    assert "pull_request:" not in found.one(PROVIDER).inputs["attributeMapping"]["attribute.access"]
    assert '"preview"' not in found.one(PROVIDER).inputs["attributeMapping"]["attribute.access"]


def test_a_preview_knows_all_that_there_is_to_know() -> None:
    found = planned(preview=True, **FULL)
    assert found.one(PROVIDER).inputs["workloadIdentityPoolId"] == "ci-github"
    assert found.one(TAKES, "ci-github").inputs["member"] == UNKNOWN
    assert "456789" in found.one(PROVIDER).inputs["attributeCondition"]


def test_what_may_hand_out_rights_is_said_to() -> None:
    found = planned(roles=["roles/iam.serviceAccountAdmin"], unbounded=True)
    assert "roles/iam.serviceAccountAdmin" in {each.inputs["role"] for each in found.all(HAS)}


def test_another_pool_may_be_made_where_one_is_kept_by_google() -> None:
    found = planned(pool_id="ci-github-2")
    assert found.one(POOL).inputs["workloadIdentityPoolId"] == "ci-github-2"
    assert found.one(PROVIDER).inputs["workloadIdentityPoolId"] == "ci-github-2"


def test_outputs() -> None:
    known: dict[str, Any] = {}
    words = ("provider_name", "service_account", "member", "preview_service_account", "preview_member")

    def program() -> None:
        made = GcpGithubIdentity("ci", {**ARGS, **FULL})  # type: ignore[typeddict-item]
        for each in words:
            getattr(made, each).apply(partial(known.__setitem__, each))

    plan(program, preview=False, outputs=TOLD)
    assert known == {
        "provider_name": f"{POOL_NAME}/providers/github",
        "service_account": "ci@shop-prod.iam.gserviceaccount.com",
        "member": "serviceAccount:ci@shop-prod.iam.gserviceaccount.com",
        "preview_service_account": "ci-preview@shop-prod.iam.gserviceaccount.com",
        "preview_member": "serviceAccount:ci-preview@shop-prod.iam.gserviceaccount.com",
    }


def test_an_account_is_told_once_it_may_do_what_it_should() -> None:
    def program() -> None:
        made = GcpGithubIdentity("ci", {**ARGS, **FULL})  # type: ignore[typeddict-item]
        pulumi.CustomResource("test:index:Uses", "uses", {"account": made.service_account})

    waits = plan(program, preview=False, outputs=TOLD).one("test:index:Uses").depends_on
    assert {"ci-github", "ci-statements-digits", "ci-gives", "ci-roles-artifactregistry-writer"} <= waits


WHAT = "GcpGithubIdentity"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"project": "Shop"}, f"{WHAT}.project is 'Shop', expected the id of a project"),
        ({"repository": None}, f"{WHAT}.repository is None, expected a value, or any_repository_of_organisation"),
        ({"any_repository_of_organisation": "example"}, f"{WHAT}.repository is 'example/models', expected a value, or"),
        ({"repository": "example/*"}, f"{WHAT}.repository is 'example/*', expected owner and name of one repository"),
        ({"repository": "models"}, f"{WHAT}.repository is 'models', expected owner and name"),
        ({"owner_id": None}, f"{WHAT}.owner_id is None, expected GitHub's number, as a name that is given up is free "
         "for others; ask `gh api repos/example/models --jq .owner.id` for it"),
        ({"repository_id": None}, "ask `gh api repos/example/models --jq .id` for it"),
        ({"repository_id": 456789}, f"{WHAT}.repository_id is 456789, expected a number as text"),
        ({"repository": None, "any_repository_of_organisation": "example"}, f"{WHAT}.repository_id is '456789', "
         "expected nothing beside any_repository_of_organisation; leave one of them out"),
        ({"branches": []}, f"{WHAT}.branches is [], expected a branch at least, or one of environments"),
        ({"branches": ["release/*"]}, f"{WHAT}.branches is 'release/*', expected the name of a branch, without"),
        ({"branches": "main"}, f"{WHAT}.branches is 'main', expected a list of names; write ['main']"),
        ({"environments": ["a:b"]}, f"{WHAT}.environments is 'a:b', expected the name of an environment"),
        ({"branches": [f"b{at}" + "x" * 200 for at in range(5)]}, f"{WHAT}.branches is '2731 characters', expected "
         f"with environments an expression of at most {MAPPING}, as IAM takes no more; leave some out"),
        ({"roles": ["roles/editor"]}, f"{WHAT}.roles[0] is 'roles/editor', expected a role of one service or one of "
         "your own, as a basic role allows all there is; for example roles/run.admin"),
        ({"roles": ["roles/owner"], "unbounded": True}, f"{WHAT}.roles[0] is 'roles/owner', expected a role of one"),
        ({"roles": "roles/run.admin"}, f"{WHAT}.roles is 'roles/run.admin', expected a list of roles; write ["),
        ({"roles": ["roles/run.admin", "roles/run.admin"]}, f"{WHAT}.roles is ['roles/run.admin', 'roles/run.admin'], "
         "expected each role once"),
        ({"roles": ["roles/iam.serviceAccountUser"]}, f"{WHAT}.roles[0] is 'roles/iam.serviceAccountUser', expected "
         "none that hands out rights, or takes another's place, in the whole project; write which roles it may give "
         "into gives, or unbounded: True"),
        ({"roles": ["roles/resourcemanager.projectIamAdmin"]}, "expected none that hands out rights"),
        ({"gives": ["roles/resourcemanager.projectIamAdmin"], "unbounded": True}, f"{WHAT}.gives[0] is 'roles/"),
        ({"gives": ["roles/editor"]}, f"{WHAT}.gives[0] is 'roles/editor', expected a role of one service"),
        ({"gives": [f"roles/run.a{at}" for at in range(11)]}, f"{WHAT}.gives is '11 roles', expected at most 10"),
        ({"preview_statements": {"state": {**STATE, "role": "roles/storage.objectUser"}}},
         f"{WHAT}.preview_statements['state'].role is 'roles/storage.objectUser', expected a role that changes "
         "nothing and tells no secret, by its name, as pull requests have it; for example roles/storage.objectViewer"),
        ({"preview_statements": {"api": {"role": "roles/secretmanager.secretAccessor", "kind": "secret",
                                         "resource": "projects/shop-prod/secrets/api"}}}, "expected a role that"),
        ({"preview_statements": {"own": {"role": "projects/shop-prod/roles/looks", "kind": "project"}}},
         "expected a role that changes nothing"),
        ({"preview_statements": {"state": STATE}, "previews": False}, f"{WHAT}.preview_statements is '1 of them', "
         "expected none, as previews is False"),
        ({"statements": {"The State": STATE}}, f"a key of {WHAT}.statements is 'The State', expected a letter"),
        ({"statements": {"a": STATE, "b": STATE}}, f"{WHAT}.statements['b'] is 'roles/storage.objectViewer', expected "
         "what statements.a does not allow already"),
        ({"statements": {"a": {"role": "roles/owner", "kind": "project"}}}, f"{WHAT}.statements['a'].role is "),
        ({"pool_id": "gcp-ci"}, f"{WHAT}.pool_id is 'gcp-ci', expected 4 to 32 of a-z, 0-9 and -"),
        ({"pool_id": "ci"}, f"{WHAT}.pool_id is 'ci', expected 4 to 32"),
        ({"by_name_alone": True}, f"{WHAT} has no argument 'by_name_alone'"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_before_anything_is_planned(changes: dict[str, Any], said: str) -> None:
    given: Any = {key: value for key, value in {**ARGS, **changes}.items() if value is not None}

    def program() -> None:
        with pytest.raises(ArgsError) as raised:
            GcpGithubIdentity("ci", given)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)

    assert plan(program).resources == []


def test_a_name_that_leaves_no_room_for_the_second_account_is_refused() -> None:
    given: Any = ARGS
    with pytest.raises(ArgsError, match="the name of GcpGithubIdentity is"):
        plan(lambda: GcpGithubIdentity("c" * 15, given))
    assert plan(lambda: GcpGithubIdentity("c" * 14, given)).resources
