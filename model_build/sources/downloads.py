"""Bytes from elsewhere into a folder: gone on with where they broke off, no more than there is room for."""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Generator
from pathlib import Path

from model_build.errors import ModelBuildError
from model_build.sources.remote import File, Remote, Say, inside

ATTEMPTS = 5
"""Tries in a row that brought nothing, before it is given up."""
MOST_ATTEMPTS = 40
FIRST_WAIT = 0.5
LIMIT = "MODELPORT_SOURCE_LIMIT_GB"
_DEFAULT_LIMIT = 64.0
_SAY_SECONDS = 5.0
_SPARE = 64 << 20
"""Bytes of a disk that are left free."""
_LONGEST_PATH = 4000
"""Bytes; the kernel takes 4095."""

Reader = Callable[[int], tuple[int, Generator[bytes]]]
"""Given how many bytes are there already: where what follows begins (there, or 0 to begin anew), and the bytes."""


class BrokenOff(Exception):
    """What was being read broke off. Its text is the reason."""


class Into:
    """A folder that is being filled from one version of a source."""

    def __init__(self, folder: Path, source: Remote, say: Say) -> None:
        self.folder = folder
        self.say = say
        self._source = source
        self._most = limit()
        self._taken = 0

    def file(self, name: str) -> Path:
        """Where the file `name` goes; its folder is there. Refuses a name that leads out of the source."""
        try:
            path = inside(self.folder, name)
        except ValueError:
            raise self._source.wrong(
                f"which has a file called {name[:200]!r}, expected a plain relative name; do not use it"
            ) from None
        if len(os.fsencode(path)) > _LONGEST_PATH:
            raise self._source.wrong(
                f"which has a file with a name of {len(name):,} characters, more than a disk takes; name it shorter"
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            both = path.is_dir()
        except (FileExistsError, NotADirectoryError):
            both = True
        if both:
            raise self._source.wrong(
                f"which has a file and a folder of one name ({name[:200]!r}), expected one of them; do not use it"
            )
        return path

    def room(self, size: int) -> None:
        """Refuse what is over the limit, or more than the disk has, before it is fetched.

        size: bytes of all that is still to come.
        """
        self._within(self._taken + size)
        free = shutil.disk_usage(self.folder).free
        if size and size + _SPARE > free:
            raise ModelBuildError(
                f"{self._source.key} {self._source.label!r} has {_mega(size)} to fetch, but {self.folder.parent} has "
                f"{_mega(free)} left; run modelport gc, free some space, or set MODELPORT_CACHE_DIR to another disk"
            )

    def counted(self, size: int) -> None:
        """Take note of bytes that came by another way than `take`."""
        self._taken += size
        self._within(self._taken)

    def take(self, name: str, expected: File, read: Reader) -> Path:
        """Bring one file, going on where an earlier try broke off; `read` may raise BrokenOff to be asked again.

        Raises UnreachedError after too many tries.
        """
        target = self.file(name)
        if target.is_file() and expected.size in (None, target.stat().st_size):
            return target
        part = target.with_name(_part(target.name))
        failed = 0
        for _ in range(MOST_ATTEMPTS):
            before = part.stat().st_size if part.exists() else 0
            try:
                self._append(part, before, expected, read)
            except BrokenOff as error:
                now = part.stat().st_size if part.exists() else 0
                failed = 0 if now > before else failed + 1
                reason = str(error)
                if failed >= ATTEMPTS:
                    break
                self.say(f"{self._source.label}: {reason}; going on at {_mega(now)}")
                time.sleep(min(FIRST_WAIT * 2**failed, 10.0))
                continue
            self.counted(part.stat().st_size)
            part.replace(target)
            return target
        else:
            reason = "it broke off too often"
        raise self._source.unreached(
            f"which could not be fetched: {reason}, after {_mega(part.stat().st_size if part.exists() else 0)}; run it "
            "again to go on there"
        )

    def _append(self, part: Path, before: int, expected: File, read: Reader) -> None:
        if expected.size is not None and before == expected.size and before:
            return
        start, chunks = read(before)
        if start not in (0, before):
            raise BrokenOff(f"the answer begins at byte {start}")
        said, size = time.monotonic(), start
        with contextlib.closing(chunks) as coming, part.open("r+b" if part.exists() else "wb") as file:
            file.seek(start)
            file.truncate()
            for chunk in coming:
                size += len(chunk)
                self._within(self._taken + size)
                if expected.size is not None and size > expected.size:
                    raise self._source.changed(f"which sent more than the {expected.size:,} bytes that it has")
                file.write(chunk)
                if time.monotonic() - said > _SAY_SECONDS:
                    said = time.monotonic()
                    of = f" of {_mega(expected.size)}" if expected.size is not None else ""
                    self.say(f"{self._source.label}: {_mega(size)}{of}")
        if expected.size is not None and size < expected.size:
            raise BrokenOff(f"it ended after {size:,} of {expected.size:,} bytes")

    def _within(self, size: int) -> None:
        if size > self._most:
            raise self._source.wrong(
                f"of more than {_mega(self._most)}, the limit; set {LIMIT} to more where it is meant to be so large"
            )


def _part(name: str) -> str:
    """What a file is called until it is whole: hidden, and no longer than a name may be."""
    kept = name if len(name.encode()) < 240 else hashlib.sha256(name.encode()).hexdigest()
    return f".{kept}.part"


def limit() -> int:
    """Bytes that one source may have. Raises ModelBuildError for a limit that is no number."""
    given = os.environ.get(LIMIT) or str(_DEFAULT_LIMIT)
    try:
        found = float(given)
    except ValueError:
        found = -1.0
    if not 0 < found < 1e9:
        raise ModelBuildError(f"{LIMIT} is {given!r}, expected gigabytes, such as 64")
    return int(found * 1e9)


def _mega(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
