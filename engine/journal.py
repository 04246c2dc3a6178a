"""The journal: what has happened since the state was last written, one line per step.

Writing the whole state at every step costs the square of the stack's size, so steps are appended here and folded into
the state when the operation ends. A killed operation leaves its journal; whoever opens the stack next folds it first.
Secrets in it are encrypted as in the state.

A line is a list of acts on references: `bN` is resource N of the state as it lay on disk, `nN` the Nth that came since.
    ["res", ref, {…}]     what the resource is now          ["keep", ref, old]    it is as the old one was
    ["new", ref]          it joins the state                ["done", ref]         it leaves the state
    ["begin", ref, type]  an operation on it begins         ["end", ref]          and ends
    ["base", [{…}, …]]    the state was rebuilt by a refresh
    ["final", sha256]     the state file that is about to take the journal's place
The first line is the header: {"base": sha256 of the state file, …}.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final, TypeAlias

from engine.backend import FileBackend, encode
from engine.errors import BackendError, DamagedState
from engine.state import checkpoint
from engine.values import Props, is_dict, items, part

Act: TypeAlias = list[Any]

_HEADROOM: Final = 256 * 1024
"""Room that is kept free on disk for the end of a step, so that what was made can be noted on a disk that fills up."""


class Journal:
    """Appends to one file; nothing is created before the first act."""

    def __init__(self, file: Path, base: bytes) -> None:
        self.file = file
        self._base = hashlib.sha256(base).hexdigest()
        self._handle: int | None = None
        self._size = 0
        self._reserved = 0

    def write(self, acts: list[Act]) -> None:
        """Append acts as one line: either all of them are noted, or none.

        Raises BackendError when the disk takes no more.
        """
        line = json.dumps(acts, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        try:
            if self._handle is None:
                self._open()
            if any(act[0] == "begin" for act in acts):
                self._reserve(len(line) * 4 + _HEADROOM)
            self._append(line)
        except OSError as error:
            raise BackendError(
                f"{self.file}: the step cannot be noted: {error.strerror}; make room, and run the command again"
            ) from None

    def _open(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if self.file.exists() and self.file.stat().st_ino == os.fstat(handle).st_ino:
                break
            os.close(handle)  # someone folded and removed it in between
        os.ftruncate(handle, 0)
        self._handle = handle
        header = {"base": self._base, "pid": os.getpid()}
        self._append(json.dumps(header, separators=(",", ":")).encode() + b"\n")

    def _append(self, line: bytes) -> None:
        assert self._handle is not None
        done = 0
        while done < len(line):
            done += os.pwrite(self._handle, line[done:], self._size + done)
        self._size += len(line)

    def _reserve(self, room: int) -> None:
        if self._size + room <= self._reserved or self._handle is None:
            return
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._handle, self._size, room)
        self._reserved = self._size + room

    def final(self, state: bytes) -> None:
        """Note which state file is about to take this journal's place."""
        if self._handle is not None:
            self.write([["final", hashlib.sha256(state).hexdigest()]])

    def drop(self) -> None:
        """The state is written: the journal has no more use."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
            with contextlib.suppress(FileNotFoundError):
                self.file.unlink()

    def close(self) -> None:
        """Let go of the file and leave it for whoever opens the stack next."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def fold(backend: FileBackend, project: str, stack: str) -> bool:
    """Write what a killed operation did into the state; whether there was anything.

    A journal of a state that has since been written by someone else is put aside under another name, and never lost.
    """
    file = backend.journal_file(project, stack)
    try:
        with file.open("rb") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False  # the operation that writes it is alive
            return _fold(backend, project, stack, file, handle.read())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise BackendError(f"{file}: the journal of a killed operation cannot be read: {error.strerror}") from None


def _fold(backend: FileBackend, project: str, stack: str, file: Path, content: bytes) -> bool:
    lines = content.split(b"\n")
    entries = list(_entries(lines[:-1]))
    found = backend.read_state(project, stack)
    raw, data = found if found else (b"", _empty(project, stack))
    if not entries or not is_dict(entries[0]):
        file.unlink()
        return False
    here = hashlib.sha256(raw).hexdigest()
    acts = [act for entry in entries[1:] for act in entry]
    if acts and acts[-1][0] == "final" and acts[-1][1] == here:
        file.unlink()
        return False
    if entries[0].get("base") != here:
        aside = file.with_name(f"{file.stem}.{here[:12]}.orphan")
        file.rename(aside)
        raise DamagedState(
            f"{backend.state_file(project, stack)}: the state was changed by another engine after an operation of this "
            f"one was killed; what that operation did is kept in {aside}. Compare it with the state, then run the "
            "command again"
        )
    latest = part(data["checkpoint"], "latest")
    resources, pending = replay(acts, items(latest, "resources"), items(latest, "pending_operations"))
    after = checkpoint(data["checkpoint"]["stack"], with_resources(latest, resources, pending))
    backend.write_state(project, stack, encode(after))
    file.unlink()
    return True


def _entries(lines: list[bytes]) -> list[Any]:
    out: list[Any] = []
    for line in lines:
        try:
            out.append(json.loads(line))
        except ValueError:
            break  # the room kept free at the end, or the line at which the process was killed
    return out


def _empty(project: str, stack: str) -> Props:
    return {"version": 3, "checkpoint": {"stack": f"organization/{project}/{stack}", "latest": None}}


def replay(acts: list[Act], base: list[Props], pending: list[Props]) -> tuple[list[Props], list[Props]]:
    """The resources and the pending operations after the acts."""
    known: dict[str, Props] = {f"b{n}": resource for n, resource in enumerate(base)}
    order = list(known)
    news: list[str] = []
    gone: set[str] = set()
    running: dict[str, str] = {}
    for act in acts:
        kind, ref = act[0], act[1]
        if kind == "res":
            known[ref] = act[2]
        elif kind == "keep":
            known[ref] = known[act[2]]
        elif kind == "new":
            news.append(ref)
        elif kind == "done":
            gone.add(ref)
        elif kind == "begin":
            running[ref] = act[2]
        elif kind == "end":
            running.pop(ref, None)
        elif kind == "base":
            known.update({f"b{n}": resource for n, resource in enumerate(act[1])})
            order = [f"b{n}" for n in range(len(act[1]))]
    resources = [known[ref] for ref in [*news, *order] if ref not in gone]
    operations = [{"resource": known[ref], "type": type_} for ref, type_ in running.items()]
    operations += [op for op in pending if op.get("type") == "creating"]
    return normalise(resources), operations


def normalise(resources: list[Props]) -> list[Props]:
    """Make every reference by an old name one by the present name; the old names have then no more use."""
    renamed = {alias: resource["urn"] for resource in resources for alias in resource.get("aliases", ())}
    out: list[Props] = []
    for resource in resources:
        one = {key: value for key, value in resource.items() if key != "aliases"}
        if renamed:
            _rename(one, renamed)
        out.append(one)
    return out


def _rename(resource: Props, renamed: dict[str, str]) -> None:
    def fix(urn: str) -> str:
        return renamed.get(urn, urn)

    for key in ("parent", "deletedWith"):
        if key in resource:
            resource[key] = fix(resource[key])
    for key in ("dependencies", "replaceWith"):
        if key in resource:
            resource[key] = [fix(urn) for urn in resource[key]]
    if "propertyDependencies" in resource:
        resource["propertyDependencies"] = {k: [fix(u) for u in v] for k, v in resource["propertyDependencies"].items()}
    if "provider" in resource:
        urn, _, id_ = resource["provider"].rpartition("::")
        resource["provider"] = f"{fix(urn)}::{id_}"


def with_resources(latest: Props, resources: list[Props], pending: list[Props]) -> Props:
    """The deployment with other resources and operations, its keys in the order in which they are written."""
    out: Props = {}
    for key in ("manifest", "secrets_providers"):
        if key in latest:
            out[key] = latest[key]
    if resources:
        out["resources"] = resources
    if pending:
        out["pending_operations"] = pending
    out["metadata"] = part(latest, "metadata")
    known = {"manifest", "secrets_providers", "resources", "pending_operations", "metadata"}
    return {**out, **{key: value for key, value in latest.items() if key not in known}}
