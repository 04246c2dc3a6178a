"""A repository that an earlier release has made keeps its images, whatever is asked of it later."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.gcp.registry import ArtifactRegistry
from tests.components.gcp.test_registry import HERE, NODES
from tests.components.upgrading import Earlier


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of."""
    args: Any = {**HERE, "pullers": {"nodes": NODES}, **changed}
    ArtifactRegistry("images", args)


EARLIER = Earlier("registry", shop)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_other_rules_update_the_repository_and_replace_nothing(folder: Path) -> None:
    found = EARLIER.changes(folder, {"images_kept": 20, "labels": {"team": "ml"}})
    assert set(found) == {"update"}
    assert found["update"] == {"images"}


def test_another_puller_comes_beside_those_that_there_are(folder: Path) -> None:
    asked = {"pullers": {"cloud-run": "serviceAccount:run@shop-prod.iam.gserviceaccount.com", "nodes": NODES}}
    assert EARLIER.changes(folder, asked) == {"create": {"images-cloud-run"}}
