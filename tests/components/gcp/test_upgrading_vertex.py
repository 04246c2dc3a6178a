"""An endpoint that an earlier release has made is left alone, and another image is another version of it alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.gcp.vertex import VertexEndpoint
from tests.components.gcp import test_vertex
from tests.components.upgrading import Earlier

OTHER = test_vertex.IMAGE.replace("0123456789ab", "ba9876543210")


def shop(changed: Mapping[str, Any]) -> None:
    """What the stack is made of. changed: of the endpoint."""
    endpoint: Any = {**test_vertex.FULL, **changed}
    VertexEndpoint("digits", endpoint)


EARLIER = Earlier("vertex", shop, test_vertex.TOLD)
DEPLOYMENT = f"{test_vertex.DEPLOYMENT}::digits"
WAY = "gcp:compute/forwardingRule:ForwardingRule::digits"
"""What the network reaches it by: a preview does not know yet that Vertex AI keeps its side of that."""


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without credentials a preview asks nobody what an interrupted release left."""
    for key in ("GOOGLE_OAUTH_ACCESS_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))


def test_what_an_earlier_release_has_made_is_left_alone(folder: Path) -> None:
    assert EARLIER.changes(folder) == {}


@pytest.mark.parametrize(
    "changed",
    [
        {"image": OTHER},
        {"machine_type": "g2-standard-4"},
        {"env": {"MODELPORT_QUEUE": "9"}},
        {"max": 8},
    ],
)
def test_another_version_or_more_replicas_are_the_deployments_alone(folder: Path, changed: dict[str, Any]) -> None:
    assert EARLIER.changes(folder, changed, typed=True) == {"update": {DEPLOYMENT, WAY}}


def test_labels_replace_nothing(folder: Path) -> None:
    found = EARLIER.changes(folder, {"labels": {"team": "shop"}}, typed=True)
    assert set(found) == {"update"}
    assert {DEPLOYMENT, f"{test_vertex.ENDPOINT}::digits"} <= found["update"]


def test_another_way_to_release_is_no_change_by_itself(folder: Path) -> None:
    assert EARLIER.changes(folder, {"release": {"strategy": "blue-green"}}) == {}


def test_leave_to_delete_is_given_in_place(folder: Path) -> None:
    found = EARLIER.changes(folder, {"allow_deletion": True}, typed=True)
    assert set(found) == {"update"}
    assert {DEPLOYMENT, f"{test_vertex.ENDPOINT}::digits"} <= found["update"]
