"""What must go before a resource can: dependents that would be replaced with it, as their providers say."""

from typing import TYPE_CHECKING

from engine.checks import resource_diff
from engine.diff import replace_on_changes
from engine.graph import Graph
from engine.run import Run
from engine.state import Resource, is_provider, split_reference
from engine.steps import Delete, Step, quoted
from engine.values import UNKNOWN, Props

if TYPE_CHECKING:
    from engine.generator import Generator


class Dependents:
    """Asks the providers of dependents, with the input that would change unknown."""

    def __init__(self, run: Run, generator: "Generator") -> None:
        self.run = run
        self.generator = generator
        self.graph = Graph(run.base.resources)

    async def delete_steps(self, urn: str, old: Resource) -> list[Step]:
        run = self.run
        found = await self.replacements(old) if old in self.graph else []
        found += self.cascading(urn)
        steps: list[Step] = []
        for dependent, keys in reversed(found):
            if id(dependent) in self.generator.pending_deletes:
                continue
            self.generator.dependent_keys[dependent.urn] = keys
            if dependent.delete:
                steps.append(Delete(run, dependent, self.generator.deletes))
            else:
                if dependent.protect and not run.options.ignore_protect:
                    text = (
                        f'unable to replace resource "{dependent.urn}" as part of replacing "{urn}" as it is '
                        "currently marked for protection. To unprotect the resource, remove the `protect` flag from "
                        "the resource in your Pulumi program and run `pulumi up`, or use the command:\n"
                        f"`pulumi state unprotect {quoted(dependent.urn)}`"
                    )
                    self.generator.saw_error = True
                    self.generator.names.bail(text, urn)
                steps.append(Delete(run, dependent, self.generator.deletes, replacing=True, pending=True))
            self.generator.deletes.add(dependent.urn)
            self.generator.pending_deletes.add(id(dependent))
        return steps

    async def replacements(self, root: Resource) -> list[tuple[Resource, list[str]]]:
        """Which dependents must go before `root` can, and for which of their inputs: their providers are asked."""
        known = self.generator
        done = known.reads | known.creates | known.sames | known.updates | known.deletes | known.replaces
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
            provider = await self.generator.resource_provider(resource.urn, resource.provider)
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

    def cascading(self, urn: str) -> list[tuple[Resource, list[str]]]:
        """Which go with a resource because they are to be replaced or deleted with it."""
        found: dict[str, Resource] = {}
        for states in (self.run.news, self.run.olds):
            for name, state in states.items():
                if name not in found and (urn in state.replace_with or state.deleted_with == urn):
                    found[name] = state
        return [(state, []) for state in found.values()]
