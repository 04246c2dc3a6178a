"""gzip without compression: the form that every tool takes for a layer, at the price of a copy.

Weights hardly shrink, so a model's layer is only wrapped: stored blocks of deflate, a fixed header, a checksum. The
bytes are this page's and no zlib's. (A layer of plain tar is as good by the specification, but crane refuses it.)
"""

import hashlib
import queue
import threading
import zlib
from typing import BinaryIO, Protocol

_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no name, no time, no system
_LAST = b"\x01\0\0\xff\xff"
_MOST = 0xFFFF
_PIECE = 1 << 20


class Sink(Protocol):
    """Whatever takes bytes, as a file or `Behind` does."""

    def write(self, data: bytes | bytearray | memoryview, /) -> object: ...


class Stored:
    """A stream that wraps what is written to it; `close` ends the gzip member and leaves the file below open."""

    def __init__(self, out: Sink) -> None:
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


class Behind:
    """Writes to a file from a thread of its own, so that hashing does not wait for the disk, nor the disk for hashing.

    `write` and `close` raise what the file raised.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._piece = bytearray()
        self._queue: queue.Queue[bytearray | None] = queue.Queue(maxsize=4)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Take `data`; it is on its way when this returns, and on the file after `close`."""
        self._piece += data
        if len(self._piece) >= _PIECE:
            self._queue.put(self._piece)
            self._piece = bytearray()
            self._raise()
        return len(data)

    def close(self) -> None:
        """Wait until all is written. The file stays open."""
        self._queue.put(self._piece)
        self.abandon()
        self._raise()

    def abandon(self) -> None:
        """End the thread, whatever became of the file."""
        self._queue.put(None)
        self._thread.join()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while (piece := self._queue.get()) is not None:
            if self._error is None:
                try:
                    self._out.write(piece)
                except BaseException as error:  # handed to whoever writes; what comes after it is only taken away
                    self._error = error
