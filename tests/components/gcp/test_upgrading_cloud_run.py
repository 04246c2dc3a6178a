"""A service that an earlier release has made is left alone, and another image is another version of it alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.gcp.cloud_run import CloudRunService
from tests.components.gcp import test_cloud_run
from tests.components.planned import Planned
from tests.components.upgrading import Earlier

OTHER = test_cloud_run.IMAGE.replace("0123456789ab", "ba9876543210")


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the service."""
    service: Any = {**test_cloud_run.FULL, **changed}
    CloudRunService("digits", service)


def _released(_: Planned) -> dict[str, Any]:
    return {"revision": "digits-00002-xyz"}


EARLIER = Earlier("cloud-run", shop, {**test_cloud_run.TOLD, test_cloud_run.TRAFFIC: _released})


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials a preview asks nobody what an interrupted release left."""
    for key in ("GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


@pytest.mark.parametrize("changed", [{"image": OTHER}, {"cpu": 4, "memory": 16_384}, {"env": {"MODELPORT_QUEUE": "9"}}])
def test_another_version_is_released_and_then_the_services_and_nothing_is_replaced(
    folder: Path, changed: dict[str, Any]
) -> None:
    found = EARLIER.changes(folder, changed, typed=True)
    assert found == {"update": {"gcp:cloudrunv2/service:Service::digits", f"{test_cloud_run.TRAFFIC}::digits"}}


@pytest.mark.parametrize("changed", [{"labels": {"team": "shop"}}, {"min": 2}, {"binary_authorization": False}])
def test_what_is_no_part_of_a_version_is_changed_without_a_release(folder: Path, changed: dict[str, Any]) -> None:
    found = EARLIER.changes(folder, changed, typed=True)
    assert set(found) == {"update"}
    assert "gcp:cloudrunv2/service:Service::digits" in found["update"]
    assert f"{test_cloud_run.TRAFFIC}::digits" not in found["update"]


def test_another_way_to_release_is_no_change_by_itself(folder: Path) -> None:
    assert EARLIER.changes(folder, {"release": {"strategy": "blue-green"}}) == {}
