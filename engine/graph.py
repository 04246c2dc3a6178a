"""Who depends on whom, in a list of resources in which everything comes after what it refers to."""

from collections.abc import Callable, Iterable

from engine.state import Resource, split_reference


class Graph:
    """Dependencies by provider, `depends_on`, property, `deleted_with` and parent, between states rather than names."""

    def __init__(self, resources: list[Resource]) -> None:
        self.resources = resources
        self._place = {id(r): n for n, r in enumerate(resources)}
        self._direct: dict[int, list[Resource]] = {}
        named: dict[str, list[Resource]] = {}
        below: dict[str, list[Resource]] = {}
        for resource in resources:
            found: list[Resource] = list(named.get(resource.parent, ())) if resource.parent else []
            for urn in dict.fromkeys(needs(resource, parent=False)):
                for needed in named.get(urn, ()):
                    found.append(needed)
                    if not needed.custom:
                        found += below.get(urn, ())
            self._direct[id(resource)] = [one for one in found if one is not resource]
            named.setdefault(resource.urn, []).append(resource)
            self._descend(resource, named, below)

    @staticmethod
    def _descend(resource: Resource, named: dict[str, list[Resource]], below: dict[str, list[Resource]]) -> None:
        parent = resource.parent
        while parent:
            below.setdefault(parent, []).append(resource)
            parent = named[parent][-1].parent if parent in named else ""

    def alias(self, new: Resource, old: Resource) -> None:
        """`new` stands where `old` does."""
        self._place[id(new)] = self._place[id(old)]
        self._direct[id(new)] = self._direct[id(old)]

    def __contains__(self, resource: Resource) -> bool:
        return id(resource) in self._place

    def dependencies(self, resource: Resource) -> list[Resource]:
        """What it refers to; a parent counts, for a child goes before it."""
        return self._direct.get(id(resource), [])

    def transitive(self, resource: Resource) -> set[int]:
        """The identities of everything that it needs, however far."""
        seen: set[int] = set()
        todo = list(self.dependencies(resource))
        while todo:
            one = todo.pop()
            if id(one) not in seen:
                seen.add(id(one))
                todo += self.dependencies(one)
        return seen

    def dependents(self, root: Resource, ignore: Callable[[str], bool], *, children: bool) -> list[Resource]:
        """Everything that depends on `root`, however far, in the order of the list."""
        reached = {root.urn}
        out: list[Resource] = []
        for resource in self.resources[self._place.get(id(root), -1) + 1 :]:
            if not ignore(resource.urn) and any(urn in reached for urn in needs(resource, parent=children)):
                out.append(resource)
                reached.add(resource.urn)
        return out


def needs(resource: Resource, *, parent: bool) -> Iterable[str]:
    """The URNs that a resource refers to."""
    for kind, urn, _ in resource.all_dependencies():
        if kind != "parent" or parent:
            yield urn
    if resource.provider:
        yield split_reference(resource.provider)[0]
