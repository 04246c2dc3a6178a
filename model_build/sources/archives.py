"""Archives of models that others packed: plain files come out of them, or nothing."""

import gzip as gzips
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from model_build.sources.downloads import Into
from model_build.sources.keeping import MOST_FILES
from model_build.sources.remote import Remote

_BLOCK = 1 << 20


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def unpack(path: Path, source: Remote, into: Into, called: Callable[[str], str | None]) -> None:
    """Unpack a tar archive into a folder that is being filled.

    called: what a file is to be called, or None to leave it out. Refuses links, devices, names that lead out, more than
    the limit, and an archive that is cut or damaged. Whether it is compressed is looked at, whatever its type says.
    """
    with path.open("rb") as file:
        gzip = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            with gzips.GzipFile(fileobj=file) if gzip else file as plain:
                _members(cast("IO[bytes]", plain), source, into, called)
        except (tarfile.TarError, EOFError, zlib.error, gzips.BadGzipFile) as error:
            raise source.wrong(f"which has an archive that is damaged ({error}); pack it again") from None


def _members(plain: IO[bytes], source: Remote, into: Into, called: Callable[[str], str | None]) -> None:
    count = 0
    with tarfile.open(fileobj=plain, mode="r|") as archive:
        for member in archive:
            count += 1
            if count > MOST_FILES:
                raise source.wrong(f"which has an archive of more than {MOST_FILES:,} files; do not use it")
            name = member.name.removeprefix("./")
            if member.isdir():
                continue
            if not member.isfile():
                what = "a link" if member.issym() or member.islnk() else "no plain file"
                raise source.wrong(
                    f"in whose archive {member.name[:200]!r} is {what}, expected plain files; do not use it"
                )
            if name.startswith("/") or ".." in name.split("/"):
                raise source.wrong(f"in whose archive {member.name[:200]!r} leads out of it; do not use it")
            wanted = called(name)
            if wanted is None:
                continue
            into.room(member.size)
            taken = archive.extractfile(member)
            assert taken is not None
            with taken, into.file(wanted).open("wb") as out:
                while block := taken.read(_BLOCK):
                    into.counted(len(block))
                    out.write(block)
