"""A program's process that is started before there is an operation: it loads the SDK while what comes first is done.

Whoever is about to run a program calls `start`; the operation takes the process that waits, or starts one of its own.
One that nobody takes ends with this process.
"""

import contextlib
import socket
from collections.abc import Generator
from pathlib import Path

from engine import processes
from engine.providers.needs import Needs


class Links:
    """What a program's process talks to the engine by, beside gRPC: a pipe for what it needs, and a socket."""

    def __init__(self) -> None:
        self.needs = Needs()
        self.lane, self._far = socket.socketpair()
        self.theirs = self._far.fileno()

    @property
    def pipes(self) -> tuple[int, ...]:
        """What the process keeps, under the same numbers."""
        return self.needs.write, self.theirs

    def handed_over(self) -> None:
        """The process has its end of the socket."""
        self._far.close()

    def close(self) -> None:
        self.needs.close()
        self.lane.close()
        self._far.close()


class Waiting:
    """A process that loads the SDK, and then waits for its orders."""

    def __init__(self, python: str, folder: Path) -> None:
        self.what = (python, folder)
        self.links = Links()
        try:
            self.process = processes.begin(python, "program", "-", cwd=folder, pipes=self.links.pipes)
        except BaseException:
            self.links.close()
            raise
        self.links.handed_over()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.links.close()


_waiting: list[Waiting] = []


def start(python: str, folder: Path) -> None:
    """Start a program's process, and let it wait, unless one waits already.

    What keeps it from starting is told when the operation tries.
    """
    if any(each.what == (python, folder) for each in _waiting):
        return
    with contextlib.suppress(OSError):
        _waiting.append(Waiting(python, folder))


def take(python: str, folder: Path) -> Waiting | None:
    """The process that waits for a program in this folder, under this interpreter, if there is one."""
    found = next((each for each in _waiting if each.what == (python, folder)), None)
    if found is not None:
        _waiting.remove(found)
        if found.process.poll() is not None:
            found.end()
            return None
    return found


@contextlib.contextmanager
def started(python: str, folder: Path) -> Generator[None]:
    """Have one wait while what is done within may take long, such as the reading of a large state.

    It ends if that fails: a later operation may find another environment.
    """
    start(python, folder)
    try:
        yield
    except BaseException:
        if left := take(python, folder):
            left.end()
        raise


def drop() -> None:
    """End those that nobody has taken."""
    while _waiting:
        _waiting.pop().end()
