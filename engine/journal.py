"""The journal: what has happened since the state was last written, one line per step.

Writing the whole state at every step costs the square of the stack's size, so steps are appended here and folded into
the state when the operation ends. A killed operation leaves its journal; whoever opens the stack next folds it first.
Secrets in it are encrypted as in the state.

A line is a list of acts on references: `bN` is resource N of the state as it lay on disk, `nN` the Nth that came since.
    ["res", ref, {…}]     what the resource is now          ["keep", ref, old]    it is as the old one was
    ["new", ref]          it joins the state                ["done", ref]         it leaves the state
    ["begin", ref, type]  an operation on it begins         ["end", ref]          and ends
    ["base", [{…}, …]]    the state was rebuilt by a refresh
    ["mend", ""]          what is gone is referred to by nothing any more, in the end
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

from engine.backend import ORGANIZATION, Backend, encode
from engine.errors import BackendError, DamagedState
from engine.state import checkpoint
from engine.storage.packing import unpack
from engine.values import Props, is_dict, items, part

Act: TypeAlias = list[Any]

_HEADROOM: Final = 256 * 1024
"""Room that is kept free on disk for the end of a step, so that what was made can be noted on a disk that fills up."""


class DamagedJournal(DamagedState):
    """A journal that nobody can have written so, killed or not."""


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

    async def settled(self) -> None:
        """Wait until all that was written so far would outlast this process; a file does so at once."""

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


def fold(backend: Backend, project: str, stack: str) -> bool:
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


def _fold(backend: Backend, project: str, stack: str, file: Path, content: bytes) -> bool:
    found = backend.read_state(project, stack)
    raw, data = found if found else (b"", None)
    aside = file.with_name(f"{file.stem}.{hashlib.sha256(raw).hexdigest()[:12]}.orphan")
    try:
        written = after(content, raw, data, f"{ORGANIZATION}/{project}/{stack}")
    except DamagedJournal as error:
        file.rename(aside)
        raise DamagedState(
            f"{file}: the journal of a killed operation is damaged ({error}), and none of it was made part of the "
            f"state; it is kept in {aside}. Compare it with the state, then run the command again"
        ) from None
    except DamagedState:
        if already_folded(backend, project, stack, content, raw):
            file.unlink()
            return True
        file.rename(aside)
        raise DamagedState(
            f"{backend.state_file(project, stack)}: the state was changed by another engine after an operation of this "
            f"one was killed; what that operation did is kept in {aside}. Compare it with the state, then run the "
            "command again"
        ) from None
    if written is not None:
        backend.write_state(project, stack, written)
    file.unlink()
    return written is not None


def replayed(backend: Backend, project: str, stack: str) -> tuple[bytes, int] | None:
    """What the state would be if the operation that runs now ended here, and its process; None where none runs."""
    file = backend.journal_file(project, stack)
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BackendError(f"{file}: cannot be read: {error.strerror}") from None
    found = backend.read_state(project, stack)
    raw, data = found if found else (b"", None)
    try:
        written = after(content, raw, data, f"{ORGANIZATION}/{project}/{stack}")
        header = json.loads(content.split(b"\n", 1)[0])
    except (ValueError, DamagedState):
        return None  # it has only begun, or ended in between
    return None if written is None else (written, header.get("pid", 0))


def already_folded(backend: Backend, project: str, stack: str, content: bytes, raw: bytes) -> bool:
    """Whether the state, `raw`, is what this journal made of the one before it: by a fold that was killed."""
    key = f"{backend.state_key(project, stack)}.bak"
    packed = backend.storage.read(key)
    if packed is None:
        return False
    try:
        before = unpack(packed, backend.storage.place(key))
        return after(content, before, json.loads(before), f"{ORGANIZATION}/{project}/{stack}") == raw
    except (ValueError, DamagedState):
        return False


def after(content: bytes, raw: bytes, data: Props | None, full_name: str) -> bytes | None:
    """The state file that a journal makes of the one at hand; None where there is nothing to do.

    raw, data: the state file and the checkpoint in it, empty and None where there is none. Raises DamagedState when the
    journal began on another state, DamagedJournal when it makes no sense.
    """
    entries = _entries(content.split(b"\n")[:-1])
    if not entries or not is_dict(entries[0]):
        return None
    here = hashlib.sha256(raw).hexdigest()
    acts = [act for entry in entries[1:] for act in entry]
    if acts and acts[-1][0] == "final" and acts[-1][1] == here:
        return None
    if entries[0].get("base") != here:
        raise DamagedState("the journal began on another state")
    head = part(data or {}, "checkpoint")
    latest = part(head, "latest")
    try:
        resources, pending = replay(acts, items(latest, "resources"), items(latest, "pending_operations"))
    except (IndexError, KeyError, TypeError):
        raise DamagedJournal("it speaks of resources that are not there") from None
    return encode(checkpoint(head.get("stack") or full_name, with_resources(latest, resources, pending)))


def _entries(lines: list[bytes]) -> list[Any]:
    """What the lines say. One that was cut off by a kill has no end, nor has the room kept free: here all are whole."""
    out: list[Any] = []
    for number, line in enumerate(lines, 1):
        try:
            out.append(json.loads(line))
        except ValueError:
            raise DamagedJournal(f"line {number} makes no sense") from None
    return out


def replay(acts: list[Act], base: list[Props], pending: list[Props]) -> tuple[list[Props], list[Props]]:
    """The resources and the pending operations after the acts."""
    known: dict[str, Props] = {f"b{n}": resource for n, resource in enumerate(base)}
    order = list(known)
    news: list[str] = []
    gone: set[str] = set()
    running: dict[str, str] = {}
    mending = False
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
        elif kind == "mend":
            mending = True
        elif kind == "base":
            known.update({f"b{n}": resource for n, resource in enumerate(act[1])})
            order = [f"b{n}" for n in range(len(act[1]))]
    resources = [known[ref] for ref in [*news, *order] if ref not in gone]
    operations = [{"resource": known[ref], "type": type_} for ref, type_ in running.items()]
    operations += [op for op in pending if op.get("type") == "creating"]
    resources = normalise(resources)
    if mending:
        mend(resources)
    return resources, operations


def mend(resources: list[Props]) -> None:
    """Take out every reference to what is not there, after a refresh has found it gone."""
    there: set[str] = set()
    for one in resources:
        known = _mended(one, there)
        if known is not None:
            one.clear()
            one.update(known)
        there.add(str(one["urn"]))


def _mended(one: Props, there: set[str]) -> Props | None:
    """The resource without what is not there; None where it refers to nothing of the kind."""
    listed = {key: items(one, key) for key in ("dependencies", "replaceWith")}
    by_property: dict[str, list[str]] = part(one, "propertyDependencies")
    single = [key for key in ("deletedWith", "parent") if one.get(key) and one[key] not in there]
    several = [urn for urns in (*listed.values(), *by_property.values()) for urn in urns]
    if not single and all(urn in there for urn in several):
        return None
    kept = {key: [urn for urn in urns if urn in there] for key, urns in listed.items()}
    properties = {key: [urn for urn in urns if urn in there] for key, urns in by_property.items()}
    changed: Props = {**kept, "propertyDependencies": {key: urns for key, urns in properties.items() if urns}}
    return {key: changed.get(key, value) for key, value in one.items() if key not in single and changed.get(key, value)}


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
        by_property: dict[str, list[str]] = resource["propertyDependencies"]
        if any(urn in renamed for urns in by_property.values() for urn in urns):
            # properties without any go with the renaming, as in a state of the official engine
            by_property = {key: [fix(urn) for urn in urns] for key, urns in by_property.items() if urns}
        resource["propertyDependencies"] = by_property
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
