"""The datatypes of the Open Inference Protocol and what ONNX and numpy call them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Datatype:
    """One datatype: its protocol name, ONNX Runtime's name, and the numpy dtype that holds it here.

    kind: "bool", "int", "float" or "bytes". BF16 is held as its raw bits in uint16, because numpy has no such type;
    BYTES as an object array of str.
    """

    name: str
    onnx: str
    dtype: np.dtype[Any]
    kind: str

    @property
    def size(self) -> int:
        """Bytes per element; 0 for BYTES, whose elements carry their own length."""
        return 0 if self.kind == "bytes" else self.dtype.itemsize


def _little(kind: str) -> np.dtype[Any]:
    return np.dtype(kind).newbyteorder("<")


DATATYPES = {
    each.name: each
    for each in (
        Datatype("BOOL", "tensor(bool)", np.dtype(np.bool_), "bool"),
        Datatype("UINT8", "tensor(uint8)", _little("u1"), "int"),
        Datatype("UINT16", "tensor(uint16)", _little("u2"), "int"),
        Datatype("UINT32", "tensor(uint32)", _little("u4"), "int"),
        Datatype("UINT64", "tensor(uint64)", _little("u8"), "int"),
        Datatype("INT8", "tensor(int8)", _little("i1"), "int"),
        Datatype("INT16", "tensor(int16)", _little("i2"), "int"),
        Datatype("INT32", "tensor(int32)", _little("i4"), "int"),
        Datatype("INT64", "tensor(int64)", _little("i8"), "int"),
        Datatype("FP16", "tensor(float16)", _little("f2"), "float"),
        Datatype("FP32", "tensor(float)", _little("f4"), "float"),
        Datatype("FP64", "tensor(double)", _little("f8"), "float"),
        Datatype("BF16", "tensor(bfloat16)", _little("u2"), "float"),
        Datatype("BYTES", "tensor(string)", np.dtype(object), "bytes"),
    )
}

BY_ONNX = {each.onnx: each for each in DATATYPES.values()}


def bfloat16_from_float32(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Round float32 to the nearest bfloat16 (ties to even), as raw bits; NaN stays NaN."""
    bits = values.view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    return np.where(np.isnan(values), np.uint32(0x7FC0), rounded).astype(np.uint16)


def bfloat16_to_float32(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The float32 values of raw bfloat16 bits; exact."""
    return (bits.astype(np.uint32) << 16).view(np.float32)
