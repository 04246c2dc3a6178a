"""Refresh: the state is made to say what the world is."""

from engine.executor import Executor
from engine.readings import Refresh
from engine.run import Bail, Run
from engine.state import Resource
from engine.steps import Step
from engine.targets import Targets


async def perform(run: Run, executor: Executor) -> None:
    """Read every resource that is targeted, and rebuild the state from which the operation goes on."""
    steps = await _steps(run)
    await executor.together(steps)
    await executor.idle()
    _rebuild(run, {id(step.subject): step for step in steps if isinstance(step, Refresh)})


async def _steps(run: Run) -> list[Step]:
    options = run.options
    targets, excludes = Targets(options.targets), Targets(options.excludes)
    steps: list[Step] = []
    for resource in run.base.resources:
        if resource.view_of:
            continue
        related = {urn for _, urn, _ in resource.all_dependencies()}
        if excludes:
            if resource.urn in excludes:
                continue
            if options.exclude_dependents and any(urn in excludes for urn in related):
                excludes.add(resource.urn)
                continue
        elif targets and resource.urn not in targets:
            if not options.target_dependents or not any(urn in targets for urn in related):
                continue
            targets.add(resource.urn)
        await run.registry.ensure(resource.provider, run.olds)
        steps.append(Refresh(run, resource))
    return steps


def _rebuild(run: Run, steps: dict[int, Refresh]) -> None:
    """Put what was found in the place of what was thought, and forget what is gone wherever it is referred to."""
    resources: list[Resource] = []
    there: set[str] = set()
    parents: dict[str, str] = {}
    for old in run.base.resources:
        step = steps.get(id(old))
        if step is not None and step.deleted:
            parents[old.urn] = old.parent
            continue
        new = old if step is None else step.found_state
        if new.dependencies:
            new.dependencies = [urn for urn in new.dependencies if urn in there]
        if new.property_dependencies:
            kept = {key: [u for u in urns if u in there] for key, urns in new.property_dependencies.items()}
            new.property_dependencies = {key: urns for key, urns in kept.items() if urns}
        if new.deleted_with and new.deleted_with not in there:
            new.deleted_with = ""
        new.replace_with = [urn for urn in new.replace_with if urn in there]
        while new.parent and new.parent not in there and new.parent in parents:
            new.parent = parents[new.parent]
        resources.append(new)
        there.add(new.urn)
    run.snapshot.rebase(resources)
    run.index(run.base)


def clear_pending_creates(run: Run) -> None:
    run.base.pending = []


def check_targets(run: Run, given: Targets, registered: set[str]) -> None:
    """Refuse targets that name nothing; raises Bail after telling each."""
    missing = [urn for urn in given.literals if urn not in run.all_olds and urn not in registered]
    for urn in missing:
        hint = "" if "$" in urn else " Did you forget to escape $ in your shell?"
        run.events.say("error", f"Target '{urn}' could not be found in the stack.{hint}")
    if missing:
        raise Bail("one or more targets could not be found in the stack")
