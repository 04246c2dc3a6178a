"""What the user sets of a pack's policies: levels and properties, from the pack itself and from a JSON file."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import PolicyError
from engine.policy import schemas
from engine.values import Props, is_dict, is_list

LEVELS = ("advisory", "mandatory", "disabled", "remediate")
"""By the number that each has on the wire."""


@dataclass(frozen=True)
class Setting:
    """What is set of one policy; an empty level is none."""

    level: str = ""
    properties: Props = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Policy:
    """What a pack says of one of its policies."""

    name: str
    level: str
    kind: str
    """resource, stack, or empty where the pack is too old to say"""
    severity: str = ""
    properties: Props = field(default_factory=dict[str, Any])
    """JSON schemas by property."""
    required: tuple[str, ...] = ()


def read(file: str) -> dict[str, Setting]:
    """The settings in a JSON file, by policy; `all` is set for every one.

    Raises PolicyError for a file that is not there, is not JSON, or says something that is neither level nor object.
    """
    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyError(f"open {file}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError as error:
        raise PolicyError(f"{file}: is not text: {error}") from None
    if not text.strip():
        return {}
    try:
        data: Any = json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()):
            raise PolicyError("unexpected end of JSON input") from None
        raise PolicyError(f"{file}: is not JSON: {error}") from None
    if not is_dict(data):
        raise PolicyError(f"{file}: is {json.dumps(data)}, expected an object with a policy's name for each key")
    if "environments" in data:
        raise PolicyError(
            f"{file}: environments cannot be used: the current backend does not support them; "
            "write their values into this file"
        )
    found = {name: _setting(name, value) for name, value in data.items()}
    return {name: setting for name, setting in found.items() if setting.level or setting.properties}


def _setting(name: str, value: Any) -> Setting:
    where = f"parsing enforcement level for {json.dumps(name)}"
    if isinstance(value, str):
        return Setting(_level(where, value))
    if not is_dict(value):
        shown = "[" + " ".join(map(str, value)) + "]" if is_list(value) else value
        shown = "<nil>" if value is None else str(shown).lower() if isinstance(value, bool) else shown
        raise PolicyError(f"parsing {json.dumps(name)}: {shown} is not a valid value; must be a string or object")
    properties = dict(value)
    if "enforcementLevel" not in properties:
        return Setting("", properties)
    level = properties.pop("enforcementLevel")
    if not isinstance(level, str):
        raise PolicyError(f"{where}: {level} is not a valid enforcement level; must be a string")
    return Setting(_level(where, level), properties)


def _level(where: str, value: str) -> str:
    if value not in LEVELS:
        raise PolicyError(f"{where}: {json.dumps(value)} is not a valid enforcement level")
    return value


def reconciled(
    policies: Sequence[Policy], initial: Mapping[str, Setting], given: Mapping[str, Setting]
) -> tuple[dict[str, Setting], list[str]]:
    """What each policy is set to, and what is wrong with it.

    The policies' own defaults come first, then what the pack begins with, then what the user gave.
    """
    settings = {policy.name: Setting(policy.level, _defaults(policy)) for policy in policies}
    for layer in (initial, given):
        _apply(settings, layer)
    wrong: list[str] = []
    for policy in policies:
        schema: Props = {"type": "object", "properties": _with_level(policy)}
        if policy.required:
            schema["required"] = list(policy.required)
        found = schemas.problems(schema, settings[policy.name].properties)
        wrong += [f"{policy.name}: {problem.removeprefix('(root): ')}" for problem in found]
    return settings, wrong


def _with_level(policy: Policy) -> Props:
    return {
        **policy.properties,
        "enforcementLevel": {"type": "string", "enum": ["advisory", "mandatory", "remediate", "disabled"]},
    }


def _defaults(policy: Policy) -> Props:
    return {
        name: schema["default"] for name, schema in policy.properties.items() if is_dict(schema) and "default" in schema
    }


def _apply(settings: dict[str, Setting], layer: Mapping[str, Setting]) -> None:
    everything = layer.get("all")
    if everything is not None and everything.level:
        for name, setting in settings.items():
            settings[name] = Setting(everything.level, setting.properties)
    for name, given in layer.items():
        before = settings.get(name, Setting())
        settings[name] = Setting(given.level or before.level, {**before.properties, **given.properties})
