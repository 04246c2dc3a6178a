"""A plan as a configuration of a Terraform provider, and what the provider's schema has against it.

Pulumi's provider of a cloud is made from that one.

    aws = Terraform("aws", "aws", BINDINGS, kind, {}, judging.references, judging.named)
    assert aws.misfits(found) == []
    aws.hcl(found)                  # as text, for what reads Terraform
    aws.configuration(found)        # as JSON
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from tests.components.judging import many, opened
from tests.components.judging_schema import Bindings, Field
from tests.components.planned import Plan, Planned


@dataclass
class _Judged:
    """A resource on its way to Terraform, and what went wrong on it."""

    planned: Planned
    kind: str
    label: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    lines: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Terraform:
    """The judge of one cloud."""

    cloud: str
    """What the types of Pulumi's resources begin with, up to the colon."""
    prefix: str
    """What Terraform's types begin with, up to the first underscore."""
    bindings: Bindings
    type_of: Callable[[str], str]
    """Terraform's type for a token of Pulumi's. Raises LookupError where the provider has none."""
    renamed: Mapping[tuple[str, str], str]
    """Terraform's name by its type and Pulumi's word, where that is not the name in one word, nor its plural."""
    references: Callable[[Plan], Mapping[str, tuple[str, str]]]
    """Who tells a value, by the value: its urn and how Terraform refers to it, `{}` for the resource."""
    named: Callable[[Planned], Mapping[str, str]]
    """The name that Pulumi makes for a resource that has none, by what it is called."""

    def natives(self, plan: Plan) -> list[Planned]:
        """What the provider makes."""
        return [each for each in plan.resources if each.custom and each.type.startswith(f"{self.cloud}:")]

    def misfits(self, plan: Plan) -> list[str]:
        """What the provider's schema refuses: arguments that it has not, that are missing, or of another type."""
        return sorted(f"{each.kind}.{each.label}: {line}" for each in self._judged(plan) for line in each.lines)

    def configuration(self, plan: Plan) -> dict[str, Any]:
        """The plan as Terraform's JSON."""
        resources: dict[str, dict[str, Any]] = {}
        for each in self._judged(plan):
            resources.setdefault(each.kind, {})[each.label] = each.arguments
        return {"resource": resources}

    def hcl(self, plan: Plan) -> str:
        """The plan as Terraform's own language."""
        lines: list[str] = []
        for each in self._judged(plan):
            lines.append(f'resource "{each.kind}" "{each.label}" {{')
            lines += _written(each.arguments, self._fields(each.kind), "  ")
            lines += ["}", ""]
        return "\n".join(lines)

    def _judged(self, plan: Plan) -> list[_Judged]:
        natives = self.natives(plan)
        addresses: dict[str, tuple[str, str]] = {}
        for each in natives:
            address = (self.type_of(each.type), _label(each.name))
            while address in addresses.values():  # the same name below another parent
                address = (address[0], f"{address[1]}_")
            addresses[each.urn] = address
        found: list[_Judged] = []
        refer = _References(
            {
                value: (urn, self._renamed(addresses[urn][0], path).format(".".join(addresses[urn])))
                for value, (urn, path) in self.references(plan).items()
            }
        )
        for each in natives:
            judged = _Judged(each, *addresses[each.urn])
            inputs = {**each.inputs, **self.named(each)}
            judged.arguments = self._block(judged, inputs, self._fields(judged.kind), judged.kind, refer)
            # Pulumi makes the new one first, unless it is told otherwise.
            lifecycle: dict[str, Any] = {"create_before_destroy": not each.request.get("deleteBeforeReplace", False)}
            if ignored := each.request.get("ignoreChanges"):
                lifecycle["ignore_changes"] = [self._path(judged, path) for path in ignored]
            judged.arguments["lifecycle"] = lifecycle
            if after := [addresses[urn] for urn in each.request.get("dependencies", []) if urn in addresses]:
                judged.arguments["depends_on"] = [".".join(address) for address in sorted(set(after))]
            found.append(judged)
        for judged in found:
            judged.lines += self._unread(judged.arguments, {f"{a}.{b}": a for a, b in addresses.values()})
        return found

    def _block(
        self, judged: _Judged, values: Mapping[str, Any], fields: Mapping[str, Field], where: str, refer: "_References"
    ) -> dict[str, Any]:
        # Not every word has its capitals where Pulumi has them.
        names = {word.lower(): each for each in fields.values() for word in _words(each)}
        # A name in one word is nearer than another's plural.
        names.update({each.camel.lower(): each for each in fields.values()})
        written: dict[str, Any] = {}
        for word, value in values.items():
            if value is None:
                continue
            known = fields.get(self.renamed.get((judged.kind, word), "")) or names.get(word.lower())
            if known is None:
                judged.lines.append(f"{where} has no {word}")
                continue
            written[known.name] = self._value(judged, value, known, f"{where}.{known.name}", refer)
        missing = [each.name for each in fields.values() if each.required and each.name not in written]
        judged.lines += [f"{where} lacks {name}" for name in missing]
        return written

    def _value(self, judged: _Judged, value: Any, known: Field, where: str, refer: "_References") -> Any:
        value = opened(value)
        if known.kind in ("block", "blocks"):
            blocks = many(value)
            if known.kind == "block" and len(blocks) != 1:
                judged.lines.append(f"{where} is there {len(blocks)} times, expected once")
            if wrong := [each for each in blocks if not isinstance(each, dict)]:
                judged.lines.append(f"{where} is {wrong[0]!r}, expected a block")
                return []
            return [self._block(judged, each, known.below, where, refer) for each in blocks]
        if known.kind == "list":
            return [_scalar(judged, each, "string or number", where, refer) for each in many(value)]
        if known.kind == "map":
            if not isinstance(value, dict):
                judged.lines.append(f"{where} is {value!r}, expected a map")
                return {}
            pairs = cast("dict[str, Any]", value).items()
            return {refer.escaped(key): _scalar(judged, each, "string", where, refer) for key, each in pairs}
        return _scalar(judged, value, known.kind, where, refer)

    def _renamed(self, kind: str, path: str) -> str:
        word = self.renamed.get((kind, path.removeprefix("{}.")))
        return f"{{}}.{word}" if word else path

    def _unread(self, value: Any, kinds: Mapping[str, str]) -> Iterator[str]:
        """References to what a resource does not tell."""
        pattern = rf"\$\{{(?:tolist\()?({self.prefix}_\w+\.[\w-]+)\.(\w+)"
        for text in _texts(value):
            for label, first in re.findall(pattern, text):
                if first != "id" and first not in self.bindings.told(kinds[label]):
                    yield f"refers to {label}.{first}, which {kinds[label]} does not tell"

    def _path(self, judged: _Judged, path: str) -> str:
        """A path of Pulumi's as Terraform writes it."""
        fields, parts = self._fields(judged.kind), list[str]()
        for word in path.split("."):
            known = next((each for each in fields.values() if word.lower() in map(str.lower, _words(each))), None)
            if known is None and not fields:
                parts.append(f'["{word}"]')
                continue
            if known is None:
                judged.lines.append(f"ignores {path}, which {judged.kind} has not")
                break
            parts.append(f".{known.name}" + ("[0]" if known.kind == "block" and word != path.split(".")[-1] else ""))
            fields = known.below
        return "".join(parts).lstrip(".")

    def _fields(self, kind: str) -> Mapping[str, Field]:
        return self.bindings.schema(kind) or {}


def _scalar(judged: _Judged, value: Any, expected: str, where: str, refer: "_References") -> Any:
    """A value as it stands; a number for a text, or a text that is a number, Terraform takes too."""
    value = opened(value)
    if isinstance(value, str):
        reference = refer.written(value, judged.planned.urn)
        good = "${" in reference or {"number": _is_number(value), "boolean": value in ("true", "false")}.get(
            expected, True)  # fmt: skip
    else:
        reference = value
        good = isinstance(value, bool | int | float) and (
            isinstance(value, bool) == (expected == "boolean") or "string" in expected
        )
    if not good:
        judged.lines.append(f"{where} is {value!r}, expected a {expected}")
    return reference


def _is_number(value: str) -> bool:
    return re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value) is not None


def _words(known: Field) -> Iterator[str]:
    """What Pulumi may call it: the name in one word, or its plural where there may be several."""
    yield known.camel
    if known.many or known.kind == "block":
        yield f"{known.camel}s"
        yield f"{known.camel}es"
        yield f"{known.camel[:-1]}ies"


class _References:
    """Puts references where a value, or a part of one, is what another resource tells."""

    def __init__(self, known: Mapping[str, tuple[str, str]]) -> None:
        """known: by value the urn of who tells it, and the reference to it."""
        self._known = known
        words = "|".join(re.escape(each) for each in sorted(known, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<![\w-])({words})(?![\w-])") if words else None

    @staticmethod
    def escaped(text: str) -> str:
        return re.sub(r"([$%])\{", r"\1\1{", text)

    def written(self, text: str, urn: str) -> str:
        """A text of the resource `urn`, which does not refer to itself."""
        if self._pattern is None:
            return self.escaped(text)
        parts: list[str] = []
        for number, part in enumerate(self._pattern.split(text)):  # every second one is a match
            told = self._known[part] if number % 2 else (urn, "")
            parts.append(f"${{{told[1]}}}" if told[0] != urn else self.escaped(part))
        return "".join(parts)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in cast("dict[str, Any]", value).values() if isinstance(value, dict) else many(value):
            yield from _texts(each)


def _label(name: str) -> str:
    label = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    return label if re.match(r"[A-Za-z_]", label) else f"_{label}"


def _written(values: Mapping[str, Any], fields: Mapping[str, Field], indent: str) -> Iterator[str]:
    for name, value in values.items():
        known = fields.get(name)
        if known is not None and known.kind in ("block", "blocks"):
            for block in value:
                yield f"{indent}{name} {{"
                yield from _written(block, known.below, indent + "  ")
                yield f"{indent}}}"
        elif name == "lifecycle":
            yield f"{indent}lifecycle {{"
            yield f"{indent}  create_before_destroy = {_literal(value['create_before_destroy'])}"
            if ignored := value.get("ignore_changes"):
                yield f"{indent}  ignore_changes = [{', '.join(ignored)}]"
            yield f"{indent}}}"
        elif name == "depends_on":
            yield f"{indent}depends_on = [{', '.join(value)}]"
        else:
            yield f"{indent}{name} = {_literal(value)}"


def _literal(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"\$\{[^{}]*\}", value):
        return value[2:-1]  # a reference alone stands bare
    if isinstance(value, list):
        return f"[{', '.join(_literal(each) for each in many(value))}]"
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return "{" + ", ".join(f"{json.dumps(key)} = {_literal(each)}" for key, each in pairs) + "}"
    return json.dumps(value, ensure_ascii=False)
