"""Paths into objects, as far as conditions need them."""

import json
from typing import Any

import pytest

from engine.providers.kubernetes.json_path import parsed

OBJECT: dict[str, Any] = {
    "status": {
        "phase": "Running",
        "a.b": 1,
        "conditions": [
            {"type": "Ready", "status": "True", "weight": 3},
            {"type": "Synced", "status": "False", "weight": 5, "odd [name]": True},
        ],
    }
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".status.phase", ["Running"]),
        ("$.status.phase", ["Running"]),
        ("$['status']['a.b']", [1]),
        ('.status["a.b"]', [1]),
        (".status.conditions[0].type", ["Ready"]),
        (".status.conditions[-1].type", ["Synced"]),
        (".status.conditions[2].type", []),
        (".status.conditions[*].type", ["Ready", "Synced"]),
        (".status.conditions[?(@.type=='Ready')].status", ["True"]),
        ('.status.conditions[?@.type == "Synced"].status', ["False"]),
        (".status.conditions[?(@.type!='Ready')].type", ["Synced"]),
        (".status.conditions[?(@.weight > 3)].type", ["Synced"]),
        (".status.conditions[?(@.weight >= 3 && @.status == 'True')].type", ["Ready"]),
        (".status.conditions[?(@.weight < 1 || @.type == 'Ready')].type", ["Ready"]),
        (".status.conditions[?(@['odd [name]'])].type", ["Synced"]),
        (".status.missing.phase", []),
        (".status.phase.deeper", []),
    ],
)
def test_a_path_finds_what_is_there(path: str, found: list[Any]) -> None:
    assert parsed(path)(OBJECT) == found


@pytest.mark.parametrize("path", [".status[", ".status[?(@.a == b)]", ".status..phase", ".a[?(@.b]", ".1"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"expected|neither|not closed"):
        parsed(path)


def test_an_error_shows_the_path() -> None:
    with pytest.raises(ValueError, match="no path at ") as error:
        parsed(".a.!")
    assert json.dumps(".a.!") in str(error.value)
