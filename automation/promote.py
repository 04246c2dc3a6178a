"""`modelport promote`: the very image that one stack has verified and serves, in another one.

It is an ordinary `up` of the other stack, whose image is given in the place of a recipe. What was measured of it is
held to that stack's own gate before anything happens, and again whenever that stack is brought up.
"""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from automation.exits import Exit, Failure
from automation.lifecycle import Request, run
from automation.projects import Target, has_spec, select, stack_files, unknown_stack
from automation.served import Served, promoted, served

if TYPE_CHECKING:
    from model_build.identity import Identity
    from model_build.promoting import Promoted
    from stacks.spec import StackSpec

RECORD = "MODELPORT_PROMOTION"
"""What the program reads: the record of what is promoted, for this one run; `none` undoes what the state has."""
_DATA = ("evaluation", "evaluate labels")
_AROUND = ("package", "python")
"""Parts of an identity that say with what data was read, not what it is."""


def promote(request: Request, source: str, ask: Callable[[str], bool]) -> Exit:
    """Bring the stack of `request` up with the image that the stack `source` serves."""
    target, spec = _wanted(request)
    if source == target.stack:
        raise Failure(Exit.BAD_INPUT, f"--from and --to are both {source}, expected two stacks; name another")
    known = stack_files(target.root)
    if source not in known and not _there(target.root, source):
        raise Failure(Exit.BAD_INPUT, unknown_stack(source, known))
    found = served(Target(target.root, source), request.engine, spec.model.name)
    record = _held(found, spec, target)
    told = f"{record.model} {record.version}: {record.digest[:19]}, which {source} serves"
    if not request.as_json:
        kept = f"{record.metric} {record.metrics[record.metric]:.4g} holds the gate of {target.file.name}"
        print(f"{told}, {record.chosen}: {kept}", flush=True)
    # The address that is copied from is as secret as it is there.
    with _said(f"secret:{record.canonical()}" if found.secret else record.canonical()):
        code = run("up", request, ask)
    if code is Exit.DONE and not request.as_json and not request.options.preview_only:
        print(
            f"\n{told}, is pinned in the state of {target.stack}: every later up keeps it, until another is promoted "
            f"or\nmodelport promote --undo --to {target.stack} builds what {target.file.name} says"
        )
    return code


def undo(request: Request, ask: Callable[[str], bool]) -> Exit:
    """Bring the stack of `request` up with what its own recipe builds."""
    target, _ = _wanted(request)
    if not promoted(target, request.engine):
        raise Failure(
            Exit.BAD_INPUT,
            f"stack {target.stack} has nothing that was promoted, expected something to undo; modelport up -s "
            f"{target.stack} builds what {target.file.name} says",
        )
    with _said("none"):
        return run("up", request, ask)


def _wanted(request: Request) -> "tuple[Target, StackSpec]":
    """The stack that is promoted to, and what its file says."""
    target = select(request.cwd, request.stack)
    if not has_spec(target.root):
        raise Failure(
            Exit.BAD_INPUT,
            f"{target.root} has no stacks/spec.py, expected a project of Modelport's own stacks; in a program of your "
            "own give the ModelImage `promoted`",
        )
    from stacks.spec import SpecError, StackSpec

    try:
        return target, StackSpec.from_file(target.file)
    except SpecError as error:
        raise Failure(Exit.BAD_INPUT, *error.lines) from None


def _there(root: Path, stack: str) -> bool:
    from engine.api import Engine
    from engine.errors import EngineError

    try:
        return Engine(root, stack).exists()
    except EngineError:
        return False


def _held(found: Served, spec: "StackSpec", target: Target) -> "Promoted":
    """The record of what is promoted. Raises Failure where the target's gate, model or data are others."""
    from model_build import folders, promoted_report, promoting
    from model_build.errors import GateMissed, InputError, ModelBuildError

    outputs, recipe = found.image, found.recipe
    held = outputs.get(promoting.PROMOTED)
    try:
        if held:  # promoted there too: what was measured was measured where it comes from
            before = promoting.Promoted.parse(str(held))
            of_recipe = {key: getattr(before, key) for key in promoting.of_recipe({})}
            parts = before.parts
        else:
            of_recipe = promoting.of_recipe(recipe)
            parts = dict(outputs.get("parts") or {})
        record = promoting.Promoted(
            stack=found.stack,
            digest=found.digest,
            source=found.reference,
            identity=str(outputs["identity"]),
            model=str(outputs["model"]),
            chosen=str(outputs["chosen"]),
            metrics=dict(outputs.get("metrics") or {}),
            parts=parts,
            **of_recipe,
            here=spec.target == "local",
            index=str(outputs.get("index") or "").rpartition("@")[2],
        )
        _alike(record, spec, target)
        promoted_report.of(record, folders.images())
        promoting.held(spec.model.canonical(), record)
        _same_data(record, spec, target)
    except GateMissed as error:
        raise Failure(
            Exit.GATE_MISSED,
            f"{target.file.name}: {error.args[0]}, expected what its own gate asks for; promote a better model",
        ) from None
    except InputError as error:
        raise Failure(Exit.BAD_INPUT, f"{target.file.name}: {error}") from None
    except ModelBuildError as error:
        raise Failure(Exit.FAILED, str(error)) from None
    return record


def _alike(record: "Promoted", spec: "StackSpec", target: Target) -> None:
    """Refuse an image that would not be what the target's file says it serves."""
    if record.version != spec.model.version:
        raise Failure(
            Exit.BAD_INPUT,
            f"{target.file.name}: model.version is {spec.model.version}, and {record.stack} serves {record.version}, "
            f'expected the same; write version: "{record.version}"',
        )
    if record.manifest != spec.model.manifest:
        raise Failure(
            Exit.BAD_INPUT,
            f"{target.file.name}: the target {spec.target} takes an image in the words of {spec.model.manifest}, and "
            f"that of {record.stack} is in those of {record.manifest}, expected the same; write model.manifest: "
            f"{spec.model.manifest} in Pulumi.{record.stack}.yaml, and bring that up",
        )


def _same_data(record: "Promoted", spec: "StackSpec", target: Target) -> None:
    """Refuse figures of other data than the target's gate is about."""
    from model_build.identity import Identity, identify
    from model_build.sources import Finder
    from model_build.sources.remote import shown

    mine = _of_data(identify(spec.model, target.root, Finder(target.root, fetch=False)))
    theirs = _of_data(Identity("", dict(record.parts)))
    if mine != theirs:
        raise Failure(
            Exit.GATE_MISSED,
            f"{target.file.name}: evaluate.data is {shown(spec.model.evaluate.data)}, which is not, or no longer, what "
            f"{record.stack} was measured on, expected the same data; run modelport up -s {record.stack} with it, or "
            "promote from the revision that was brought up",
        )


def _of_data(identity: "Identity") -> dict[str, str]:
    return {key: value for key, value in identity.of(*_DATA).items() if key.split(".")[1] not in _AROUND}


@contextmanager
def _said(word: str) -> Generator[None]:
    before = os.environ.get(RECORD)
    os.environ[RECORD] = word
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(RECORD, None)
        else:
            os.environ[RECORD] = before
