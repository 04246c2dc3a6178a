"""The backend: Pulumi's folders, names and neighbours, byte for byte where anyone could look.

    .pulumi/meta.yaml                                         the layout's version
    .pulumi/stacks/PROJECT/STACK.json, .json.bak              the state, and the state one write before
    .pulumi/history/PROJECT/STACK/STACK-NANOS.*.json          what each operation did, and the state after it
    .pulumi/backups/PROJECT/STACK/STACK.NANOS.json            the state after each operation
    .pulumi/locks/organization/PROJECT/STACK/UUID.json        who is at work
    .pulumi/journals/PROJECT/                                 ours alone: steps since the last write (see journal.py)

The files lie in a folder or in a bucket (`engine/storage`). A compressed state has `.gz` behind its name.
"""

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import yaml

from engine.checkpoints import encode, parse
from engine.errors import BackendError, BadInput, DamagedState
from engine.storage.base import Entry, Storage
from engine.storage.files import Files
from engine.storage.packing import SUFFIXES, flag, pack, unpack, wanted
from engine.values import Props, is_dict

__all__ = ["ORGANIZATION", "Backend", "FileBackend", "choose", "encode", "open_backend", "state_dir"]

ORGANIZATION: Final = "organization"
HOME: Final = ".pulumi"


def state_dir() -> Path:
    """The folder for this user's state, MODELPORT_STATE_DIR or as XDG says."""
    if named := os.environ.get("MODELPORT_STATE_DIR"):
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "modelport"


def current_login() -> str | None:
    """The backend that the official CLI is logged in to."""
    named = os.environ.get("PULUMI_CREDENTIALS_PATH") or os.environ.get("PULUMI_HOME")
    home = Path(named) if named else Path.home() / ".pulumi"
    try:
        data = json.loads((home / "credentials.json").read_text())
    except (OSError, ValueError):
        return None
    current = data.get("current") if is_dict(data) else None
    return str(current) if current else None


def choose(project_backend: str | None, given: str | None = None) -> str:
    """The backend's URL: as given, PULUMI_BACKEND_URL, Pulumi.yaml, the official CLI's login, the user's own folder."""
    found = given or os.environ.get("PULUMI_BACKEND_URL") or project_backend or current_login()
    return found or f"file://{state_dir() / 'backend'}"


def open_backend(url: str, project_root: Path) -> "Backend":
    """The backend at a URL; relative paths of file:// are from `project_root`. Nothing is read yet."""
    scheme = urlsplit(url).scheme
    if scheme == "file":
        path = unquote(url[len("file://") :].split("?", 1)[0])
        if path == "~" or path.startswith("~/"):
            path = str(Path(path).expanduser())
        return Backend(Files((project_root / path).resolve()))
    if scheme in ("s3", "gs", "azblob"):
        from engine.storage.blobs import Blobs
        from engine.storage.urls import bucket

        return Backend(Blobs(bucket(url)))
    if scheme in ("http", "https"):
        raise BackendError(
            f"the backend is Pulumi Cloud ({scheme}://{urlsplit(url).netloc.rpartition('@')[2]}), which only the "
            "official CLI speaks to; install the Pulumi CLI for this stack, or set PULUMI_BACKEND_URL to a file://, "
            "s3://, gs:// or azblob:// address"
        )
    shown = f"{scheme}://…" if scheme else repr(url)
    raise BackendError(
        f"the backend is {shown}, and the embedded engine keeps state in file://, s3://, gs:// and azblob:// backends; "
        "set PULUMI_BACKEND_URL=file:///a/folder, or install the Pulumi CLI and use it for this stack"
    )


class Backend:
    """Reads and writes one store; nothing here knows what a deployment means."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.url = storage.url
        self.local = storage.local
        self._ready = False
        self._marked = False

    # -- where things lie --------------------------------------------------------------------------------------------

    def state_file(self, project: str, stack: str) -> str:
        """The state's place, for messages."""
        return self.storage.place(self.state_key(project, stack))

    def state_key(self, project: str, stack: str) -> str:
        """The state's key; of several, compressed and not, the one written last."""
        plain = f"{HOME}/stacks/{project}/{stack}.json"
        found = {entry.name: entry for entry in self._stack_files(project)}
        there = [found[name] for name in (f"{stack}.json{suffix}" for suffix in SUFFIXES) if name in found]
        if not there:
            return plain
        newest = max(there, key=lambda entry: entry.modified)
        return f"{HOME}/stacks/{project}/{newest.name}"

    def _stack_files(self, project: str) -> list[Entry]:
        self.check_layout()
        return [entry for entry in self.storage.list(f"{HOME}/stacks/{project}") if not entry.folder]

    def journal_file(self, project: str, stack: str) -> Path:
        """The journal of a backend in a folder."""
        assert self.local is not None
        return self.local / HOME / "journals" / project / f"{stack}.jsonl"

    def journal_folder(self, project: str) -> str:
        return f"{HOME}/journals/{project}"

    def check_layout(self) -> None:
        """Refuse a store of a layout that is not served here, or of one to come. Costs one look a command."""
        if self._ready:
            return
        listed = self.storage.list(f"{HOME}/stacks")  # tells as well whether the store is there at all
        raw = self.storage.read(f"{HOME}/meta.yaml")
        place = self.storage.place(f"{HOME}/meta.yaml")
        version = 1 if raw is None else _layout(raw, place)
        old = [entry for entry in listed if not entry.folder and _stack_name(entry.name)]
        asked = flag("PULUMI_DIY_BACKEND_LEGACY_LAYOUT", "PULUMI_SELF_MANAGED_STATE_LEGACY_LAYOUT")
        if version == 0 or (raw is None and (old or (asked and not listed))):
            raise BackendError(
                f"{self.url}: the state is kept in the old layout without projects, which the embedded engine does not "
                "know; run `pulumi state upgrade` with the official CLI"
                + (", and unset PULUMI_DIY_BACKEND_LEGACY_LAYOUT" if asked else "")
            )
        if version != 1:
            raise BackendError(f"{place}: the layout has version {version}, expected 1; install a newer modelport")
        self._marked = raw is not None
        self._ready = True

    # -- what is there -----------------------------------------------------------------------------------------------

    def exists(self, project: str, stack: str) -> bool:
        return stack in self.stacks(project)

    def tags(self, project: str, stack: str) -> dict[str, str]:
        """What the stack is tagged with: the official CLI writes it, and policies are shown it."""
        raw = self.storage.read(f"{HOME}/stacks/{project}/{stack}.pulumi-tags")
        try:
            data: Any = json.loads(raw or b"{}")
        except ValueError:
            return {}
        found = data.get("tags") if is_dict(data) else None
        return {key: str(value) for key, value in found.items()} if is_dict(found) else {}

    def write_tags(self, project: str, stack: str, tags: dict[str, str]) -> None:
        """Put these in the place of the stack's tags, as `pulumi stack tag set` does; the stack may be yet to come."""
        self.ensure()
        key = f"{HOME}/stacks/{project}/{stack}.pulumi-tags"
        if tags:
            self.storage.write(key, encode({"version": 1, "tags": tags}), sync=True)
        else:
            self.storage.delete([key])

    def stacks(self, project: str) -> list[str]:
        """The names of a project's stacks."""
        names = (_stack_name(entry.name) for entry in self._stack_files(project))
        return sorted({name for name in names if name})

    def projects(self) -> list[str]:
        self.check_layout()
        return [entry.name for entry in self.storage.list(f"{HOME}/stacks") if entry.folder]

    def read_state(self, project: str, stack: str) -> tuple[bytes, Props] | None:
        """The state, unpacked, and the checkpoint in it; None when the stack does not exist.

        Raises DamagedState when the file is there but holds anything but a checkpoint of this very stack.
        """
        key = self.state_key(project, stack)
        packed = self.storage.read(key)
        if packed is None:
            return None
        place = self.storage.place(key)

        def fix() -> str:
            backup = self._backup_of(key, project, stack)
            return (
                f"restore {backup}, the state before it" if backup else "no sound backup of it is left in the backend"
            )

        try:
            raw = unpack(packed, place)
        except ValueError as error:
            raise DamagedState(f"{place}: the state is damaged ({error}); {fix()}") from None
        return raw, parse(raw, place, {f"{ORGANIZATION}/{project}/{stack}", stack}, fix)

    def _backup_of(self, key: str, project: str, stack: str) -> str | None:
        """The newest backup that is sound: what damaged the state may have damaged those beside it."""
        folder = f"{HOME}/backups/{project}/{stack}"
        kept = [f"{folder}/{entry.name}" for entry in reversed(self.storage.list(folder))]
        for each in (key + ".bak", *kept):
            raw, place = self.storage.read(each), self.storage.place(each)
            if raw is None:
                continue
            with contextlib.suppress(ValueError, DamagedState, BackendError):
                parse(unpack(raw, place), place, {f"{ORGANIZATION}/{project}/{stack}", stack}, str)
                return place
        return None

    def texts(self, project: str, stack: str) -> list[bytes]:
        """Everything that is known of a stack's present, as it lies: its state, unpacked, and its journals."""
        key = self.state_key(project, stack)
        folder = self.journal_folder(project)
        keys = [
            key,
            f"{folder}/{stack}.jsonl",
            *(f"{folder}/{stack}/{e.name}" for e in self.storage.list(f"{folder}/{stack}")),
        ]
        found = (self.storage.read(each) for each in keys)
        return [unpack(raw, key) for raw in found if raw is not None]

    # -- what is written ---------------------------------------------------------------------------------------------

    def write_state(self, project: str, stack: str, raw: bytes) -> None:
        """Put a checkpoint in the place of the one before, which becomes the .bak; all of it or nothing."""
        suffix = wanted()
        before = self.state_key(project, stack)
        self.ensure()
        key = f"{HOME}/stacks/{project}/{stack}.json{suffix}"
        old = self.storage.read(before)
        if old is not None:
            self.storage.write(before + ".bak", old)
        packed = pack(raw, suffix)
        self.storage.write(key, packed, sync=True)
        if old is not None and before != key:
            self.storage.delete([before])
        if flag("PULUMI_DIY_BACKEND_RETAIN_CHECKPOINTS", "PULUMI_RETAIN_CHECKPOINTS"):
            self.storage.write(f"{key}.{time.time_ns()}", packed)

    def ensure(self) -> None:
        """Mark the layout, if the store is new."""
        self.check_layout()
        if not self._marked:
            self.storage.write(f"{HOME}/meta.yaml", b"version: 1\n")
            self._marked = True

    def write_history(self, project: str, stack: str, update: Props, state: bytes) -> None:
        """Note an operation that has ended, and keep the state as it left it."""
        suffix = wanted()
        folder = f"{HOME}/history/{project}/{stack}"
        nanos = time.time_ns()
        packed = pack(state, suffix)
        self.storage.write(f"{folder}/{stack}-{nanos}.history.json{suffix}", pack(encode(update), suffix))
        self.storage.write(f"{folder}/{stack}-{nanos}.checkpoint.json{suffix}", packed)
        if not flag("PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS", "PULUMI_DISABLE_CHECKPOINT_BACKUPS"):
            backups = f"{HOME}/backups/{project}/{stack}"
            self.storage.write(f"{backups}/{stack}.{time.time_ns()}.json{suffix}", packed)

    def history(self, project: str, stack: str, page_size: int = 0, page: int = 1) -> list[Props]:
        """What was done with the stack, newest first; page_size 0 is all of it."""
        self.check_layout()
        folder = f"{HOME}/history/{project}/{stack}"
        names = [
            entry.name for entry in self.storage.list(folder) if ".history.json" in entry.name and not entry.folder
        ]
        names.sort(reverse=True)
        if page_size > 0:
            names = names[(max(page, 1) - 1) * page_size :][:page_size]
        out: list[Props] = []
        for name in names:
            place = self.storage.place(f"{folder}/{name}")
            try:
                data: Any = json.loads(unpack(self.storage.read(f"{folder}/{name}") or b"", place))
            except ValueError as error:
                raise BackendError(f"{place}: the history is damaged ({error}); remove this file") from None
            out.append(data)
        return out

    def remove(self, project: str, stack: str, *, backups: bool = False) -> None:
        """Forget a stack; its backups and its .bak stay unless `backups` says otherwise."""
        key = self.state_key(project, stack)
        old = self.storage.read(key)
        kept = f"{HOME}/backups/{project}/{stack}"
        if backups:
            gone = [key + ".bak", *(f"{kept}/{entry.name}" for entry in self.storage.list(kept))]
        else:
            gone = []
            if old is not None:
                self.storage.write(key + ".bak", old)
        folder = f"{HOME}/history/{project}/{stack}"
        gone += [key, f"{HOME}/stacks/{project}/{stack}.pulumi-tags"]
        gone += [f"{folder}/{entry.name}" for entry in self.storage.list(folder)]
        self.storage.delete(gone)

    def retire(self, project: str, stack: str) -> None:
        """The state becomes its own backup: the stack has another name now."""
        key = self.state_key(project, stack)
        old = self.storage.read(key)
        if old is not None:
            self.storage.write(key + ".bak", old)
        self.storage.delete([key])

    def move_history(self, project: str, stack: str, new_project: str, new: str) -> None:
        """Take a stack's history along under its new name."""
        source, target = f"{HOME}/history/{project}/{stack}", f"{HOME}/history/{new_project}/{new}"
        for entry in self.storage.list(source):
            head, _, tail = entry.name.rpartition("-")
            if head != stack:
                continue
            raw = self.storage.read(f"{source}/{entry.name}")
            if raw is not None:
                self.storage.write(f"{target}/{new}-{tail}", raw)
                self.storage.delete([f"{source}/{entry.name}"])

    # -- locks -------------------------------------------------------------------------------------------------------

    def put_lock(self, project: str, stack: str, name: str, content: Props) -> str:
        """Write a lock; its key."""
        key = f"{self._locks(project, stack)}/{name}.json"
        self.storage.write(key, encode(content))
        return key

    def locks(self, project: str, stack: str) -> dict[str, Props]:
        """Every lock of a stack by its key; what cannot be read counts as one."""
        folder = self._locks(project, stack)
        out: dict[str, Props] = {}
        for entry in self.storage.list(folder):
            if entry.folder or not entry.name.endswith(".json"):
                continue
            raw = self.storage.read(f"{folder}/{entry.name}")
            if raw is None:
                continue  # given back since
            try:
                data: Any = json.loads(raw)
            except ValueError:
                data = {}
            out[f"{folder}/{entry.name}"] = data if is_dict(data) else {}
        return out

    def _locks(self, project: str, stack: str) -> str:
        self.check_layout()
        return f"{HOME}/locks/{ORGANIZATION}/{project}/{stack}"


FileBackend = Backend


def _layout(raw: bytes, place: str) -> int:
    try:
        data: Any = yaml.safe_load(raw)
    except yaml.YAMLError:
        data = None
    version = data.get("version") if is_dict(data) else None
    if not isinstance(version, int):
        raise BackendError(f"{place}: names no version of the layout, expected `version: 1`; restore it")
    return version


def _stack_name(file: str) -> str | None:
    """The stack that a file in the folder of stacks is of."""
    for suffix in SUFFIXES:
        if file.endswith(".json" + suffix):
            name = file[: -len(".json" + suffix)]
            return name if name and "/" not in name else None
    return None


def stack_parts(name: str, project: str) -> tuple[str, str]:
    """The project and the stack of a name: STACK, organization/STACK or organization/PROJECT/STACK."""
    parts = name.split("/")
    if len(parts) > 3 or not all(parts):
        raise BadInput(f"the stack is {name!r}, expected STACK or {ORGANIZATION}/PROJECT/STACK")
    if len(parts) > 1 and parts[0] != ORGANIZATION:
        raise BadInput(f"the stack is {name!r}: organization name must be '{ORGANIZATION}' in this backend")
    return (parts[1] if len(parts) == 3 else project), parts[-1]
