"""The reference of a stack file, made from the model that checks it: `python -m stacks.reference` (or `make docs`).

Writes docs/stack.schema.json, for editors, and docs/stack-file.md, for people.
"""

import ast
import inspect
import json
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import BaseModel

from model_build.mistakes import expected
from stacks.spec import NAMESPACE, SECRET_PLACES, StackSpec
from stacks.specs.load import AUTO, NODES, PLACES

DOCS = Path(__file__).parent.parent / "docs"
Schema = dict[str, Any]

_SECRET: Schema = {
    "type": "object",
    "properties": {"secure": {"type": "string"}},
    "required": ["secure"],
    "additionalProperties": False,
    "description": "Encrypted: made by pulumi config set --secret.",
}
_AUTO: Schema = {"const": AUTO, "description": "As `modelport size --write` has recorded it in `sized`."}


def schema() -> Schema:
    """The JSON Schema of a whole stack file, draft 7, which is what editors know best."""
    own = _described(StackSpec.model_json_schema(ref_template="#/definitions/{model}"))
    definitions: Schema = own.pop("$defs")
    for place in sorted(SECRET_PLACES, key=len, reverse=True):  # the inner one first
        owner = own if len(place) == 1 else definitions[_named(own["properties"][place[0]])]
        _allow(owner["properties"], place[-1], _SECRET)
    keys = own["properties"]
    for found in dict.fromkeys([*PLACES.values(), *NODES.values()]):
        section = definitions[_named(_solid_branch(keys[found.section]))]["properties"]
        part = definitions[_named(_solid_branch(section[found.part]))]["properties"] if found.part else section
        _allow(part, found.key, _AUTO)
        if found.part and found not in NODES.values():
            _allow(section, found.part, _AUTO)
    _strip(own)
    _strip(definitions)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Modelport stack file",
        "description": "Pulumi.<stack>.yaml of a Modelport project.",
        "type": "object",
        "required": ["config"],
        "additionalProperties": False,
        "properties": {
            "config": {
                "type": "object",
                "properties": {f"{NAMESPACE}:{key}": value for key, value in keys.items()},
                "required": [f"{NAMESPACE}:{key}" for key in own["required"]],
                "patternProperties": {f"^(?!{NAMESPACE}:)[^:]+:.+$": {"description": "Of another package."}},
                "additionalProperties": False,
            },
            "encryptionsalt": {"type": "string", "description": "Written by Pulumi: salt of the passphrase."},
            "encryptedkey": {"type": "string", "description": "Written by Pulumi: key of a cloud secrets provider."},
            "secretsprovider": {"type": "string", "description": "Written by Pulumi: who encrypts secrets."},
            "environment": {"description": "Pulumi ESC environments of this stack."},
        },
        "definitions": definitions,
    }


def _described(whole: Schema) -> Schema:
    """The schema, with what the docstring after each key says.

    Pydantic would read them whenever the models are imported, which takes as long as all else about them.
    """
    for model in _models(StackSpec, set()):
        keys = (whole if model is StackSpec else whole["$defs"][model.__name__])["properties"]
        for each in reversed(model.__mro__):
            for key, text in _docstrings(each):
                if "$ref" in keys[key] and whole["$defs"][_named(keys[key])].get("description") == text:
                    continue  # the mapping says so itself
                keys[key] = dict(sorted({**keys[key], "description": text}.items()))
    return whole


def _models(model: type[BaseModel], seen: set[type]) -> Iterator[type[BaseModel]]:
    """It, and every model in it."""
    if model not in seen:
        seen.add(model)
        yield model
        for field in model.model_fields.values():
            for each in _within(field.annotation):
                yield from _models(each, seen)


def _within(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _within(each)


def _docstrings(of: type) -> Iterator[tuple[str, str]]:
    """The keys of a model that have one, without those of the models that it is made of."""
    if not issubclass(of, BaseModel) or of is BaseModel:
        return
    whole = ast.parse(inspect.getsource(sys.modules[of.__module__]))
    (found,) = (each for each in ast.walk(whole) if isinstance(each, ast.ClassDef) and each.name == of.__name__)
    for key, after in pairwise(found.body):
        if isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name) and isinstance(after, ast.Expr):
            text = after.value
            if key.target.id in of.model_fields and isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield key.target.id, inspect.cleandoc(text.value)


def _strip(part: object) -> None:
    """Take out what only our own messages read."""
    if isinstance(part, dict):
        mapping = cast("dict[str, object]", part)
        mapping.pop("x-expected", None)
        part = list(mapping.values())
    if isinstance(part, list):
        for inner in cast("list[object]", part):
            _strip(inner)


def _named(field: Schema) -> str:
    return str(field["$ref"]).rsplit("/", 1)[1]


def _solid_branch(field: Schema) -> Schema:
    """What a key is where it is not left out."""
    return next((each for each in field.get("anyOf", []) if "$ref" in each), field)


def _allow(properties: Schema, key: str, what: Schema) -> None:
    """Let a key say something that is gone before its model reads it."""
    field = properties[key]
    rest = {name: value for name, value in field.items() if name in ("description", "default", "title")}
    branches = field.get("anyOf") or [{k: v for k, v in field.items() if k not in rest}]
    properties[key] = {**rest, "anyOf": [*branches, what]}


def page() -> str:
    """docs/stack-file.md."""
    whole = _described(StackSpec.model_json_schema())
    return _PAGE.replace("@@KEYS@@", "\n".join(_section(whole, whole, "")).strip())


def _section(whole: Schema, part: Schema, under: str) -> list[str]:
    """One table for a mapping, then one for each mapping in it."""
    required = set(part.get("required", []))
    heading = f"### `{under}`" if under else f"### `{NAMESPACE}:`"
    lines = [heading, "", str(part.get("description", "")).replace("\n", " "), ""]
    lines += ["| Key | Value | Default | What it is |", "| --- | --- | --- | --- |"]
    inner: list[tuple[str, Schema]] = []
    for key, field in part["properties"].items():
        solid = _solid(whole, field)
        if solid.get("properties"):
            inner.append((f"{under}.{key}" if under else key, solid))
            value = f"[mapping](#{(under + key).replace('.', '')})"
        else:
            value = expected(solid)
        default = "required" if key in required else _default(field)
        told = str(field.get("description") or solid.get("description", "")).replace("\n", " ").replace("|", "\\|")
        lines.append(f"| `{key}` | {value} | {default} | {told} |")
    lines.append("")
    for name, solid in inner:
        lines += _section(whole, solid, name)
    return lines


def _solid(whole: Schema, field: Schema) -> Schema:
    branches = [b for b in field.get("anyOf", []) if b.get("type") != "null"]
    if len(branches) == 1:
        field = {**{k: v for k, v in field.items() if k != "anyOf"}, **branches[0]}
    if "$ref" in field:
        return {**whole["$defs"][_named(field)], **({"default": field["default"]} if "default" in field else {})}
    return field


def _default(field: Schema) -> str:
    value = field.get("default")
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "its defaults"
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"`{json.dumps(value)}`" if not isinstance(value, str) else f"`{value}`"


_PAGE = """\
# The stack file

One file, `Pulumi.<stack>.yaml`, says all about one environment of one model. `modelport up --stack prod` and
`pulumi up -s prod` both read `Pulumi.prod.yaml`. It is checked whole before anything is touched, and every mistake in
it is told at once, one line each:

```
Pulumi.prod.yaml: model.evaluate.min is 97.5, expected a share between 0 and 1; write 0.975
Pulumi.prod.yaml: unknown key 'optimise' under model, did you mean 'optimize'?
```

The smallest one:

```yaml
config:
  modelport:target: local
  modelport:model:
    name: digits
    source: examples.digits.train:pipeline
    evaluate: {data: "examples.digits.train:evaluation", min: 0.95}
```

## In your editor

`docs/stack.schema.json` describes the file. With this first line in a stack file, editors that use the YAML language
server (Visual Studio Code with the YAML extension, Neovim, Helix, Emacs) complete keys, show what they mean and
underline mistakes while you type:

```yaml
# yaml-language-server: $schema=docs/stack.schema.json
```

The path is relative to the stack file. A schema knows less than `modelport` does: what depends on two keys at once,
such as a gate that does not fit its metric, is told by `modelport preview`.

## Rules

- Keys stand under `config:` with the namespace `modelport:`. Keys of other packages (`aws:region`) are theirs and are
  let alone. `encryptionsalt`, `encryptedkey`, `secretsprovider` and `environment` are Pulumi's.
- An unknown key is a mistake, and so is a key that appears twice.
- Text that looks like a number wants quotation marks: `version: "1.10"`, for YAML reads `1.10` as `1.1`.
- A mapping may also be JSON text, as `pulumi config set modelport:endpoint '{"port": 9000}'` writes it.
- `image`, or `image.push` alone, may be a Pulumi secret (`pulumi config set --secret`). Nothing else may: the recipe is
  part of what a build is known by and stands in plain text in the state. User and password of a registry belong into
  Docker's configuration, where `docker login` puts them, and never into a stack file. Amazon ECR needs none there:
  its login is asked of AWS at every push, with the AWS credentials of the environment (`AWS_PROFILE`, roles).

## Keys

@@KEYS@@

This page and the schema are made from the model that checks the file: `make docs` writes them, a test holds them to it.
"""


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    (DOCS / "stack.schema.json").write_text(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (DOCS / "stack-file.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
