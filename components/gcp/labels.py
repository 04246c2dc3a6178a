"""Labels: whose a resource is, and what is asked for beside that."""

from collections.abc import Mapping
from typing import Any, cast

import pulumi

from components.checks import asked
from components.gcp import checks
from components.gcp.names import COMPONENT

Given = pulumi.Input[dict[str, pulumi.Input[str]]]


class Labels:
    """The labels of one component's resources."""

    def __init__(self, what: str, component: str, given: Given | None) -> None:
        """what: the argument's name, for a mistake in it. Raises ArgsError."""
        self._component = component
        self._given = asked(given or {}, lambda known: checks.labels(what, known))

    def all(self, ours: Mapping[str, str] | None = None) -> Any:
        """Of any of them. `ours`: labels that something looks for, which nobody may replace."""

        def all_of_them(given: Mapping[str, pulumi.Input[str]]) -> dict[str, pulumi.Input[str]]:
            return {**given, COMPONENT: self._component, **(ours or {})}

        if isinstance(self._given, pulumi.Output):
            return cast("pulumi.Output[Any]", self._given).apply(all_of_them)
        return all_of_them(cast("dict[str, pulumi.Input[str]]", self._given))
