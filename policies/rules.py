"""What a rule is, and the policy of the CrossGuard SDK that it becomes.

A rule says what must hold, why, what to do, and by which ids others know it; its function yields what is wrong. What
it could not know yet is reported as such, beside what it found, and never counts as kept.
"""

import datetime
import fnmatch
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar, cast

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyConfigSchema,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policies.looking import Look, NotKnown

_Found = TypeVar("_Found")
_Made = TypeVar("_Made")

EXCEPTIONS: Final[Mapping[str, Any]] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["resource", "reason"],
        "additionalProperties": False,
        "properties": {
            "resource": {"type": "string", "minLength": 1, "description": "Name or urn; * stands for anything."},
            "reason": {"type": "string", "minLength": 1, "description": "Why it may be so."},
            "until": {
                "type": "string",
                "pattern": "^\\d{4}-\\d{2}-\\d{2}$",
                "description": "Last day, as 2027-01-31. Default: for good.",
            },
        },
    },
    "description": "Resources that need not keep the rule.",
}
"""What each policy takes as `exceptions`."""


@dataclass(frozen=True, kw_only=True)
class _Rule:
    name: str
    """In kebab case, unique in the pack: what configuration names it by."""
    title: str
    """What must hold, as a sentence without a full stop."""
    why: str
    """What happens else."""
    fix: str
    """What to write, as an imperative."""
    severity: Severity
    ids: tuple[str, ...] = ()
    """By which others know it: `CKV_AWS_39`, `CIS EKS 1.7 5.4.2`."""
    links: tuple[str, ...] = ()
    level: EnforcementLevel = EnforcementLevel.MANDATORY
    """Unless configuration says otherwise."""
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    """Settings beside `exceptions`, as JSON schemas by name, each with its `default`."""


@dataclass(frozen=True, kw_only=True)
class Rule(_Rule):
    """A rule of single resources."""

    types: tuple[str, ...]
    """Tokens of the types it looks at; `*` stands for anything."""
    look: Callable[[Look], Iterable[str]]
    """Yields what is wrong of one thing: what, what there is, what is expected. Raises NotKnown."""
    over: Callable[[Look], Iterable[Look]] = lambda each: (each,)
    """The things of a resource to look at, each by itself. Default: the resource."""
    remedy: Callable[[Look], Mapping[str, Any] | None] | None = None
    """Inputs that keep the rule, where that is safe: for the level `remediate` alone."""

    def policy(self) -> ResourceValidationPolicy:
        """As the SDK takes it."""
        more: dict[str, Any] = {} if self.remedy is None else {"remediate": self._remediate}
        return ResourceValidationPolicy(validate=self._validate, **_about(self), **more)

    def _concerns(self, type_: str) -> bool:
        return _one_of(type_, self.types)

    def _validate(self, args: ResourceValidationArgs, report: ReportViolation) -> None:
        if not self._concerns(args.resource_type):
            return
        settings = {**_defaults(self), **args.get_config()}
        if excepted(settings, args.name, args.urn):
            return
        late: list[str] = []
        for each in self._things(_look(args, settings), late):
            _collect(partial(self.look, each), lambda text: report(told(self, text), None), late)
        if late:
            raise _NotKnownYet(self, late)

    def _things(self, whole: Look, late: list[str]) -> list[Look]:
        found: list[Look] = []
        _collect(partial(self.over, whole), found.append, late)
        return found

    def _remediate(self, args: ResourceValidationArgs) -> Mapping[str, Any] | None:
        settings = {**_defaults(self), **args.get_config()}
        if self.remedy is None or not self._concerns(args.resource_type) or excepted(settings, args.name, args.urn):
            return None
        try:
            return self.remedy(_look(args, settings))
        except NotKnown as error:
            raise _NotKnownYet(self, [error.path]) from None


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A stack as a rule sees it: its resources with what is known of their outputs."""

    resources: tuple[Look, ...]
    config: Mapping[str, Any]
    tags: Mapping[str, str]
    references: Mapping[str, Mapping[str, frozenset[str]]] = field(
        default_factory=dict[str, Mapping[str, frozenset[str]]]
    )
    """Urns of what each property is made from, by property, by urn: known where the values are not yet."""
    _known: dict[Any, Any] = field(default_factory=dict[Any, Any], compare=False, repr=False)

    def refers(self, each: Look, name: str, to: Look) -> bool:
        """Whether a property of one resource is made from what another tells."""
        return to.urn in self.references.get(each.urn, {}).get(name, ())

    def all(self, *types: str) -> list[Look]:
        """Those of the types; `*` stands for anything."""
        if types not in self._known:
            fits = {type_: _one_of(type_, types) for type_ in {each.type for each in self.resources}}
            self._known[types] = [each for each in self.resources if fits[each.type]]
        found: list[Look] = self._known[types]
        return found

    def once(self, make: Callable[["Whole"], _Made]) -> _Made:
        """What is made of the whole stack, once for all who ask: a rule of thousands beside thousands needs it."""
        if make not in self._known:
            self._known[make] = make(self)
        made: _Made = self._known[make]
        return made


@dataclass(frozen=True, kw_only=True)
class StackRule(_Rule):
    """A rule of resources beside one another."""

    look: Callable[[Whole], Iterable[tuple[Look, str]]]
    """Yields what is wrong, and of what resource. Raises NotKnown."""
    unknown: Callable[[Whole], Iterable[str]] | None = None
    """Paths of what is not known yet, where `look` goes on beside that."""

    def policy(self) -> StackValidationPolicy:
        """As the SDK takes it."""
        return StackValidationPolicy(validate=self._validate, **_about(self))

    def _validate(self, args: StackValidationArgs, report: ReportViolation) -> None:
        settings = {**_defaults(self), **args.get_config()}
        looks = tuple(
            Look(each.resource_type, each.name, each.urn, each.props, "", settings, args.stack_tags, each.opts)
            for each in args.resources
        )
        references = {
            each.urn: {name: frozenset(one.urn for one in some) for name, some in each.property_dependencies.items()}
            for each in args.resources
        }
        whole = Whole(resources=looks, config=settings, tags=args.stack_tags, references=references)
        late: list[str] = [] if self.unknown is None else list(self.unknown(whole))

        def heard(found: tuple[Look, str]) -> None:
            of, text = found
            if not excepted(settings, of.name, of.urn):
                report(told(self, text), of.urn)

        _collect(partial(self.look, whole), heard, late)
        if late:
            raise _NotKnownYet(self, late)


class _NotKnownYet(UnknownValueError):
    """What the SDK tells as advisory, whatever the rule's level: there is nothing to refuse yet, nor to pass."""

    def __init__(self, rule: _Rule, paths: Iterable[str]) -> None:
        Exception.__init__(self)
        listed = ", ".join(dict.fromkeys(paths))
        self.message = (
            f"not yet known: {listed} decides whether {_lower(rule.title)}; it is looked at again in the update"
        )


def _one_of(type_: str, types: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(type_, each) for each in types)


def told(rule: _Rule, text: str) -> str:
    """The line that somebody reads whose change breaks the rule."""
    ids = f" [{', '.join(rule.ids)}]" if rule.ids else ""
    return f"{text}; {rule.fix}. {rule.why}{ids}"


def excepted(settings: Mapping[str, Any], name: str, urn: str) -> bool:
    """Whether a resource need not keep a rule, today."""
    today = datetime.datetime.now(tz=datetime.UTC).date()
    for each in cast("Iterable[Mapping[str, str]]", settings.get("exceptions") or ()):
        named = each["resource"]
        if not (fnmatch.fnmatchcase(name, named) or fnmatch.fnmatchcase(urn, named)):
            continue
        if "until" not in each or today <= datetime.date.fromisoformat(each["until"]):
            return True
    return False


def policies(rules: Iterable[Rule | StackRule]) -> list[Policy]:
    """The policies of a pack. Raises ValueError for a name that is there twice."""
    listed = list(rules)
    names = [each.name for each in listed]
    if twice := sorted({each for each in names if names.count(each) > 1}):
        raise ValueError(f"policies are called {', '.join(twice)} twice, expected a name for each")
    return [each.policy() for each in listed]


def _about(rule: _Rule) -> dict[str, Any]:
    schemas = {name: dict(each) for name, each in rule.config.items()}
    cis = next((each for each in rule.ids if each.startswith("CIS ")), None)
    return {
        "name": rule.name,
        "description": f"{rule.title}. {rule.why}",
        "enforcement_level": rule.level,
        "config_schema": PolicyConfigSchema({**schemas, "exceptions": dict(EXCEPTIONS)}),
        "display_name": rule.title,
        "severity": rule.severity,
        "framework": PolicyComplianceFramework(name=" ".join(cis.split()[:2])) if cis else None,
        "tags": [*rule.ids],
        "remediation_steps": f"{rule.fix[:1].upper()}{rule.fix[1:]}.",
        "url": rule.links[0] if rule.links else None,
    }


def _defaults(rule: _Rule) -> dict[str, Any]:
    return {name: each["default"] for name, each in rule.config.items() if "default" in each}


def _look(args: ResourceValidationArgs, settings: Mapping[str, Any]) -> Look:
    return Look(args.resource_type, args.name, args.urn, args.props, "", settings, dict(args.stack_tags), args.opts)


def _collect(ask: Callable[[], Iterable[_Found]], heard: Callable[[_Found], object], late: list[str]) -> None:
    """All that is yielded before something is not known."""
    try:
        for each in ask():
            heard(each)
    except NotKnown as error:
        late.append(error.path)


def _lower(text: str) -> str:
    """As it stands inside of a sentence; a word like GPU or EKS stays as it is."""
    return text if text[:2].isalpha() and text[:2].isupper() else f"{text[:1].lower()}{text[1:]}"
