"""What an error of a provider carries beside its message: the thing that was made all the same."""

from typing import TYPE_CHECKING

from engine.providers.base import Made, PartialFailure
from engine.values import from_struct

if TYPE_CHECKING:
    import grpc.aio


def partial_failure(error: "grpc.aio.AioRpcError") -> PartialFailure | None:
    """The detail of an error that says what was made all the same, from the status that gRPC carries along."""
    from google.protobuf import any_pb2

    from engine.protocol import provider_pb2

    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin" or not isinstance(value, bytes):
            continue
        for detail in _details(value):
            packed = any_pb2.Any.FromString(detail)
            if packed.type_url.endswith("pulumirpc.ErrorResourceInitFailed"):
                init = provider_pb2.ErrorResourceInitFailed.FromString(packed.value)
                inputs = from_struct(init.inputs) if init.HasField("inputs") else None
                reasons = list(init.reasons)
                made = Made(init.id, from_struct(init.properties), inputs, reasons)
                return PartialFailure(_listed(reasons), made)
    return None


def _listed(reasons: list[str]) -> str:
    """Reasons as the official engine lists them."""
    head = "1 error occurred:" if len(reasons) == 1 else f"{len(reasons)} errors occurred:"
    return "\n\t* ".join([head, *reasons])


def _details(status: bytes) -> list[bytes]:
    """The `details` of a google.rpc.Status: the length-delimited fields with number 3."""
    out: list[bytes] = []
    place = 0
    while place < len(status):
        key, place = _varint(status, place)
        if key & 7 == 2:
            length, place = _varint(status, place)
            if key >> 3 == 3:
                out.append(status[place : place + length])
            place += length
        else:
            _, place = _varint(status, place)
    return out


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, place
