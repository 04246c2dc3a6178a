"""A service in ECS that an earlier release has made is left alone, and another image is another version of it alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.aws.ecs import EcsService
from tests.components.aws import test_ecs, test_ecs_release
from tests.components.planned import Planned
from tests.components.upgrading import Earlier


def _template(_: Planned) -> dict[str, Any]:
    return {"latestVersion": 1}


TOLD = {"aws:ec2/launchTemplate:LaunchTemplate": _template}


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the service on Fargate."""
    fargate: Any = {**test_ecs_release.BOTH, "max": 8, "release": test_ecs_release.BLUE_GREEN, **changed}
    EcsService("digits", fargate)
    gpus: Any = {**test_ecs.GPUS, "spot_percent": 50}
    EcsService("large", gpus)


EARLIER = Earlier("ecs", shop, TOLD)


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


def test_another_image_is_another_version_and_nothing_else(folder: Path) -> None:
    other = test_ecs.IMAGE.replace("0123456789ab", "ba9876543210")
    # What scales it asks for its name, which nobody tells of what is updated where there is no provider.
    assert EARLIER.changes(folder, {"image": other}) == {"update": {"digits", "digits-cpu"}}
