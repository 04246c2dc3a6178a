"""A refresh or a destroy that runs the program: what it registers is read, or deleted in the end; nothing is made."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from engine.errors import EngineError
from engine.goals import Answer, Continue, Registration
from engine.readings import Refresh
from engine.run import Run
from engine.state import Resource, is_provider
from engine.steps import Same, Step

if TYPE_CHECKING:
    from engine.generator import Generator


class Modes:
    """What is done with a registration instead of comparing it with the state, or before it."""

    def __init__(self, run: Run, generator: "Generator") -> None:
        self.run = run
        self.generator = generator
        self.to_delete: list[Resource] = []
        """What the program has registered in a destroy: it goes at the end."""
        self.refreshed: dict[int, Resource] = {}
        """What was read, by the identity of the state from before."""
        self._read: list[Resource] = []  # keeps alive what `refreshed` names by identity

    def current(self, old: Resource) -> Resource:
        """The state of a resource as it is known now."""
        return self.refreshed.get(id(old), old)

    def reads_first(self, old: Resource) -> bool:
        run = self.run
        asked = run.refresh_program and (run.options.refresh or run.refresh_only)
        return asked and self.generator.included(old)

    def refreshing(
        self, reg: Registration, old: Resource, new: Resource, then: Callable[[Resource | None], Awaitable[None]]
    ) -> list[Step]:
        """Read what is there; `then` goes on with it, or with nothing where it is gone."""
        generator = self.generator

        def found(state: Resource | None, error: EngineError | None) -> None:
            async def resume() -> None:
                if error is not None:
                    raise EngineError(str(error))
                if state is not None:
                    self._read.append(old)
                    self.refreshed[id(old)] = state
                    generator.dependents.graph.alias(state, old)
                await then(state)

            generator.post(Continue(resume, new.urn))

        generator.refreshes.add(new.urn)
        generator.waiting += 1
        hidden = not reg.goal.custom or is_provider(reg.goal.type)
        return [Refresh(self.run, old, wanted=new, hidden=hidden, then=found)]

    def instead(self, reg: Registration, old: Resource | None, new: Resource) -> list[Step] | None:
        """What is done in the place of a comparison; None where a resource is compared all the same."""
        run, generator, urn = self.run, self.generator, new.urn
        if not run.refresh_only and not run.destroying:
            return None
        own = new.custom and not is_provider(new.type)
        skipped = any(needed in generator.skipped_creates for needed in generator.related(new))
        if run.refresh_only:
            if not own and not skipped:
                return None
            if old is not None:
                reg.done(Answer(old))
                return []
            generator.sames.add(urn)
            return self._left_out(reg, new)
        if skipped or (own and old is None):
            if old is not None:
                new.outputs = dict(old.outputs)
            return self._left_out(reg, new)
        self.to_delete.append(new)
        if not own or old is None:
            return None
        generator.sames.add(urn)
        new.inputs = dict(old.inputs)
        return [Same(run, reg, old, new)]

    def _left_out(self, reg: Registration, new: Resource) -> list[Step]:
        self.generator.skipped_creates.add(new.urn)
        return [Same(self.run, reg, new.copy(), new, skipped_create=True)]
