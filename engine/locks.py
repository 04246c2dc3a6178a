"""One operation at a time on a stack: the official CLI's lock files, with a word on who holds them."""

import contextlib
import getpass
import os
import socket
import uuid
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

from engine.backend import FileBackend
from engine.errors import Holder, StackLocked


def holders(backend: FileBackend, project: str, stack: str) -> list[Holder]:
    """Everyone who holds the stack."""
    out: list[Holder] = []
    for file, content in backend.locks(project, stack).items():
        host, pid = str(content.get("hostname", "?")), int(content.get("pid") or 0)
        out.append(
            Holder(
                file=f"file://{file}?no_tmp_dir=true",
                user=str(content.get("username", "?")),
                host=host,
                pid=pid,
                since=str(content.get("timestamp", "?")),
                alive=_alive(pid) if host == socket.gethostname() and pid > 0 else None,
            )
        )
    return out


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
def hold(backend: FileBackend, project: str, stack: str) -> Generator[None, None, None]:
    """Hold the stack while the block runs; raises StackLocked, before anything is touched, when someone else does."""
    refuse_if_held(backend, project, stack)
    content = {
        "pid": os.getpid(),
        "username": _user(),
        "hostname": socket.gethostname(),
        "timestamp": datetime.now(UTC).astimezone().isoformat(),
    }
    mine = backend.put_lock(project, stack, str(uuid.uuid4()), content)
    try:
        others = [h for h in holders(backend, project, stack) if mine.name not in h.file]
        if others:
            raise StackLocked(stack, others)
        yield
    finally:
        release(backend, mine)


def refuse_if_held(backend: FileBackend, project: str, stack: str) -> None:
    found = holders(backend, project, stack)
    if found:
        raise StackLocked(stack, found)


def release(backend: FileBackend, file: Path) -> None:
    backend.delete(file)


def cancel(backend: FileBackend, project: str, stack: str) -> int:
    """Release the stack whoever holds it; the number of locks taken away."""
    found = list(backend.locks(project, stack))
    for file in found:
        release(backend, file)
    return len(found)
