"""Runs what others wrote (training code, pickles, evaluation code) in a process of its own.

A function that the recipe names is the project's own code and has what the project has. A file that may run code when
it is loaded is somebody's: it is looked at before (`pickles`) and loaded in a sandbox alone (`sandbox`).

What it prints becomes progress, what it raises becomes one line with its own last place, and a crash of it is an error
and not the end of the build. It reads from its parent a pipe that never has anything in it: when that ends, so does the
worker, however the parent went.
"""

import contextlib
import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

import model_build
from model_build import keras_files, pickles, sandbox
from model_build.code import Code, within
from model_build.errors import DataError, InputError, ModelBuildError, SourceError
from model_build.index import SIGNING

_LONGEST = 2000
"""Characters of a line that are shown."""
_MOST_LINES = 500
"""Lines of one worker that are shown."""
_LAST_WORDS = 1.0
"""Seconds that a worker's own background processes have to end after it."""

Progress = Callable[[str, str], None]
"""Given a step's name and a text."""

_OURS = {"PYTHONHASHSEED": "0", "PYTHONUNBUFFERED": "1", "ORT_DISABLE_TELEMETRY": "1"}
_CRASHED = ("xgboost", "lightgbm")
"""Formats whose files are data, and whose loaders, which are not written in Python, follow them anywhere: they are
sandboxed where there is a sandbox."""
_RAISED = re.compile(r"[A-Za-z_][\w.]*(Error|Exception)\b.*")
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
    held = _held(request, project, home)
    command = [sys.executable, "-c", _START, str(project.resolve()), str(home), operation, str(folder)]
    # A model's code is the project's own, but what it imports need not be: nothing of it is to sign images.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(SIGNING)} | _OURS
    if held is not None:
        sandbox.prepare(folder)
        environment = {**held.environment(folder), **{key: environment[key] for key in _OURS}}
        request = {**request, "sandbox": asdict(held)}
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
            code = worker.wait(held.seconds if held else None)
            # What the code left running in the background holds the pipe open too: it gets a moment, not the build.
            reader.join(_LAST_WORDS)
        except subprocess.TimeoutExpired:
            raise ModelBuildError(
                f"{what} took longer than the {held.seconds if held else 0} s that its sandbox gives it, so it was "
                f"ended; set {sandbox.SECONDS} to more if that is no surprise"
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            reader.join()
    if held is not None:
        sandbox.settle(folder)
        _whole(folder / "model.onnx")
    last = said.last
    if code == errno.ENOSPC and not answer.exists():
        raise ModelBuildError(last)
    if not answer.exists():
        raise ModelBuildError(f"{what} {_ending(code, last, 'file' in request and request.get('own') is not True)}")
    found = _read(answer, what)
    answer.unlink()
    if "kind" in found:
        raise _KINDS.get(str(found["kind"]), ModelBuildError)(str(found.get("message"))[:_LONGEST])
    return found


def _held(request: Mapping[str, Any], project: Path, home: Path) -> sandbox.Sandbox | None:
    """The sandbox for a file that may run code when it is loaded, which is looked at first; None where none is needed.

    `own` in a request: a function of the project returned what is in the file, so it is the project's as that is.
    """
    file, kind = Path(request.get("file", "")), str(request.get("format"))
    if "file" not in request or request.get("own") is True:
        return None
    label = str(request.get("label") or file.name)
    source = Path(request.get("source") or file)
    if kind in keras_files.FORMATS:
        if sandbox.missing() and not keras_files.runs_code(file, kind):
            return None
        sandbox.require(f"source {label!r}")
        names = keras_files.look(file, f"source {label!r}").names
    elif pickles.runs_code(file, kind):
        sandbox.require(f"source {label!r}")
        names = pickles.check(source, file, kind, label)
    elif kind in _CRASHED and not sandbox.missing():
        names = set[pickles.Name]()
    else:
        return None
    reads = [source, home / "model_build", *_named(names, [project, home]), *map(Path, request.get("reads", ()))]
    if "data" in request:
        reads.append(Path(request["data"]))
    return sandbox.Sandbox.given(reads, [project, home])


def _whole(made: Path) -> None:
    """What comes out of a sandbox has its weights in it: else whoever reads it next would fetch them from here."""
    if made.is_file():
        from model_build import external, graphs

        if external.check(graphs.load(made, weights=False), made.parent, repr(made.name)):
            raise SourceError("what was loaded made a model whose weights are in other files; do not use it")


def _named(names: set[pickles.Name], roots: list[Path]) -> set[Path]:
    """The files of the project that a pickle needs: its classes are the project's, and its data is not the pickle's."""
    found: set[Path] = set()
    for module in {module for module, _ in names}:
        for root in roots:
            if all(part.isidentifier() for part in module.split(".")) and (file := within(module, root)) is not None:
                found |= set(Code(module, "", file, root.resolve(), False).files())
    return {file for file in found if file.suffix == ".py"}


def _read(answer: Path, what: str) -> dict[str, Any]:
    try:
        found: Any = json.loads(answer.read_text("utf-8"))
        if isinstance(found, dict):
            return dict(cast("dict[str, Any]", found))
    except (OSError, ValueError):
        pass
    raise ModelBuildError(f"{what} left an answer that is none, expected that of the step; do not use it")


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


def _ending(code: int, last: str, is_file: bool) -> str:
    """What became of a worker that gave no answer. is_file: it had a file to load, and nobody's code to call."""
    words = f", its last words: {last[:200]}" if last else ""
    if code == -signal.SIGKILL:
        why = "was killed while it ran, most likely for want of memory; use a machine with more, or a smaller model"
    elif code < 0:
        fix = "the file is damaged, or made to do that: save it again" if is_file else "run it by itself to see where"
        why = f"crashed ({signal.Signals(-code).name}); {fix}"
    elif code == 1 and _RAISED.fullmatch(last):  # where others' code is called, what it raises is told there
        return f"failed: {last[:200]}; {'save the file again' if is_file else 'run it by itself to see where'}"
    else:
        why = f"ended its process with exit code {code} instead of returning; do not call sys.exit or os._exit"
    return why + words
