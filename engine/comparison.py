"""An old resource beside the goal for it: nothing to do, an update, or a replacement."""

from typing import TYPE_CHECKING

from engine.checks import resource_diff, shown, tell_failures
from engine.diff import Diff, replace_on_changes
from engine.errors import EngineError
from engine.goals import Answer, Goal, Registration
from engine.providers.base import Provider
from engine.run import Bail, Run
from engine.state import Resource, split_reference
from engine.steps import Create, Delete, Replace, Same, Step, Update
from engine.values import bare, equal, has_unknown

if TYPE_CHECKING:
    from engine.generator import Generator


class Comparison:
    """Decides what becomes of a resource that is there already; its inputs have been checked."""

    def __init__(self, run: Run, generator: "Generator") -> None:
        self.run = run
        self.generator = generator

    async def steps(
        self, reg: Registration, urn: str, old: Resource, new: Resource, provider: Provider | None, seed: bytes
    ) -> list[Step]:
        goal, run = reg.goal, self.run
        trigger = self._triggered(old, new)
        diff = Diff(changes=True) if trigger else await self._diff(urn, old, new, goal, provider)
        diff = replace_on_changes(diff, goal.replace_on_changes, bool(old.init_errors))
        if diff.changes or old.pending_replacement:
            if diff.replace or trigger or old.pending_replacement:
                return await self._replacing(reg, urn, old, new, diff, provider, seed)
            self.generator.updates.add(urn)
            return [Update(run, reg, old, new, diff, goal.ignore_changes)]
        if old.init_errors:
            self.generator.updates.add(urn)
            return [Update(run, reg, old, new, diff, goal.ignore_changes)]
        if urn in self.generator.imports:
            reg.done(Answer(old))
            return []
        self.generator.sames.add(urn)
        return [Same(run, reg, old, new)]

    def _triggered(self, old: Resource, new: Resource) -> bool:
        if not self.run.preview and has_unknown(new.replacement_trigger):
            self.generator.saw_error = True
            self.generator.names.bail(f"replacement trigger contains unknowns for {new.urn}", new.urn)
        before, after = bare(old.replacement_trigger), bare(new.replacement_trigger)
        if has_unknown(before) or has_unknown(after):
            return True
        return before is not None and after is not None and not equal(before, after)

    async def _diff(self, urn: str, old: Resource, new: Resource, goal: Goal, provider: Provider | None) -> Diff:
        if self.generator.forced(urn, old):
            return Diff(changes=True, replaces=["id"])
        if any(other in self.generator.replaces for other in new.replace_with):
            return Diff(changes=True, replaces=["replaceWith"])
        if new.deleted_with and new.deleted_with in self.generator.replaces:
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
        if self.generator.names.aliased.get(old_urn) == new_urn:
            return False
        provider = self.run.registry.get(new.provider)
        if provider is None:
            raise EngineError(f'failed to resolve provider reference: "{new.provider}"')
        before, after = self.run.olds.get(old_urn), self.generator.providers.get(new_urn)
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
        if new.protect and old.protect and not run.options.ignore_protect:
            text = (
                f'unable to replace resource "{urn}"\nas it is currently marked for protection. To unprotect the '
                "resource, remove the `protect` flag from the resource in your Pulumi program and run `pulumi up`"
            )
            self.generator.saw_error = True
            run.events.say("error", text, urn)
            if not run.preview:
                raise Bail(text)
        if goal.import_id:
            self._replaced_import(urn, old, new, diff)
        self.generator.replaces.add(urn)
        if provider is not None and not self.generator.forced(urn, old):
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
        steps = await self.generator.dependents.delete_steps(urn, old)
        await run.registry.ensure(old.provider, run.olds)
        if not old.pending_replacement:
            self.generator.deletes.add(old.urn)
            steps.append(Delete(run, old, self.generator.deletes, replacing=True, pending=True))
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
