"""Requests held to GitHub's own description of its API. Run by the environment of `tests/tools/ci.in`, and not by ours.

Reads lines of standard input, each a JSON list of requests (method, path, query, body, answer), and answers each with a
line, a JSON list of what is not as described: an unknown operation, a parameter that it has not, a body or an answer
with what is not in its schema.
"""

import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterator
from importlib import import_module
from typing import Any, cast

from pydantic import BaseModel, ValidationError

# By name, as our own environment, which the type checkers read, has none of it.
_GITHUB = "githubkit_schemas.v2022_11_28"
models: Any = import_module(f"{_GITHUB}.models")
Operation = tuple[str, "re.Pattern[str]", Any]


def operations() -> list[Operation]:
    found: list[Operation] = []
    for group, client in (("issues", "IssuesClient"), ("pulls", "PullsClient")):
        kind: type = getattr(import_module(f"{_GITHUB}.rest.{group}"), client)
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            told = re.search(r"^\s*(GET|POST|PATCH|PUT|DELETE) (/\S+)$", method.__doc__ or "", re.MULTILINE)
            if told and not name.startswith("async_"):
                pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(told[2]))
                found.append((told[1], re.compile(pattern), method))
    return found


def wrong(request: dict[str, Any], known: list[Operation]) -> list[str]:
    what = f"{request['method']} {request['path']}"
    fitting = [each for verb, path, each in known if verb == request["method"] and path.fullmatch(request["path"])]
    if not fitting:
        return [f"{what}: no such operation"]
    operation = fitting[0]
    parameters = {
        name for name, each in inspect.signature(operation).parameters.items() if each.kind is each.KEYWORD_ONLY
    }
    out = [f"{what}: no parameter {name}" for name in request["query"] if name not in parameters]
    source = inspect.getsource(operation)
    body = re.search(r"^\s+(\w+Body),?$", source, re.MULTILINE)
    if request["body"] is not None:
        if body is None:
            return [*out, f"{what}: takes no body"]
        schema = getattr(models, body[1])
        try:
            schema.model_validate(request["body"])
        except ValidationError as error:
            out.append(f"{what}: {error}")
        out += [f"{what}: body: {each}" for each in unknown(request["body"], schema)]
    answered = re.search(r"response_model=(?:list\[)?(\w+)", source)
    if answered:
        answer: Any = request["answer"]
        given: list[Any] = cast("Any", answer) if isinstance(answer, list) else [answer]
        for each in given:
            out += [f"{what}: answer: {told}" for told in unknown(each, getattr(models, answered[1]))]
    return out


def unknown(value: Any, annotation: Any, path: str = "") -> list[str]:
    """Where `value` has what the schema does not know of. It need not have all that the schema has."""
    schemas = list(nested(annotation))
    if isinstance(value, list):
        several: list[Any] = cast("Any", value)
        return [told for each in several for told in unknown(each, annotation, f"{path}[]")]
    if not isinstance(value, dict) or not schemas:
        return []
    out: list[str] = []
    for key, each in cast("dict[str, Any]", value).items():
        fields = [
            field
            for schema in schemas
            for name, field in schema.model_fields.items()
            if key in (name, field.alias, field.validation_alias)
        ]
        if not fields:
            out.append(f"{path}.{key} is unknown")
        elif isinstance(each, (dict, list)):
            out += unknown(each, fields[0].annotation, f"{path}.{key}")
    return out


def nested(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        if issubclass(annotation, BaseModel):
            yield annotation
        return
    for part in typing.get_args(annotation):
        yield from nested(part)


if __name__ == "__main__":
    table = operations()
    for line in sys.stdin:
        print(json.dumps([told for each in json.loads(line) for told in wrong(each, table)]), flush=True)
