"""Which of the workflows' jobs get what in a cloud: their tokens, held to the trust that our components make."""

import json
import re
from typing import Any, cast

import pytest

from components.aws.workflows import AUDIENCE
from tests.ci.conftest import workflows
from tests.components.aws import test_github as aws
from tests.components.gcp.federation import federated
from tests.components.gcp.test_github import PROVIDER
from tests.components.gcp.test_github import planned as gcp_planned
from tests.components.gcp.test_github_tokens import TOKEN

WHO = "repo:example@123456/models@456789"
ENVIRONMENTS = ["dev", "prod", "drift", "ephemeral"]
"""Those that docs/ci.md has a user make, and write into the component's `environments`."""
JOBS = [
    (event, f"{name}.{key}", job)
    for name, workflow in workflows().items()
    for key, job in workflow["jobs"].items()
    for event in workflow["on"]
    if "id-token" in job["permissions"]
]
IDS = [f"{name}-{event}" for event, name, _ in JOBS]


def claims(event: str, job: Any) -> dict[str, str]:
    """The token of a job, as GitHub's reference "OpenID Connect" has it: what names an environment is known by that."""
    environment = job.get("environment")
    named: str | None = cast("Any", environment)["name"] if isinstance(environment, dict) else environment
    if named:
        subject = f"environment:{named}"
    elif event == "pull_request":
        subject = "pull_request"
    else:
        subject = "ref:refs/heads/main"
    ref = "refs/pull/7/merge" if event == "pull_request" else "refs/heads/main"
    return {**TOKEN, "sub": f"{WHO}:{subject}", "event_name": event, "ref": ref}


def role(job: Any, words: str) -> str:
    (login,) = [step for step in job["steps"] if step.get("uses", "").startswith(words)]
    return str(login["with"].get("role-to-assume") or login["with"].get("service_account"))


def roles_of_aws(token: dict[str, str]) -> list[str]:
    """The names of the roles that this token is taken to."""
    found = aws.planned(branches=[], environments=ENVIRONMENTS)
    out: list[str] = []
    for name in ("ci", "ci-preview"):
        condition = aws.trust(found.one(aws.ROLE, name))["Condition"]
        assert condition["StringEquals"][aws.AUDIENCE] == AUDIENCE
        if token["sub"] in aws.subjects(found, name):
            out.append(name)
    return out


def account_of_google(token: dict[str, str]) -> str | None:
    provider = gcp_planned(without="branches", environments=ENVIRONMENTS).one(PROVIDER).inputs
    (found,) = federated(provider, [token])
    return None if found is None else str(found["attribute"]["access"])


@pytest.mark.parametrize(("event", "name", "job"), JOBS, ids=IDS)
def test_a_job_gets_the_role_that_it_asks_for_and_no_other(event: str, name: str, job: Any) -> None:
    token = claims(event, job)
    previews = event == "pull_request"
    assert roles_of_aws(token) == (["ci-preview"] if previews else ["ci"])
    assert account_of_google(token) == ("preview" if previews else "deploy")
    wanted = ("vars.AWS_PREVIEW_ROLE", "vars.GCP_PREVIEW_SERVICE_ACCOUNT")
    if not previews:
        wanted = ("vars.AWS_ROLE", "vars.GCP_SERVICE_ACCOUNT")
    asked = (role(job, "aws-actions/"), role(job, "google-github-actions/"))
    assert asked == tuple(f"${{{{ {each} }}}}" for each in wanted)


@pytest.mark.parametrize(("event", "name", "job"), JOBS, ids=IDS)
def test_no_token_that_changes_something_is_had_from_a_pull_request_s_own_workflow(
    event: str, name: str, job: Any
) -> None:
    changed = {**claims("pull_request", job), "sub": f"{WHO}:pull_request"}
    assert roles_of_aws(changed) == ["ci-preview"] and account_of_google(changed) == "preview"


def test_who_logs_in_says_what_for() -> None:
    """A job that may ask for tokens has both logins, and nobody else has one."""
    for name, workflow in workflows().items():
        for key, job in workflow["jobs"].items():
            logins = [step["uses"] for step in job["steps"] if "/auth@" in str(step) or "/configure-aws" in str(step)]
            assert len(logins) == (2 if "id-token" in job["permissions"] else 0), f"{name}.{key}"
            given = set(re.findall(r"secrets\.(\w+)", json.dumps(job)))
            passphrase = {"PULUMI_CONFIG_PASSPHRASE"} if "environment" in job or key == "preview" else set[str]()
            # Images are built, and so signed, for dev alone: the others have its image, or run what is under review.
            signing = {"MODELPORT_SIGNING_KEY", "MODELPORT_SIGNING_PASSWORD"} if key == "dev" else set[str]()
            assert given == passphrase | signing, f"{name}.{key}"
