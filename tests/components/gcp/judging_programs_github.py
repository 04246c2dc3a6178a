"""Accounts for workflows of GitHub that the judges judge: by default, and in their other kinds."""

from collections.abc import Callable
from typing import Final

from components.gcp.github import GcpGithubIdentity, GcpGithubIdentityArgs
from components.gcp.identity import GcpResourceKind
from tests.components.gcp.judging import PROJECT

_HERE: Final[GcpGithubIdentityArgs] = {
    "project": PROJECT,
    "repository": "example/models",
    "owner_id": "123456",
    "repository_id": "456789",
    "branches": ["main"],
}


def github() -> None:
    GcpGithubIdentity("ci", _HERE)


def github_with_everything() -> None:
    GcpGithubIdentity(
        "ci",
        {
            **_HERE,
            "environments": ["production"],
            "statements": {
                "state": {"role": "roles/storage.objectUser", "kind": GcpResourceKind.BUCKET, "resource": "shop-state"}
            },
            "roles": ["roles/run.admin", "roles/iam.serviceAccountAdmin"],
            "unbounded": True,
            "gives": ["roles/container.defaultNodeServiceAccount", "roles/logging.logWriter"],
            "preview_statements": {
                "state": {
                    "role": "roles/storage.objectViewer",
                    "kind": GcpResourceKind.BUCKET,
                    "resource": "shop-state",
                }
            },
            "pool_id": "shop-ci",
        },
    )


def github_of_an_organisation() -> None:
    GcpGithubIdentity(
        "ci",
        {
            "project": PROJECT,
            "any_repository_of_organisation": "example",
            "owner_id": "123456",
            "environments": ["production"],
            "previews": False,
        },
    )


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "github": github,
    "github-with-everything": github_with_everything,
    "github-of-an-organisation": github_of_an_organisation,
}
TOO_MUCH: Final = {
    "CKV_GCP_125 google_iam_workload_identity_pool_provider.ci": "subjects are compared letter by letter, and numbers "
    "beside them, in the mapping that the condition refers to: checkov reads one subject in the condition itself",
    "CKV_GCP_49 google_project_iam_member.ci-roles-iam-serviceaccountadmin": "asked for by `unbounded` alone",
}
