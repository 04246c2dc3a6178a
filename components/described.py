"""The schema as Pulumi's host tells it, made fit for the SDKs that are generated from it.

Its names and descriptions are a Python program's. Who writes in another language reads the schema's names in them, text
that no indentation makes code of, and choices named as every generator takes them: each makes its own form of `EcrApi`,
and none of `ECR_API`.
"""

import inspect
import re
from collections.abc import Mapping
from importlib.metadata import metadata
from typing import Any, TypeGuard, cast

Schema = dict[str, Any]


def described(schema: Mapping[str, Any], names: Mapping[str, str]) -> Schema:
    """The schema of a package; `names` are its arguments and outputs, as Python writes them and as the schema does."""
    about = metadata(schema["name"])
    told = _told(schema, names)
    # Go's generator leaves out types that lists and mappings of arguments want where no output is taken: such an SDK
    # does not compile.
    told["language"]["go"]["generateExtraInputTypes"] = True
    # Without a publisher the generators name Pulumi's.
    about_it = {"description": about["Summary"], "publisher": "Modelport", "displayName": "Modelport"}
    return {**told, **about_it, "keywords": ["modelport", "kind/component", "category/cloud"]}


def in_their_words(text: str, names: Mapping[str, str]) -> str:
    """A text with arguments as the caller writes them: `clientCidrs` for `client_cidrs`."""
    return re.sub(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+", lambda word: names.get(word[0], word[0]), text)


def choice(name: str) -> str:
    """`EcrApi` for `ECR_API`, `X86_64` as it is: where two digits would touch, the line between them stays."""
    words = "".join(f"_{word.capitalize()}" for word in name.split("_"))
    return re.sub(r"(?<!\d)_|_(?!\d)", "", words)


def _told(value: Any, names: Mapping[str, str]) -> Any:
    if _is_list(value):
        return [_told(each, names) for each in value]
    if not isinstance(value, dict):
        return value
    told: Schema = {key: _told(each, names) for key, each in cast("Schema", value).items()}
    if isinstance(told.get("description"), str):
        told["description"] = in_their_words(inspect.cleandoc(told["description"]), names)
    for part in ("items", "additionalProperties"):
        if isinstance(told.get(part), dict):
            # It only repeats what is said of the whole.
            told[part].pop("description", None)
    if isinstance(told.get("enum"), list):
        told["enum"] = [{**each, "name": choice(each["name"])} for each in told["enum"]]
    return told


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
