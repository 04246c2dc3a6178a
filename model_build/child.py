"""Runs `python -m model_build build` beside the plugin process, which must go on answering while a model is trained.

The child has a session of its own and reads a pipe from this process: however the plugin ends, the child and all that
it started end too, and a build that is ended leaves nothing half-made.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import model_build
from model_build.errors import ModelBuildError, line, parse

AT_ONCE = 3
"""Builds that one plugin process runs at a time; each of them may use all cores."""

_turns = threading.BoundedSemaphore(AT_ONCE)


class BuildFailed(Exception):
    """Its text ends with the build's own last line, `modelport: KIND: MESSAGE`, and so does what an engine prints."""

    def __init__(self, text: str) -> None:
        super().__init__(f"\n{text}")


def build(
    recipe: str, destination: str | None, project: Path, signed_by: str | None = None, modelcar: bool = False
) -> dict[str, Any]:
    """Build and push; the result is what `pipeline.Built` holds. Progress goes to stderr. Raises BuildFailed."""
    command = [sys.executable, "-m", "model_build", "build", recipe, "--project", str(project), "--with-parent"]
    if destination:
        command += ["--push", destination]
    if signed_by:
        command += ["--signed-by", signed_by]
    if modelcar:
        command += ["--modelcar"]
    home = str(Path(model_build.__file__).resolve().parent.parent)
    path = os.pathsep.join(p for p in (os.environ.get("PYTHONPATH"), home) if p)
    with room_for_others(), _turns:
        return _run(command, {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}, project)


def _run(command: list[str], environment: dict[str, str], project: Path) -> dict[str, Any]:
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=project,
        env=environment,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        try:
            said: list[str] = []
            for text in child.stderr:
                said.append(text.rstrip())
                if parse(text) is None:
                    print(text.rstrip(), file=sys.stderr, flush=True)
            answer = child.stdout.read()
            code = child.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            raise
    if code == 0:
        return dict(json.loads(answer.strip().splitlines()[-1]))
    found = next((text for text in reversed(said) if parse(text)), None)
    if found is None:
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        last = next((text for text in reversed(said) if text), "it said nothing")
        found = line(ModelBuildError(f"the build {ended}: {last}; run it by itself: python -m model_build build"))
    raise BuildFailed(found)


@contextlib.contextmanager
def room_for_others() -> Generator[None]:
    """Give the plugin's pool of four threads one more for as long as a build keeps one waiting.

    gRPC's dynamic provider host has no other way to be told; where its insides differ, others just wait for a build.
    """
    # A pool's threads are started with a weak reference to it as their first argument.
    arguments: Any = getattr(threading.current_thread(), "_args", None)
    pool: Any = arguments[0]() if arguments and callable(arguments[0]) else None
    if not isinstance(getattr(pool, "_max_workers", None), int):
        yield
        return
    with pool._shutdown_lock:  # under which it counts its threads
        pool._max_workers += 1
        # A call that came when all threads were busy has had none started for it, and nobody else would now.
        if not pool._work_queue.empty():
            pool._adjust_thread_count()
    try:
        yield
    finally:
        with pool._shutdown_lock:
            pool._max_workers -= 1
