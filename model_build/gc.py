"""Takes away what builds have left: caches, and images and reports that nothing refers to.

Losing a cache costs time and nothing else. An image is taken from the layout with what is attached to it, and then the
blobs that no other image of the layout needs.
"""

import fcntl
import json
import re
import shutil
import time
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from model_build import cache, content, folders
from model_build.bake.attachments import formed, subject_of
from model_build.errors import ModelBuildError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass
class Cleared:
    """What was taken away, or would be: kind (`cache`, `image`, `report`) and name, with the bytes that it frees."""

    things: list[tuple[str, str, int]] = field(default_factory=list[tuple[str, str, int]])

    @property
    def bytes(self) -> int:
        return sum(size for _, _, size in self.things)

    def lines(self) -> list[str]:
        return [f"{kind} {name}: {size / 1e6:.1f} MB" for kind, name, size in self.things]

    def to_dict(self) -> dict[str, Any]:
        cleared = [{"kind": kind, "name": name, "bytes": size} for kind, name, size in self.things]
        return {"cleared": cleared, "bytes": self.bytes}


def collect(
    keep: Collection[str], *, older_than: float = 0, dry_run: bool = False, layout: Path | None = None
) -> Cleared:
    """Clear all caches, and the images (with their reports) whose digests are not in `keep`.

    keep: `sha256:...` of the images that something refers to. older_than: days that a thing must have gone unused.
    Raises ModelBuildError while a build is running, which may be using what would go.
    """
    before = time.time() - older_than * 86400
    cleared = Cleared()
    with _alone():
        _clear_caches(cleared, before, dry_run)
        _clear_images(cleared, layout or folders.images(), keep, before, dry_run)
        _clear_reports(cleared, keep, before, dry_run)
    return cleared


def remove(layout: Path, *digests: str) -> int:
    """Take images out of `layout`, and with an index of images those that it lists. Returns the bytes that it freed.

    What an index lists that stays, stays; what is not there is no error.
    """
    if not (layout / "index.json").exists():
        return 0
    with cache.locked(layout / ".lock"):
        return _drop(layout, {*digests, *(each for digest in digests for each in _images(layout, digest))})


@contextmanager
def _alone() -> Generator[None]:
    path = cache.use_lock()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelBuildError(
                "a build is running, expected none while what builds use is cleared; run gc again when it has ended"
            ) from None
        yield


def _clear_caches(cleared: Cleared, before: float, dry_run: bool) -> None:
    root = folders.cache()
    for kind in sorted(p for p in root.iterdir() if p.is_dir()):
        size = 0
        for entry in _entries(kind):
            if entry.stat(follow_symlinks=False).st_mtime <= before:
                size += _size(entry)
                if not dry_run:
                    _delete(entry)
        if size:
            cleared.things.append(("cache", kind.name, size))


def _entries(kind: Path) -> Iterator[Path]:
    """What may go on its own: results of steps are a level deeper than the rest."""
    for path in sorted(kind.iterdir()):
        if kind.name == "steps" and path.is_dir():
            yield from sorted(path.iterdir())
        else:
            yield path


def _clear_images(cleared: Cleared, layout: Path, keep: Collection[str], before: float, dry_run: bool) -> None:
    if not (layout / "index.json").exists():
        return
    with cache.locked(layout / ".lock"):
        entries: list[dict[str, Any]] = _index(layout)["manifests"]
        going: list[str] = []
        for entry in entries:
            blob = _blob(layout, entry["digest"])
            young = blob.exists() and blob.stat().st_mtime > before
            if entry["digest"] not in keep and "artifactType" not in entry and not young:
                going.append(entry["digest"])
        held, done = _held(layout, entries, {*going}), set[str]()
        for digest in going:
            if digest not in held:
                freed = _drop(layout, {digest}, going, done, dry_run=dry_run)
                cleared.things.append(("image", digest[7:19], freed))


def _clear_reports(cleared: Cleared, keep: Collection[str], before: float, dry_run: bool) -> None:
    root = folders.data() / "reports"
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        if not folder.is_dir() or folder.stat().st_mtime > before:
            continue
        try:
            digest = json.loads((folder / "report.json").read_text("utf-8"))["image"]["digest"]
        except (OSError, ValueError, KeyError, TypeError):
            digest = ""
        if digest not in keep:
            cleared.things.append(("report", folder.name, _size(folder)))
            if not dry_run:
                _delete(folder)


def _images(layout: Path, digest: str) -> set[str]:
    """What an index of images lists; nothing for what is none."""
    listed: Any = _manifest(layout, digest).get("manifests")
    found = cast("list[object]", listed) if isinstance(listed, list) else []
    named = [str(cast("dict[str, Any]", each).get("digest")) for each in found if isinstance(each, dict)]
    return {each for each in named if _DIGEST.fullmatch(each)}


def _held(layout: Path, entries: list[dict[str, Any]], gone: Collection[str]) -> set[str]:
    """The images of all indexes that stay."""
    return set[str]().union(*(_images(layout, each["digest"]) for each in entries if each["digest"] not in gone))


def _drop(
    layout: Path, gone: set[str], going: Collection[str] = (), done: set[str] | None = None, *, dry_run: bool = False
) -> int:
    """Take manifests and what is attached to them from the index, then the blobs that are left over. Lock held.

    going: what goes besides, by itself. done: what has gone of that, or would have; what goes now is added.
    """
    index, done = _index(layout), set[str]() if done is None else done
    entries: list[dict[str, Any]] = [each for each in index["manifests"] if each["digest"] not in done]
    gone = gone - _held(layout, entries, {*gone, *going})
    subjects = {entry["digest"]: subject_of(_manifest(layout, entry["digest"])) for entry in entries}
    while more := {each for each, subject in subjects.items() if subject in gone} - gone:
        gone |= more  # what is attached may have something attached, too: a modelcar its signature
    kept = [entry for entry in entries if entry["digest"] not in gone]
    lost = gone & {*subjects}
    done |= lost
    if not lost:
        return 0
    needed = set[str]().union(*(_reach(layout, entry["digest"]) for entry in kept))
    # Only what the dropped ones had: blobs of a bake that is just being written are none of them.
    left_over = set[str]().union(*(_reach(layout, digest) for digest in lost)) - needed
    blobs = [path for digest in left_over if (path := _blob(layout, digest)).exists()]
    freed = sum(path.stat().st_size for path in blobs)
    if not dry_run:
        content.write_text(layout / "index.json", json.dumps({**index, "manifests": kept}, separators=(",", ":")))
        for path in blobs:
            path.unlink(missing_ok=True)
    return freed


def _reach(layout: Path, digest: str) -> set[str]:
    if images := _images(layout, digest):
        return {digest}.union(*(_blobs(layout, each) for each in images))
    return _blobs(layout, digest)


def _blobs(layout: Path, digest: str) -> set[str]:
    manifest = _manifest(layout, digest)
    # Digests become names of files that are taken away: what is none by its form is not one of them.
    if not formed(manifest):
        return {digest}
    blobs = [manifest["config"], *manifest["layers"]]
    return {digest, *(blob["digest"] for blob in blobs if _DIGEST.fullmatch(blob["digest"]))}


def _manifest(layout: Path, digest: str) -> dict[str, Any]:
    try:
        found: Any = json.loads(_blob(layout, digest).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _index(layout: Path) -> dict[str, Any]:
    return dict(json.loads((layout / "index.json").read_bytes()))


def _blob(layout: Path, digest: str) -> Path:
    kind, _, value = digest.partition(":")
    return layout / "blobs" / kind / value


def _size(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return path.stat(follow_symlinks=False).st_size
    return sum(p.stat(follow_symlinks=False).st_size for p in path.rglob("*") if p.is_symlink() or p.is_file())


def _delete(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)
