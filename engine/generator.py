"""Decides what is to be done with each resource, in the order in which the program registers them."""

import os
from collections.abc import Callable, Iterable

from engine.diff import Diff, replace_on_changes
from engine.errors import EngineError
from engine.executor import Executor
from engine.goals import Alias, Answer, Continue, Goal, Reading, Registration
from engine.graph import Graph
from engine.plugins import Provider
from engine.run import Bail, Run
from engine.state import (
    ROOT_TYPE,
    Resource,
    is_provider,
    make_urn,
    qualified_type,
    split_reference,
    urn_name,
    urn_type,
)
from engine.steps import (
    Create,
    Delete,
    Import,
    Read,
    Replace,
    Same,
    Step,
    Update,
    ignored_changes,
    quoted,
    resource_diff,
    shown,
    tell_failures,
)
from engine.targets import Targets
from engine.values import UNKNOWN, Props, bare, equal, has_unknown


class Generator:
    """Turns goals into steps. Remembers what has become of each URN, for deletes are what is left over in the end."""

    def __init__(self, run: Run, executor: Executor, post: Callable[[Continue], None]) -> None:
        self.run = run
        self.executor = executor
        self.post = post
        self.waiting = 0
        """Continuations that are still to come."""
        self.saw_error = False
        self.urns: set[str] = set()
        self.reads: set[str] = set()
        self.deletes: set[str] = set()
        self.replaces: set[str] = set()
        self.updates: set[str] = set()
        self.creates: set[str] = set()
        self.imports: set[str] = set()
        self.sames: set[str] = set()
        self.skipped_creates: set[str] = set()
        self.pending_deletes: set[int] = set()
        self.providers: dict[str, Resource] = {}
        self.dependent_keys: dict[str, list[str]] = {}
        self.aliased: dict[str, str] = {}
        self.aliases: dict[str, str] = {}
        self.targets = Targets(run.options.targets)
        self.targeted = self.targets.copy()
        self.excludes = Targets(run.options.excludes)
        self.excluded = self.excludes.copy()
        self.replace_targets = Targets(run.options.replace)
        self.graph = Graph(run.base.resources)
        self._untargeted: list[Same] = []
        self._skipped: set[str] = set()
        self._untargeted_urns: set[str] = set()

    # -- names -------------------------------------------------------------------------------------------------------

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

    # -- targets -----------------------------------------------------------------------------------------------------

    def included(self, resource: Resource) -> bool:
        if self.targets:
            return self._is_targeted(resource)
        return not self._is_excluded(resource) if self.excludes else True

    def _related(self, resource: Resource) -> Iterable[str]:
        if resource.provider:
            yield split_reference(resource.provider)[0]
        for _, urn, _ in resource.all_dependencies():
            yield urn

    def _is_targeted(self, resource: Resource) -> bool:
        if not self.targets or resource.urn in self.targets:
            return True
        return self.run.options.target_dependents and any(u in self.targeted for u in self._related(resource))

    def _is_excluded(self, resource: Resource) -> bool:
        if resource.urn in self.excludes:
            return True
        return self.run.options.exclude_dependents and any(u in self.excluded for u in self._related(resource))

    def _forced(self, urn: str, old: Resource | None) -> bool:
        return (bool(self.replace_targets) and urn in self.replace_targets) or (old is not None and old.taint)

    # -- reading -----------------------------------------------------------------------------------------------------

    async def read(self, reading: Reading) -> list[Step]:
        urn = self.claim(reading.parent, reading.type, reading.name)
        goal = Goal(reading.type, reading.name, True, {}, parent=reading.parent)
        old, alias, _ = self.find_old(urn, goal)
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
        self.reads.add(urn)
        return [Read(self.run, reading, old, new, replacing=False)]

    # -- registering -------------------------------------------------------------------------------------------------

    async def register(self, reg: Registration) -> list[Step]:
        """The steps for a goal; none where they come later."""
        goal, run = reg.goal, self.run
        urn = self.claim(goal.parent, goal.type, goal.name)
        old, alias, invalid = self.find_old(urn, goal)
        run.goals[urn] = goal
        new = self._wanted(goal, urn, alias, old)
        if is_provider(goal.type):
            self.providers[urn] = new
            if alias:
                self.providers[alias] = new
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
        return await self._resource_provider(urn, goal.provider)

    async def _resource_provider(self, urn: str, reference: str) -> Provider:
        registry = self.run.registry
        found = registry.get(reference)
        if found is None:
            provider_urn, id_ = split_reference(reference)
            old = self.run.olds.get(provider_urn)
            if old is None or str(old.id) != id_:
                self.bail(f"unknown provider '{reference}' for resource '{urn}'", urn)
            await registry.ensure(reference, self.run.olds)
            if old is not None and provider_urn not in self._untargeted_urns and not self._generated(provider_urn):
                self._untargeted_urns.add(provider_urn)
                self._untargeted.append(self._untouched(old))
            found = registry.get(reference)
        assert found is not None
        return found

    def _untouched(self, old: Resource, reg: Registration | None = None) -> Same:
        new = old.copy()
        new.id = ""
        return Same(self.run, reg, old, new, untargeted=True)

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

        def then(step: Import) -> None:
            async def resume() -> None:
                wanted = self._wanted(goal, urn, alias, None)
                wanted.created, wanted.modified = step.target.created, step.target.modified
                steps = await self._checked(reg, urn, step.target, wanted, provider, invalid, recreating, seed)
                await self.hand_over(self.validated(steps))

            self.post(Continue(resume))

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
                afresh = recreating or was_external or old is None or self._forced(urn, old)
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
            self._queue_untargeted(new)
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
            return self._left_alone(urn, old, reg)
        return await self._compared(reg, urn, old, new, provider, seed)

    def _recreate(self, reg: Registration, old: Resource, new: Resource) -> list[Step]:
        self.deletes.discard(new.urn)
        self.replaces.add(new.urn)
        keys = self.dependent_keys.get(new.urn, [])
        return [
            Replace(self.run, old, new),
            Create(self.run, reg, new, replaces=old, diff=Diff(changes=True, replaces=keys)),
        ]

    async def _compared(
        self, reg: Registration, urn: str, old: Resource, new: Resource, provider: Provider | None, seed: bytes
    ) -> list[Step]:
        goal, run = reg.goal, self.run
        trigger = self._triggered(old, new)
        diff = Diff(changes=True) if trigger else await self._diff(urn, old, new, goal, provider)
        diff = replace_on_changes(diff, goal.replace_on_changes, bool(old.init_errors))
        if diff.changes or old.pending_replacement:
            if diff.replace or trigger or old.pending_replacement:
                return await self._replacing(reg, urn, old, new, diff, provider, seed)
            self.updates.add(urn)
            return [Update(run, reg, old, new, diff, goal.ignore_changes)]
        if old.init_errors:
            self.updates.add(urn)
            return [Update(run, reg, old, new, diff, goal.ignore_changes)]
        if urn in self.imports:
            reg.done(Answer(old))
            return []
        self.sames.add(urn)
        return [Same(run, reg, old, new)]

    def _triggered(self, old: Resource, new: Resource) -> bool:
        if not self.run.preview and has_unknown(new.replacement_trigger):
            self.saw_error = True
            self.bail(f"replacement trigger contains unknowns for {new.urn}", new.urn)
        before, after = bare(old.replacement_trigger), bare(new.replacement_trigger)
        if has_unknown(before) or has_unknown(after):
            return True
        return before is not None and after is not None and not equal(before, after)

    async def _diff(self, urn: str, old: Resource, new: Resource, goal: Goal, provider: Provider | None) -> Diff:
        if self._forced(urn, old):
            return Diff(changes=True, replaces=["id"])
        if any(other in self.replaces for other in new.replace_with):
            return Diff(changes=True, replaces=["replaceWith"])
        if new.deleted_with and new.deleted_with in self.replaces:
            return Diff(changes=True, replaces=["deletedWith"])
        if await self._provider_changed(old, new):
            return Diff(changes=True, replaces=["provider"])
        if provider is None:
            return Diff(changes=not equal(old.inputs, new.inputs))
        return await resource_diff(
            self.run,
            provider,
            urn,
            str(old.id),
            old.inputs,
            old.outputs,
            new.inputs,
            goal.ignore_changes,
            preview=self.run.preview,
        )

    async def _provider_changed(self, old: Resource, new: Resource) -> bool:
        if old.provider == new.provider:
            return False
        if not old.provider or not new.provider:
            return True
        old_urn, new_urn = split_reference(old.provider)[0], split_reference(new.provider)[0]
        if self.aliased.get(old_urn) == new_urn:
            return False
        provider = self.run.registry.get(new.provider)
        if provider is None:
            raise EngineError(f'failed to resolve provider reference: "{new.provider}"')
        before, after = self.run.olds.get(old_urn), self.providers.get(new_urn)
        if before is None or after is None:
            return False
        diff = await provider.diff_config(new_urn, before.inputs, before.outputs, after.inputs)
        return diff.replace

    async def _replacing(
        self,
        reg: Registration,
        urn: str,
        old: Resource,
        new: Resource,
        diff: Diff,
        provider: Provider | None,
        seed: bytes,
    ) -> list[Step]:
        goal, run = reg.goal, self.run
        if new.protect and old.protect:
            text = (
                f'unable to replace resource "{urn}"\nas it is currently marked for protection. To unprotect the '
                "resource, remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`"
            )
            self.saw_error = True
            run.events.say("error", text, urn)
            if not run.preview:
                raise Bail(text)
        if goal.import_id:
            self._replaced_import(urn, old, new, diff)
        self.replaces.add(urn)
        if provider is not None and not self._forced(urn, old):
            inputs, failures = await provider.check(urn, None, goal.properties, preview=run.preview, seed=seed)
            if tell_failures(run, new, failures):
                raise Bail(f"resource {urn} has check errors")
            new.inputs = inputs
        first = goal.delete_before_replace if goal.delete_before_replace is not None else diff.delete_first
        if not first:
            return [
                Create(run, reg, new, replaces=old, diff=diff, pending_delete=True),
                Replace(run, old, new, diff),
            ]
        steps = await self._delete_dependents(urn, old)
        await run.registry.ensure(old.provider, run.olds)
        if not old.pending_replacement:
            self.deletes.add(old.urn)
            steps.append(Delete(run, old, self.deletes, replacing=True, pending=True))
        return [*steps, Replace(run, old, new, diff), Create(run, reg, new, replaces=old, diff=diff)]

    def _replaced_import(self, urn: str, old: Resource, new: Resource, diff: Diff) -> None:
        changes = "\n".join(
            f"{key}: {shown(old.inputs.get(key))} => {shown(new.inputs.get(key))}" for key in diff.replaces
        )
        text = (
            "previously-imported resources that still specify an ID may not be replaced; "
            f"please remove the `import` declaration from your program;\n{changes}"
        )
        if not self.run.preview:
            raise EngineError(text)
        self.run.events.say("warning", text, urn)

    async def _delete_dependents(self, urn: str, old: Resource) -> list[Step]:
        run = self.run
        found = await self.dependent_replacements(old) if old in self.graph else []
        found += self._cascading(urn)
        steps: list[Step] = []
        for dependent, keys in reversed(found):
            if id(dependent) in self.pending_deletes:
                continue
            self.dependent_keys[dependent.urn] = keys
            if dependent.delete:
                steps.append(Delete(run, dependent, self.deletes))
            else:
                if dependent.protect:
                    text = (
                        f'unable to replace resource "{dependent.urn}" as part of replacing "{urn}" as it is '
                        "currently marked for protection. To unprotect the resource, remove the `protect` flag from "
                        "the resource in your Pulumi program and run `pulumi up`, or use the command:\n"
                        f"`pulumi state unprotect {quoted(dependent.urn)}`"
                    )
                    self.saw_error = True
                    self.bail(text, urn)
                steps.append(Delete(run, dependent, self.deletes, replacing=True, pending=True))
            self.deletes.add(dependent.urn)
            self.pending_deletes.add(id(dependent))
        return steps

    async def dependent_replacements(self, root: Resource) -> list[tuple[Resource, list[str]]]:
        """Which dependents must go before `root` can, and for which of their inputs: their providers are asked."""
        done = self.reads | self.creates | self.sames | self.updates | self.deletes | self.replaces
        going = {root.urn}
        out: list[tuple[Resource, list[str]]] = []
        for dependent in self.graph.dependents(root, done.__contains__, children=False):
            must, keys = await self._must_go(dependent, going)
            if must:
                out.append((dependent, keys))
                going.add(dependent.urn)
        return out

    async def _must_go(self, resource: Resource, going: set[str]) -> tuple[bool, list[str]]:
        run = self.run
        if not resource.custom or resource.external:
            return False, []
        if resource.provider and split_reference(resource.provider)[0] in going:
            await run.registry.ensure(resource.provider, run.olds)
            return True, []
        if resource.deleted_with in going:
            return True, []
        affected = {
            key for key in resource.inputs if any(urn in going for urn in resource.property_dependencies.get(key, ()))
        }
        if not affected:
            return False, []
        inputs: Props = {k: UNKNOWN if k in affected else v for k, v in resource.inputs.items()}
        if is_provider(resource.type):
            await run.registry.same(resource.urn, str(resource.id), resource.inputs)
            provider = run.registry.providers
        else:
            await run.registry.ensure(resource.provider, run.olds)
            provider = await self._resource_provider(resource.urn, resource.provider)
        diff = await resource_diff(
            run,
            provider,
            resource.urn,
            str(resource.id),
            resource.inputs,
            resource.outputs,
            inputs,
            resource.ignore_changes,
            preview=True,
        )
        diff = replace_on_changes(diff, resource.replace_on_changes, False)
        return diff.replace, diff.replaces

    def _cascading(self, urn: str) -> list[tuple[Resource, list[str]]]:
        found: dict[str, Resource] = {}
        for states in (self.run.news, self.run.olds):
            for name, state in states.items():
                if name not in found and (urn in state.replace_with or state.deleted_with == urn):
                    found[name] = state
        return [(state, []) for state in found.values()]

    # -- what is not targeted ----------------------------------------------------------------------------------------

    def _left_alone(self, urn: str, old: Resource, reg: Registration) -> list[Step]:
        if old.provider and self.run.registry.get(old.provider) is None:
            provider_urn, id_ = split_reference(old.provider)
            known = self.run.olds.get(provider_urn)
            if known is None or str(known.id) != id_:
                raise EngineError(f"could not find provider {old.provider} in old state")
            raise EngineError(
                f"provider {old.provider} for resource {urn} has not been registered yet, this is due to a change of "
                "providers mixed with --target. Change your program back to the original providers"
            )
        return list(self._with_dependencies(urn, old, reg))

    def _with_dependencies(self, urn: str, old: Resource, reg: Registration | None) -> list[Same]:
        if old.delete:
            return []
        self.urns.add(old.urn)
        self.sames |= {urn, old.urn}
        steps: list[Same] = []
        if old.provider:
            provider_urn, id_ = split_reference(old.provider)
            known = self.run.olds.get(provider_urn)
            if (
                known is not None
                and str(known.id) == id_
                and not self._generated(provider_urn)
                and not self.operated_on(provider_urn)
            ):
                steps += self._with_dependencies(urn, known, None)
        for kind, needed, key in old.all_dependencies():
            if self._generated(needed):
                continue
            known = self.run.olds.get(needed)
            if known is None:
                what = {
                    "parent": f"parent {needed} of untargeted resource {urn}",
                    "property": f"property dependency {needed} of untargeted resource {urn}'s property {key}",
                }.get(kind, f"dependency {needed} of untargeted resource {urn}")
                raise Bail(f"{what} has no old state")
            steps += self._with_dependencies(urn, known, None)
        return [*steps, self._untouched(old, reg)]

    def _queue_untargeted(self, new: Resource) -> None:
        """What a targeted resource refers to must stand before it in the state, targeted or not."""
        if not self.targets:
            return

        def queue(urn: str) -> None:
            if self._generated(urn) or urn in self._untargeted_urns:
                return
            old = self.run.olds.get(urn)
            if old is None or old.delete:
                return
            self._untargeted_urns.add(urn)
            if old.provider:
                provider_urn, id_ = split_reference(old.provider)
                known = self.run.olds.get(provider_urn)
                if known is not None and str(known.id) == id_:
                    queue(provider_urn)
            for _, needed, _ in old.all_dependencies():
                queue(needed)
            self._untargeted.append(self._untouched(old))

        for _, urn, _ in new.all_dependencies():
            queue(urn)

    def validated(self, steps: list[Step]) -> list[Step]:
        """Put what must come first before the steps, and refuse what builds on a resource that is left out."""
        if self._untargeted:
            first: list[Step] = []
            for same in self._untargeted:
                if not self._generated(same.urn) and not self.operated_on(same.urn):
                    self.urns.add(same.urn)
                    self.sames.add(same.urn)
                    first.append(same)
            self._untargeted = []
            steps = [*first, *steps]
        if not self.targets and not self.replace_targets:
            return steps
        for step in steps:
            if step.new is None or (isinstance(step, Same) and step.skipped_create):
                continue
            for urn in self._related(step.new):
                if urn in self.skipped_creates:
                    text = f"Resource '{step.urn}' depends on '{urn}' which was was not specified in --target list."
                    self.run.events.say("error", text, step.urn)
                    self.saw_error = True
                    if not self.run.preview:
                        raise Bail("untargeted create")
                    self.skipped_creates.discard(urn)
        return steps

    def _generated(self, urn: str) -> bool:
        return any(
            urn in known for known in (self.creates, self.sames, self.updates, self.deletes, self.replaces, self.reads)
        )

    def operated_on(self, urn: str) -> bool:
        """Whether the program has asked for this resource, under this name or a new one."""
        urn = self.aliased.get(urn, urn)
        return any(urn in known for known in (self.sames, self.updates, self.replaces, self.reads))

    # -- handing over ------------------------------------------------------------------------------------------------

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
