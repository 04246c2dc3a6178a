"""Names of resources: each URN once, and what a resource was called before."""

from engine.errors import EngineError
from engine.goals import Alias, Goal
from engine.run import Bail, Run
from engine.state import ROOT_TYPE, Resource, make_urn, qualified_type, urn_name, urn_type


class Names:
    """The URNs of this operation, and the old ones that they stand for."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.urns: set[str] = set()
        self.aliased: dict[str, str] = {}
        """Old URN to new."""
        self.aliases: dict[str, str] = {}
        """New URN to old."""

    def claim(self, parent: str, type_: str, name: str) -> str:
        """The URN of a resource that the program registers; each may be registered once."""
        if parent and parent not in self.urns:
            raise EngineError(f"could not find parent resource {parent}")
        urn = make_urn(self.run.stack, self.run.project, parent, type_, name)
        if urn in self.urns:
            self.bail(f"Duplicate resource URN '{urn}'; try giving it a unique name", urn)
        self.urns.add(urn)
        return urn

    def bail(self, message: str, urn: str = "") -> None:
        self.run.events.say("error", message, urn)
        raise Bail(message)

    def _alias_urn(self, name: str, type_: str, parent: str, alias: Alias) -> str:
        if alias.urn:
            return alias.urn
        under = alias.parent or parent
        if alias.parent:
            under = self.aliases.get(alias.parent, alias.parent)
        if alias.no_parent or (under and qualified_type(under) == ROOT_TYPE):
            under = ""
        stack, project = alias.stack or self.run.stack, alias.project or self.run.project
        return make_urn(stack, project, under, alias.type or type_, alias.name or name)

    def _inherited(self, type_: str, name: str, parent: str, parent_alias: str) -> str:
        if name.startswith(urn_name(parent)):
            name = urn_name(parent_alias) + name[len(urn_name(parent)) :]
        return make_urn(self.run.stack, self.run.project, parent_alias, type_, name)

    def _alias_urns(self, goal: Goal) -> list[str]:
        out = [self._alias_urn(goal.name, goal.type, goal.parent, alias) for alias in goal.aliases]
        known = self.aliases.get(goal.parent) if goal.parent else None
        if known:
            out.append(self._inherited(goal.type, goal.name, goal.parent, known))
            for alias in goal.aliases:
                urn = self._alias_urn(goal.name, goal.type, goal.parent, alias)
                out.append(self._inherited(urn_type(urn), urn_name(urn), goal.parent, known))
        return list(dict.fromkeys(out))

    def find_old(self, urn: str, goal: Goal) -> tuple[Resource | None, str, bool]:
        """The old state under this URN or an alias of it, that alias, and whether names conflict."""
        run, invalid = self.run, False
        if urn in self.aliased:
            invalid = True
            text = f"Duplicate resource URN '{urn}' conflicting with alias on resource with URN '{self.aliased[urn]}'"
            run.events.say("error", text, urn)
        for known in [urn, *self._alias_urns(goal)]:
            old = run.olds.get(known)
            if old is None:
                continue
            if known == urn:
                return old, "", invalid
            conflict = urn if known in self.urns else self.aliased.get(known)
            if conflict:
                invalid = True
                run.events.say(
                    "error",
                    f"Duplicate resource alias '{known}' applied to resource with URN '{urn}' conflicting with "
                    f"resource with URN '{conflict}'",
                    urn,
                )
            self.aliased[known] = urn
            run.registry.alias(urn, known)
            self.aliases[urn] = known
            return old, known, invalid
        return None, "", invalid
