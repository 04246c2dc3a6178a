"""What pydantic found wrong, said as one line for each mistake: what, got, expected, fix.

Shared by everything that a user writes: the recipe, the stack file. The expectations are read from the model's own JSON
Schema, so a line can never disagree with what is checked.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any, cast

from pydantic import BaseModel, ValidationError

Schema = dict[str, Any]
Place = tuple[int | str, ...]
"""Keys and indices from the top of what was checked: ("model", "evaluate", "min")."""

_PLAIN = "; set it with pulumi config set --plaintext"
_SHOWN = 60  # characters of a wrong value that a line repeats


def mistakes(
    error: ValidationError,
    model: type[BaseModel],
    *,
    under: Place = (),
    written: Callable[[Place], str | None] = lambda _: None,
) -> list[str]:
    """One line for each mistake, in the order of the model, none twice.

    under: where the checked value sits in the file; it goes in front of every place.
    written: the text of a value as the user wrote it (YAML reads 1.10 as 1.1); None when it is not known.
    """
    root = _schema(model)
    found = [(*_locate(root, e["loc"]), cast("Mapping[str, Any]", e)) for e in error.errors(include_url=False)]
    # A whole mapping that Pulumi has encrypted lacks every key: one line for it says more than one for each.
    secret = {place[:-1] for place, _, _, e in found if e["type"] == "extra_forbidden" and place[-1] == "secure"}
    lines: dict[tuple[Place, bool], str] = {}
    deeper = {place[:length] for place, *_ in found for length in range(len(place))}
    for place, schema, parent, one in found:
        if place in deeper and one["type"].endswith("_type"):
            continue  # a branch of a union that was not meant: another one found what is wrong inside
        if place[:-1] in secret and one["type"] == "missing":
            continue
        if place[:-1] in secret and place[-1] == "secure":
            line = f"{spell(under + place[:-1])} is a secret, expected {expected(parent)}{_PLAIN}"
        else:
            line = _line(one, under + place, schema, parent, written(under + place))
        # A union reports each of its branches: one line for each place says it all.
        lines.setdefault((place, one["type"] == "extra_forbidden"), printable(line))
    return list(lines.values())


@cache
def _schema(model: type[BaseModel]) -> Schema:
    """To make it takes longer than all else, and whoever reads many files makes many mistakes."""
    return model.model_json_schema(by_alias=True)


def spell(place: Iterable[int | str]) -> str:
    """("model", "labels", 3) as a reader would write it: model.labels[3]."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def printable(line: str) -> str:
    """A line that stays one line and does nothing to a terminal, whatever a file's keys and values hold."""
    return line if line.isprintable() else "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def unknown(key: str, under: str, known: Iterable[str], *, elsewhere: str | None = None) -> str:
    """The line for a key that does not exist. elsewhere: where a key of that very name does exist."""
    names = sorted(known)
    line = f"unknown key {show(key)}" + (f" under {under}" if under else "")
    close = difflib.get_close_matches(key, names, n=1, cutoff=0.8 if elsewhere else 0.6)
    if close:
        return f"{line}, did you mean '{close[0]}'?"
    if elsewhere:
        return f"{line}, it belongs under {elsewhere}"
    if not names:
        return f"{line}, expected none; remove it"
    return f"{line}, expected one of {', '.join(names)}"


def show(value: object) -> str:
    """A wrong value, short enough for one line; what is inside a list or a mapping is not repeated."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple | set):
        return "a list" if value else "an empty list"
    if isinstance(value, str):
        text = value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
        return f"'{printable(text)}'"
    text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def expected(schema: Schema) -> str:
    """What a schema wants, in words: "a share between 0 and 1", "a whole number from 1 to 65535", "text".

    A field says it in its own words with `json_schema_extra={"x-expected": "lower-case letters and digits"}`.
    """
    if "x-expected" in schema:
        return str(schema["x-expected"])
    choices = _choices(schema)
    if choices:
        return "one of " + ", ".join(choices) if len(choices) > 1 else choices[0]
    branches = [b for b in schema.get("anyOf", []) if b.get("type") != "null"]
    if branches:
        return " or ".join(dict.fromkeys(expected(b) for b in branches))
    match schema.get("type"):
        case "string":
            return _expected_text(schema)
        case "integer" | "number":
            return _expected_number(schema)
        case "boolean":
            return "true or false"
        case "array":
            return _expected_list(schema)
        case "object" if schema.get("properties"):
            return "a mapping with " + ", ".join(schema["properties"])
        case "object":
            return "a mapping"
        case _:
            return "something else"


def _expected_list(schema: Schema) -> str:
    items = schema.get("items", {})
    if choices := _choices(items):
        return "a list of " + ", ".join(choices)
    return {"string": "a list of texts", "number": "a list of numbers", "integer": "a list of whole numbers"}.get(
        items.get("type", ""), "a list"
    )


def _expected_text(schema: Schema) -> str:
    if "pattern" not in schema:
        return "text of at least one character" if schema.get("minLength") else "text"
    return f"text that matches {schema['pattern']}"


def _expected_number(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if schema["type"] == "number" and (low, high) == (0, 1):
        return "a share between 0 and 1"
    noun = "a whole number" if schema["type"] == "integer" else "a number"
    if low is not None and high is not None:
        return f"{noun} from {low:g} to {high:g}"
    limits = [
        f"{word} {limit:g}"
        for word, limit in (("of at least", low), ("above", above), ("of at most", high), ("below", below))
        if limit is not None
    ]
    return f"{noun} {' and '.join(limits)}" if limits else noun


def _line(found: Mapping[str, Any], place: Place, schema: Schema, parent: Schema, written: str | None) -> str:
    name = spell(place)
    value: object = found["input"]
    match found["type"]:
        case "extra_forbidden":
            key = str(place[-1])
            return unknown(key, spell(place[:-1]), parent.get("properties", {}), elsewhere=_home(parent, key, place))
        case "missing":
            # The input of a missing key is the mapping around it.
            return f"{name} is missing, expected {expected(schema)}{_example(schema, str(place[-1]))}"
        case "value_error" | "assertion_error":
            # Raised by a validator of ours, which words what follows the name itself: "is 3, expected ...; write ...".
            text = str(found["ctx"]["error"])
            return f"{name} {text}" if text.startswith("is ") or not name else f"{name}: {text}"
        case _ if _is_secret(value):
            return f"{name} is a secret, expected {expected(schema)}{_PLAIN}"
        case _:
            got = written if written is not None and isinstance(value, bool | int | float) else show(value)
            return f"{name or 'the whole'} is {got}, expected {expected(schema)}{_fix(value, schema, written)}"


def _is_secret(value: object) -> bool:
    """What Pulumi writes into a stack file for a value set with --secret."""
    return isinstance(value, dict) and set(cast("dict[str, Any]", value)) == {"secure"}


def _fix(value: object, schema: Schema, written: str | None) -> str:
    """What to write instead, where it can be known; else an example, else nothing."""
    kinds = {b.get("type") for b in [schema, *schema.get("anyOf", [])]}
    if choices := _choices(schema):
        close = difflib.get_close_matches(str(value).lower(), choices, n=1, cutoff=0.6)
        return f"; did you mean '{close[0]}'?" if close else ""
    if "string" in kinds and isinstance(value, bool | int | float):
        return f'; write "{written or show(value)}"'
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if numeric and "a share" in expected(schema) and 1 < cast("float", value) <= 100:
        return f"; write {round(cast('float', value) / 100, 9):g}"
    if kinds & {"integer", "number"} and isinstance(value, str) and value.strip().isdecimal():
        return f"; write {value.strip()}"
    if isinstance(value, str | int | float) and not isinstance(value, bool) and _takes(schema, value):
        return f"; write [{written or value}]"
    if examples := schema.get("examples"):
        return f"; for example {_pasted(schema, examples[0])}"
    return ""


def _takes(schema: Schema, value: object) -> bool:
    """Whether the schema wants a list of such values."""
    lists = [b for b in [schema, *schema.get("anyOf", [])] if b.get("type") == "array"]
    wanted = {b.get("items", {}).get("type") for b in lists}
    return ("string" in wanted) if isinstance(value, str) else bool(wanted & {"number", "integer"})


def _example(schema: Schema, key: str) -> str:
    examples = schema.get("examples")
    return f"; for example {key}: {_pasted(schema, examples[0])}" if examples else ""


def _pasted(schema: Schema, example: object) -> object:
    """An example as YAML takes it: 1.35 without quotes is a number there, and no text."""
    kinds = {b.get("type") for b in [schema, *schema.get("anyOf", [])]}
    number = isinstance(example, str) and example.replace(".", "", 1).isdecimal()
    return f'"{example}"' if number and "string" in kinds and not kinds & {"integer", "number"} else example


def _choices(schema: Schema) -> list[str]:
    if "enum" in schema:
        return [str(c) for c in schema["enum"]]
    if "const" in schema:
        return [str(schema["const"])]
    return [c for b in schema.get("anyOf", []) if b.get("type") != "null" for c in _choices(b)]


def _locate(root: Schema, loc: tuple[int | str, ...]) -> tuple[Place, Schema, Schema]:
    """The place of an error, what the schema wants there, and the schema of what is around it.

    pydantic puts names of its own into `loc` (the branch of a union, the function that checked); those that are no key
    of the schema are left out, but for the last one, which may be the unknown key itself.
    """
    place: list[int | str] = []
    here, parent = _solid(root, root), dict[str, Any]()
    for position, part in enumerate(loc):
        mapping = _open(here)
        if mapping and isinstance(part, str) and part not in mapping.get("properties", {}):
            # The name of a branch, which a mapping of any keys would take for one of these.
            here = mapping if part.startswith("dict[") else here
            continue
        inner = _inside(root, here, part)
        if inner is None:
            if position == len(loc) - 1 and isinstance(part, str) and here.get("properties") and _is_key(part):
                return (*place, part), {}, here | {"root": root}
            continue
        place.append(part)
        here, parent = inner, here
    return tuple(place), here, parent | {"root": root}


def _open(schema: Schema) -> Schema | None:
    """The branch of a union that is a mapping of any keys; None where there is none."""
    return next((b for b in schema.get("anyOf", []) if isinstance(b.get("additionalProperties"), dict)), None)


def _is_key(part: str) -> bool:
    return "[" not in part and "(" not in part


def _inside(root: Schema, schema: Schema, part: int | str) -> Schema | None:
    for branch in [schema, *(_solid(root, b) for b in schema.get("anyOf", []))]:
        found = None
        if isinstance(part, int):
            found = branch.get("items") or next(iter(branch.get("prefixItems", [])[part : part + 1]), None)
            if found is None and isinstance(branch.get("additionalProperties"), dict):
                found = branch["additionalProperties"]  # of a mapping by number
        else:
            found = branch.get("properties", {}).get(part)
            if found is None and isinstance(branch.get("additionalProperties"), dict):
                found = branch["additionalProperties"]
        if found is not None:
            return _solid(root, found)
    return None


def _solid(root: Schema, schema: Schema) -> Schema:
    """The schema with its references followed, those of its branches too."""
    while "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        schema = {**root["$defs"][name], **{k: v for k, v in schema.items() if k != "$ref"}}
    real = [b for b in schema.get("anyOf", []) if b.get("type") != "null"]
    if len(real) == 1:
        rest = {k: v for k, v in schema.items() if k != "anyOf"}
        return {**_solid(root, real[0]), **rest}
    if real:
        return {**schema, "anyOf": [_solid(root, b) for b in real]}
    return schema


def _home(parent: Schema, key: str, place: Place) -> str | None:
    """Where in the whole schema a key of this name does live, when in one place only."""
    root = parent["root"]
    homes: list[str] = []

    def walk(schema: Schema, path: tuple[str, ...], depth: int) -> None:
        for name, inner in schema.get("properties", {}).items():
            if name == key and path:
                homes.append(spell(path))
            if depth < 6:
                walk(_solid(root, inner), (*path, name), depth + 1)

    walk(_solid(root, root), (), 0)
    depth_known = [h for h in homes if h != spell(place[:-1])]
    return depth_known[0] if len(depth_known) == 1 else None
