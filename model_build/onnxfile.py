"""The outermost shape of an ONNX file, read without the onnx package, which takes a second to import.

It tells a model from a truncated download or some other file before anything runs, in a fraction of a millisecond:
only the fields of ModelProto are walked over, their content is skipped.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from model_build.errors import SourceError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SHAPE = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
"""Field number to wire type, from onnx.proto (ModelProto)."""
_IR_VERSION, _GRAPH, _OPSET = 1, 7, 8


@dataclass
class Header:
    ir_version: int = 0
    opsets: dict[str, int] = field(default_factory=dict[str, int])
    """Domain to version; the default domain is ''."""
    graph: bool = False


class _Broken(Exception):
    pass


def header(path: Path, name: str) -> Header:
    """Read what `path` says about itself. name: for messages.

    Raises SourceError when it is not an ONNX model or ends in the middle of one.
    """
    size = path.stat().st_size
    if not size:
        raise SourceError(f"source {name} is empty, expected an ONNX model; export it again")
    found = Header()
    with path.open("rb") as file:
        try:
            while file.tell() < size:
                _field(file, size, found)
        except EOFError:
            raise SourceError(
                f"source {name} ends in the middle of a model after {size:,} bytes, expected a whole ONNX file; "
                "download or export it again"
            ) from None
        except _Broken:
            found = Header()
    if not found.graph or not found.ir_version:
        raise SourceError(
            f"source {name} is not an ONNX model ({size:,} bytes that do not parse as one); check that it is the "
            "right file, or set format"
        )
    return found


def _field(file: BinaryIO, size: int, found: Header) -> None:
    tag = _varint(file)
    number, wire = tag >> 3, tag & 7
    if _SHAPE.get(number) != wire:
        raise _Broken
    if wire == _VARINT:
        value = _varint(file)
        if number == _IR_VERSION:
            found.ir_version = value
        return
    length = _varint(file)
    if file.tell() + length > size:
        # Only something that began as a model can be the beginning of one.
        raise EOFError if found.ir_version else _Broken
    if number == _GRAPH:
        found.graph = True
    if number == _OPSET and length < 1 << 12:
        _opset(file, file.tell() + length, found)
    else:
        file.seek(length, 1)


def _opset(file: BinaryIO, end: int, found: Header) -> None:
    domain, version = "", 0
    while file.tell() < end:
        tag = _varint(file)
        if tag == (1 << 3 | _BYTES):
            domain = file.read(_varint(file)).decode("utf-8", "replace")
        elif tag == (2 << 3 | _VARINT):
            version = _varint(file)
        else:
            raise _Broken
    found.opsets["" if domain == "ai.onnx" else domain] = version


def _varint(file: BinaryIO) -> int:
    value = shift = 0
    while True:
        byte = file.read(1)
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
        shift += 7
        if shift > 63:
            raise _Broken
