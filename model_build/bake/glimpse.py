"""What is looked up in a base that is not unpacked: its packages' records, and which servers it has.

Images of servers have gigabytes of libraries. Their layers are read once; folders, links and a few files are kept.
"""

import copy
import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from model_build.bake.cache import cache_dir, publish_folder, work_folder
from model_build.bake.errors import BakeError, disk_errors
from model_build.bake.layers import Layer, tree
from model_build.bake.layout import Layout
from model_build.bake.rootfs import chain, unpack_layer
from model_build.bake.servers import PROGRAMS
from model_build.bake.unpack import WHITEOUT, clean_name, resolve

_RECORDS = ("var/lib/dpkg/status", "etc/os-release", "usr/lib/os-release")
_FOLDER = "var/lib/dpkg/status.d/"
_FORMAT = "1"


def glimpse(layout: Layout, layers: Sequence[Layer]) -> Path:
    """A folder with what of `layers` is looked up, made once. Servers' programs are empty files there.

    Raises BakeError for a layer that is damaged or missing.
    """
    known = hashlib.sha256(f"glimpse {_FORMAT} {chain([layer.diff_id for layer in layers])}".encode()).hexdigest()
    place = tree(known)
    if place.is_dir():
        return place
    full = "free some, or set MODELPORT_CACHE_DIR to a folder on a larger disk"
    with disk_errors(cache_dir(), full), work_folder(cache_dir() / "work") as folder:
        root = folder / "root"
        root.mkdir()
        for layer in layers:
            unpack_layer(layout.blob(layer.digest), layer, root, _seen)
        publish_folder(root, place)
    return place


def program(root: Path, name: str, folders: Sequence[str]) -> str | None:
    """Where a program is, in the first of `folders` of the image `root` that has it."""
    for folder in folders:
        place = f"{folder.rstrip('/')}/{name}"
        try:
            if place.startswith("/") and resolve(root, place).is_file():
                return place
        except BakeError:
            continue  # links that lead round in a circle
    return None


class _Kept:
    """An archive of which only a part is seen."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self.archive = archive

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        for member in self.archive:
            name = clean_name(member.name)
            base = name.rpartition("/")[2]
            if base in PROGRAMS and (member.isfile() or member.islnk()):
                seen = copy.copy(member)
                seen.type, seen.size = tarfile.REGTYPE, 0
                yield seen
            elif member.isfile():
                if name in _RECORDS or name.startswith(_FOLDER) or base.startswith(WHITEOUT):
                    yield member
            elif member.isdir() or member.issym():
                yield member

    def extractfile(self, member: tarfile.TarInfo) -> IO[bytes] | None:
        return self.archive.extractfile(member)


def _seen(archive: tarfile.TarFile) -> tarfile.TarFile:
    return cast(tarfile.TarFile, _Kept(archive))
