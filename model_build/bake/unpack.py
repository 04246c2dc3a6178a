"""Unpacking archives that others made, without letting any of their names out of the folder they go to."""

import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

from model_build.bake.errors import BakeError

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
_LINKS = 40


def resolve(root: Path, name: str, *, last: bool = True) -> Path:
    """The place in `root` that `name` means to a program whose root folder it is: links are followed inside `root`.

    last: whether a link at the very end is followed too. Raises BakeError for a loop of links.
    """
    parts = [part for part in reversed(name.split("/")) if part not in ("", ".")]
    place = root
    seen = 0
    while parts:
        part = parts.pop()
        if part == "..":
            place = place.parent if place != root else root
            continue
        step = place / part
        if step.is_symlink() and (parts or last):
            seen += 1
            if seen > _LINKS:
                raise BakeError(f"{name}: links in the image lead round in a circle, expected a file or folder")
            link = str(step.readlink())
            if link.startswith("/"):
                place = root
            parts.extend(part for part in reversed(link.split("/")) if part not in ("", "."))
            continue
        place = step
    return place


def clean_name(name: str) -> str:
    """An archive's name without dots and leading slashes. Raises BakeError for one that leads out."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise BakeError(
            f"{name!r}: a name in the archive leads out of it; the archive is damaged or hostile, get it anew"
        )
    return "/".join(parts)


def unpack_tar(
    archive: tarfile.TarFile, root: Path, *, select: Callable[[str], str | None] | None = None, whiteouts: bool = False
) -> None:
    """Unpack `archive` into `root`: files, folders and links; no devices, owners, times or setuid bits.

    select: gives the name to unpack a member as, or None to leave it out.
    whiteouts: an OCI layer's marks take away what layers before it put there.
    """
    for member in archive:
        name: str | None = clean_name(member.name)
        if name and select:
            name = select(name)
        if not name:
            continue
        head, _, base = name.rpartition("/")
        folder = resolve(root, head)
        if whiteouts and base.startswith(WHITEOUT):
            _white_out(folder, base)
            continue
        place = folder / base
        if member.isdir():
            if place.is_symlink() and resolve(root, name).is_dir():
                continue  # a merged /lib -> usr/lib stays
            if place.is_symlink() or (place.exists() and not place.is_dir()):
                place.unlink()
            place.mkdir(parents=True, exist_ok=True)
            continue
        _make_parents(folder, root)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        elif place.is_symlink() or place.exists():
            place.unlink()
        if member.issym():
            place.symlink_to(_relative(member.linkname, name))
        elif member.islnk():
            source = clean_name(member.linkname)
            target = resolve(root, (select(source) if select else source) or source, last=False)
            if not target.is_file() or target.is_symlink():
                raise BakeError(
                    f"{name}: a hard link to {member.linkname}, which the archive lacks; get the archive anew"
                )
            shutil.copyfile(target, place)
            place.chmod(target.stat().st_mode & 0o777)
        elif member.isfile():
            source_file = archive.extractfile(member)
            assert source_file is not None
            with source_file, place.open("wb") as out:
                shutil.copyfileobj(source_file, out, 1 << 20)
            place.chmod(0o755 if member.mode & 0o111 else 0o644)


def _make_parents(folder: Path, root: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)


def _white_out(folder: Path, base: str) -> None:
    if base == OPAQUE:
        for child in list(folder.iterdir()) if folder.is_dir() else []:
            _remove(child)
        return
    _remove(folder / base.removeprefix(WHITEOUT))


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _relative(link: str, name: str) -> str:
    """An absolute link as a relative one: it means the same in the image, and outside of it stays inside the folder."""
    if not link.startswith("/"):
        return link
    depth = name.count("/")
    return "../" * depth + link.lstrip("/") or "."
