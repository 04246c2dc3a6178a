"""Refresh: the state is made to say what the world is."""

from engine.executor import Executor
from engine.generator import Generator
from engine.readings import Refresh
from engine.run import Bail, Run
from engine.state import Resource
from engine.steps import Step
from engine.targets import Targets


async def perform(run: Run, executor: Executor, *, asked: bool = True) -> None:
    """Read every resource that is targeted, and rebuild the state from which the operation goes on.

    Where nobody `asked` for it, only those are read whose providers want it before each update.
    """
    steps = await _steps(run, asked)
    await executor.together(steps)
    await executor.idle()
    _rebuild(run, {id(step.subject): step for step in steps if isinstance(step, Refresh)})


async def _steps(run: Run, asked: bool) -> list[Step]:
    options = run.options
    targets, excludes = Targets(options.targets), Targets(options.excludes)
    steps: list[Step] = []
    for resource in run.base.resources:
        if resource.view_of or not (asked or resource.refresh_before_update):
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


async def rest(run: Run, generator: Generator, executor: Executor) -> None:
    """Read what the program has not registered, at the end of a refresh that ran it."""
    await executor.idle()
    options = run.options
    targets, excludes = Targets(options.targets), Targets(options.excludes)
    steps: list[Refresh] = []
    for resource in run.base.resources:
        if resource.view_of or generator.operated_on(resource.urn):
            continue
        needed = [urn for _, urn, _ in resource.all_dependencies()]
        if excludes:
            wanted = resource.urn not in excludes
            if not wanted and options.exclude_dependents:
                for urn in needed:
                    excludes.add(urn)
        else:
            wanted = not targets or resource.urn in targets
            if targets and wanted and options.target_dependents:
                for urn in needed:
                    targets.add(urn)
        if wanted:
            generator.refreshes.add(resource.urn)
            await run.registry.ensure(resource.provider, run.olds)
            steps.append(Refresh(run, resource))
    await executor.together(steps)
    await executor.idle()
    for step in steps:
        if step.new_shown is not step.subject:
            run.snapshot.found(step.subject, step.new_shown)
    gone = {id(step.subject) for step in steps if step.deleted}
    there: set[str] = set()
    for resource in run.base.resources:
        if id(resource) not in gone:
            before = resource.copy()
            _forget(resource, there)
            if resource != before:
                run.snapshot.outputs(resource)


def _forget(new: Resource, there: set[str]) -> None:
    """Take what is gone out of whatever a resource refers to; `there` is what came before it, and takes it in."""
    if new.dependencies:
        new.dependencies = [urn for urn in new.dependencies if urn in there]
    if new.property_dependencies:
        kept = {key: [u for u in urns if u in there] for key, urns in new.property_dependencies.items()}
        new.property_dependencies = {key: urns for key, urns in kept.items() if urns}
    if new.deleted_with and new.deleted_with not in there:
        new.deleted_with = ""
    new.replace_with = [urn for urn in new.replace_with if urn in there]
    if new.parent not in there:
        new.parent = ""
    there.add(new.urn)


def _rebuild(run: Run, steps: dict[int, Refresh]) -> None:
    """Put what was found in the place of what was thought, and forget what is gone wherever it is referred to."""
    resources: list[Resource] = []
    there: set[str] = set()
    for old in run.base.resources:
        step = steps.get(id(old))
        if step is not None and step.deleted:
            continue
        new = old if step is None else step.found_state
        _forget(new, there)
        resources.append(new)
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
