"""A folder of this machine, as the library keeps it that the official CLI writes through.

Every file has a neighbour `.attrs` with its type and checksum.
"""

import base64
import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Generator, Iterable
from pathlib import Path

from engine.errors import BackendError
from engine.storage.base import Entry, Storage


class Files(Storage):
    """One folder; nothing is made before the first write."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.local = root
        self.url = f"file://{root}"

    def place(self, key: str) -> str:
        return str(self.root / key)

    def lock_place(self, key: str) -> str:
        return f"file://{self.root / key}?no_tmp_dir=true"

    def read(self, key: str) -> bytes | None:
        file = self.root / key
        try:
            return file.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise BackendError(f"{file}: cannot be read: {error.strerror}") from None

    def write(self, key: str, raw: bytes, *, sync: bool = False) -> None:
        file = self.root / key
        md5 = base64.b64encode(hashlib.md5(raw, usedforsecurity=False).digest()).decode()
        attrs = {
            "user.cache_control": "",
            "user.content_disposition": "",
            "user.content_encoding": "",
            "user.content_language": "",
            "user.content_type": _content_type(raw),
            "user.metadata": None,
            "md5": md5,
        }
        text = json.dumps(attrs, separators=(",", ":")).encode() + b"\n"
        with _changing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            _replace(file, raw, sync)
            _replace(file.with_name(file.name + ".attrs"), text, False)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            file = self.root / key
            with _changing(file):
                for each in (file, file.with_name(file.name + ".attrs")):
                    with contextlib.suppress(FileNotFoundError):
                        each.unlink()

    def list(self, folder: str) -> list[Entry]:
        out: list[Entry] = []
        try:
            with os.scandir(self.root / folder) as found:
                for each in found:
                    if each.name.endswith(".attrs") or each.name.startswith("."):
                        continue
                    with contextlib.suppress(FileNotFoundError):  # gone since
                        out.append(Entry(each.name, each.is_dir(), each.stat().st_mtime))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise BackendError(f"{self.root / folder}: cannot be read: {error.strerror}") from None
        return sorted(out, key=lambda entry: entry.name)


def _content_type(raw: bytes) -> str:
    return "application/x-gzip" if raw.startswith(b"\x1f\x8b\x08") else "text/plain; charset=utf-8"


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
def _changing(file: Path) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise BackendError(
            f"{file}: cannot be written: {error.strerror}; what stood there before is unchanged"
        ) from None
