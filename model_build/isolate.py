"""Runs what others wrote (training code, pickles, evaluation code) in a process of its own.

What it prints becomes progress, what it raises becomes one line with its own last place, and a crash of it is an error
and not the end of the build. It reads from its parent a pipe that never has anything in it: when that ends, so does the
worker, however the parent went.
"""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import model_build
from model_build.errors import DataError, InputError, ModelBuildError, SourceError

_LONGEST = 2000
"""Characters of a line that are shown."""
_MOST_LINES = 500
"""Lines of one worker that are shown."""
_LAST_WORDS = 1.0
"""Seconds that a worker's own background processes have to end after it."""

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
        process_group=0,
    ) as worker:
        said = _Words(progress, step)
        reader = threading.Thread(target=said.read, args=(worker.stdout,), daemon=True)
        reader.start()
        try:
            code = worker.wait()
            # What the code left running in the background holds the pipe open too: it gets a moment, not the build.
            reader.join(_LAST_WORDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            reader.join()
    last = said.last
    if code == errno.ENOSPC and not answer.exists():
        raise ModelBuildError(last)
    if not answer.exists():
        raise ModelBuildError(f"{what} {_ending(code)}{f', its last words: {last[:200]}' if last else ''}")
    found: dict[str, Any] = json.loads(answer.read_text("utf-8"))
    answer.unlink()
    if "kind" in found:
        raise _KINDS.get(found["kind"], ModelBuildError)(found["message"])
    return found


class _Words:
    """Hands on what a worker prints, a line at a time and no more of it than a person would read."""

    def __init__(self, progress: Progress, step: str) -> None:
        self.last = ""
        self._progress = progress
        self._step = step
        self._lines = 0

    def read(self, stream: IO[str]) -> None:
        # readline with a limit: a line of megabytes arrives in pieces instead of filling the memory.
        starts = True
        while piece := stream.readline(_LONGEST):
            text = piece.rstrip()
            if starts and text:
                self.last = text
                self._say(text)
            starts = piece.endswith("\n")

    def _say(self, text: str) -> None:
        self._lines += 1
        if self._lines <= _MOST_LINES:
            self._progress(self._step, text)
        elif self._lines == _MOST_LINES + 1:
            self._progress(self._step, f"prints more than {_MOST_LINES} lines, the rest is left out")


def _ending(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed while it ran, most likely for want of memory; use a machine with more, or a smaller model"
    if code < 0:
        return f"crashed ({signal.Signals(-code).name}); run it by itself to see where"
    return f"ended its process with exit code {code} instead of returning; do not call sys.exit or os._exit"
