"""One operation at a time on a stack: the official CLI's lock files, with a word on who holds them."""

import contextlib
import getpass
import os
import socket
import uuid
from collections.abc import Callable, Generator, Iterable
from datetime import UTC, datetime
from pathlib import Path

from engine.backend import Backend
from engine.errors import BackendError, Holder, StackLocked


def holders(backend: Backend, project: str, stack: str) -> list[Holder]:
    """Everyone who holds the stack."""
    out: list[Holder] = []
    for key, content in backend.locks(project, stack).items():
        host, pid = str(content.get("hostname", "?")), _pid(content.get("pid"))
        out.append(
            Holder(
                file=backend.storage.lock_place(key),
                user=str(content.get("username", "?")),
                host=host,
                pid=pid,
                since=str(content.get("timestamp", "?")),
                alive=_alive(pid) if host == socket.gethostname() and pid > 0 else None,
            )
        )
    return out


def _pid(found: object) -> int:
    return found if isinstance(found, int) else 0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    # a zombie answers too, and holds nothing any more
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return True


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


@contextlib.contextmanager
def hold(
    backend: Backend, project: str, stack: str, problem: Callable[[str], None] | None = None
) -> Generator[None, None, None]:
    """Hold the stack while the block runs; raises StackLocked, before anything is touched, when someone else does.

    problem: told when the lock cannot be taken away at the end.
    """
    refuse_if_held(backend, project, stack)
    content = {
        "pid": os.getpid(),
        "username": _user(),
        "hostname": socket.gethostname(),
        "timestamp": datetime.now(UTC).astimezone().isoformat(),
    }
    mine = backend.put_lock(project, stack, str(uuid.uuid4()), content)
    try:
        # two that come at the same time both write and then both look: neither can miss the other
        others = [h for h in holders(backend, project, stack) if h.file != backend.storage.lock_place(mine)]
        if others:
            raise StackLocked(stack, others)
        yield
    finally:
        try:
            backend.storage.delete([mine])
        except BackendError as error:
            if problem is not None:
                problem(
                    f"there was a problem deleting the lock at {backend.storage.lock_place(mine)}: {error}; release "
                    f"the stack with `modelport cancel --stack {stack}`"
                )


def refuse_if_held(backend: Backend, project: str, stack: str) -> None:
    found = holders(backend, project, stack)
    if found:
        raise StackLocked(stack, found)


def cancel(backend: Backend, project: str, stack: str) -> int:
    """Release the stack whoever holds it; the number of locks taken away."""
    found = list(backend.locks(project, stack))
    backend.storage.delete(found)
    return len(found)


def release(backend: Backend, project: str, stack: str, found: Iterable[Holder]) -> None:
    """Take away these locks and no other, whoever has taken the stack since."""
    places = {each.file for each in found}
    backend.storage.delete([key for key in backend.locks(project, stack) if backend.storage.lock_place(key) in places])


def release_ended(backend: Backend, project: str, stack: str) -> int:
    """Take away the locks of this machine's processes that have ended, and no other; how many these were."""
    here = socket.gethostname()
    ended = [
        key
        for key, content in backend.locks(project, stack).items()
        if content.get("hostname") == here and (pid := _pid(content.get("pid"))) > 0 and not _alive(pid)
    ]
    backend.storage.delete(ended)
    return len(ended)
