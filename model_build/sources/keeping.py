"""What remote sources brought, kept in the cache by content, and what is known of their versions.

    sources/DIGEST/...          the files of one source; DIGEST is over their names and contents
    sources/.part-KEY/...       one that is being fetched, or was when something ended it
    versions/KEY                for a version of an address: the SHA-256 of each of its files

A version is what a store can tell in one request (an entity tag and a size, a commit, a digest). It is never part of a
build's identity: the content is.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from model_build import cache, content, folders
from model_build.errors import ModelBuildError
from model_build.sources.downloads import Into
from model_build.sources.remote import File, Remote, Say, Seen, inside, visible

MOST_FILES = 10_000
_NOTED_FILES = 256
"""Files up to which a version is told to a stack's state; a folder of more is looked up in the cache alone."""


@dataclass(frozen=True)
class Pinned:
    """A version of a source whose content is known."""

    version: str
    files: Mapping[str, str]
    """Hex of each file's SHA-256."""
    folder: bool

    @property
    def content(self) -> str:
        """What `Source.parts` says of the same file or folder on this machine."""
        return content.of_json(dict(self.files)) if self.folder else next(iter(self.files.values()))

    def to_dict(self) -> dict[str, Any] | None:
        return None if len(self.files) > _NOTED_FILES else _told(self)

    @classmethod
    def of(cls, told: object, version: str) -> "Pinned | None":
        """Read what `to_dict` wrote; None for anything else, and for another version."""
        if not isinstance(told, Mapping):
            return None
        value = cast("Mapping[str, Any]", told)
        files: Any = value.get("files")
        if value.get("version") != version or not isinstance(files, Mapping) or not files:
            return None
        read = {str(name): str(digest) for name, digest in cast("Mapping[str, Any]", files).items()}
        if not all(visible(name) and len(digest) == 64 for name, digest in read.items()):
            return None
        return cls(version, read, bool(value.get("folder")))


def pinned(seen: Seen) -> Pinned | None:
    """The content of a version that tells the digest of each file by itself."""
    if not seen.files or not all(file.sha256 for file in seen.files.values()):
        return None
    files = {name: file.sha256 for name, file in seen.files.items()}
    return Pinned(seen.version, files, _is_folder(seen, files))


def noted(source: Remote, version: str) -> Pinned | None:
    """What an earlier fetch of this version brought."""
    try:
        return Pinned.of(json.loads(_note(source, version).read_text("utf-8")), version)
    except (OSError, ValueError):
        return None


def place(found: Pinned) -> Path | None:
    """The file or folder on this machine, where it is there and whole."""
    folder = _folder(found)
    try:
        if any(content.of_file(inside(folder, name)) != digest for name, digest in found.files.items()):
            return None
        os.utime(folder)
    except (OSError, ValueError):
        return None
    return folder if found.folder else folder / next(iter(found.files))


def bring(source: Remote, seen: Seen, known: Pinned | None, say: Say) -> tuple[Pinned, Path]:
    """Fetch a version. known: what its content must be, where that is known.

    Raises what `Remote.fetch` does, InputError by `wrong` for other content, ModelBuildError where there is no room.
    """
    root = folders.cache() / "sources"
    with cache.in_use(), cache.disk_errors(folders.cache()):
        root.mkdir(parents=True, exist_ok=True)
        key = _key(source, seen.version)
        with cache.locked(root / f".{key}.lock"):
            known = known or noted(source, seen.version)
            if known and (there := place(known)):
                return known, there
            part = root / f".part-{key}"
            part.mkdir(exist_ok=True)
            say(f"{source.label}: fetching {seen.version}")
            _ask_for_room(source, seen, into := Into(part, source, say))
            source.fetch(seen, into)
            try:
                found = _read(source, seen, known, part)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)  # whole, and not what it should be: nothing to go on with
                raise
            final = _folder(found)
            shutil.rmtree(final, ignore_errors=True)  # what is there is not whole, or `place` had found it
            part.rename(final)
            content.write_text(_note(source, seen.version), json.dumps(_told(found), sort_keys=True))
    there = place(found)
    if there is None:
        raise ModelBuildError(f"{final} was changed while it was looked at, expected it to stay; run it again")
    return found, there


def _ask_for_room(source: Remote, seen: Seen, into: Into) -> None:
    if not seen.files:
        return
    if len(seen.files) > MOST_FILES:
        raise source.wrong(
            f"with {len(seen.files):,} files, expected at most {MOST_FILES:,}; name the folder of the model"
        )
    there = sum(path.stat().st_size for path in into.folder.rglob("*") if path.is_file())
    into.room(max(0, sum(file.size or 0 for file in seen.files.values()) - there))


def _read(source: Remote, seen: Seen, known: Pinned | None, part: Path) -> Pinned:
    """The content of what was fetched, held to what was said of it."""
    files: dict[str, str] = {}
    for name, path in content.walk(part):
        if path.is_symlink() or not path.is_file():
            raise source.wrong(f"which has a link in it ({name!r}), expected plain files; do not use it")
        files[name] = content.hashed(path)
    if not files:
        raise source.wrong("which holds no file; expected a model or data there")
    for name, want in (seen.files or {}).items():
        _hold(source, name, want, files.get(name))
    for name, digest in (known.files if known else dict[str, str]()).items():
        _hold(source, name, File(sha256=digest), files.get(name))
    return Pinned(seen.version, dict(sorted(files.items())), _is_folder(seen, files))


def _hold(source: Remote, name: str, want: File, got: str | None) -> None:
    if got is None:
        raise source.changed(f"which had {name!r} and sent none of it")
    if want.sha256 and got != want.sha256:
        raise source.wrong(
            f"of which {name!r} has the SHA-256 {got}, expected {want.sha256}; it is another file than was meant, or "
            "was changed on its way: look at it, then write the digest that it should have"
        )


def _is_folder(seen: Seen, files: Mapping[str, object]) -> bool:
    return len(files) != 1 if seen.folder is None else seen.folder


def _folder(found: Pinned) -> Path:
    return folders.cache() / "sources" / content.of_json(dict(found.files))


def _told(found: Pinned) -> dict[str, Any]:
    return {"version": found.version, "files": dict(sorted(found.files.items())), "folder": found.folder}


def _note(source: Remote, version: str) -> Path:
    return folders.cache() / "versions" / _key(source, version)


def _key(source: Remote, version: str) -> str:
    """Of an address and a version; whatever a query holds is in the hash alone."""
    return content.of_json([source.text, version])[:32]
