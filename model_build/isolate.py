"""Runs what others wrote (training code, pickles, evaluation code) in a process of its own.

What it prints becomes progress, what it raises becomes one line with its own last place, and a crash of it is an error
and not the end of the build. It reads from its parent a pipe that never has anything in it: when that ends, so does the
worker, however the parent went.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import model_build
from model_build.errors import DataError, InputError, ModelBuildError, SourceError

Progress = Callable[[str, str], None]
"""Given a step's name and a text."""

_KINDS: dict[str, type[ModelBuildError]] = {"source": SourceError, "data": DataError, "input": InputError}
_START = (
    "import sys; sys.path[0] = sys.argv[1]; sys.path.append(sys.argv[2]); "
    "from model_build.worker import main; main(sys.argv[3:])"
)


def run(
    operation: str,
    request: Mapping[str, Any],
    folder: Path,
    *,
    project: Path,
    step: str,
    what: str,
    progress: Progress,
) -> dict[str, Any]:
    """Run one of the worker's operations; what it writes goes into `folder`.

    what: what runs, for messages: `source examples.digits.train:pipeline`.
    Raises SourceError or DataError as the worker found it, ModelBuildError when the worker died.
    """
    answer = folder / ".answer.json"
    home = Path(model_build.__file__).resolve().parent.parent
    command = [sys.executable, "-c", _START, str(project.resolve()), str(home), operation, str(folder)]
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", "ORT_DISABLE_TELEMETRY": "1"}
    with subprocess.Popen(
        [*command, json.dumps(request)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=project,
        env=environment,
        text=True,
        errors="replace",
    ) as worker:
        try:
            assert worker.stdout is not None
            last = ""
            for line in worker.stdout:
                if text := line.rstrip():
                    last = text
                    progress(step, text)
            code = worker.wait()
        except BaseException:
            worker.kill()
            raise
    if not answer.exists():
        raise ModelBuildError(f"{what} {_ending(code)}{f', its last words: {last[:200]}' if last else ''}")
    found: dict[str, Any] = json.loads(answer.read_text("utf-8"))
    answer.unlink()
    if "kind" in found:
        raise _KINDS.get(found["kind"], ModelBuildError)(found["message"])
    return found


def _ending(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed while it ran, most likely for want of memory; use a machine with more, or a smaller model"
    if code < 0:
        return f"crashed ({signal.Signals(-code).name}); run it by itself to see where"
    return f"ended its process with exit code {code} instead of returning; do not call sys.exit or os._exit"
