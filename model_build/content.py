"""Digests of what files hold, whatever their names, owners and times.

A digest of a large file is remembered beside its size, times and inode (as git does for its index), so that a build
with nothing changed does not read gigabytes again.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from model_build import folders

REMEMBERED = 1 << 20
"""Bytes from which on a file's digest is remembered; smaller ones are read faster than looked up."""

_SETTLED_NS = 2_000_000_000
"""A file younger than this may change again within one tick of its file system's clock."""


def of_bytes(value: bytes) -> str:
    """Hex of the SHA-256."""
    return hashlib.sha256(value).hexdigest()


def of_json(value: object) -> str:
    """Hex of the SHA-256 of `value` as JSON with sorted keys."""
    return of_bytes(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def of_file(path: Path) -> str:
    """Hex of the SHA-256 of a file's content. Raises OSError."""
    status = path.stat()
    if status.st_size < REMEMBERED:
        return of_bytes(path.read_bytes())
    stamp = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino} {status.st_dev}"
    note = folders.cache() / "stat" / of_bytes(os.fsencode(path.absolute()))[:32]
    try:
        known, _, digest = note.read_text("ascii").partition("\n")
        if known == stamp:
            return digest
    except (OSError, UnicodeDecodeError):
        pass  # never seen, or not ours: read the file
    digest = hashed(path)
    # By the time that nobody can set: archives bring files of yesterday, and of tomorrow where clocks differ.
    if abs(time.time_ns() - status.st_ctime_ns) > _SETTLED_NS:
        write_text(note, f"{stamp}\n{digest}")
    return digest


def hashed(path: Path) -> str:
    """As `of_file`, of what is read now and never of what was remembered."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_files(files: Mapping[str, Path]) -> str:
    """Hex over names and contents, whatever the order."""
    return of_json({name: of_file(path) for name, path in files.items()})


def is_whole(layout: Path, digest: str) -> bool:
    """Whether the OCI layout lists the image `digest` and has all of its blobs in full length.

    Of an index of images: whether that is so for each of them, too.
    """
    blobs = layout / "blobs" / "sha256"
    try:
        listed = {entry["digest"] for entry in json.loads((layout / "index.json").read_bytes())["manifests"]}
        named = json.loads((blobs / digest.removeprefix("sha256:")).read_bytes())
        images = [each["digest"] for each in named["manifests"]] if "manifests" in named else [digest]
        return bool(images) and {digest, *images} <= listed and all(_has_all(blobs, each) for each in images)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _has_all(blobs: Path, digest: str) -> bool:
    manifest = json.loads((blobs / digest.removeprefix("sha256:")).read_bytes())
    wanted = [manifest["config"], *manifest["layers"]]
    return all(blob["size"] == (blobs / blob["digest"].removeprefix("sha256:")).stat().st_size for blob in wanted)


def walk(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name (with slashes, relative to `folder`) and path of each file; no hidden ones and no byte code."""
    for place, below, names in os.walk(folder):
        below[:] = sorted(d for d in below if not d.startswith(".") and d != "__pycache__")
        for name in sorted(names):
            if not name.startswith(".") and not name.endswith((".pyc", ".pyo")):
                path = Path(place) / name
                yield path.relative_to(folder).as_posix(), path


def write_text(path: Path, text: str) -> None:
    """Write so that nobody ever reads half of it; a note that cannot be written is only a note less."""
    part = path.with_name(f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
