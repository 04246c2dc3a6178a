"""Tags: whose a resource is, and what is asked for beside that."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pulumi

from components.aws import checks
from components.checks import asked

COMPONENT = "modelport:component"

Given = pulumi.Input[dict[str, pulumi.Input[str]]]


class Tags:
    """The tags of one component's resources."""

    def __init__(self, what: str, component: str, given: Given | None) -> None:
        """what: the argument's name, for a mistake in it. Raises ArgsError."""
        self._component = component
        self._given = asked(given or {}, lambda known: checks.tags(what, known))

    def of(self, name: str, ours: Mapping[str, str] | None = None) -> Any:
        """Of the resource `name`. `ours`: tags that a controller looks for, which nobody may replace."""

        def all_of_them(given: Mapping[str, pulumi.Input[str]]) -> dict[str, pulumi.Input[str]]:
            return {COMPONENT: self._component, "Name": name, **given, **(ours or {})}

        if isinstance(self._given, pulumi.Output):
            return cast("pulumi.Output[Any]", self._given).apply(all_of_them)
        return all_of_them(cast("dict[str, pulumi.Input[str]]", self._given))


def tags_of_private(clusters: Sequence[str]) -> dict[str, str]:
    """By which controllers of these EKS clusters find private subnets."""
    found = {"kubernetes.io/role/internal-elb": "1", **_shared(clusters)}
    # Karpenter looks for one value, and a tag has one.
    return {**found, "karpenter.sh/discovery": clusters[0]} if clusters else found


def tags_of_public(clusters: Sequence[str]) -> dict[str, str]:
    """By which controllers of these EKS clusters find public subnets."""
    return {"kubernetes.io/role/elb": "1", **_shared(clusters)}


def _shared(clusters: Sequence[str]) -> dict[str, str]:
    return {f"kubernetes.io/cluster/{each}": "shared" for each in clusters}
