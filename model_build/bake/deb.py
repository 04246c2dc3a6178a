"""Debian packages, read without dpkg: an `ar` archive with a control and a data tar in it."""

import io
import lzma
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

from model_build.bake.errors import BakeError
from model_build.bake.unpack import unpack_tar

_MAGIC = b"!<arch>\n"
_HEADER = 60


def members(package: Path) -> dict[str, bytes]:
    """The members of the `ar` archive by name."""
    data = package.read_bytes()
    if not data.startswith(_MAGIC):
        raise BakeError(f"{package.name}: not a Debian package (no ar archive); remove it from the cache and try again")
    found: dict[str, bytes] = {}
    at = len(_MAGIC)
    while at + _HEADER <= len(data):
        head = data[at : at + _HEADER]
        size = int(head[48:58])
        at += _HEADER
        found[head[:16].decode().strip().rstrip("/")] = data[at : at + size]
        at += size + size % 2
    return found


def _tar(package: Path, kind: str) -> bytes:
    for name, data in members(package).items():
        if name == f"{kind}.tar":
            return data
        if name == f"{kind}.tar.xz":
            return lzma.decompress(data)
        if name == f"{kind}.tar.gz":
            return zlib.decompress(data, wbits=31)
        if name.startswith(f"{kind}.tar."):
            raise BakeError(f"{package.name}: its {name} is not xz or gzip; lock a release whose packages are")
    raise BakeError(f"{package.name}: has no {kind}.tar; remove it from the cache and try again")


def unpack(package: Path, root: Path, select: Callable[[str], str | None]) -> None:
    """Unpack the files of `package` into `root`; `select` names each one's place or leaves it out."""
    with tarfile.open(fileobj=io.BytesIO(_tar(package, "data"))) as archive:
        unpack_tar(archive, root, select=select)


def control(package: Path) -> str:
    """The package's control paragraph."""
    with tarfile.open(fileobj=io.BytesIO(_tar(package, "control"))) as archive:
        for member in archive:
            if member.name.removeprefix("./") == "control":
                file = archive.extractfile(member)
                assert file is not None
                return file.read().decode()
    raise BakeError(f"{package.name}: has no control file; remove it from the cache and try again")
