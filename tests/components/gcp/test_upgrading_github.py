"""Accounts of workflows that an earlier release has made stay those that they are, whatever is asked of them later."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.gcp.github import GcpGithubIdentity
from tests.components.gcp.test_github import ARGS, FULL, TOLD
from tests.components.upgrading import Earlier


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of."""
    args: Any = {**ARGS, **FULL, **changed}
    GcpGithubIdentity("ci", args)


EARLIER = Earlier("github", shop, TOLD)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


@pytest.mark.parametrize("changed", [{"branches": ["main", "next"]}, {"environments": []}, {"repository_id": "456790"}])
def test_whose_tokens_are_trusted_is_changed_in_place(folder: Path, changed: dict[str, Any]) -> None:
    provider = "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider::ci"
    assert EARLIER.changes(folder, changed, typed=True) == {"update": {provider}}


def test_another_role_comes_beside_those_that_there_are(folder: Path) -> None:
    asked = {"roles": ["roles/run.admin", *FULL["roles"]]}
    assert EARLIER.changes(folder, asked) == {"create": {"ci-roles-run-admin"}}


def test_previews_go_and_take_nothing_else_along(folder: Path) -> None:
    found = EARLIER.changes(folder, {"previews": False, "preview_statements": {}})
    assert set(found) == {"delete", "update"}
    assert all(each.startswith("ci-preview") for each in found["delete"])
    assert found["update"] == {"ci"}, "the provider, which takes their tokens no longer"
