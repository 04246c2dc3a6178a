"""Rules."""

from typing import Final

from policies.rules import Rule, StackRule

RULES: Final[tuple[Rule | StackRule, ...]] = ()
