"""Results of steps, kept by what went into them.

An entry is a folder that appears whole or not at all: it is filled under another name and renamed. Two builds that want
the same entry wait for each other; one that is killed leaves a part that the next one sweeps away.
"""

import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_build import content, folders
from model_build.errors import ModelBuildError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Entry:
    folder: Path
    key: str
    """Hex over all that went in."""
    cached: bool
    """It was there already."""
    seconds: float

    def note(self) -> dict[str, Any]:
        """What the maker wrote into `note.json`."""
        return dict(json.loads((self.folder / "note.json").read_text("utf-8")))


def place(step: str, inputs: Mapping[str, Any]) -> Path:
    """Where the result of `step` on `inputs` is, or would be."""
    return folders.cache() / "steps" / step / content.of_json({"step": step, **inputs})


def made(step: str, inputs: Mapping[str, Any], fill: Callable[[Path], object]) -> Entry:
    """The result of `step` on `inputs`: from the cache, or made by `fill`, which is given an empty folder.

    inputs: all that decides the result, as JSON; a change in it makes a new entry.
    Raises whatever `fill` raises, with nothing left behind; ModelBuildError when the disk is full or not ours to write.
    """
    began = time.monotonic()
    final = place(step, inputs)
    with disk_errors(folders.cache()):
        final.parent.mkdir(parents=True, exist_ok=True)
        with locked(final.with_name(f".{final.name}.lock")):
            if final.is_dir():
                os.utime(final)
                return Entry(final, final.name, True, time.monotonic() - began)
            part = final.with_name(f".{final.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            try:
                fill(part)
                part.rename(final)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    return Entry(final, final.name, False, time.monotonic() - began)


def write_note(folder: Path, note: Mapping[str, Any]) -> None:
    (folder / "note.json").write_text(json.dumps(note, sort_keys=True, indent=1), "utf-8")


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold an exclusive lock on `path`; it goes with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def use_lock() -> Path:
    """Held shared by builds, alone by `gc`."""
    return folders.cache() / ".in-use"


@contextmanager
def in_use() -> Generator[None]:
    """Keep `gc` from clearing what a build is using."""
    path = use_lock()
    with disk_errors(folders.cache()):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    with file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def disk_errors(folder: Path, variable: str = "MODELPORT_CACHE_DIR") -> Generator[None]:
    """Say what to do about a full disk, or a folder that may not be written. variable: what moves it elsewhere."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            free = f"run modelport gc, free some space, or set {variable} to another disk"
            raise ModelBuildError(f"no space left under {folder}, the build was stopped; {free}") from error
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST} and str(folder) in str(
            error.filename or ""
        ):
            fix = f"make it yours, or set {variable} to a folder that is"
            raise ModelBuildError(f"{error.filename} may not be written ({error.strerror}); {fix}") from error
        raise
