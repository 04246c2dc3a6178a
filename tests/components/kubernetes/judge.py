"""Holds manifests to published schemas; run by the environment of tests/tools/manifests.lock, which has them.

Reads `{"manifests": [...], "definitions": [...], "minors": N}` as JSON, writes the mistakes as a list of lines.
"""

import functools
import json
import re
import sys
from typing import Any

import jsonschema
from kubernetes_validate import utils

Schema = dict[str, Any]


def main() -> None:
    given = json.load(sys.stdin)
    utils.schema_contents = functools.cache(utils.schema_contents)
    newest = sorted({tuple(map(int, utils.major_minor(each).split("."))) for each in utils.all_versions()})
    minors = [".".join(map(str, each)) for each in newest[-given["minors"] :]]
    own = dict(_versions(given["definitions"]))
    lines: list[str] = []
    for manifest in given["manifests"]:
        known = own.get((manifest.get("apiVersion"), manifest.get("kind")))
        lines += _custom(manifest, known) if known is not None else _built_in(manifest, minors)
    json.dump(lines, sys.stdout)


def _built_in(manifest: Schema, minors: list[str]) -> list[str]:
    lines: list[str] = []
    for minor in minors:
        try:
            utils.validate(manifest, minor, strict=True)
        except utils.ValidationError as error:
            lines.append(f"{_named(manifest)}: {minor}: {_place(error)}: {error.message}")
        except utils.SchemaNotFoundError as error:
            lines.append(f"{_named(manifest)}: {minor}: {error.message}")
    return lines


def _custom(manifest: Schema, schema: Schema) -> list[str]:
    found = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    return [f"{_named(manifest)}: {_place(error)}: {error.message}" for error in found]


def _versions(definitions: list[Schema]) -> "list[tuple[tuple[str, str], Schema]]":
    """A strict JSON Schema for each version of each CustomResourceDefinition."""
    found: list[tuple[tuple[str, str], Schema]] = []
    for definition in definitions:
        spec = definition["spec"]
        for version in spec["versions"]:
            key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object", "required": ["name"]}
            found.append((key, schema))
    return found


def _strict(schema: Any) -> Any:
    """An API server refuses unknown fields where a schema lists the known ones; JSON Schema wants that said."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    made: Schema = {}
    for key, value in schema.items():
        # below "properties" the keys are names of fields, which may be called like words of the schema
        below = key == "properties" and isinstance(value, dict)
        made[key] = {name: _strict(each) for name, each in value.items()} if below else _strict(value)
    if "properties" in made and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if made.pop("nullable", False) and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    for junction in ("anyOf", "oneOf", "allOf", "not"):
        # these only add rules to what stands beside them
        for branch in [made[junction]] if junction == "not" and junction in made else made.get(junction, []):
            if isinstance(branch, dict):
                branch.pop("additionalProperties", None)
    return made


def _named(manifest: Schema) -> str:
    return f"{manifest.get('kind')}/{manifest.get('metadata', {}).get('name')}"


def _place(error: jsonschema.ValidationError) -> str:
    return re.sub(r"\.(\d+)", r"[\1]", ".".join(map(str, error.path))) or "the whole"


if __name__ == "__main__":
    main()
