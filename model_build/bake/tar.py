"""A tar writer whose bytes depend on names, content, links and the executable bit alone.

Python's own writer changes bytes between Python versions; this one is a page, and a layer's digest is a contract.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

BLOCK = 512
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One thing in an archive. `name` has no leading slash; a folder's has no trailing one."""

    name: str
    kind: bytes  # b"0" file, b"2" symbolic link, b"5" folder
    mode: int
    size: int = 0
    link: str = ""
    uid: int = 0
    source: Path | None = None


@dataclass(frozen=True)
class Written:
    """What went to the stream: its digest (hex), its length, and the bytes of the files in it."""

    sha256: str
    size: int
    unpacked: int


@dataclass(frozen=True)
class Special:
    """A path whose mode or owner is not what every other's is."""

    mode: int
    uid: int = 0


def entries(tree: Path, prefix: str = "", special: Mapping[str, Special] | None = None) -> Iterator[Entry]:
    """Everything below `tree`, sorted by name as bytes, folders before what is in them.

    Owner, group and time are fixed, and of a file's mode only "executable or not" is kept: umasks differ.
    `prefix`: path in the archive that `tree` stands for, its parents come first. `special`: exceptions by archive name.
    """
    special = special or {}
    parts = [part for part in prefix.split("/") if part]
    for depth in range(1, len(parts) + 1):
        name = "/".join(parts[:depth])
        yield Entry(name, b"5", 0o755)
    yield from _below(tree, "/".join(parts), special)


def _below(folder: Path, prefix: str, special: Mapping[str, Special]) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        children = sorted(found, key=lambda child: os.fsencode(child.name))
    for child in children:
        name = f"{prefix}/{child.name}" if prefix else child.name
        status = child.stat(follow_symlinks=False)
        if stat.S_ISLNK(status.st_mode):
            yield Entry(name, b"2", 0o777, link=str(Path(child.path).readlink()))
        elif stat.S_ISDIR(status.st_mode):
            odd = special.get(name, Special(0o755))
            yield Entry(name, b"5", odd.mode, uid=odd.uid)
            yield from _below(Path(child.path), name, special)
        elif stat.S_ISREG(status.st_mode):
            odd = special.get(name, Special(0o755 if status.st_mode & 0o100 else 0o644))
            yield Entry(name, b"0", odd.mode, status.st_size, uid=odd.uid, source=Path(child.path))
        else:
            raise ValueError(f"{child.path}: neither a file, a folder nor a link")


class Sink(Protocol):
    """Whatever takes bytes."""

    def write(self, data: bytes | memoryview, /) -> object: ...


def write(items: Iterator[Entry], out: Sink) -> Written:
    """Write the archive to `out`, hashing on the way, so that a blob is read by nobody twice."""
    digest = hashlib.sha256()
    size = unpacked = 0

    def put(data: bytes | memoryview) -> None:
        nonlocal size
        digest.update(data)
        out.write(data)
        size += len(data)

    for item in items:
        put(header(item))
        if item.source is not None:
            unpacked += item.size
            _copy(item, put)
    put(bytes(2 * BLOCK))
    return Written(digest.hexdigest(), size, unpacked)


def _copy(item: Entry, put: Callable[[bytes | memoryview], None]) -> None:
    assert item.source is not None
    buffer = memoryview(bytearray(min(_CHUNK, max(item.size, 1))))
    left = item.size
    with item.source.open("rb", buffering=0) as file:
        while left:
            got = file.readinto(buffer[: min(left, len(buffer))])
            if not got:
                raise ValueError(f"{item.source}: became shorter while it was read, expected {item.size} bytes")
            put(buffer[:got])
            left -= got
    put(bytes(-item.size % BLOCK))


def header(item: Entry) -> bytes:
    """The ustar header of `item`, after a pax header where a name, a link or a size does not fit ustar."""
    name = item.name + ("/" if item.kind == b"5" else "")
    raw_name, raw_link = os.fsencode(name), os.fsencode(item.link)
    extra: dict[str, bytes] = {}
    place = _split(raw_name)
    if place is None:
        extra["path"] = raw_name
        place = (raw_name[:100], b"")
    if len(raw_link) > 100 or not raw_link.isascii():
        extra["linkpath"] = raw_link
    size = item.size
    if size >= 8**11:
        extra["size"] = str(size).encode()
        size = 0
    out = b""
    if extra:
        records = b"".join(_record(key, value) for key, value in sorted(extra.items()))
        out = _ustar((b"@pax", b""), b"x", 0o644, len(records), b"", 0) + records + bytes(-len(records) % BLOCK)
    return out + _ustar(place, item.kind, item.mode, size, raw_link[:100], item.uid)


def _record(key: str, value: bytes) -> bytes:
    body = b" " + key.encode() + b"=" + value + b"\n"
    length = len(body)
    while len(body) + len(str(length)) != length:
        length = len(body) + len(str(length))
    return str(length).encode() + body


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    if not name.isascii():
        return None
    if len(name) <= 100:
        return name, b""
    for cut in range(min(155, len(name) - 1), 0, -1):
        if name[cut : cut + 1] == b"/" and len(name) - cut - 1 <= 100 and name[cut + 1 :]:
            return name[cut + 1 :], name[:cut]
    return None


def _ustar(place: tuple[bytes, bytes], kind: bytes, mode: int, size: int, link: bytes, owner: int) -> bytes:
    name, prefix = place
    owned = b"%07o\0" % owner
    block = b"".join(
        [
            name.ljust(100, b"\0"),
            b"%07o\0" % mode,
            owned,
            owned,
            b"%011o\0" % size,
            b"%011o\0" % 0,  # the epoch: a layer has no time
            b" " * 8,
            kind,
            link.ljust(100, b"\0"),
            b"ustar\x0000",
            bytes(32 + 32 + 8 + 8),
            prefix.ljust(155, b"\0"),
            bytes(12),
        ]
    )
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
