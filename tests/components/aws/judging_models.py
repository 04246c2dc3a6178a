"""What a plan asks of AWS, held to AWS's own models of its services, which botocore carries.

That is names, types, choices, patterns, lengths and ranges of what each call takes.

    found = judging.planned(lambda: AwsNetwork("net", {...}))
    assert refused(found) == []

Which calls make a resource, and what is called otherwise there, is a table: judging_calls.py.
"""

import copy
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, cast

import botocore.session

from tests.components.aws import judging
from tests.components.aws.judging_call import ABOVE, Call, Made
from tests.components.aws.judging_calls import APART, CALLS
from tests.components.planned import Plan, Planned


@dataclass(frozen=True)
class Asked:
    """A call with what it is given."""

    call: Call
    given: dict[str, Any]


def refused(plan: Plan) -> list[str]:
    """`eks.CreateCluster shop: upgradePolicy.supportType is 'NEVER', expected one of STANDARD, EXTENDED`, ..."""
    lines: list[str] = []
    for each in plan.resources:
        if not each.custom or not each.type.startswith("aws:") or each.type in APART:
            continue
        if each.type not in CALLS:
            lines.append(f"{each.type} is in no table")
            continue
        asked, unknown = calls(each)
        lines += [f"{each.type} {each.name}: {line}" for line in unknown]
        for one in asked:
            about = f"{one.call.service}.{one.call.operation} {each.name}"
            lines += [f"{about}: {line}" for line in _against(_shape(one.call), one.given, "")]
    return sorted(set(lines))


def calls(each: Planned) -> tuple[list[Asked], list[str]]:
    """The calls that make a resource, and what no call takes."""
    inputs: dict[str, Any] = {
        key: value for key, value in {**each.inputs, **judging.named(each)}.items() if value is not None
    }
    made = made_by(each)
    later = {path.split(".")[0] for call in made.calls[1:] for path in call.takes}
    asked: list[Asked] = []
    unknown: list[str] = []
    for number, call in enumerate(made.calls):
        if call.when and not inputs.get(call.when):
            continue
        words = [word for word in call.takes if "." not in word] if number else [*inputs]
        words = [word for word in words if word in inputs and (number or word not in later)]
        given: dict[str, Any] = {}
        builder = _Builder(call, unknown)
        for word in words:
            if word in made.apart or (word == "tags" and made.tagged) or call.takes.get(word) == "":
                continue
            builder.put(given, _shape(call), builder.path(word), builder.told(word, inputs[word]), word)
        if not number and made.tagged and inputs.get("tags"):
            tags = [{"Key": key, "Value": value} for key, value in judging.opened(inputs["tags"]).items()]
            given["TagSpecifications"] = [{"ResourceType": made.tagged, "Tags": tags}]
        for path, value in call.fixed.items():
            builder.put(given, _shape(call), path, judging.filled(value, each), "")
        asked.append(Asked(call, given))
    return asked, unknown


def removing(call: Call, each: Planned, given: dict[str, Any]) -> dict[str, Any]:
    """What a call that removes a resource is given; `given`: what the first one was that made it."""
    found = copy.deepcopy(given) if call.again else {}
    for path, value in call.fixed.items():
        _Builder(call, []).put(found, _shape(call), path, judging.filled(value, each), "")
    return found


def made_by(each: Planned) -> Made:
    """The row of the table for a resource."""
    row = CALLS[each.type]
    return row if isinstance(row, Made) else row(each.inputs)


@dataclass(frozen=True)
class _Builder:
    """Puts Pulumi's words into the shape of a call."""

    call: Call
    unknown: list[str]

    def path(self, word: str) -> str:
        return self.call.takes.get(word) or (f"{self.call.below}.{word}" if self.call.below else word)

    def told(self, word: str, value: Any) -> Any:
        return self.call.told[word](judging.opened(value)) if word in self.call.told else value

    def put(self, given: dict[str, Any], shape: Any, path: str, value: Any, word: str) -> None:
        """Put `value` at `path` of `given`, whose shape is `shape`."""
        if path == ABOVE:
            for each, one in judging.opened(value).items():
                self.put(given, shape, self.call.takes.get(f"{word}.{each}", each), one, f"{word}.{each}")
            return
        first, _, rest = path.partition(".") if ":" not in path else (path, "", "")
        name, _, key = path.partition(":") if ":" in first else (first, "", "")
        member = _member(shape, name)
        if member is None:
            self.unknown.append(f"{self.call.operation} takes no {word or path}")
            return
        at, below = member
        if key:
            given.setdefault(at, []).append({"Key": key, "Value": _text(value)})
        elif not rest:
            built = self.built(below, value, word)
            given[at] = _joined(given.get(at), built)
        elif below.type_name == "map":
            given.setdefault(at, {})[rest] = _text(value)
        elif below.type_name == "list":
            items = given.setdefault(at, [{}])
            inner = _member(below.member, rest.partition(".")[0])
            spread = isinstance(value, list) and inner is not None and inner[1].type_name != "list"
            for number, each in enumerate(value if spread else [value]):
                if number == len(items):
                    items.append({})
                self.put(items[number], below.member, rest, each, word)
        else:
            self.put(given.setdefault(at, {}), below, rest, value, word)

    def built(self, shape: Any, value: Any, word: str) -> Any:
        value = judging.opened(value)
        kind = shape.type_name
        if kind == "structure":
            if isinstance(value, list) and len(value) == 1:
                value = value[0]  # Terraform has no block alone, and Pulumi opens most but not all
            found: dict[str, Any] = {}
            if not isinstance(value, dict):
                self.unknown.append(f"{self.call.operation} takes {word} as a structure, got {value!r}")
                return found
            for key, each in cast("dict[str, Any]", value).items():
                below = f"{word}.{key}"
                if each is not None and self.call.takes.get(below, key) != "":
                    self.put(found, shape, self.call.takes.get(below, key), self.told(below, each), below)
            return found
        if kind == "list":
            pair = _pair(shape.member)
            if isinstance(value, dict) and pair and not all(_member(shape.member, word) for word in value):
                return [{pair[0]: key, pair[1]: each} for key, each in cast("dict[str, Any]", value).items()]
            return [self.built(shape.member, each, word) for each in (value if isinstance(value, list) else [value])]
        if kind == "map":
            return {key: judging.opened(each) for key, each in cast("dict[str, Any]", value).items()}
        if kind == "boolean" and value in ("true", "false"):
            return value == "true"
        if kind in ("integer", "long") and isinstance(value, str) and re.fullmatch("-?[0-9]+", value):
            return int(value)
        return _text(value) if kind == "string" and not isinstance(value, dict | list) else value


def _against(shape: Any, value: Any, where: str) -> Iterator[str]:
    """What a model has against a value."""
    kind, limits = shape.type_name, shape.metadata
    types = {"structure": dict, "map": dict, "list": list, "string": str, "boolean": bool, "integer": int, "long": int,
             "double": (int, float), "float": (int, float), "blob": (str, bytes)}  # fmt: skip
    if not isinstance(value, types[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{where} is {value!r}, expected a {kind}"
        return
    size = value if isinstance(value, int | float) else len(value)
    if not limits.get("min", size) <= size <= limits.get("max", size):
        got = f"{size} long" if value is not size else size
        yield f"{where} is {got}, expected {limits.get('min', '-')} to {limits.get('max', '-')}"
    if kind == "structure":
        for name in shape.required_members:
            if name not in value:
                yield f"{f'{where}.' if where else ''}{name} is missing"
        for name, each in value.items():
            yield from _against(shape.members[name], each, f"{where}.{name}" if where else name)
    elif kind == "list":
        for number, each in enumerate(value):
            yield from _against(shape.member, each, f"{where}[{number}]")
    elif kind == "map":
        for key, each in value.items():
            yield from _against(shape.key, key, f"{where} key {key}")
            yield from _against(shape.value, each, f"{where}.{key}")
    elif kind == "string":
        if (choices := limits.get("enum")) and value not in choices:
            yield f"{where} is {value!r}, expected one of {', '.join(choices)}"
        if (pattern := limits.get("pattern")) and not re.fullmatch(_python(pattern), value):
            yield f"{where} is {value!r}, expected {pattern}"


def _member(shape: Any, name: str) -> tuple[str, Any] | None:
    """A member of a structure by Pulumi's word for it, which may be plural where AWS's is not."""
    if shape.type_name != "structure":
        return None
    known = {_flat(each): each for each in shape.members}
    flat = _flat(name)
    for word in (flat, flat.removesuffix("s"), f"{flat.removesuffix('ies')}y", f"{flat}s", f"{flat}config"):
        if word in known:
            return known[word], shape.members[known[word]]
    return None


def _joined(there: Any, more: Any) -> Any:
    """What is there with more of the same, which has the last word."""
    if isinstance(there, dict) and isinstance(more, dict):
        return {**cast("dict[str, Any]", there), **cast("dict[str, Any]", more)}
    if isinstance(there, list) and isinstance(more, list):
        return [_joined(one, other) for one, other in zip_longest(cast("list[Any]", there), cast("list[Any]", more))]
    return there if more is None else more


def _pair(shape: Any) -> tuple[str, str] | None:
    """What key and value are called in a list of them."""
    for key, value in (("Key", "Value"), ("key", "value"), ("TagKey", "TagValue"), ("Name", "Value")):
        if shape.type_name == "structure" and key in shape.members and value in shape.members:
            return key, value
    return None


def _flat(name: str) -> str:
    return name.replace("_", "").lower()


def _text(value: Any) -> Any:
    value = judging.opened(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _python(pattern: str) -> str:
    """Java's classes of characters in Python's words, as near as they come."""
    for java, python in (
        (r"\p{Print}+", "[ -~]+"),
        (r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF"),  # halves of characters, as Java counts them
        (r"\p{L}", r"\w"),
        (r"\p{N}", r"\d"),
        (r"\p{M}", ""),
        (r"\p{Z}", r"\s"),
        (r"\p{S}", ""),
        (r"\p{P}", ""),
        ("|(?i)", "|"),  # what is asked then has capitals of its own
    ):
        pattern = pattern.replace(java, python)
    return pattern


@functools.cache
def session() -> Any:
    return botocore.session.Session()


@functools.cache
def _model(service: str) -> Any:
    return session().get_service_model(service)


def _shape(call: Call) -> Any:
    return _model(call.service).operation_model(call.operation).input_shape
