"""A plan as a configuration of the Terraform AWS provider, and what the provider's schema has against it.

pulumi_aws is made from that provider.

    found = judging.planned(lambda: AwsNetwork("net", {...}))
    assert misfits(found) == []
    hcl(found)                  # as text, for what reads Terraform
    configuration(found)        # as JSON
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from tests.components.aws import judging
from tests.components.aws.judging_schema import Field, schema, told
from tests.components.planned import Plan, Planned

_NAMED = {
    "aws:lb/loadBalancer:LoadBalancer": "aws_lb",
    "aws:lb/targetGroup:TargetGroup": "aws_lb_target_group",
    "aws:autoscaling/tag:Tag": "aws_autoscaling_group_tag",
    "aws:codedeploy/application:Application": "aws_codedeploy_app",
    "aws:servicediscovery/service:Service": "aws_service_discovery_service",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "aws_iam_openid_connect_provider",
    "aws:route53/record:Record": "aws_route53_record",
    "aws:cloudwatch/logGroup:LogGroup": "aws_cloudwatch_log_group",
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": "aws_cloudwatch_log_resource_policy",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "aws_cloudwatch_metric_alarm",
}
"""Terraform's type, where it is neither `aws_MODULE_NAME` nor `aws_NAME` of Pulumi's token."""
_RENAMED: dict[tuple[str, str], str] = {
    ("aws_cloudwatch_metric_alarm", "name"): "alarm_name",
    ("aws_api_gateway_base_path_mapping", "restApi"): "api_id",
    ("aws_api_gateway_stage", "deployment"): "deployment_id",
    **{
        (f"aws_api_gateway_{each}", "restApi"): "rest_api_id"
        for each in ("deployment", "integration", "method", "method_settings", "resource", "stage")
    },
    ("aws_lambda_function", "name"): "function_name",
    ("aws_lambda_permission", "function"): "function_name",
    ("aws_sns_topic_subscription", "topic"): "topic_arn",
}
"""Terraform's name by its type and Pulumi's word, where that is not the name in one word, nor its plural."""


def kind(token: str) -> str:
    """Terraform's type for a token of Pulumi's. Raises LookupError where the provider has none."""
    if token in _NAMED:
        return _NAMED[token]
    module, _, rest = token.removeprefix("aws:").partition("/")
    name = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", rest.partition(":")[0]).lower()
    module = {"apigateway": "api_gateway"}.get(module, module)
    for each in (f"aws_{module}_{name}", f"aws_{name}"):
        if schema(each) is not None:
            return each
    raise LookupError(f"the Terraform AWS provider has no type for {token}, name it in _NAMED")


@dataclass
class _Judged:
    """A resource on its way to Terraform, and what went wrong on it."""

    planned: Planned
    kind: str
    label: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    lines: list[str] = field(default_factory=list[str])


def misfits(plan: Plan) -> list[str]:
    """What the provider's schema refuses: arguments that it has not, that are missing, or of another type."""
    return sorted(f"{each.kind}.{each.label}: {line}" for each in _judged(plan) for line in each.lines)


def configuration(plan: Plan) -> dict[str, Any]:
    """The plan as Terraform's JSON."""
    resources: dict[str, dict[str, Any]] = {}
    for each in _judged(plan):
        resources.setdefault(each.kind, {})[each.label] = each.arguments
    return {"resource": resources}


def hcl(plan: Plan) -> str:
    """The plan as Terraform's own language."""
    lines: list[str] = []
    for each in _judged(plan):
        lines.append(f'resource "{each.kind}" "{each.label}" {{')
        lines += _written(each.arguments, schema(each.kind) or {}, "  ")
        lines += ["}", ""]
    return "\n".join(lines)


def _judged(plan: Plan) -> list[_Judged]:
    natives = [each for each in plan.resources if each.custom and each.type.startswith("aws:")]
    addresses: dict[str, tuple[str, str]] = {}
    for each in natives:
        address = (kind(each.type), _label(each.name))
        while address in addresses.values():  # the same name below another parent
            address = (address[0], f"{address[1]}_")
        addresses[each.urn] = address
    found: list[_Judged] = []
    refer = _References(
        {
            value: (urn, _renamed(addresses[urn][0], path).format(".".join(addresses[urn])))
            for value, (urn, path) in judging.references(plan).items()
        }
    )
    for each in natives:
        judged = _Judged(each, *addresses[each.urn])
        inputs = {**each.inputs, **judging.named(each)}
        judged.arguments = _block(judged, inputs, schema(judged.kind) or {}, judged.kind, refer)
        # Pulumi makes the new one first, unless it is told otherwise.
        lifecycle: dict[str, Any] = {"create_before_destroy": not each.request.get("deleteBeforeReplace", False)}
        if ignored := each.request.get("ignoreChanges"):
            lifecycle["ignore_changes"] = [_path(judged, path) for path in ignored]
        judged.arguments["lifecycle"] = lifecycle
        if after := [addresses[urn] for urn in each.request.get("dependencies", []) if urn in addresses]:
            judged.arguments["depends_on"] = [".".join(address) for address in sorted(set(after))]
        found.append(judged)
    for judged in found:
        judged.lines += _unread(judged.arguments, {f"{a}.{b}": a for a, b in addresses.values()})
    return found


def _block(
    judged: _Judged, values: Mapping[str, Any], fields: Mapping[str, Field], where: str, refer: "_References"
) -> dict[str, Any]:
    names = {word: each for each in fields.values() for word in _words(each)}
    # A name in one word is nearer than another's plural.
    names.update({each.camel: each for each in fields.values()})
    written: dict[str, Any] = {}
    for word, value in values.items():
        if value is None:
            continue
        known = names.get(word) or fields.get(_RENAMED.get((judged.kind, word), ""))
        if known is None:
            judged.lines.append(f"{where} has no {word}")
            continue
        written[known.name] = _value(judged, value, known, f"{where}.{known.name}", refer)
    missing = [each.name for each in fields.values() if each.required and each.name not in written]
    judged.lines += [f"{where} lacks {name}" for name in missing]
    return written


def _value(judged: _Judged, value: Any, known: Field, where: str, refer: "_References") -> Any:
    value = judging.opened(value)
    if known.kind in ("block", "blocks"):
        blocks = cast("list[Any]", value if isinstance(value, list) else [value])
        if known.kind == "block" and len(blocks) != 1:
            judged.lines.append(f"{where} is there {len(blocks)} times, expected once")
        if wrong := [each for each in blocks if not isinstance(each, dict)]:
            judged.lines.append(f"{where} is {wrong[0]!r}, expected a block")
            return []
        return [_block(judged, each, known.below, where, refer) for each in blocks]
    if known.kind == "list":
        many = cast("list[Any]", value if isinstance(value, list) else [value])
        return [_scalar(judged, each, "string or number", where, refer) for each in many]
    if known.kind == "map":
        if not isinstance(value, dict):
            judged.lines.append(f"{where} is {value!r}, expected a map")
            return {}
        pairs = cast("dict[str, Any]", value).items()
        return {refer.escaped(key): _scalar(judged, each, "string", where, refer) for key, each in pairs}
    return _scalar(judged, value, known.kind, where, refer)


def _scalar(judged: _Judged, value: Any, expected: str, where: str, refer: "_References") -> Any:
    """A value as it stands; a number for a text, or a text that is a number, Terraform takes too."""
    value = judging.opened(value)
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


def _renamed(kind: str, path: str) -> str:
    word = _RENAMED.get((kind, path.removeprefix("{}.")))
    return f"{{}}.{word}" if word else path


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


def _unread(value: Any, kinds: Mapping[str, str]) -> Iterator[str]:
    """References to what a resource does not tell."""
    for text in _texts(value):
        for label, first in re.findall(r"\$\{(?:tolist\()?(aws_\w+\.[\w-]+)\.(\w+)", text):
            if first != "id" and first not in told(kinds[label]):
                yield f"refers to {label}.{first}, which {kinds[label]} does not tell"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in cast("dict[str, Any]", value).values() if isinstance(value, dict) else cast("list[Any]", value):
            yield from _texts(each)


def _path(judged: _Judged, path: str) -> str:
    """A path of Pulumi's as Terraform writes it."""
    fields, parts = schema(judged.kind) or {}, []
    for word in path.split("."):
        known = next((each for each in fields.values() if word in _words(each)), None)
        if known is None and not fields:
            parts.append(f'["{word}"]')
            continue
        if known is None:
            judged.lines.append(f"ignores {path}, which {judged.kind} has not")
            break
        parts.append(f".{known.name}" + ("[0]" if known.kind == "block" and word != path.split(".")[-1] else ""))
        fields = known.below
    return "".join(parts).lstrip(".")


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
        return f"[{', '.join(_literal(each) for each in cast('list[Any]', value))}]"
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return "{" + ", ".join(f"{json.dumps(key)} = {_literal(each)}" for key, each in pairs) + "}"
    return json.dumps(value, ensure_ascii=False)
