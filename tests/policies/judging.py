"""What the pack says of what a program registers: the SDK's own policies, called as its server calls them.

found = judged(plan.resources)
assert found.wrong == []
assert flipped(plan.resources, "aws:eks/cluster:Cluster", "models", change).wrong == [Verdict(rule, "models", ...)]
"""

import copy
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pulumi_policy import (
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
)
from pulumi_policy.policy import PolicyCustomTimeouts
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError, unknown_checking_proxy

from policies.pack import RULES
from policies.rules import Rule, StackRule
from tests.components.planned import SECRET, UNKNOWN, Planned


@dataclass(frozen=True)
class Verdict:
    """One line of one policy."""

    rule: str
    resource: str
    """Its name; "" where the line names none."""
    text: str = field(compare=False, default="")


@dataclass
class Verdicts:
    """What the policies say."""

    wrong: list[Verdict] = field(default_factory=list[Verdict])
    late: list[Verdict] = field(default_factory=list[Verdict])
    """What they cannot know yet."""

    def of(self, rule: str) -> "Verdicts":
        """Those of one policy."""
        return Verdicts(*([each for each in some if each.rule == rule] for some in (self.wrong, self.late)))


def judged(
    resources: Iterable[Planned],
    *,
    config: Mapping[str, Mapping[str, Any]] | None = None,
    tags: Mapping[str, str] | None = None,
    rules: Sequence[Rule | StackRule] = RULES,
) -> Verdicts:
    """What the pack says. config: settings by policy. tags: those of the stack."""
    found, listed, named = Verdicts(), list(resources), tags or {}
    for rule in rules:
        policy, settings = rule.policy(), (config or {}).get(rule.name, {})
        if isinstance(policy, ResourceValidationPolicy):
            for each in listed:
                args = ResourceValidationArgs(
                    each.type, _props(each), each.urn, each.name, _options(each), None, settings, named
                )
                _ask(found, rule.name, each.name, policy, args)
        else:
            stack = StackValidationArgs(_resources(listed), settings, named)
            _ask(found, rule.name, "", policy, stack)
    return found


def flipped(
    resources: Iterable[Planned], type_: str, name: str | None, change: Callable[[Any], object], **how: Any
) -> Verdicts:
    """What the pack says after `change` of the inputs of one resource: the only one of a type, or that of the name."""
    listed = list(resources)
    (meant,) = (each for each in listed if each.type == type_ and name in (None, each.name))
    inputs = copy.deepcopy(meant.inputs)
    change(inputs)
    return judged([dataclasses.replace(each, inputs=inputs) if each is meant else each for each in listed], **how)


def remedied(rule: Rule, resource: Planned, **config: Any) -> Mapping[str, Any] | None:
    """The inputs that a remediation gives, which are its alone to change."""
    args = ResourceValidationArgs(
        resource.type,
        copy.deepcopy(_props(resource)),
        resource.urn,
        resource.name,
        _options(resource),
        None,
        config,
        {},
    )
    return cast("Mapping[str, Any] | None", rule.policy().remediate(args))


def _ask(found: Verdicts, rule: str, resource: str, policy: Any, args: object) -> None:
    def heard(text: str, urn: str | None = None) -> None:
        found.wrong.append(Verdict(rule, urn.rpartition("::")[2] if urn else resource, text))

    try:
        policy.validate(args, heard)
    except UnknownValueError as error:
        found.late.append(Verdict(rule, resource, str(error.message)))


def _props(resource: Planned) -> Any:
    return unknown_checking_proxy(_marked(resource.inputs))


def _marked(value: Any) -> Any:
    """With the SDK's own mark for what is not known, and secrets as the engine hands them on: open."""
    if value == UNKNOWN:
        return UNKNOWN_STRING_VALUE
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return _marked(items[SECRET]) if SECRET in items else {key: _marked(each) for key, each in items.items()}
    return [*map(_marked, value)] if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType]


def _options(resource: Planned) -> PolicyResourceOptions:
    asked = resource.request
    return PolicyResourceOptions(
        bool(asked.get("protect")),
        list(asked.get("ignoreChanges", [])),
        asked.get("deleteBeforeReplace"),
        list(asked.get("aliasURNs", [])),
        PolicyCustomTimeouts(0, 0, 0),
        list(asked.get("additionalSecretOutputs", [])),
        asked.get("parent"),
    )


def _resources(listed: Iterable[Planned]) -> list[PolicyResource]:
    made = {each.urn: _resource(each) for each in listed}
    for each in listed:
        for name, found in each.request.get("propertyDependencies", {}).items():
            others = [made[urn] for urn in found.get("urns", []) if urn in made]
            made[each.urn].property_dependencies[name] = others
    return [*made.values()]


def _resource(resource: Planned) -> PolicyResource:
    return PolicyResource(
        resource.type, _props(resource), resource.urn, resource.name, _options(resource), None, None, [], {}
    )
