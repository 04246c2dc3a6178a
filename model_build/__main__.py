"""`python -m model_build STEP RECIPE`: run a build as far as a step, with every step before it.

Progress goes to stderr as `modelport: NAME: STEP: TEXT`, the result is one JSON object on the last line of stdout.
Exit codes: 0 done, 1 something failed, 2 what was handed in cannot be used, 3 the model missed its gate.
"""

import argparse
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from model_build import cache, errors

STEPS = ("fetch", "convert", "optimize", "verify", "bake", "push", "build")


def main(arguments: list[str] | None = None) -> int:
    asked = _arguments(arguments)
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    if asked.with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        with cache.in_use():
            result = _run(asked)
    except errors.ModelBuildError as error:
        print(errors.line(error), file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    print(json.dumps(result, sort_keys=True))
    return 0


def _run(asked: argparse.Namespace) -> dict[str, Any]:
    from model_build.recipe import Recipe

    text: str = asked.recipe
    recipe = Recipe.parse(text) if text.lstrip().startswith("{") else Recipe.load(Path(text))
    project: Path = asked.project.absolute()

    def progress(step: str, said: str) -> None:
        print(f"modelport: {recipe.name}: {step}: {said}", file=sys.stderr, flush=True)

    if asked.step in ("bake", "push", "build"):
        if asked.step == "push" and not asked.push:
            raise errors.InputError("push has no destination, expected --push host/repository[:tag]; add it")
        from model_build.pipeline import build

        destination = None if asked.step == "bake" else asked.push
        built = build(
            recipe,
            project=project,
            layout=asked.layout,
            push=destination,
            signed_by=asked.signed_by,
            modelcar=asked.modelcar,
            progress=progress,
        )
        return dict(json.loads(built.to_json()))
    return _steps(asked.step, recipe, project, progress)


def _steps(step: str, recipe: Any, project: Path, progress: Any) -> dict[str, Any]:
    from model_build.batch import opened
    from model_build.convert import convert
    from model_build.fetch import fetch
    from model_build.optimize import optimize
    from model_build.work import Work

    work = Work.on(recipe, project, progress)
    if step == "fetch":
        fetched = fetch(work)
        return {"file": str(fetched.file), "format": fetched.format, "key": fetched.key}
    if step == "verify":
        from model_build.pipeline import candidate

        converted, verified = candidate(work)
        measured = {r.name: r.measured.metric for r in verified.results if r.measured}
        return {"chosen": verified.chosen, "baseline": verified.baseline, recipe.evaluate.metric: measured}
    converted = convert(work)
    if step == "convert":
        return {"model": str(converted.model), "digest": f"sha256:{converted.digest}", "framework": converted.framework}
    made = optimize(work, opened(work, converted))
    return {c.name: {"model": str(c.model)} if c.model else {"why": c.why} for c in made}


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m model_build", description="Build a model's image, or run the build as far as a step."
    )
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("recipe", help="a YAML or JSON file (a recipe or a stack file), or the JSON itself")
    parser.add_argument(
        "--project", type=Path, default=Path(), help="what paths and modules are relative to (default: .)"
    )
    parser.add_argument("--push", metavar="HOST/REPOSITORY[:TAG]", help="push the image there")
    parser.add_argument("--signed-by", metavar="PEM", help="public key that the image is to be signed by")
    parser.add_argument("--modelcar", action="store_true", help="make an image of the model's files alone, too")
    parser.add_argument("--layout", type=Path, help="OCI layout to bake into (default: the machine's)")
    parser.add_argument("--json", action="store_true", help="accepted for scripts; the result is always JSON")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input does")
    return parser.parse_args(arguments)


def _end_with_parent() -> None:
    """Take the whole process group along: what starts this with the flag gives it a session of its own."""
    import signal

    while os.read(0, 1 << 10):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
