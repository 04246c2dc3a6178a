"""The content-addressed cache on this machine: whole files and folders appear in it or do not, whatever is killed.

Layout under `MODELPORT_CACHE_DIR`:
    debs/<sha256>.deb     packages as the mirror served them, their hash checked
    layers/<key>.json     what a key was built into (see layers.py)
    blobs/<sha256>        layer blobs
    trees/<diff id>/      the same layers unpacked, which is what the process runtime hard-links
    work/                 what is being made; swept when its maker is dead
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from model_build import folders

# A maker creates its file and locks it a moment later: what is younger than this is left alone by the sweep.
_GRACE_SECONDS = 60


def cache_dir() -> Path:
    """Where caches live on this machine."""
    return folders.cache()


@contextmanager
def file_lock(path: Path) -> Generator[None]:
    """Hold `path` exclusively among processes and threads; the kernel lets go of it when the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def work_folder(parent: Path) -> Generator[Path]:
    """A folder below `parent` (same file system, so that a rename publishes) that goes with its maker, even a "
    "killed one."""
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix="work-", dir=parent))
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def sweep(parent: Path) -> None:
    """Remove what killed makers left in `parent`: their lock is free."""
    for entry in parent.glob("work-*"):
        try:
            if time.time() - entry.stat().st_mtime < _GRACE_SECONDS:
                continue
            handle = os.open(entry, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            shutil.rmtree(entry, ignore_errors=True)
        finally:
            os.close(handle)


def publish_folder(made: Path, place: Path) -> None:
    """Move `made` to `place` in one step; when another process was first, theirs (the same content) stays."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():
            raise
        shutil.rmtree(made, ignore_errors=True)
