"""What is left over when the program has ended goes: dependents first, each layer at the same time."""

from engine.executor import Executor
from engine.generator import Generator
from engine.graph import Graph
from engine.hooks import HOOK_KINDS
from engine.run import Bail, Run
from engine.state import Resource
from engine.steps import Delete, RemovePending, Same, Step
from engine.targets import Targets


def refuse_hooks(run: Run) -> bool:
    """Tell of the hooks that a destroy cannot run without the program; whether there are any."""
    found = False
    for resource in run.base.resources:
        hooks = [
            name
            for kind in ("before_delete", "after_delete")
            for name in resource.resource_hooks.get(HOOK_KINDS[kind], ())
        ]
        if hooks:
            found = True
            text = f"Resource has delete hooks registered, but the program is not running. Hooks: {', '.join(hooks)}"
            run.events.say("error", text, resource.urn)
    return found


async def perform(run: Run, generator: Generator, executor: Executor) -> None:
    """Delete every resource of the old state that nothing has asked for."""
    if not run.base.resources:
        return
    await executor.idle()
    sames, deletes = await _generate(run, generator)
    if sames:
        task = await executor.chain(list(sames))
        if task is not None:
            await task
    graph = _graph(run, generator)
    doomed: set[int] = set()
    seen: set[int] = set()
    for layer in _layers(graph, deletes):
        for step in executor.failed:
            if id(step) not in seen:
                seen.add(id(step))
                for resource in (step.subject, step.old):
                    if resource is not None and resource in graph:
                        doomed |= graph.transitive(resource)
        if executor.stopped.is_set():
            return
        await executor.together(step for step in layer if id(step.subject) not in doomed)


def _graph(run: Run, generator: Generator) -> Graph:
    """What depends on what: the program's resources that go as well, and the state's."""
    graph = Graph([*generator.modes.to_delete, *run.base.resources])
    for old in run.base.resources:
        state = generator.modes.current(old)
        if state is not old:
            graph.alias(state, old)
    return graph


async def _generate(run: Run, generator: Generator) -> tuple[list[Step], list[Step]]:
    targets = Targets(run.options.targets)
    allowed = await _allowed(run, generator, targets) if targets else None
    kept = _kept(run, generator) if generator.excludes and not targets else None
    deletes: list[Step] = []
    sames: list[Step] = []

    def free(resource: Resource) -> bool:
        if allowed is not None:
            return resource.urn in allowed
        return kept is None or resource.urn not in kept

    for resource in run.base.resources:
        if resource.view_of:
            continue
        if not free(resource):
            if not generator.operated_on(resource.urn):
                new = resource.copy()
                new.id = ""
                sames.append(Same(run, None, resource, new, untargeted=True))
            continue
        resource = generator.modes.current(resource)
        if resource.delete:
            if id(resource) in generator.pending_deletes:
                continue
            generator.deletes.add(resource.urn)
            deletes.append(Delete(run, resource, generator.deletes, replacing=True))
        elif not generator.operated_on(resource.urn):
            generator.deletes.add(resource.urn)
            if resource.pending_replacement:
                deletes.append(RemovePending(run, resource))
            else:
                deletes.append(Delete(run, resource, generator.deletes))
        if resource.urn in generator.deletes:
            await run.registry.ensure(resource.provider, run.olds)
    for resource in generator.modes.to_delete:
        if free(resource):
            generator.deletes.add(resource.urn)
            deletes.append(Delete(run, resource, generator.deletes))
    _refuse_untargeted(run, generator, targets, deletes)
    return sames, deletes


def _refuse_untargeted(run: Run, generator: Generator, targets: Targets, deletes: list[Step]) -> None:
    if not targets or run.options.target_dependents:
        return
    refused = [step.urn for step in deletes if step.urn not in targets]
    for urn in refused:
        generator.saw_error = True
        run.events.say(
            "error",
            f"Resource '{urn}' will be destroyed but was not specified in --target list.\n"
            "Either include resource in --target list or pass --target-dependents to proceed.",
            urn,
        )
    if refused and not run.preview:
        raise Bail("delete untargeted resource")


async def _allowed(run: Run, generator: Generator, targets: Targets) -> set[str]:
    """The targets, all that depends on them, and all that would have to be replaced with them."""
    graph = _graph(run, generator)
    found: set[str] = set()
    todo = [r for r in run.base.resources if r.urn in targets]
    while todo:
        one = todo.pop(0)
        if one.urn in found:
            continue
        found.add(one.urn)
        todo += graph.dependents(one, found.__contains__, children=True)
    allowed = set(found)
    for urn in found:
        for state in run.all_olds.get(urn, []):
            allowed.add(urn)
            if state in generator.dependents.graph:
                allowed |= {d.urn for d, _ in await generator.dependents.replacements(state)}
            allowed |= {d.urn for d, _ in generator.dependents.cascading(urn)}
    return allowed


def _kept(run: Run, generator: Generator) -> set[str]:
    """What is excluded, and all that it needs."""
    graph = _graph(run, generator)
    kept: set[str] = set()
    todo = [r for r in run.base.resources if r.urn in generator.excludes]
    while todo:
        one = todo.pop(0)
        if one.urn in kept:
            continue
        kept.add(one.urn)
        todo += graph.dependencies(one)
        if run.options.exclude_dependents:
            todo += graph.dependents(one, kept.__contains__, children=True)
    return kept


def _layers(graph: Graph, steps: list[Step]) -> list[list[Step]]:
    """Layers of deletes, so that everything goes before what it needs."""
    condemned = {id(step.subject): step for step in steps}
    layers: list[list[Step]] = []
    while condemned:
        layer = [
            step
            for step in condemned.values()
            if not any(id(needed) in condemned for needed in graph.dependencies(step.subject))
        ]
        if not layer:
            layers.append(list(condemned.values()))  # a circle in a damaged state: all at once
            break
        for step in layer:
            del condemned[id(step.subject)]
        layers.append(layer)
    return layers[::-1]
