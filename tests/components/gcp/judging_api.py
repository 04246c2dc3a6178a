"""What a plan asks of Google Cloud, held to Google's own descriptions of its interfaces.

That is names, types, choices and patterns of what each call takes, and that it takes what is neither old nor told by
Google alone. `misfits` is what does not fit:

    found = judging.planned(lambda: GcpNetwork("net", {...}))
    assert misfits(found) == []

Which call makes a resource, and what is called otherwise there, is a table: judging_api_*.py. What is in beta is in no
description here, so that nothing of it is used unseen.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from tests.components.gcp import judging
from tests.components.gcp.judging_api_compute import COMPUTE
from tests.components.gcp.judging_api_container import CONTAINER
from tests.components.gcp.judging_api_made import OURS, WHOLE, Made
from tests.components.gcp.judging_api_rest import REST
from tests.components.gcp.judging_schema import described
from tests.components.judging import many, opened
from tests.components.planned import Plan, Planned

MADE: Final[Mapping[str, Made]] = {**COMPUTE, **CONTAINER, **REST}
PROVIDERS: Final = ("deletionPolicy", "deletionProtection", "location", "project", "timeouts")
"""What is not in a request: where it goes, and what the provider keeps to itself."""
Described = dict[str, Any]
_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}
_FORMS: Final = {
    "google-duration": r"-?[0-9]+(\.[0-9]{1,9})?s",
    "google-datetime": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]+)",
    "int64": r"-?[0-9]+",
    "uint64": r"[0-9]+",
    "uint32": r"[0-9]+",
}


def misfits(plan: Plan) -> list[str]:
    """`container.projects.locations.clusters.create shop: cluster.releaseChannel.channel is 'FAST', expected one of
    RAPID, ...`"""
    lines: list[str] = []
    for each in plan.resources:
        if not each.custom or not each.type.startswith("gcp:"):
            continue
        if each.type not in MADE:
            lines.append(f"{each.type} is in no table")
            continue
        lines += [f"{MADE[each.type].interface.partition('.')[0]}.{line}" for line in _made(each, MADE[each.type])]
    return sorted(set(lines))


def unknown(made: Made) -> list[str]:
    """Words of a row whose path or parameter there is not. Raises KeyError where there is no such method."""
    method = _method(made.interface, made.method)
    found: list[str] = []
    for word, path in made.takes.items():
        if path.startswith("?"):
            there = path.removeprefix("?") in method.get("parameters", {})
        else:
            # What is within a block is looked for where that is used.
            there = "." in word or path in (OURS, WHOLE) or _there(made, path)
        found += [] if there else [word]
    return found


def _there(made: Made, path: str) -> bool:
    shape = _request(made.interface, made.method)
    for part in path.split("."):
        shape = _shape(made.interface, shape)
        found = _member(made.interface, shape.get("items", shape), part)
        if found is None:
            return False
        shape = found[1]
    return True


def _made(each: Planned, made: Made) -> Iterator[str]:
    inputs = {key: value for key, value in {**each.inputs, **judging.named(each)}.items() if value is not None}
    builder = _Builder(made, [])
    for word in [word for word in inputs if word in made.also]:
        method, path = made.also[word]
        request: dict[str, Any] = {}
        shape = _request(made.interface, method)
        builder.put(request, shape, path, inputs.pop(word), word)
        yield from (f"{method} {each.name}: {line}" for line in _against(_Call(made, method), shape, request, ""))
    request = {}
    about = f"{made.method} {each.name}: "
    yield from (about + line for line in builder.filled(request, inputs))
    yield from (about + f"takes no {word}" for word in builder.unknown)
    shape = _request(made.interface, made.method)
    yield from (about + line for line in _against(_Call(made, made.method), shape, request, ""))


@dataclass(frozen=True)
class _Call:
    """One of the calls that make a resource."""

    made: Made
    method: str


@dataclass(frozen=True)
class _Builder:
    """Puts Pulumi's words into the shape of a request."""

    made: Made
    unknown: list[str]

    def filled(self, request: dict[str, Any], inputs: Mapping[str, Any]) -> Iterator[str]:
        """Fill a request; what its parameters have against a value."""
        method = _method(self.made.interface, self.made.method)
        parameters = cast("dict[str, Described]", method.get("parameters", {}))
        for word, value in inputs.items():
            path = self.made.takes.get(word)
            if path == OURS or (path is None and word in PROVIDERS):
                continue
            if path is None and word in parameters:
                path = f"?{word}"
            if path is not None and path.startswith("?"):
                shape = parameters[path.removeprefix("?")]
                yield from _against(_Call(self.made, self.made.method), shape, opened(value), path)
                continue
            value = self.told(word, value)
            shape = _request(self.made.interface, self.made.method)
            if path is None and self.made.below:
                path = f"{self.made.below}.{word}"
            self.put(request, shape, path or word, value, word)

    def told(self, word: str, value: Any) -> Any:
        return self.made.told[word](opened(value)) if word in self.made.told else value

    def put(self, given: dict[str, Any], shape: Described, path: str, value: Any, word: str) -> None:
        """Put `value` at `path` of `given`, whose shape is `shape`."""
        if path == WHOLE:
            given.update(opened(value))
            return
        first, _, rest = path.partition(".")
        found = _member(self.made.interface, shape, first)
        if found is None:
            self.unknown.append(word)
            return
        at, below = found
        if not rest:
            built = self.built(below, value, word)
            given[at] = {**given[at], **built} if isinstance(built, dict) and at in given else built
            return
        if below.get("type") == "array":
            (given,) = given.setdefault(at, [{}])
            below = _shape(self.made.interface, below["items"])
        else:
            given = given.setdefault(at, {})
        self.put(given, below, rest, value, word)

    def built(self, shape: Described, value: Any, word: str) -> Any:
        """A value as the request has it."""
        value = opened(value)
        shape = _shape(self.made.interface, shape)
        if "properties" in shape:
            # Terraform has no block alone, and Pulumi opens most but not all.
            block = many(value)[0] if len(many(value)) == 1 else value
            if not isinstance(block, dict):
                return block
            found: dict[str, Any] = {}
            for key, each in cast("dict[str, Any]", block).items():
                below = f"{word}.{key}"
                path = self.made.takes.get(below, key)
                if each is not None and path != OURS:
                    self.put(found, shape, path, self.told(below, each), below)
            return found
        if shape.get("type") == "array":
            return [self.built(shape["items"], each, word) for each in many(value)]
        if "additionalProperties" in shape and isinstance(value, dict):
            return {key: opened(each) for key, each in cast("dict[str, Any]", value).items()}
        return _plain(shape, value)


def _plain(shape: Described, value: Any) -> Any:
    """A number as a text, or a text as a number, where the request has it so."""
    kind, form = shape.get("type"), shape.get("format", "")
    if kind == "string" and form in ("int64", "uint64") and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if kind in ("integer", "number") and isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value):
        return int(value)
    if kind == "boolean" and value in ("true", "false"):
        return value == "true"
    return value


def _against(call: _Call, shape: Described, value: Any, where: str) -> Iterator[str]:
    """What a description has against a value."""
    shape = _shape(call.made.interface, shape)
    kind = shape.get("type", "any")
    if kind == "any":
        return
    if not _is(kind, value):
        yield f"{where or 'the request'} is {value!r}, expected {'an' if kind[0] in 'aio' else 'a'} {kind}"
        return
    if kind == "array":
        for number, each in enumerate(value):
            yield from _against(call, shape["items"], each, f"{where}[{number}]")
    elif kind == "object":
        yield from _within(call, shape, value, f"{where}." if where else "")
    elif kind == "string":
        yield from _text(shape, value, where)
    elif kind in ("integer", "number"):
        least, most = float(shape.get("minimum", value)), float(shape.get("maximum", value))
        if not least <= value <= most:
            yield f"{where} is {value}, expected {least:g} to {most:g}"


def _is(kind: str, value: object) -> bool:
    return isinstance(value, _KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _within(call: _Call, shape: Described, value: dict[str, Any], where: str) -> Iterator[str]:
    properties = cast("dict[str, Described]", shape.get("properties", {}))
    for name, known in properties.items():
        required = f"{call.made.interface.partition('.')[0]}.{call.method}" in known.get("annotations", {}).get(
            "required", []
        )
        if required and name not in value and f"{where}{name}" not in call.made.default:
            yield f"{where}{name} is missing"
    for name, each in value.items():
        taken: Described | None = properties.get(name) or shape.get("additionalProperties")
        if taken is None:
            yield f"takes no {where}{name}"
            continue
        if taken.get("readOnly"):
            yield f"{where}{name} is told by Google alone"
        if taken.get("deprecated") and f"{where}{name}" not in call.made.old:
            yield f"{where}{name} is old"
        yield from _against(call, taken, each, f"{where}{name}")


def _text(shape: Described, value: str, where: str) -> Iterator[str]:
    choices = cast("list[str]", shape.get("enum", []))
    if choices and value not in choices:
        yield f"{where} is {value!r}, expected one of {', '.join(choices)}"
    elif choices and shape.get("enumDeprecated", [False] * len(choices))[choices.index(value)]:
        yield f"{where} is {value!r}, which is old"
    pattern = shape.get("pattern") or _FORMS.get(shape.get("format", ""))
    if pattern and not re.fullmatch(pattern, value):
        yield f"{where} is {value!r}, expected {pattern}"


def _member(interface: str, shape: Described, name: str) -> tuple[str, Described] | None:
    """A property of an object by Pulumi's word for it, which may be plural where Google's is not."""
    shape = _shape(interface, shape)
    properties = cast("dict[str, Described]", shape.get("properties", {}))
    known = {each.lower(): each for each in properties}
    flat = name.lower()
    for word in (flat, flat.removesuffix("s"), f"{flat.removesuffix('ies')}y", f"{flat}s", f"{flat}config"):
        if word in known:
            return known[word], _shape(interface, properties[known[word]])
    return None


def _shape(interface: str, shape: Described) -> Described:
    """What a reference refers to, with what stands beside it."""
    return {**shape, **_schemas(interface)[shape["$ref"]]} if "$ref" in shape else shape


@functools.cache
def _document(interface: str) -> Described:
    return cast("Described", json.loads(described(interface).read_text()))


def _schemas(interface: str) -> dict[str, Described]:
    return cast("dict[str, Described]", _document(interface)["schemas"])


@functools.cache
def _method(interface: str, method: str) -> Described:
    *places, name = method.split(".")
    found = _document(interface)
    for place in places:
        found = found["resources"][place]
    return cast("Described", found["methods"][name])


def _request(interface: str, method: str) -> Described:
    nothing: Described = {"type": "object", "properties": {}}
    return cast("Described", _method(interface, method).get("request", nothing))
