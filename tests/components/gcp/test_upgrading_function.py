"""A stack with a function that an earlier release has made: it previews clean, and what serves is never replaced."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from components.gcp import function_archive
from components.gcp.function import CloudFunction
from components.gcp.function_archive import Archive
from tests.components.gcp.test_function import ACCOUNT, DIGEST, FUNCTION, HERE, address
from tests.components.planned import Planned
from tests.components.upgrading import Earlier

CONTENT = b"what an earlier release has made of the image"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = f"europe-west4-docker.pkg.dev/shop-prod/models/digits@sha256:{'9' * 64}"
CACHE = "/CACHE-OF-THIS-MACHINE"
"""In the kept state, as where an archive lies is of one machine."""


def digits(changed: Mapping[str, Any]) -> None:
    CloudFunction("digits", {**HERE, **changed})  # type: ignore[typeddict-item]


def _told(made: Planned) -> dict[str, Any]:
    told = {"uri": "https://digits.run.app", "service": "projects/shop-prod/locations/europe-west4/services/digits"}
    return {"serviceConfig": {**made.inputs["serviceConfig"], **told}}


EARLIER = Earlier(
    "function",
    digits,
    {
        ACCOUNT: lambda made: {"email": address(made.name)},
        "pulumi-python:dynamic/modelport:FunctionSource": lambda _: {"sha256": SHA256, "runtime": "python311"},
        FUNCTION: _told,
    },
)


@pytest.fixture
def state(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The stack, on a machine that has made the archives of both images before."""
    monkeypatch.setenv("MODELPORT_CACHE_DIR", str(tmp_path / "cache"))
    for image, content in ((str(HERE["image"]), CONTENT), (OTHER, b"another")):
        note, sha256 = function_archive.record(image), hashlib.sha256(content).hexdigest()
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(Archive(sha256, "python311", len(content), 1)._asdict()))
        function_archive.file(sha256).write_bytes(content)
    found: list[Any] = json.loads(json.dumps(EARLIER.state).replace(CACHE, str(tmp_path / "cache")))
    return found


def test_what_an_earlier_release_has_made_stays_as_it_is(folder: Path, state: list[Any]) -> None:
    assert EARLIER.changes(folder, state=state) == {}


def test_where_the_image_lies_changes_nothing(folder: Path, state: list[Any]) -> None:
    assert EARLIER.changes(folder, {"layout_image": f"oci:/elsewhere@{DIGEST}"}, state) == {}


def test_another_image_is_another_source_and_an_update_of_the_function(folder: Path, state: list[Any]) -> None:
    found = EARLIER.changes(folder, {"image": OTHER}, state, typed=True)
    updated = found.pop("update")
    assert "gcp:cloudfunctionsv2/function:Function::digits" in updated
    assert "pulumi-python:dynamic/modelport:FunctionSource::digits" in updated
    for names in found.values():
        assert "gcp:cloudfunctionsv2/function:Function::digits" not in names


@pytest.mark.parametrize(
    "changed",
    [
        {"memory": 4096},
        {"min": 1},
        {"timeout": 120},
        {"ingress": "all"},
        {"env": {"A": "1"}},
        {"allow_deletion": True},
        {"binary_authorization": True},
    ],
)
def test_what_instances_are_is_updated_in_place(folder: Path, state: list[Any], changed: dict[str, Any]) -> None:
    assert EARLIER.changes(folder, changed, state, typed=True) == {
        "update": {"gcp:cloudfunctionsv2/function:Function::digits"}
    }


def test_a_caller_is_added_and_nothing_else(folder: Path, state: list[Any]) -> None:
    assert EARLIER.changes(folder, {"invokers": {"shop": "user:a@example.com"}}, state) == {
        "create": {"digits-caller-shop"}
    }
