"""The package's schema in a form that a review can read: a line for each property, and no descriptions.

    .venv/bin/python -m tests.plugin.snapshot     writes tests/plugin/schema.json anew

A property is written as its type, `array<string>`; with `!` where a program has to give it as a plain value and no
output is taken, and in `inputs` with `?` after its name where it may be left out.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.hosting import Host

FILE = Path(__file__).parent / "schema.json"
NAME = "modelport:index:"


def told() -> dict[str, Any]:
    """What the plugin tells of itself."""
    schema = Host().schema
    assert schema is not None
    value: dict[str, Any] = json.loads(schema)
    return value


def written(kind: Mapping[str, Any]) -> str:
    """A property's type in one word."""
    if "items" in kind:
        word = f"array<{written(kind['items'])}>"
    elif "additionalProperties" in kind:
        word = f"map<{written(kind['additionalProperties'])}>"
    else:
        word = kind.get("$ref", kind.get("type", "")).removeprefix(f"#/types/{NAME}").removeprefix("pulumi.json#/")
    return word + "!" * bool(kind.get("plain"))


def _fields(kinds: Mapping[str, Any], required: list[str]) -> dict[str, str]:
    return {f"{name}{'' if name in required else '?'}": written(kind) for name, kind in sorted(kinds.items())}


def compact(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema in that form."""
    resources = {
        token.removeprefix(NAME): {
            "inputs": _fields(each["inputProperties"], each["requiredInputs"]),
            "outputs": _fields(each["properties"], each["required"]),
        }
        for token, each in schema["resources"].items()
    }
    types = {
        token.removeprefix(NAME): {choice["name"]: choice["value"] for choice in each["enum"]}
        if "enum" in each
        else _fields(each["properties"], each.get("required", []))
        for token, each in schema["types"].items()
    }
    return {"resources": resources, "types": types}


def text(schema: Mapping[str, Any]) -> str:
    return json.dumps(compact(schema), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(told()))
