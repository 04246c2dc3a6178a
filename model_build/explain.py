"""Messages for data that breaks a pydantic model's rules: key path, got, expected, fix.

`stacks.spec` uses it for whole stack files as well.
"""

import difflib
import re
from collections.abc import Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

_TYPES = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "keys and values",
    "model_type": "keys and values",
    "model_attributes_type": "keys and values",
}
_BOUNDS = {
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
}


def problem(key: str, text: str) -> PydanticCustomError:
    """An error for a validator to raise. `text` goes on from the key: `is 97.5, expected ...; write 0.975`."""
    return PydanticCustomError("modelport", "{text}", {"text": text, "key": key})


def messages(error: ValidationError, model: type[BaseModel], *, file: str = "", root: str = "") -> list[str]:
    """One line for each problem in `error`, which `model` raised.

    file: leads each line, as in `Pulumi.prod.yaml: ...`. root: the key under which the value stands there.
    """
    found: dict[str, str] = {}
    for detail in error.errors():
        path, text = _message(detail, model, [root] if root else [])
        # A union reports each of its branches under one key; the first says enough.
        found.setdefault(path, f"{file}: {text}" if file else text)
    return list(found.values())


def _message(detail: ErrorDetails, model: type[BaseModel], root: list[str]) -> tuple[str, str]:
    """The key's path, and the line that says what is wrong there."""
    keys, holder = _keys(detail["loc"], model)
    context: dict[str, Any] = detail.get("ctx", {})
    kind, got = detail["type"], detail["input"]
    if kind == "modelport" and context["key"]:
        keys.append(str(context["key"]))
    path = ".".join([*root, *keys])
    if kind == "extra_forbidden":
        return path, _unknown(keys[-1], ".".join([*root, *keys[:-1]]), holder)
    if kind == "modelport":
        text = str(context["text"])
    elif kind == "missing":
        text = f"is missing, expected {_expected(holder.model_fields[keys[-1]].annotation)}; add it"
    elif kind == "literal_error":
        options = re.findall(r"'([^']*)'", str(context["expected"]))
        near = difflib.get_close_matches(str(got), options, 1, 0.5)
        text = f"is {_show(got)}, expected {_or(options)}" + (f"; write {near[0]}" if near else "")
    elif kind in _BOUNDS:
        text = f"is {_show(got)}, expected {_BOUNDS[kind].format(**context)}"
    elif kind == "string_pattern_mismatch":
        text = f"is {_show(got)}, expected a text like {context['pattern']}{_slug(got)}"
    elif kind in ("too_short", "string_too_short"):
        text = "is empty, expected at least one"
    elif kind == "json_invalid":
        text = f"is not JSON: {context['error']}"
    else:
        text = f"is {_show(got)}, expected {_TYPES.get(kind, detail['msg'].lower())}"
    return path, f"{path or 'it'} {text}"


def _unknown(key: str, parent: str, holder: type[BaseModel]) -> str:
    known = sorted(holder.model_fields)
    near = difflib.get_close_matches(key, known, 1, 0.6)
    hint = f"did you mean {near[0]!r}?" if near else f"expected {_or(known)}; remove it"
    return f"unknown key {key!r}{f' under {parent}' if parent else ''}, {hint}"


def _keys(loc: Sequence[int | str], model: type[BaseModel]) -> tuple[list[str], type[BaseModel]]:
    """The keys as written in the file (list positions as `[2]`), and the model that the last one belongs to."""
    keys: list[str] = []
    inside: Any = model
    holder = model
    for part in loc:
        found = _model(inside)
        if isinstance(part, int):
            keys[-1:] = [f"{keys[-1] if keys else ''}[{part}]"]
        elif found is not None:
            holder = found
            keys.append(part)
            inside = found.model_fields[part].annotation if part in found.model_fields else None
        elif get_origin(inside) is dict:
            keys.append(part)
            inside = get_args(inside)[1]
        # else: the name that pydantic gives to a branch of a union
    return keys, holder


def _model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((m for m in map(_model, get_args(annotation)) if m), None)


def _expected(annotation: Any) -> str:
    if _model(annotation) and get_origin(annotation) is not list:
        return "keys and values"
    if get_origin(annotation) in (Union, UnionType):
        return " or ".join(_expected(a) for a in get_args(annotation) if a is not type(None))
    return {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}.get(annotation, "a list")


def _or(options: Sequence[str]) -> str:
    return options[0] if len(options) == 1 else f"{', '.join(options[:-1])} or {options[-1]}"


def _show(got: object) -> str:
    text = repr(got)
    return text if len(text) <= 60 else text[:57] + "..."


def _slug(got: object) -> str:
    slug = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in str(got).lower()).split())
    return f"; write {slug}" if slug and slug != got else ""
