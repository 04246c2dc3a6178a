"""The file backend: Pulumi's folders, names and neighbours, byte for byte where anyone could look.

    .pulumi/meta.yaml                                         the layout's version
    .pulumi/stacks/PROJECT/STACK.json, .json.bak              the state, and the state one write before
    .pulumi/history/PROJECT/STACK/STACK-NANOS.*.json          what each operation did, and the state after it
    .pulumi/backups/PROJECT/STACK/STACK.NANOS.json            the state after each operation
    .pulumi/locks/organization/PROJECT/STACK/UUID.json        who is at work
    .pulumi/journals/PROJECT/STACK.jsonl                      ours alone: steps since the last write (see journal.py)

Every file has a neighbour `.attrs`, as the library has that the official CLI writes through.
"""

import base64
import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlparse

from engine.errors import BackendError, DamagedState
from engine.state import unreadable
from engine.values import Props, is_dict, is_list

ORGANIZATION: Final = "organization"


def state_dir() -> Path:
    """The folder for this user's state, MODELPORT_STATE_DIR or as XDG says."""
    if named := os.environ.get("MODELPORT_STATE_DIR"):
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "modelport"


def current_login() -> str | None:
    """The backend that the official CLI is logged in to."""
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
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


def open_backend(url: str, project_root: Path) -> "FileBackend":
    parsed = urlparse(url)
    if parsed.scheme != "file":
        raise BackendError(
            f"the backend is {url}, and the embedded engine keeps state in file:// backends only; "
            "set PULUMI_BACKEND_URL=file:///a/folder, or install the Pulumi CLI and use it for this stack"
        )
    path = unquote(url[len("file://") :].split("?", 1)[0])
    if path == "~" or path.startswith("~/"):
        path = str(Path(path).expanduser())
    return FileBackend((project_root / path).resolve())


class FileBackend:
    """Reads and writes one folder; nothing here knows what a checkpoint means."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / ".pulumi"
        self.url = f"file://{root}"

    def state_file(self, project: str, stack: str) -> Path:
        return self.home / "stacks" / project / f"{stack}.json"

    def journal_file(self, project: str, stack: str) -> Path:
        return self.home / "journals" / project / f"{stack}.jsonl"

    def lock_folder(self, project: str, stack: str) -> Path:
        return self.home / "locks" / ORGANIZATION / project / stack

    def exists(self, project: str, stack: str) -> bool:
        return self.state_file(project, stack).exists()

    def stacks(self, project: str) -> list[str]:
        folder = self.home / "stacks" / project
        return sorted(p.stem for p in folder.glob("*.json")) if folder.is_dir() else []

    def projects(self) -> list[str]:
        folder = self.home / "stacks"
        return sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []

    def read_state(self, project: str, stack: str) -> tuple[bytes, Props] | None:
        """The state file and the checkpoint in it; None when the stack does not exist.

        Raises DamagedState when the file is there but holds anything but a version 3 checkpoint of this very stack.
        """
        file = self.state_file(project, stack)
        try:
            raw = file.read_bytes()
        except FileNotFoundError:
            zipped = file.with_name(file.name + ".gz")
            if zipped.exists():
                raise BackendError(
                    f"{zipped}: the state is kept compressed, and the embedded engine reads plain files only; "
                    "unpack it with gunzip"
                ) from None
            return None
        except OSError as error:
            raise BackendError(f"{file}: the state cannot be read: {error.strerror}") from None
        return raw, self._checked(file, raw, project, stack)

    def _checked(self, file: Path, raw: bytes, project: str, stack: str) -> Props:
        backup = self._backup_of(file, project, stack)
        fix = f"restore {backup}, the state before it" if backup else "no backup of it is left in the backend"
        try:
            data: Any = json.loads(raw)
        except ValueError as error:
            raise DamagedState(f"{file}: the state is damaged ({error}); {fix}") from None
        checkpoint = data.get("checkpoint") if is_dict(data) else None
        if not is_dict(checkpoint):
            raise DamagedState(f"{file}: the state is not a Pulumi checkpoint; {fix}")
        problem = unreadable(data)
        if problem:
            raise DamagedState(f"{file}: the checkpoint {problem}; {fix}")
        named = checkpoint.get("stack", "")
        expected = {f"{ORGANIZATION}/{project}/{stack}", stack}
        if named and named not in expected:
            raise DamagedState(
                f"{file}: the checkpoint is of the stack {named}, expected {ORGANIZATION}/{project}/{stack}; {fix}"
            )
        latest = checkpoint.get("latest")
        if latest is not None:
            problem = _shape(latest)
            if problem:
                raise DamagedState(f"{file}: the checkpoint is damaged: {problem}; {fix}")
        whole: Props = data
        return whole

    def _backup_of(self, file: Path, project: str, stack: str) -> Path | None:
        bak = file.with_name(file.name + ".bak")
        if bak.exists():
            return bak
        folder = self.home / "backups" / project / stack
        kept = sorted(folder.glob(f"{stack}.*.json")) if folder.is_dir() else []
        return kept[-1] if kept else None

    def write_state(self, project: str, stack: str, raw: bytes) -> None:
        """Put a checkpoint in the place of the one before, which becomes the .bak; all of it or nothing."""
        self.ensure()
        file = self.state_file(project, stack)
        with _writing(file):
            if file.exists():
                before = file.read_bytes()
                self._put(file.with_name(file.name + ".bak"), before)
            self._put(file, raw, sync=True)

    def ensure(self) -> None:
        """Make the folder, and mark its layout, if it is new."""
        meta = self.home / "meta.yaml"
        if not meta.exists():
            with _writing(meta):
                self._put(meta, b"version: 1\n")

    def write_history(self, project: str, stack: str, update: Props, state: bytes) -> None:
        """Note an operation that has ended, and keep the state as it left it."""
        folder = self.home / "history" / project / stack
        nanos = time.time_ns()
        with _writing(folder):
            text = json.dumps(update, separators=(",", ":"), ensure_ascii=False).encode()
            self._put(folder / f"{stack}-{nanos}.history.json", text)
            self._put(folder / f"{stack}-{nanos}.checkpoint.json", state)
            backups = self.home / "backups" / project / stack
            self._put(backups / f"{stack}.{time.time_ns()}.json", state)

    def history(self, project: str, stack: str) -> list[Props]:
        """What was done with the stack, newest first."""
        folder = self.home / "history" / project / stack
        files = sorted(folder.glob(f"{stack}-*.history.json"), reverse=True) if folder.is_dir() else []
        return [json.loads(file.read_bytes()) for file in files]

    def remove(self, project: str, stack: str) -> None:
        """Forget a stack; backups and the .bak stay, as the official CLI leaves them."""
        file = self.state_file(project, stack)
        with _writing(file):
            if file.exists():
                self._put(file.with_name(file.name + ".bak"), file.read_bytes())
            self.delete(file)
            folder = self.home / "history" / project / stack
            for old in sorted(folder.glob("*.json")):
                self.delete(old)

    def put_lock(self, project: str, stack: str, name: str, content: Props) -> Path:
        file = self.lock_folder(project, stack) / f"{name}.json"
        with _writing(file):
            self._put(file, json.dumps(content, separators=(",", ":")).encode())
        return file

    def locks(self, project: str, stack: str) -> dict[Path, Props]:
        folder = self.lock_folder(project, stack)
        out: dict[Path, Props] = {}
        for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
            try:
                data: Any = json.loads(file.read_bytes())
            except (OSError, ValueError):
                data = {}
            out[file] = data if is_dict(data) else {}
        return out

    def delete(self, file: Path) -> None:
        for each in (file, file.with_name(file.name + ".attrs")):
            with contextlib.suppress(FileNotFoundError):
                each.unlink()

    def _put(self, file: Path, raw: bytes, *, sync: bool = False) -> None:
        md5 = base64.b64encode(hashlib.md5(raw, usedforsecurity=False).digest()).decode()
        attrs = {
            "user.cache_control": "",
            "user.content_disposition": "",
            "user.content_encoding": "",
            "user.content_language": "",
            "user.content_type": "text/plain; charset=utf-8",
            "user.metadata": None,
            "md5": md5,
        }
        file.parent.mkdir(parents=True, exist_ok=True)
        _replace(file, raw, sync)
        _replace(file.with_name(file.name + ".attrs"), json.dumps(attrs, separators=(",", ":")).encode() + b"\n", False)


def encode(data: Props) -> bytes:
    """A checkpoint as it lies on disk."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


def _replace(file: Path, raw: bytes, sync: bool) -> None:
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("wb") as out:
            out.write(raw)
            if sync:
                out.flush()
                os.fsync(out.fileno())
        temporary.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


@contextlib.contextmanager
def _writing(what: Path) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise BackendError(
            f"{what}: cannot be written: {error.strerror}; what stood there before is unchanged"
        ) from None


def _shape(latest: Any) -> str | None:
    """What is wrong with the shape of a deployment, if anything is."""
    if not is_dict(latest):
        return "`latest` is not an object"
    for name in ("resources", "pending_operations"):
        entries: object = latest.get(name, [])
        if not is_list(entries):
            return f"`{name}` is not a list"
        for place, entry in enumerate(entries):
            resource = entry.get("resource") if name == "pending_operations" and is_dict(entry) else entry
            if not is_dict(resource) or not isinstance(resource.get("urn"), str):
                return f"{name}[{place}] has no urn"
            if not isinstance(resource.get("type"), str):
                return f"{name}[{place}] has no type"
    return None
