"""The state of a stack while an operation changes it."""

from engine.journal import Act, Journal, mend, normalise, with_resources
from engine.state import Deployment, Operation, Resource, alike, deployment_to_json, resource_to_json
from engine.values import Crypter, Props


class Snapshot:
    """Knows which resources are new, which are done with and which operations run; notes each change in the journal.

    New resources come first, in the order in which their steps ended, then the old ones that no step has touched yet.
    """

    def __init__(self, base: Deployment, crypter: Crypter, journal: Journal | None) -> None:
        self.base = base
        self._crypter = crypter
        self._journal = journal
        self._refs: dict[int, str] = {id(r): f"b{n}" for n, r in enumerate(base.resources)}
        self._kept: list[Resource] = list(base.resources)  # holds what _refs names by identity
        self._count = 0
        self._news: list[Resource] = []
        self._done: set[int] = set()
        self._running: dict[int, Operation] = {}
        self._waiting: list[tuple[Resource, Resource]] = []
        self._mend = False

    def begin(self, resource: Resource, type_: str) -> None:
        """An operation begins; raises BackendError when it cannot be noted, and must then not be done."""
        self._note([self._res(resource), ["begin", self._ref(resource), type_]])
        self._running[id(resource)] = Operation(resource, type_)

    def end(self, resource: Resource, *, new: list[Resource], done: list[Resource], changed: list[Resource]) -> None:
        """The operation on `resource` ends: `new` join the state, `done` leave it, `changed` were changed in place."""
        self._running.pop(id(resource), None)
        acts: list[Act] = [["end", self._ref(resource)]]
        acts += [self._res(each) for each in changed]
        for each in done:
            self._done.add(id(each))
            acts.append(["done", self._ref(each)])
        for each in new:
            self._news.append(each)
            acts += [self._res(each), ["new", self._ref(each)]]
        self._note(acts)

    def same(self, old: Resource, new: Resource, *, changed: bool) -> None:
        """`new` takes the place of `old`; where nothing of note differs the note can wait for the next one."""
        self._done.add(id(old))
        self._news.append(new)
        if changed:
            self._note([self._res(new), ["new", self._ref(new)], ["done", self._ref(old)]])
        else:
            self._waiting.append((old, new))

    def skip(self, old: Resource) -> None:
        self._done.add(id(old))

    def outputs(self, resource: Resource) -> None:
        """A component's outputs have come."""
        self._note([self._res(resource)])

    def rebase(self, resources: list[Resource]) -> None:
        """A refresh has rebuilt the state from which the operation starts."""
        self.base.resources = resources
        for n, resource in enumerate(resources):
            self._refs[id(resource)] = f"b{n}"
            self._kept.append(resource)
        self._note([["base", [resource_to_json(r, self._crypter) for r in resources]]])

    def reread(self, old: Resource, new: Resource | None) -> None:
        """A resource was read as the program registered it: it joins the state as it was found, or leaves it."""
        self.end(old, new=[] if new is None else [new], done=[old], changed=[])
        self._reread()

    def found(self, old: Resource, new: Resource | None) -> None:
        """A resource was read where it stands: it stays there as it was found, or leaves the state."""
        if new is None:
            self.end(old, new=[], done=[old], changed=[])
        else:
            self.base.resources = [new if each is old else each for each in self.base.resources]
            self._refs[id(new)] = self._ref(old)
            self._kept.append(new)
            self._note([self._res(new)])
        self._reread()

    def _reread(self) -> None:
        """From here on, what is no longer there is referred to by nobody in what is written."""
        if not self._mend:
            self._mend = True
            self._note([["mend", ""]])

    async def settled(self) -> None:
        """Wait until what was noted would outlast this process; raises BackendError when it cannot be kept."""
        if self._journal is not None:
            await self._journal.settled()

    def _ref(self, resource: Resource) -> str:
        ref = self._refs.get(id(resource))
        if ref is None:
            self._count += 1
            ref = self._refs[id(resource)] = f"n{self._count}"
            self._kept.append(resource)
        return ref

    def _res(self, resource: Resource) -> Act:
        if self._journal is None:
            return []
        return ["res", self._ref(resource), resource_to_json(resource, self._crypter)]

    def _note(self, acts: list[Act]) -> None:
        if self._journal is None:
            return
        before: list[Act] = []
        for old, new in self._waiting:
            what = ["keep", self._ref(new), self._ref(old)] if alike(old, new) else self._res(new)
            before += [what, ["new", self._ref(new)], ["done", self._ref(old)]]
        self._waiting.clear()
        self._journal.write(before + acts)

    def resources(self) -> list[Resource]:
        """The state as it would be written now."""
        return [r for r in [*self._news, *self.base.resources] if id(r) not in self._done]

    def to_json(self) -> Props:
        """The deployment as it is written at the end of an operation."""
        pending = [*self._running.values(), *(op for op in self.base.pending if op.type == "creating")]
        whole = Deployment([], [], self.base.secrets_provider, self.base.metadata, self.base.more)
        resources = normalise([resource_to_json(r, self._crypter) for r in self.resources()])
        if self._mend:
            mend(resources)
        operations = [{"resource": resource_to_json(op.resource, self._crypter), "type": op.type} for op in pending]
        return with_resources(deployment_to_json(whole, self._crypter), resources, operations)
