"""JSON schemas of policies' configurations, checked in the words that the official engine uses.

The library `jsonschema` could find most of what is wrong, not what the official engine says of it: that one stops at
a wrong type, tells the nearest of the alternatives of an `anyOf`, names both places of an item that comes twice, and
heads what an `allOf` or an `if` finds with a line of its own. To tell so from the library's errors would take about as
much code as this module, and five packages more.
"""

import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from engine.values import Props, Value, is_dict, is_list, number, part

_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")

_FORMATS = {
    "email": re.compile(r"[^@\s]+@[^@\s]+"),
    "ipv4": re.compile(r"((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}"),
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"),
    "time": re.compile(r"\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)?"),
    "uri": re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\\]*"),
    "uuid": re.compile(r"(?i)[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}"),
    "hostname": re.compile(r"(?i)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.?)+"),
}
"""What is looked at; a format that is not here is taken as it comes."""

_LIMITS: tuple[tuple[str, Callable[[Fraction, Fraction], bool], str], ...] = (
    ("maximum", operator.le, "less than or equal to"),
    ("exclusiveMaximum", operator.lt, "less than"),
    ("minimum", operator.ge, "greater than or equal to"),
    ("exclusiveMinimum", operator.gt, "greater than"),
)


def problems(schema: Value, value: Value) -> list[str]:
    """What is wrong with a value, each as `field: what`; the field of the value itself is `(root)`."""
    return _Check(schema).problems(schema, value, ())


class _Check:
    """One root schema, against which references are read."""

    def __init__(self, root: Value) -> None:
        self._root = root

    def problems(self, schema: Value, value: Value, path: tuple[str, ...]) -> list[str]:
        if schema is False:
            return [_at(path, "False always fails validation")]
        if not is_dict(schema):
            return []
        if isinstance(schema.get("$ref"), str):
            return self.problems(self._referred(schema["$ref"]), value, path)
        kind = _type(value)
        types = schema.get("type")
        wanted = [types] if isinstance(types, str) else list(types) if is_list(types) else []
        if wanted and kind not in wanted and not (kind == "integer" and "number" in wanted):
            expected = wanted[0] if len(wanted) == 1 else "[" + ",".join(wanted) + "]"
            return [_at(path, f"Invalid type. Expected: {expected}, given: {kind}")]
        found = self._combined(schema, value, path)
        if is_dict(value):
            found += self._object(schema, value, path)
        elif is_list(value):
            found += self._array(schema, value, path)
        elif isinstance(value, str):
            found += [_at(path, told) for told in _string(schema, value)]
        elif kind in ("integer", "number"):
            found += [_at(path, told) for told in _number(schema, value)]
        return found + [_at(path, told) for told in _common(schema, value, path)]

    def _referred(self, reference: str) -> Value:
        found: Value = self._root
        for step in reference.lstrip("#/").split("/"):
            if step:
                found = part(found, step.replace("~1", "/").replace("~0", "~")) if is_dict(found) else {}
        return found

    def _best(self, schemas: list[Value], value: Value, path: tuple[str, ...]) -> tuple[int, list[str]]:
        """How many of the schemas fit, and what is wrong by the one that is nearest."""
        results = [self.problems(schema, value, path) for schema in schemas]
        return sum(not result for result in results), min(results, key=len, default=list[str]())

    def _combined(self, schema: Props, value: Value, path: tuple[str, ...]) -> list[str]:
        found: list[str] = []
        if is_list(some := schema.get("anyOf")):
            fitting, nearest = self._best(some, value, path)
            if not fitting:
                found += [_at(path, "Must validate at least one schema (anyOf)"), *nearest]
        if is_list(one := schema.get("oneOf")):
            fitting, nearest = self._best(one, value, path)
            if fitting != 1:
                found += [_at(path, "Must validate one and only one schema (oneOf)"), *([] if fitting else nearest)]
        if is_list(every := schema.get("allOf")):
            inner = [told for each in every for told in self.problems(each, value, path)]
            found += [*inner, _at(path, "Must validate all the schemas (allOf)")] if inner else []
        if "not" in schema and not self.problems(schema["not"], value, path):
            found.append(_at(path, "Must not validate the schema (not)"))
        return found + self._conditional(schema, value, path)

    def _conditional(self, schema: Props, value: Value, path: tuple[str, ...]) -> list[str]:
        if "if" not in schema:
            return []
        holds = not self.problems(schema["if"], value, path)
        name, told = ("then", '"then" as "if" was valid') if holds else ("else", '"else" as "if" was not valid')
        inner = self.problems(schema.get(name, True), value, path)
        return [_at(path, f"Must validate {told}"), *inner] if inner else []

    def _object(self, schema: Props, value: Props, path: tuple[str, ...]) -> list[str]:
        known, patterns = part(schema, "properties"), part(schema, "patternProperties")
        found = [_at(path, told) for told in _counted(schema, len(value), "Properties", "Must have {} {} properties")]
        required = schema.get("required")
        found += [
            _at(path, f"{name} is required") for name in (required if is_list(required) else []) if name not in value
        ]
        for name, needs in part(schema, "dependencies").items():
            if name in value and is_list(needs):
                found += [_at(path, f"Has a dependency on {other}") for other in needs if other not in value]
            elif name in value:
                found += self.problems(needs, value, path)
        for name, item in value.items():
            matching = [each for pattern, each in patterns.items() if re.search(pattern, name)]
            for each in matching:
                found += self.problems(each, item, (*path, name))
            if name not in known and not matching:
                more = schema.get("additionalProperties", True)
                if more is False:
                    found.append(_at(path, f"Additional property {name} is not allowed"))
                else:
                    found += self.problems(more, item, (*path, name))
            names = self.problems(schema.get("propertyNames", True), name, path)
            found += [_at(path, f'Property name of "{name}" does not match'), *names] if names else []
        for name, each in known.items():
            if name in value:
                found += self.problems(each, value[name], (*path, name))
        return found

    def _array(self, schema: Props, value: list[Value], path: tuple[str, ...]) -> list[str]:
        found: list[str] = []
        each = schema.get("items", True)
        for place, item in enumerate(value):
            one = each
            if is_list(each):
                one = each[place] if place < len(each) else schema.get("additionalItems", True)
                if place >= len(each) and one is False:
                    found.append(_at(path, "No additional items allowed on array"))
                    break
            found += self.problems(one, item, (*path, str(place)))
        found += [_at(path, told) for told in _counted(schema, len(value), "Items", "Array must have {} {} items")]
        if schema.get("uniqueItems"):
            seen: dict[str, int] = {}
            for place, item in enumerate(value):
                text = _text(item)
                if text in seen:
                    found.append(_at(path, f"array items[{seen[text]},{place}] must be unique"))
                seen[text] = place
        if "contains" in schema:
            fitting, nearest = 0, list[str]()
            for place, item in enumerate(value):
                nearest = self.problems(schema["contains"], item, (*path, str(place)))
                fitting += not nearest
            if not fitting:
                found += [_at(path, "At least one of the items must match"), *nearest]
        return found


def _at(path: tuple[str, ...], told: str) -> str:
    return f"{'.'.join(path) or '(root)'}: {told}"


def _type(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "integer" if math.isfinite(value) and value == int(value) else "number"
    if isinstance(value, str):
        return "string"
    return "array" if is_list(value) else "object"


def _text(value: Value) -> str:
    """A value as the official engine compares and shows it: compact JSON, whole numbers without a fraction."""
    return json.dumps(_plain(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _plain(value: Value) -> Value:
    if is_dict(value):
        return {key: _plain(item) for key, item in value.items()}
    if is_list(value):
        return [_plain(item) for item in value]
    return number(value) if isinstance(value, float) else value


def _common(schema: Mapping[str, Any], value: Value, path: tuple[str, ...]) -> list[str]:
    field = ".".join(path) or "(root)"
    found: list[str] = []
    if "const" in schema and _text(value) != _text(schema["const"]):
        found.append(f"{field} does not match: {_text(schema['const'])}")
    allowed = schema.get("enum")
    if is_list(allowed) and allowed and _text(value) not in [_text(item) for item in allowed]:
        found.append(f"{field} must be one of the following: {', '.join(_text(item) for item in allowed)}")
    return found


def _counted(schema: Mapping[str, Any], count: int, what: str, words: str) -> list[str]:
    found: list[str] = []
    least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
    if least is not None and count < least:
        found.append(words.format("at least", _plain(least)))
    if most is not None and count > most:
        found.append(words.format("at most", _plain(most)))
    return found


def _string(schema: Mapping[str, Any], value: str) -> list[str]:
    found: list[str] = []
    least, most = schema.get("minLength"), schema.get("maxLength")
    if least is not None and len(value) < least:
        found.append(f"String length must be greater than or equal to {_plain(least)}")
    if most is not None and len(value) > most:
        found.append(f"String length must be less than or equal to {_plain(most)}")
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and not re.search(pattern, value):
        found.append(f"Does not match pattern '{pattern}'")
    form = _FORMATS.get(str(schema.get("format")))
    if form is not None and not form.fullmatch(value):
        found.append(f"Does not match format '{schema['format']}'")
    return found


def _number(schema: Mapping[str, Any], value: float) -> list[str]:
    found: list[str] = []
    exact = Fraction(str(value))
    multiple = schema.get("multipleOf")
    if multiple and exact % Fraction(str(multiple)):
        found.append(f"Must be a multiple of {_plain(multiple)}")
    for name, holds, words in _LIMITS:
        limit = schema.get(name)
        if limit is not None and not isinstance(limit, bool) and not holds(exact, Fraction(str(limit))):
            found.append(f"Must be {words} {_plain(limit)}")
    return found
