"""The journal of a state in a bucket, where nothing can be appended to: each batch of lines is an object of its own.

    .pulumi/journals/PROJECT/STACK/RUN.000001.jsonl     a run of an operation, its batches in order

A thread writes while the operation goes on; what was noted meanwhile goes into the next batch, so the cost is one
request at a time and grows with the steps, not with the state. Whoever must not go on before a step is noted awaits
`settled`. Where the store no longer answers, the lines that it has not got are kept in a file on this machine, which
the next command here finds.
"""

import asyncio
import fcntl
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from engine.backend import Backend, state_dir
from engine.errors import BackendError, DamagedState
from engine.journal import Act, Journal, after, already_folded

RETRIES: Final = (1.0, 2.0, 4.0)
"""Seconds to wait before a batch is sent again; the libraries below have tried several times by then."""


def unsent_file(backend: Backend, project: str, stack: str) -> Path:
    """Where lines are kept on this machine that the store could not take."""
    name = hashlib.sha256(backend.url.encode()).hexdigest()[:16]
    return state_dir() / "unsent" / name / project / f"{stack}.jsonl"


def folder(backend: Backend, project: str, stack: str) -> str:
    return f"{backend.journal_folder(project)}/{stack}"


class RemoteJournal(Journal):
    """Notes acts as objects in a store; made before the first act, and gone with `drop`."""

    def __init__(self, backend: Backend, project: str, stack: str, base: bytes) -> None:
        super().__init__(unsent_file(backend, project, stack), base)
        self._backend = backend
        self._folder = folder(backend, project, stack)
        self._run = f"{time.time_ns():020d}-{uuid4().hex[:8]}"
        self._keys: list[str] = []
        self._condition = threading.Condition()
        self._queue: list[bytes] = []
        self._written = 0
        self._settled = 0
        self._error = ""
        self._closing = False
        self._thread: threading.Thread | None = None
        self._waiting: list[tuple[int, Callable[[], None]]] = []

    def write(self, acts: list[Act]) -> None:
        """Hand over acts as one line; `settled` tells when the store has it. Raises BackendError once it has failed."""
        if self._thread is None:
            self._queue.append(json.dumps({"base": self._base, "run": self._run}, separators=(",", ":")).encode())
            self._thread = threading.Thread(target=self._send, name="journal", daemon=True)
            self._thread.start()
        line = json.dumps(acts, separators=(",", ":"), ensure_ascii=False).encode()
        with self._condition:
            self._queue.append(line)
            self._written += 1
            self._condition.notify_all()
        if self._error and any(act[0] == "begin" for act in acts):
            raise BackendError(self._error)

    async def settled(self) -> None:
        """Wait until the store has all that was written so far; raises BackendError when it will not have it."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(done.set)

        with self._condition:
            target = self._written
            if self._settled < target and not self._error:
                self._waiting.append((target, wake))
            else:
                done.set()
        await done.wait()
        if self._settled < target:
            raise BackendError(self._error)

    def final(self, state: bytes) -> None:
        """Note which state is about to take this journal's place, and wait until the store has the note."""
        if self._thread is None:
            return
        self.write([["final", hashlib.sha256(state).hexdigest()]])
        with self._condition:
            target = self._written
            self._condition.wait_for(lambda: self._settled >= target or bool(self._error))
        if self._settled < target:
            raise BackendError(self._error)

    def drop(self) -> None:
        """The state is written: the batches have no more use."""
        self._stop()
        with suppress(BackendError):  # the next command finds them, and sees that the state is the final one
            self._backend.storage.delete(self._keys)
        self._keys.clear()
        self._forget_unsent()

    def close(self) -> None:
        """Leave what is noted for whoever opens the stack next."""
        self._stop()

    def _stop(self) -> None:
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _forget_unsent(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
            with suppress(FileNotFoundError):
                self.file.unlink()

    # -- the thread --------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._queue or self._closing)
                if not self._queue:
                    return
                batch, self._queue = self._queue, []
                upto = self._written
            if self._error:
                self._keep(batch)
                continue
            problem = self._put(b"\n".join(batch) + b"\n", batch)
            with self._condition:
                if problem:
                    self._error = problem
                else:
                    self._settled = upto
                self._condition.notify_all()
                told = [wake for target, wake in self._waiting if problem or target <= upto]
                self._waiting = [] if problem else [each for each in self._waiting if each[0] > upto]
            for wake in told:
                with suppress(RuntimeError):  # nobody waits any more: the operation was broken off
                    wake()

    def _put(self, raw: bytes, batch: list[bytes]) -> str:
        """Write one batch; the problem, once nothing helps and the lines are kept on this machine."""
        key = f"{self._folder}/{self._run}.{len(self._keys) + 1:06d}.jsonl"
        problem = ""
        for wait in (*RETRIES, None):
            try:
                self._backend.storage.write(key, raw)
            except BackendError as error:
                problem = str(error)
                if self._handle is None:
                    problem = self._keep(batch) or problem  # before anything else: this process may die as well
                if wait is None or self._closing:
                    break
                time.sleep(wait)
                continue
            self._keys.append(key)
            self._forget_unsent()
            return ""
        kept = f"what was done since is kept in {self.file}"
        return f"{problem}; {kept}: run the command again on this machine when the store is back"

    def _keep(self, batch: list[bytes]) -> str:
        """Append lines to the file on this machine; what is wrong where that fails as well."""
        try:
            if self._handle is None:
                self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
                fcntl.flock(self._handle, fcntl.LOCK_EX)
                head = {"base": self._base, "run": self._run, "after": len(self._keys)}
                self._size = 0
                self._append(json.dumps(head, separators=(",", ":")).encode() + b"\n")
            if not self._keys:
                batch = [line for line in batch if not line.startswith(b"{")]
            self._append(b"".join(line + b"\n" for line in batch))
        except OSError as error:
            return f"{self.file}: the step cannot be noted: {error.strerror}"
        return ""


def pending(backend: Backend, project: str, stack: str) -> bool:
    """Whether a killed operation left anything, in the store or on this machine."""
    return bool(_keys(backend, project, stack)) or unsent_file(backend, project, stack).exists()


def _keys(backend: Backend, project: str, stack: str) -> list[str]:
    here = folder(backend, project, stack)
    return [f"{here}/{e.name}" for e in backend.storage.list(here) if e.name.endswith(".jsonl") and not e.folder]


def fold(backend: Backend, project: str, stack: str) -> bool:
    """Write what a killed operation did into the state; whether there was anything. The stack must be held.

    A journal of a state that has since been written by someone else is put aside under another name, and never lost.
    """
    keys = _keys(backend, project, stack)
    content, unsent = _content(backend, project, stack, keys)
    if not content:
        return False
    found = backend.read_state(project, stack)
    raw, data = found if found else (b"", None)
    place = backend.state_file(project, stack)
    try:
        written = after(content, raw, data, f"organization/{project}/{stack}")
    except DamagedState:
        if already_folded(backend, project, stack, content, raw):
            _clear(backend, keys, unsent)
            return True
        aside = _aside(backend, keys, unsent, content)
        raise DamagedState(
            f"{place}: the state was changed by another engine after an operation of this one was killed; what that "
            f"operation did is kept in {aside}. Compare it with the state, then run the command again"
        ) from None
    if written is not None:
        backend.write_state(project, stack, written)
    _clear(backend, keys, unsent)
    return written is not None


def _clear(backend: Backend, keys: list[str], unsent: Path | None) -> None:
    """Take a journal away; its head goes first, without which the rest is none."""
    backend.storage.delete(keys[:1])
    backend.storage.delete(keys[1:])
    if unsent is not None:
        unsent.unlink(missing_ok=True)


def replayed(backend: Backend, project: str, stack: str) -> bytes | None:
    """The state as a fold would write it, for a reader that must not write; None where the state is as it lies."""
    content, _ = _content(backend, project, stack, _keys(backend, project, stack))
    if not content:
        return None
    found = backend.read_state(project, stack)
    raw, data = found if found else (b"", None)
    try:
        return after(content, raw, data, f"organization/{project}/{stack}")
    except DamagedState:
        return None


def _content(backend: Backend, project: str, stack: str, keys: list[str]) -> tuple[bytes, Path | None]:
    """The last run's lines, from the store and then from this machine; and the file of this machine if it counts."""
    run = keys[-1].rpartition("/")[2].split(".", 1)[0] if keys else ""
    pieces = [backend.storage.read(key) or b"" for key in keys if key.rpartition("/")[2].startswith(run + ".")]
    file = unsent_file(backend, project, stack)
    try:
        with file.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            kept = handle.read()
    except FileNotFoundError:
        return b"".join(pieces), None
    except BlockingIOError:
        return b"".join(pieces), None  # the operation that writes it is alive
    except OSError as error:
        raise BackendError(f"{file}: what a killed operation did cannot be read: {error.strerror}") from None
    head, _, rest = kept.partition(b"\n")
    try:
        known = json.loads(head)
    except ValueError:
        return b"".join(pieces), file
    if known.get("run") == run and len(pieces) >= known.get("after", 0):
        return b"".join(pieces[: known["after"]]) + (b"" if known["after"] else head + b"\n") + rest, file
    if pieces:
        return b"".join(pieces), None
    return head + b"\n" + rest, file


def _aside(backend: Backend, keys: list[str], unsent: Path | None, content: bytes) -> str:
    if not keys and unsent is not None:
        kept = unsent.with_suffix(".orphan")
        unsent.replace(kept)
        return str(kept)
    target = keys[-1].rpartition(".jsonl")[0] + ".orphan"
    backend.storage.write(target, content)
    backend.storage.delete(keys)
    if unsent is not None:
        unsent.unlink(missing_ok=True)
    return backend.storage.place(target)
