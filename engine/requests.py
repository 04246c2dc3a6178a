"""From a registration on the wire to a goal: small readings that need nothing but the request."""

import functools
import os
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlparse

from engine.errors import BadInput
from engine.goals import Alias
from engine.hooks import HOOK_KINDS
from engine.protocol import alias_pb2, resource_pb2, source_pb2
from engine.values import Output, Props, Secret, Unknown, Value, is_dict, is_list, output_dependencies

_UNIT = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """A duration such as 1h30m in seconds."""
    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)", text)
    if not parts or "".join(a + b for a, b in parts) != text:
        raise BadInput(f"unable to parse customTimeout Value {text}")
    return sum(float(value) * _UNIT[unit] for value, unit in parts)


def timeouts(given: resource_pb2.RegisterResourceRequest.CustomTimeouts) -> dict[str, float]:
    """Custom timeouts in seconds, those that are set."""
    out: dict[str, float] = {}
    for name in ("create", "update", "delete", "read"):
        text = getattr(given, name)
        if text:
            value = seconds(text)
            out[name] = int(value) if value == int(value) else value
    return out


def position(root: str, raw: source_pb2.SourcePosition | None) -> str:
    """Where in the program something was asked for, relative to the project."""
    return position_at(root, raw.uri, raw.line, raw.column) if raw is not None and raw.uri else ""


@functools.lru_cache(maxsize=4096)
def position_at(root: str, uri: str, line: int, column: int) -> str:
    """Kept, for a program that makes a thousand resources makes them at a few places, and each comes with 12 frames."""
    parsed = urlparse(uri)
    path = unquote(parsed.path)
    if parsed.scheme != "file" or not Path(path).is_absolute():
        return ""
    return f"project:///{quote(os.path.relpath(path, root))}#{line}" + (f",{column}" if column else "")


def stack_trace(root: str, raw: source_pb2.StackTrace | None) -> list[dict[str, str]]:
    out: list[dict[str, str]] = []
    for frame in raw.frames if raw is not None else ():
        text = position(root, frame.pc if frame.HasField("pc") else None)
        out.append({"sourcePosition": text} if text else {})
    return out


def alias(raw: alias_pb2.Alias) -> Alias:
    if raw.WhichOneof("alias") == "urn":
        return Alias(urn=raw.urn)
    spec = raw.spec
    kind = spec.WhichOneof("parent")
    return Alias(
        name=spec.name,
        type=spec.type,
        stack=spec.stack,
        project=spec.project,
        parent=spec.parentUrn if kind == "parentUrn" else "",
        no_parent=spec.noParent if kind == "noParent" else False,
    )


def hooks(binding: resource_pb2.RegisterResourceRequest.ResourceHooksBinding) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for kind, key in HOOK_KINDS.items():
        names = list(getattr(binding, kind))
        if names:
            out[key] = names
    return out


def upgraded(value: Value) -> Value:
    """The value with `Output`s in the place of secrets and unknowns, which is how a transform is shown them."""
    if isinstance(value, Unknown):
        return Output(None, False, False, ())
    if isinstance(value, Secret):
        inner = upgraded(value.value)
        if isinstance(inner, Output):
            return Output(inner.value, inner.known, True, inner.dependencies)
        return Output(inner, True, True, ())
    if is_dict(value):
        return {key: upgraded(item) for key, item in value.items()}
    return [upgraded(item) for item in value] if is_list(value) else value


def with_dependencies(props: Props, dependencies: dict[str, set[str]]) -> Props:
    """Give each property the dependencies that are known of it, so that a transform does not lose them."""
    out: Props = {}
    for key, value in props.items():
        needed = dependencies.get(key, set())
        if needed <= output_dependencies(value):
            out[key] = value
        elif isinstance(value, Output):
            joined = tuple(sorted({*value.dependencies, *needed}))
            out[key] = Output(value.value, value.known, value.secret, joined)
        else:
            out[key] = Output(value, True, False, tuple(sorted(needed)))
    return out
