"""Tensors to and from JSON values and raw bytes.

Every length and type is checked before anything is allocated for it: a small request cannot ask for much memory.
Binary layout: the protocol's binary tensor extension (little endian, row major; BYTES elements are a 4-byte length and
the bytes).
"""

import math
import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.core.datatypes import Datatype, bfloat16_from_float32, bfloat16_to_float32
from serving.errors import BadInput
from serving.jsons import as_list

Array = NDArray[Any]

_ALLOWED: dict[str, frozenset[type]] = {
    "bool": frozenset((bool,)),
    "int": frozenset((int,)),
    "float": frozenset((int, float)),
    "bytes": frozenset((str,)),
}
_EXPECTED = {"bool": "true or false", "int": "whole numbers", "float": "numbers", "bytes": "strings"}
_JSON_NAMES: dict[type, str] = {
    bool: "true or false",
    int: "a number",
    float: "a number with a fraction",
    str: "a string",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def count(shape: Sequence[int]) -> int:
    """How many elements a tensor of this shape has."""
    return math.prod(shape)


def from_json(data: object, datatype: Datatype, shape: Sequence[int], name: str) -> Array:
    """Read a JSON list, nested as `shape` says or flat in row-major order.

    Raises BadInput when the number of elements, the nesting or the type of an element is another.
    """
    listed = as_list(data)
    if listed is None:
        raise BadInput(f"input '{name}': data is {_called(data)}, expected a list of {_EXPECTED[datatype.kind]}")
    flat = _flatten(listed, shape, name)
    strange = set(map(type, flat)) - _ALLOWED[datatype.kind]
    if strange:
        found = " and ".join(sorted(_JSON_NAMES.get(each, each.__name__) for each in strange))
        hint = "; NaN can be sent as binary data" if type(None) in strange and datatype.kind == "float" else ""
        expected = _EXPECTED[datatype.kind]
        raise BadInput(f"input '{name}': data holds {found}, expected {expected} for {datatype.name}{hint}")
    return _pack(flat, datatype, name).reshape(shape)


def _flatten(data: list[Any], shape: Sequence[int], name: str) -> list[Any]:
    expected = count(shape)
    if not data or not isinstance(data[0], list) or len(shape) < 2:
        if len(data) != expected:
            raise BadInput(
                f"input '{name}': data has {len(data)} elements, expected {expected} for shape {list(shape)}"
            )
        return data
    level: list[Any] = [data]
    for depth, length in enumerate(shape):
        for each in level:
            inner = as_list(each)
            if inner is None:
                raise BadInput(f"input '{name}': data mixes lists and values at depth {depth}; nest it as shape says")
            if len(inner) != length:
                raise BadInput(
                    f"input '{name}': data has {len(inner)} elements at depth {depth}, expected {length} "
                    f"for shape {list(shape)}"
                )
        level = list(chain.from_iterable(level))
    return level


def _pack(flat: list[Any], datatype: Datatype, name: str) -> Array:
    if datatype.kind == "bytes":
        strings = np.empty(len(flat), dtype=object)
        strings[:] = flat
        return strings
    if datatype.kind != "float":
        try:
            return np.array(flat, dtype=datatype.dtype)
        except OverflowError:
            limits = np.iinfo(datatype.dtype)
            raise BadInput(
                f"input '{name}': data holds a number out of range, expected {limits.min} to {limits.max} "
                f"for {datatype.name}"
            ) from None
    wide = np.array(flat, dtype=np.float64)
    narrow = np.float32 if datatype.name == "BF16" else datatype.dtype
    with np.errstate(over="ignore"):
        values = wide.astype(narrow, copy=False)
    if not np.isfinite(values).all():
        raise BadInput(f"input '{name}': data holds a number too large for {datatype.name}")
    return bfloat16_from_float32(values) if datatype.name == "BF16" else values


def from_bytes(raw: memoryview, datatype: Datatype, shape: Sequence[int], name: str) -> Array:
    """Read the raw bytes of one tensor. Raises BadInput when their number is not what `shape` and `datatype` say."""
    expected = count(shape)
    if datatype.kind == "bytes":
        return _strings(raw, expected, name).reshape(shape)
    if raw.nbytes != expected * datatype.size:
        raise BadInput(
            f"input '{name}': {raw.nbytes} bytes of binary data, expected {expected * datatype.size} "
            f"for {datatype.name} of shape {list(shape)}"
        )
    if datatype.kind == "bool":
        return np.not_equal(np.frombuffer(raw, dtype=np.uint8), 0).reshape(shape)
    return np.frombuffer(raw, dtype=datatype.dtype).reshape(shape)


def _strings(raw: memoryview, expected: int, name: str) -> Array:
    found: list[str] = []
    offset, end = 0, raw.nbytes
    while offset < end and len(found) < expected:
        if end - offset < 4:
            raise BadInput(f"input '{name}': binary data ends inside the length of element {len(found)}")
        (length,) = struct.unpack_from("<I", raw, offset)
        offset += 4
        if length > end - offset:
            raise BadInput(
                f"input '{name}': element {len(found)} says it has {length} bytes, only {end - offset} are left"
            )
        try:
            found.append(str(raw[offset : offset + length], "utf-8"))
        except UnicodeDecodeError:
            raise BadInput(
                f"input '{name}': element {len(found)} is not UTF-8; ONNX strings are text, send raw bytes as UINT8"
            ) from None
        offset += length
    if len(found) != expected or offset != end:
        raise BadInput(
            f"input '{name}': binary data holds {len(found)} elements and {end - offset} bytes more, "
            f"expected {expected} elements"
        )
    strings = np.empty(expected, dtype=object)
    strings[:] = found
    return strings


def to_bytes(array: Array, datatype: Datatype) -> bytes:
    """The raw bytes of a tensor, as the binary tensor extension lays them out."""
    if datatype.kind != "bytes":
        return array.astype(datatype.dtype, copy=False).tobytes()
    parts: list[bytes] = []
    for each in array.ravel():
        text = str(each).encode("utf-8", "surrogateescape")
        parts += (struct.pack("<I", len(text)), text)
    return b"".join(parts)


def to_json(array: Array, datatype: Datatype) -> Any:
    """What the JSON encoder takes for a tensor's data: flat, row major. A NaN or infinity becomes null in JSON."""
    if datatype.kind == "bytes":
        return [str(each) for each in array.ravel()]
    if datatype.name == "BF16":
        array = bfloat16_to_float32(array)
    return np.ascontiguousarray(array).ravel()


def _called(value: object) -> str:
    return _JSON_NAMES.get(type(value), type(value).__name__)
