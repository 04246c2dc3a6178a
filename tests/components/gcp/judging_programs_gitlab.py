"""Accounts for pipelines of GitLab that the judges judge: by default, and in their other kinds."""

from collections.abc import Callable
from typing import Final

from components.gcp.gitlab import GcpGitlabIdentity, GcpGitlabIdentityArgs
from components.gcp.identity import GcpResourceKind
from tests.components.gcp.judging import PROJECT

_HERE: Final[GcpGitlabIdentityArgs] = {
    "project": PROJECT,
    "gitlab_project": "example/shop/models",
    "gitlab_project_id": "456789",
}


def gitlab() -> None:
    GcpGitlabIdentity(
        "ci",
        {
            **_HERE,
            "branches": ["main"],
            "environments": ["production"],
            "statements": {
                "state": {"role": "roles/storage.objectUser", "kind": GcpResourceKind.BUCKET, "resource": "shop-state"}
            },
            "roles": ["roles/run.admin"],
        },
    )


def gitlab_of_any_branch() -> None:
    GcpGitlabIdentity("ci", {**_HERE, "any_branch": True, "issuer": "https://code.example.com"})


PROGRAMS: Final[dict[str, Callable[[], object]]] = {"gitlab": gitlab, "gitlab-of-any-branch": gitlab_of_any_branch}
