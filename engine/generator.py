"""Decides what is to be done with each resource, in the order in which the program registers them."""

import os
from collections.abc import Callable, Iterable

from engine.checks import ignored_changes, tell_failures
from engine.comparison import Comparison
from engine.dependents import Dependents
from engine.diff import Diff
from engine.errors import EngineError
from engine.executor import Executor
from engine.goals import Continue, Goal, Reading, Registration
from engine.modes import Modes
from engine.names import Names
from engine.providers.base import Provider
from engine.readings import Import, Read
from engine.run import Bail, Run
from engine.state import (
    ROOT_TYPE,
    Resource,
    is_provider,
    qualified_type,
    split_reference,
    urn_type,
)
from engine.steps import Create, Replace, Same, Step
from engine.targets import Targets
from engine.untargeted import Untargeted
from engine.values import Props


class Generator:
    """Turns goals into steps. Remembers what has become of each URN, for deletes are what is left over in the end."""

    def __init__(self, run: Run, executor: Executor, post: Callable[[Continue], None]) -> None:
        self.run = run
        self.executor = executor
        self.post = post
        self.waiting = 0
        """Continuations that are still to come."""
        self.saw_error = False
        self.names = Names(run)
        self.reads: set[str] = set()
        self.deletes: set[str] = set()
        self.replaces: set[str] = set()
        self.updates: set[str] = set()
        self.creates: set[str] = set()
        self.imports: set[str] = set()
        self.sames: set[str] = set()
        self.refreshes: set[str] = set()
        self.skipped_creates: set[str] = set()
        self.pending_deletes: set[int] = set()
        self.providers: dict[str, Resource] = {}
        self.dependent_keys: dict[str, list[str]] = {}
        self.targets = Targets(run.options.targets)
        self.targeted = self.targets.copy()
        self.excludes = Targets(run.options.excludes)
        self.excluded = self.excludes.copy()
        self.replace_targets = Targets(run.options.replace)
        self.modes = Modes(run, self)
        self.dependents = Dependents(run, self)
        self.untargeted = Untargeted(run, self)
        self.comparison = Comparison(run, self)
        self._skipped: set[str] = set()

    # -- targets -----------------------------------------------------------------------------------------------------

    def included(self, resource: Resource) -> bool:
        if self.targets:
            return self._is_targeted(resource)
        return not self._is_excluded(resource) if self.excludes else True

    def related(self, resource: Resource) -> Iterable[str]:
        if resource.provider:
            yield split_reference(resource.provider)[0]
        for _, urn, _ in resource.all_dependencies():
            yield urn

    def _is_targeted(self, resource: Resource) -> bool:
        if not self.targets or resource.urn in self.targets:
            return True
        return self.run.options.target_dependents and any(u in self.targeted for u in self.related(resource))

    def _is_excluded(self, resource: Resource) -> bool:
        if resource.urn in self.excludes:
            return True
        return self.run.options.exclude_dependents and any(u in self.excluded for u in self.related(resource))

    def forced(self, urn: str, old: Resource | None) -> bool:
        return (bool(self.replace_targets) and urn in self.replace_targets) or (old is not None and old.taint)

    # -- reading -----------------------------------------------------------------------------------------------------

    async def read(self, reading: Reading) -> list[Step]:
        urn = self.names.claim(reading.parent, reading.type, reading.name)
        goal = Goal(reading.type, reading.name, True, {}, parent=reading.parent)
        old, alias, _ = self.names.find_old(urn, goal)
        if not reading.id:
            raise EngineError(f"Expected an ID for {urn}")
        new = Resource(
            urn=urn,
            type=reading.type,
            custom=True,
            id=reading.id,
            inputs=reading.properties,
            parent=reading.parent,
            external=True,
            dependencies=reading.dependencies,
            provider=reading.provider,
            additional_secret_outputs=reading.additional_secret_outputs,
            aliases=[alias] if alias else [],
            source_position=reading.source_position,
            stack_trace=reading.stack_trace,
        )
        if old is not None and not old.external and old.id != reading.id:
            self.replaces.add(urn)
            return [Read(self.run, reading, old, new, replacing=True), Replace(self.run, old, new)]
        if self.run.destroying:
            self.modes.to_delete.append(new)
        self.reads.add(urn)
        return [Read(self.run, reading, old, new, replacing=False)]

    # -- registering -------------------------------------------------------------------------------------------------

    async def register(self, reg: Registration) -> list[Step]:
        """The steps for a goal; none where they come later."""
        goal, run = reg.goal, self.run
        urn = self.names.claim(goal.parent, goal.type, goal.name)
        old, alias, invalid = self.names.find_old(urn, goal)
        run.goals[urn] = goal
        new = self._wanted(goal, urn, alias, old)
        if is_provider(goal.type):
            self.providers[urn] = new
            if alias:
                self.providers[alias] = new
        if old is not None and self.modes.reads_first(old):

            async def then(state: Resource | None) -> None:
                await self.hand_over(self.validated(await self._found(reg, state, new, alias, invalid)))

            return self.modes.refreshing(reg, old, new, then)
        return await self._found(reg, old, new, alias, invalid)

    async def _found(
        self, reg: Registration, old: Resource | None, new: Resource, alias: str, invalid: bool
    ) -> list[Step]:
        """The steps for a goal once it is known what is there."""
        goal, urn = reg.goal, new.urn
        instead = self.modes.instead(reg, old, new)
        if instead is not None:
            return instead
        provider = await self._provider(urn, goal)
        recreating = urn in self.deletes
        seed = os.urandom(32)
        known_id = (old.import_id or str(old.id)) if old is not None else ""
        if goal.custom and goal.import_id and (old is None or old.external or known_id != goal.import_id):
            return self._import(reg, urn, old, new, alias, provider, invalid, recreating, seed)
        return await self._checked(reg, urn, old, new, provider, invalid, recreating, seed)

    def _wanted(self, goal: Goal, urn: str, alias: str, old: Resource | None) -> Resource:
        return Resource(
            urn=urn,
            type=goal.type,
            custom=goal.custom,
            inputs=goal.properties,
            parent=goal.parent,
            protect=bool(goal.protect),
            dependencies=goal.dependencies,
            provider=goal.provider,
            property_dependencies=goal.property_dependencies,
            additional_secret_outputs=goal.additional_secret_outputs,
            aliases=[alias] if alias else [],
            custom_timeouts=goal.custom_timeouts,
            import_id=goal.import_id,
            retain_on_delete=bool(goal.retain_on_delete),
            deleted_with=goal.deleted_with,
            replace_with=goal.replace_with,
            created=old.created if old else "",
            modified=old.modified if old else "",
            source_position=goal.source_position,
            stack_trace=goal.stack_trace,
            ignore_changes=goal.ignore_changes,
            hide_diff=goal.hide_diff,
            replace_on_changes=goal.replace_on_changes,
            replacement_trigger=goal.replacement_trigger,
            refresh_before_update=old.refresh_before_update if old else False,
            resource_hooks=goal.resource_hooks,
        )

    async def _provider(self, urn: str, goal: Goal) -> Provider | None:
        if not goal.custom:
            return None
        if is_provider(goal.type):
            return self.run.registry.providers
        return await self.resource_provider(urn, goal.provider)

    async def resource_provider(self, urn: str, reference: str) -> Provider:
        registry = self.run.registry
        found = registry.get(reference)
        if found is None:
            provider_urn, id_ = split_reference(reference)
            old = self.run.olds.get(provider_urn)
            if old is None or str(old.id) != id_:
                self.names.bail(f"unknown provider '{reference}' for resource '{urn}'", urn)
            await registry.ensure(reference, self.run.olds)
            if old is not None and provider_urn not in self.untargeted.urns and not self.generated(provider_urn):
                self.untargeted.urns.add(provider_urn)
                self.untargeted.first.append(self.untargeted.untouched(old))
            found = registry.get(reference)
        assert found is not None
        return found

    def _import(
        self,
        reg: Registration,
        urn: str,
        old: Resource | None,
        new: Resource,
        alias: str,
        provider: Provider | None,
        invalid: bool,
        recreating: bool,
        seed: bytes,
    ) -> list[Step]:
        goal, run = reg.goal, self.run

        def then(step: Import | None) -> None:
            async def resume() -> None:
                if step is None:
                    return
                wanted = self._wanted(goal, urn, alias, None)
                wanted.created, wanted.modified = step.target.created, step.target.modified
                steps = await self._checked(reg, urn, step.target, wanted, provider, invalid, recreating, seed)
                await self.hand_over(self.validated(steps))

            self.post(Continue(resume, urn))

        self.imports.add(urn)
        replaced = old if old is not None and not recreating else None
        step = Import(run, reg, new, replaces=replaced, ignored=goal.ignore_changes, then=then)
        self.waiting += 1
        if replaced is not None:
            return [step, Replace(run, replaced, new)]
        return [step]

    async def _checked(
        self,
        reg: Registration,
        urn: str,
        old: Resource | None,
        new: Resource,
        provider: Provider | None,
        invalid: bool,
        recreating: bool,
        seed: bytes,
    ) -> list[Step]:
        goal, run = reg.goal, self.run
        inputs: Props = new.inputs
        if old is not None:
            inputs, _ = ignored_changes(run, urn, inputs, old.inputs, goal.ignore_changes)
        was_external = old is not None and old.external
        implicit = is_provider(urn_type(urn)) or qualified_type(urn) == ROOT_TYPE
        targeted = implicit or self.included(new)
        if provider is not None:
            if not targeted:
                inputs = old.inputs if old else {}
            else:
                afresh = recreating or was_external or old is None or self.forced(urn, old)
                inputs, failures = await provider.check(
                    urn,
                    None if afresh or old is None else old.inputs,
                    goal.properties if afresh else inputs,
                    preview=run.preview,
                    seed=seed,
                )
                new.inputs = inputs
                invalid = tell_failures(run, new, failures) or invalid
            new.inputs = inputs
        if targeted:
            self.untargeted.queue(new)
        if run.policies is not None:
            invalid = not await run.policies.enforced(new, goal, inputs, self.providers) or invalid
        if invalid:
            raise Bail(f"resource {urn} is invalid")
        if recreating:
            assert old is not None
            return self._recreate(reg, old, new)
        if was_external:
            assert old is not None
            self.creates.add(urn)
            return [Create(run, reg, new, replaces=old, pending_delete=True), Replace(run, old, new)]
        if self.excludes and not targeted and self._is_excluded(new):
            self.excluded.add(urn)
        elif targeted and self.targets and self._is_targeted(new):
            self.targeted.add(urn)
        if old is None:
            if not targeted:
                self.sames.add(urn)
                self.skipped_creates.add(urn)
                return [Same(run, reg, new.copy(), new, skipped_create=True)]
            self.creates.add(urn)
            return [Create(run, reg, new)]
        if not targeted:
            return self.untargeted.left_alone(urn, old, reg)
        return await self.comparison.steps(reg, urn, old, new, provider, seed)

    def _recreate(self, reg: Registration, old: Resource, new: Resource) -> list[Step]:
        self.deletes.discard(new.urn)
        self.replaces.add(new.urn)
        keys = self.dependent_keys.get(new.urn, [])
        return [
            Replace(self.run, old, new),
            Create(self.run, reg, new, replaces=old, diff=Diff(changes=True, replaces=keys)),
        ]

    # -- handing over --------------------------------------------------------------------------------------------------

    def validated(self, steps: list[Step]) -> list[Step]:
        """Put what must come first before the steps, and refuse what builds on a resource that is left out."""
        if self.untargeted.first:
            first: list[Step] = []
            for same in self.untargeted.first:
                if not self.generated(same.urn) and not self.operated_on(same.urn):
                    self.names.urns.add(same.urn)
                    self.sames.add(same.urn)
                    first.append(same)
            self.untargeted.first = []
            steps = [*first, *steps]
        if not self.skipped_creates or not (self.targets or self.excludes or self.replace_targets):
            return steps
        for step in steps:
            if step.new is None or (isinstance(step, Same) and step.skipped_create):
                continue
            for urn in self.related(step.new):
                if urn in self.skipped_creates:
                    text = f"Resource '{step.urn}' depends on '{urn}' which was was not specified in --target list."
                    if self.excludes:
                        text = f"Resource '{step.urn}' depends on '{urn}' which was excluded; exclude both or neither."
                    self.run.events.say("error", text, step.urn)
                    self.saw_error = True
                    if not self.run.preview:
                        raise Bail("untargeted create")
                    self.skipped_creates.discard(urn)
        return steps

    def generated(self, urn: str) -> bool:
        return any(
            urn in known for known in (self.creates, self.sames, self.updates, self.deletes, self.replaces, self.reads)
        )

    def operated_on(self, urn: str) -> bool:
        """Whether the program has asked for this resource, under this name or a new one."""
        urn = self.names.aliased.get(urn, urn)
        return any(urn in known for known in (self.sames, self.updates, self.replaces, self.reads, self.refreshes))

    async def hand_over(self, steps: list[Step]) -> None:
        """Give steps to the executor, but for those that build on a step that failed."""
        failed = {step.urn for step in self.executor.failed} | self._skipped
        chain: list[Step] = []
        for step in steps:
            if any(urn in failed for _, urn, _ in step.subject.all_dependencies()):
                step.skip()
                self._skipped.add(step.urn)
                failed.add(step.urn)
            else:
                chain.append(step)
        if chain:
            await self.executor.chain(chain)
