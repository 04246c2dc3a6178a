"""`build`, the model's part alone, and `gc`, which clears what builds leave behind."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from automation import printers
from automation.drivers import Driver, drive
from automation.exits import Exit, Failure
from automation.lifecycle import Request
from automation.projects import Target, find_root, has_spec, select, stack_files
from automation.showing import SCHEMA
from automation.story import Progress

if TYPE_CHECKING:
    from model_build.pipeline import Built
    from model_build.recipe import Recipe

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def build(request: Request) -> Exit:
    """Build the image of the stack's recipe and say what it came to."""
    found = built(request)
    if request.as_json:
        print(json.dumps({"schema": SCHEMA, **json.loads(found.to_json())}))
        return Exit.DONE
    metrics = ", ".join(f"{name} {value:g}" for name, value in found.metrics.items())
    print(f"{found.model} {found.version}: {found.chosen} passed its gate ({metrics})")
    print(f"image: {found.layout_image}")
    print(f"report: {found.report_html}")
    return Exit.DONE


def built(request: Request, wants: str = "") -> "Built":
    """Build the image of the stack's recipe. wants: a format that it has to be written in, too."""
    target = select(request.cwd, request.stack)
    recipe = _recipe(target)
    if wants and wants not in recipe.formats:
        listed = ", ".join([*recipe.formats, wants])
        raise Failure(
            Exit.BAD_INPUT,
            f"{target.file.name}: model.formats has no {wants}, expected it; write formats: [{listed}]",
        )
    # the recipe's own modules are the project's, as they are when the program runs
    sys.path.insert(0, str(target.root))
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from model_build.errors import GateMissed, InputError, ModelBuildError
    from model_build.pipeline import build as run

    # JSON owns stdout; what happens meanwhile goes beside it
    printer = printers.Lines(sys.stderr) if request.as_json else printers.choose()
    try:
        return run(
            recipe,
            project=target.root,
            progress=lambda step, text: printer.progress(Progress(recipe.name, step, text)),
        )
    except GateMissed as error:
        raise Failure(Exit.GATE_MISSED, str(error)) from None
    except InputError as error:
        raise Failure(Exit.BAD_INPUT, str(error)) from None
    except ModelBuildError as error:
        raise Failure(Exit.FAILED, str(error)) from None


def _recipe(target: Target) -> "Recipe":
    if not has_spec(target.root):
        raise Failure(
            Exit.BAD_INPUT,
            f"{target.root} has no stacks/spec.py, expected it; for a recipe alone: python -m model_build build FILE",
        )
    from stacks.spec import SpecError, StackSpec

    try:
        return StackSpec.from_file(target.file, unsized=True).model
    except SpecError as error:
        raise Failure(Exit.BAD_INPUT, *error.lines) from None


def collect(request: Request, *, dry_run: bool, ask: Callable[[str], bool]) -> Exit:
    """Clear caches, and the images that no stack of the backend refers to."""
    from model_build import gc
    from model_build.errors import ModelBuildError

    root = find_root(request.cwd)
    if not dry_run and not request.yes:
        if request.as_json or not sys.stdin.isatty():
            raise Failure(
                Exit.BAD_INPUT, "gc asks before it clears anything and this is not a terminal; add --yes or --dry-run"
            )
        if not ask("clear build caches, and the images that no stack refers to?"):
            print("nothing was done")
            return Exit.DONE
    kept = _referred(request, root)
    try:
        cleared = gc.collect(keep=kept, dry_run=dry_run)
    except ModelBuildError as error:
        raise Failure(Exit.FAILED, str(error)) from None
    if request.as_json:
        print(json.dumps({"schema": 1, "dry_run": dry_run, "kept": sorted(kept), **cleared.to_dict()}))
        return Exit.DONE
    verb = "would clear" if dry_run else "cleared"
    for line in cleared.lines():
        print(f"  {verb} {line}")
    print(f"{verb} {cleared.bytes / 1e6:.1f} MB, kept {len(kept)} image(s) that stacks refer to")
    return Exit.DONE


def _referred(request: Request, root: Path) -> set[str]:
    """Digests of all images that an endpoint of this machine runs, or any stack of the backend names in its state.

    The images are the machine's, so one project's `gc` asks for those of the others too.
    """
    from components.local.folder import endpoints
    from engine.backend import choose, open_backend
    from engine.projects import load_project

    found = {version.image for _, record in endpoints() for version in record.all()}
    url = choose(load_project(root).backend_url)
    if not url.startswith("http"):
        backend = open_backend(url, root)
        for project in backend.projects():
            for stack in backend.stacks(project):
                for text in backend.texts(project, stack):
                    found |= set(_DIGEST.findall(text.decode("utf-8", "replace")))
        return found
    names: set[str] = set(stack_files(root)) or {"local"}
    asked: Driver = drive(Target(root, sorted(names)[0]), request.engine)
    for stack in asked.stacks():
        deployment = drive(Target(root, stack), request.engine).export(show_secrets=False)
        found |= set(_DIGEST.findall(json.dumps(deployment)))
    return found
