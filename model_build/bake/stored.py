"""gzip without compression: the form that every tool takes for a layer, at the price of a copy.

Weights hardly shrink, so a model's layer is only wrapped: stored blocks of deflate, a fixed header, a checksum. The
bytes are this page's and no zlib's. (A layer of plain tar is as good by the specification, but crane refuses it.)
"""

import hashlib
import zlib
from typing import BinaryIO

_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no name, no time, no system
_LAST = b"\x01\0\0\xff\xff"
_MOST = 0xFFFF


class Stored:
    """A stream that wraps what is written to it; `close` ends the gzip member and leaves the file below open."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._digest = hashlib.sha256()
        self._crc = 0
        self._length = 0
        self._waiting = bytearray()
        self.size = 0
        self._put(_HEADER)

    def write(self, data: bytes | memoryview) -> int:
        """Take `data`; small pieces wait until they fill a block, which so does not depend on how they came."""
        self._crc = zlib.crc32(data, self._crc)
        self._length += len(data)
        view = memoryview(data)
        at = 0
        if self._waiting:
            at = min(_MOST - len(self._waiting), len(view))
            self._waiting += view[:at]
            if len(self._waiting) == _MOST:
                self._put_block(self._waiting)
                self._waiting = bytearray()
        while len(view) - at >= _MOST:
            self._put_block(view[at : at + _MOST])
            at += _MOST
        self._waiting += view[at:]
        return len(view)

    def close(self) -> None:
        """Write what waits, the last block and the checksum."""
        if self._waiting:
            self._put_block(self._waiting)
        self._put(_LAST + self._crc.to_bytes(4, "little") + (self._length & 0xFFFFFFFF).to_bytes(4, "little"))

    @property
    def sha256(self) -> str:
        """The digest (hex) of what went to the file below."""
        return self._digest.hexdigest()

    def _put_block(self, data: bytearray | memoryview) -> None:
        length = len(data)
        self._put(b"\0" + length.to_bytes(2, "little") + (length ^ 0xFFFF).to_bytes(2, "little"))
        self._put(data)

    def _put(self, data: bytes | bytearray | memoryview) -> None:
        self._digest.update(data)
        self._out.write(data)
        self.size += len(data)
