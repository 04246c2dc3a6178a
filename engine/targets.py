"""Which resources an operation is about: URNs, or patterns in which `*` and `**` stand for anything."""

import re
from collections.abc import Iterable


class Targets:
    """A set of URNs and patterns that grows as dependents are found."""

    def __init__(self, given: Iterable[str]) -> None:
        self.literals: list[str] = []
        self._patterns: list[re.Pattern[str]] = []
        for each in given:
            if "*" in each:
                parts = re.split(r"(\*\*|\*)", each)
                text = "".join(".*" if p == "**" else "[^:]*" if p == "*" else re.escape(p) for p in parts)
                self._patterns.append(re.compile(text, re.DOTALL))
            else:
                self.literals.append(each)
        self._known = set(self.literals)

    def __bool__(self) -> bool:
        return bool(self._known or self._patterns)

    def __contains__(self, urn: str) -> bool:
        return urn in self._known or any(p.fullmatch(urn) for p in self._patterns)

    def add(self, urn: str) -> None:
        self._known.add(urn)

    def copy(self) -> "Targets":
        made = Targets(self.literals)
        made._patterns = list(self._patterns)
        return made
