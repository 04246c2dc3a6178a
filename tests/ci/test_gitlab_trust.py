"""Which of the pipeline's jobs get what in a cloud: their tokens, held to the trust that our components make."""

import fnmatch
from typing import Any

import pytest

from tests.ci.test_gitlab import job, jobs
from tests.components.aws import test_gitlab as aws
from tests.components.aws.test_github import ROLE
from tests.components.gcp import test_gitlab as gcp

LOGINS = [name for name in jobs() if "id_tokens" in job(name)]
ANY: dict[str, Any] = {"without": "branches", "any_branch": True}
"""What docs/ci.md has a user make for stacks of merge requests, beside one for the branch `main`."""


def claims(name: str, *, fork: bool = False) -> dict[str, str]:
    """The token of a job, as GitLab documents it: of a merge request's pipeline where its rules ask for one."""
    own = job(name)
    merges = any("merge_request_event" in rule["if"] for rule in own["rules"])
    token = {**gcp.TOKEN, **((gcp.FORK if fork else gcp.MERGE) if merges else {})}
    if "environment" in own:
        named = own["environment"]
        token["environment"] = named if isinstance(named, str) else named["name"]
        token["environment_protected"] = "false"
    return {**token, "sub": f"project_id:{token['project_id']}:ref_type:{token['ref_type']}:ref:{token['ref']}"}


def on_aws(token: dict[str, str]) -> list[str]:
    """The roles that take a token, of the two components that docs/ci.md names."""
    found: list[str] = []
    for called, changes in (("main", {}), ("any", ANY)):
        plan = aws.planned(**changes)
        for role in plan.all(ROLE):
            how, subjects = aws.subjects(plan, role.name)
            fits = fnmatch.fnmatchcase if how == "StringLike" else str.__eq__
            if any(fits(token["sub"], each) for each in subjects):
                found.append(f"{called}:{'preview' if role.name.endswith('-preview') else 'deploy'}")
    return found


def test_those_that_log_in_are_all_but_a_fork_s_and_the_note_s() -> None:
    assert set(jobs()) - set(LOGINS) == {"preview-of-a-fork", "note"}


@pytest.mark.parametrize("name", LOGINS)
def test_a_job_gets_on_aws_what_it_asks_for(name: str) -> None:
    taken = on_aws(claims(name))
    merges = name in ("preview", "ephemeral-up", "ephemeral-down")
    # AWS tells no merge request from a branch: what looks alone is for them all.
    assert taken == [*([] if merges else ["main:deploy"]), "main:preview", "any:deploy"]


def test_a_job_gets_on_google_cloud_what_it_asks_for() -> None:
    tokens = [claims(name) for name in LOGINS]
    merges = [each["pipeline_source"] == "merge_request_event" for each in tokens]
    assert gcp.accesses(tokens) == ["preview" if each else "deploy" for each in merges]
    assert gcp.accesses(tokens, **ANY) == ["deploy"] * len(tokens)


def test_a_fork_gets_nothing_in_any_job_that_a_merge_request_has() -> None:
    forks = [claims(name, fork=True) for name in ("preview", "ephemeral-up", "ephemeral-down")]
    assert [on_aws(each) for each in forks] == [[]] * 3
    for changes in ({}, ANY):
        assert gcp.accesses(forks, **changes) == [None] * 3
