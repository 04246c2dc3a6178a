"""A service on Compute Engine that an earlier release has made is left alone, and another image is a rollout of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.gcp.compute_service import ComputeService
from tests.components.gcp import test_compute_service as service
from tests.components.upgrading import Earlier

OTHER = service.IMAGE.replace("0123456789ab", "ba9876543210")
CALLER = f"callers2@{service.PROJECT}.iam.gserviceaccount.com"
VERSION = {f"{service.TEMPLATE}::digits"}


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the service with everything."""
    full: Any = {**service.FULL, **changed}
    ComputeService("digits", full)
    gpus: Any = {**service.HERE, "machine_type": "g2-standard-8"}
    ComputeService("large", gpus)


EARLIER = Earlier("compute", shop, service.TOLD)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials a preview asks nobody what an interrupted release left."""
    for key in ("GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


@pytest.mark.parametrize(
    "changed", [{"image": OTHER}, {"env": {"MODELPORT_QUEUE": "9"}}, {"machine_type": "n1-standard-4"}, {"spot": False}]
)
def test_another_version_is_another_template_and_nothing_else_is_another(folder: Path, changed: dict[str, Any]) -> None:
    found = EARLIER.changes(folder, changed, typed=True)
    assert set(found) == {"update"}
    assert found["update"] >= VERSION
    assert found["update"] - VERSION <= {f"{service.ROLLOUT}::digits", f"{service.GROUP}::digits"}


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"max": 9}, {f"{service.SCALER}::digits"}),
        ({"startup_seconds": 900}, {f"{service.GROUP}::digits", f"{service.SCALER}::digits"}),
        ({"allowed_service_accounts": [CALLER]}, {f"{service.FIREWALL}::digits-callers"}),
        # How many there are is the autoscaler's to say.
        ({"desired": 5}, set()),
        ({"release": {"strategy": "canary", "steps": [{"weight": 20}], "max_surge": 4, "max_unavailable": 2}}, set()),
        ({"error_percent": 2}, set()),
    ],
)
def test_what_is_no_part_of_a_version_is_changed_without_a_release(
    folder: Path, changed: dict[str, Any], what: set[str]
) -> None:
    found = EARLIER.changes(folder, changed, typed=True)
    assert found == {key: what for key in ("update",) if what}
