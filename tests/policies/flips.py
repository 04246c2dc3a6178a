"""Rules of clouds flipped both ways: what is changed of a plan, who breaks the rule then, and what decides it.

A plan's resources are given their names as an engine's provider has them before a policy looks.
"""

import copy
import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from policies.remedying import steps
from policies.rules import Rule, StackRule
from tests.components.planned import UNKNOWN, Planned
from tests.policies.judging import Verdicts, judged

GONE: Final = "(gone)"
"""In place of a value that is taken out."""


@dataclass(frozen=True)
class Flip:
    """One change that breaks a rule."""

    rule: str
    plan: str
    """Which of the judged programs."""
    type: str
    name: str
    change: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values by their paths; empty takes the resource out of the plan."""
    breaks: tuple[str, ...] = ()
    """Whose lines they are, where it is not that resource's."""
    unknown: str | None = ""
    """The path that decides; "" for the first of `change`, None where being there decides, which a preview knows."""
    added: Planned | None = None
    """A resource that no component makes, put into the plan in place of a change."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.plan} {self.name} {', '.join(self.change)}"


def document(*statements: Mapping[str, Any]) -> str:
    """A policy of AWS as it stands in an input."""
    return json.dumps({"Version": "2012-10-17", "Statement": [*statements]})


def made(type_: str, name: str, inputs: Mapping[str, Any]) -> Planned:
    """A resource that no component makes."""
    return Planned(type_, name, f"urn:pulumi:test::shop::{type_}::{name}", "", True, dict(inputs), {})


def kept(rule: Rule | StackRule, resources: Sequence[Planned], **how: Any) -> Verdicts:
    return judged(resources, rules=[rule], **how)


def broken(rule: Rule | StackRule, resources: Sequence[Planned], flip: Flip, **how: Any) -> Verdicts:
    """What the rule says of the plan after the change."""
    return judged(_changed(resources, flip, flip.change), rules=[rule], **how)


def late(rule: Rule | StackRule, resources: Sequence[Planned], flip: Flip) -> Verdicts:
    """What it says where what decides is not known yet."""
    path = flip.unknown or next(iter(flip.change))
    return judged(_changed(resources, flip, {**flip.change, path: UNKNOWN}), rules=[rule])


def concerned(rule: Rule | StackRule, resources: Iterable[Planned]) -> list[Planned]:
    """What a rule of single resources looks at."""
    return [each for each in resources if isinstance(rule, Rule) and rule._concerns(each.type)]  # pyright: ignore[reportPrivateUsage]


def changed(resources: Sequence[Planned], flip: Flip) -> list[Planned]:
    """The plan after the change."""
    return _changed(resources, flip, flip.change)


def found(resources: Sequence[Planned], flip: Flip) -> Planned:
    """The resource that a flip changes."""
    if flip.added is not None:
        return flip.added
    (meant,) = (each for each in resources if (each.type, each.name) == (flip.type, flip.name))
    return meant


def _changed(resources: Sequence[Planned], flip: Flip, change: Mapping[str, Any]) -> list[Planned]:
    meant = found(resources, flip)
    inputs = copy.deepcopy(meant.inputs)
    for path, value in change.items():
        _set(inputs, path, value)
    other = dataclasses.replace(meant, inputs=inputs)
    if flip.added is not None:
        return [*resources, other]
    return [other if each is meant else each for each in resources if change or each is not meant]


def _set(inputs: dict[str, Any], path: str, value: Any) -> None:
    *way, last = steps(path)
    at: Any = inputs
    for number, step in enumerate(way):
        if isinstance(step, int):
            at = at[step]
        else:
            following = (*way, last)[number + 1]
            at = at.setdefault(step, [{}] if isinstance(following, int) else {})
    if value == GONE:
        cast("dict[str | int, Any]", at).pop(last, None)
    else:
        at[last] = value


def named(resources: Iterable[Planned], name: Callable[[Planned], Mapping[str, str]]) -> list[Planned]:
    """With the names that providers give before a policy looks."""
    return [
        dataclasses.replace(each, inputs={**each.inputs, **name(each)}) if each.custom else each for each in resources
    ]
