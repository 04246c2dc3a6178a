"""Which tokens of GitHub are taken, and what their bearers are: conditions and mappings read by a CEL of its makers."""

from typing import Any

import pytest

from tests.components.gcp.federation import federated
from tests.components.gcp.test_github import ARGS, PROVIDER, planned

TOKEN: dict[str, str] = {
    "iss": "https://token.actions.githubusercontent.com",
    "sub": "repo:example@123456/models@456789:ref:refs/heads/main",
    "repository": "example/models",
    "repository_id": "456789",
    "repository_owner": "example",
    "repository_owner_id": "123456",
    "ref": "refs/heads/main",
    "event_name": "push",
    "run_id": "9876543210",
}
"""Claims of a token of a workflow (GitHub's reference "OpenID Connect", 2026-11-22)."""
NUMBERED = "repo:example@123456/models@456789"
PULL = {"sub": f"{NUMBERED}:pull_request", "event_name": "pull_request", "ref": "refs/pull/7/merge"}
ORGANISATION: dict[str, Any] = {"repository": None, "any_repository_of_organisation": "example", "repository_id": None}


def access(claims: dict[str, str], **changes: Any) -> str | None:
    """What a token gets: `deploy`, `preview`, or nothing."""
    left_out = " ".join(key for key, value in changes.items() if value is None)
    given: dict[str, Any] = {
        "environments": ["production"],
        **{key: value for key, value in changes.items() if value is not None},
    }
    provider = planned(without=left_out, **given).one(PROVIDER).inputs
    (found,) = federated(provider, [{**TOKEN, **claims}])
    assert found is None or "error" not in found, found
    return None if found is None else str(found["attribute"]["access"])


@pytest.mark.parametrize("prefix", [NUMBERED, "repo:example/models"])
@pytest.mark.parametrize("event", ["push", "schedule", "workflow_dispatch", "release"])
def test_a_named_branch_and_a_named_environment_deploy(prefix: str, event: str) -> None:
    assert access({"sub": f"{prefix}:ref:refs/heads/main", "event_name": event}) == "deploy"
    assert access({"sub": f"{prefix}:environment:production", "event_name": event}) == "deploy"


@pytest.mark.parametrize("prefix", [NUMBERED, "repo:example/models"])
def test_a_pull_request_looks(prefix: str) -> None:
    assert access({**PULL, "sub": f"{prefix}:pull_request"}) == "preview"
    assert access({**PULL, "sub": f"{prefix}:pull_request"}, previews=False) is None


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": f"{NUMBERED}:ref:refs/heads/other"},
        {"sub": f"{NUMBERED}:ref:refs/heads/main2"},
        {"sub": f"{NUMBERED}:ref:refs/heads/MAIN"},
        {"sub": f"{NUMBERED}:ref:refs/tags/main"},
        {"sub": f"{NUMBERED}:environment:staging"},
        # Names of a branch or an environment that end as others do.
        {"sub": f"{NUMBERED}:environment:x%3Aref%3Arefs/heads/main"},
        {"sub": f"{NUMBERED}:ref:refs/heads/x/main"},
        # Another repository, one of another owner, and one that has got the name of one that is gone.
        {"sub": "repo:example@123456/other@1:ref:refs/heads/main", "repository_id": "1"},
        {"sub": "repo:evil@9/models@456789:ref:refs/heads/main", "repository_owner_id": "9"},
        {"sub": "repo:example/models:ref:refs/heads/main", "repository_owner_id": "9"},
        {"sub": "repo:example/models:ref:refs/heads/main", "repository_id": "9"},
        # A subject that says one thing, and numbers that say another.
        {"repository_id": "9"},
        {"repository_owner_id": "9"},
        # Pull requests, whatever they name: an environment that nobody guards, or the branch that they are for.
        {**PULL, "sub": f"{NUMBERED}:environment:production"},
        {**PULL, "event_name": "pull_request_target"},
        {"event_name": "pull_request_target"},
        {"event_name": "pull_request_review"},
        # What pushes is no pull request, though it says so.
        {"sub": f"{NUMBERED}:pull_request"},
        {**PULL, "repository_id": "9"},
        {"sub": ""},
    ],
)
def test_no_other_token_is_taken(claims: dict[str, str]) -> None:
    assert access(claims) is None


def test_every_repository_of_an_organisation_is_trusted_where_that_is_said() -> None:
    other = {"repository": "example/other", "repository_id": "1"}
    for prefix in ("repo:example@123456/other@1", "repo:example/other"):
        assert access({**other, "sub": f"{prefix}:ref:refs/heads/main"}, **ORGANISATION) == "deploy"
        assert access({**other, "sub": f"{prefix}:environment:production"}, **ORGANISATION) == "deploy"
        assert access({**other, **PULL, "sub": f"{prefix}:pull_request"}, **ORGANISATION) == "preview"


@pytest.mark.parametrize(
    "claims",
    [
        {"repository_owner_id": "9"},
        {"sub": f"{NUMBERED}:ref:refs/heads/other"},
        {"sub": f"{NUMBERED}:ref:refs/heads/x/main"},
        {"sub": f"{NUMBERED}:environment:x%3Aref%3Arefs/heads/main"},
        {**PULL, "sub": f"{NUMBERED}:environment:production"},
        {"event_name": "pull_request_target"},
    ],
)
def test_nothing_else_of_an_organisation_is(claims: dict[str, str]) -> None:
    assert access(claims, **ORGANISATION) is None


def test_a_subject_says_which_run_it_was_and_is_no_longer_than_google_takes() -> None:
    branch = "x" * 240
    claims = {"sub": f"{NUMBERED}:ref:refs/heads/{branch}", "repository_id": "456789"}
    provider = planned(branches=[branch]).one(PROVIDER).inputs
    (found,) = federated(provider, [{**TOKEN, **claims}])
    assert found is not None
    assert found["google"] == {"subject": "repository:456789:run:9876543210"}
    most = f"repository:{'9' * 19}:run:{'9' * 19}"
    assert len(most) <= 127


@pytest.mark.parametrize("claim", ["sub", "event_name", "repository_id", "repository_owner_id", "run_id"])
def test_a_token_that_lacks_a_claim_is_not_taken(claim: str) -> None:
    token = {key: value for key, value in TOKEN.items() if key != claim}
    (found,) = federated(planned().one(PROVIDER).inputs, [token])
    assert found is not None and claim in found["error"], "IAM refuses a token whose mapping cannot be read"


@pytest.mark.parametrize("name", ['say-"yes"', "it's", "größe", "🚀", "a&&true", "a||true"])
def test_names_of_branches_are_texts_and_nothing_else(name: str) -> None:
    provider = planned(branches=[name]).one(PROVIDER).inputs
    mine = {"sub": f"{NUMBERED}:ref:refs/heads/{name}"}
    found = federated(provider, [{**TOKEN, **mine}, TOKEN])
    assert found[0] is not None and found[0]["attribute"]["access"] == "deploy"
    assert found[1] is None


def test_the_claims_are_those_of_the_arguments() -> None:
    """What a test changes is what is compared."""
    assert TOKEN["repository_id"] == ARGS["repository_id"] and TOKEN["repository_owner_id"] == ARGS["owner_id"]
