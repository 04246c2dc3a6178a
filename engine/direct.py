"""The engine's end of the socket over which a large program registers its resources (lean.py is the program's).

A message is a length and a number, four bytes each, and JSON: what a RegisterResourceRequest or an outputs request
says, or the answer of the same number. Python reads and writes JSON eight times as fast as it does protobuf's structs.
"""

import asyncio
import json
import struct
from typing import TYPE_CHECKING, Any, Final

from engine.errors import BadArgument, Closed, EngineError
from engine.goals import Answer
from engine.registrations import Trace, request_of
from engine.state import Resource
from engine.values import (
    SECRET_TAG,
    TAG,
    UNKNOWN,
    UNKNOWN_TEXT,
    Output,
    Props,
    Secret,
    Unknown,
    Value,
    downgrade,
    from_struct,
    is_dict,
    is_list,
    number,
    tagged,
)

if TYPE_CHECKING:
    from engine.monitor import Monitor

HEAD: Final = struct.Struct(">II")
_MARKS: Final = (TAG.encode(), UNKNOWN_TEXT.encode())


def _as_number(text: str) -> int | float:
    return number(float(text))


_read: Final = json.JSONDecoder(parse_float=_as_number).decode


class Question:
    """A message as it was read, with the properties still as JSON has them."""

    def __init__(self, raw: bytes) -> None:
        self.asked: dict[str, Any] = _read(raw.decode())
        self._marked = any(mark in raw for mark in _MARKS)

    def props(self) -> Props:
        """The properties: `from_struct`, of what has marks in it, and most has none."""
        found: Props = self.asked["outputs"] if "outputs" in self.asked else self.asked["object"]
        return {key: _value(value) for key, value in found.items()} if self._marked else found


class Direct(asyncio.Protocol):
    """Answers on one such socket, each question in a task of its own, as gRPC's server does."""

    def __init__(self, monitor: "Monitor") -> None:
        self._monitor = monitor
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._traces: dict[int, Trace] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._read = bytearray()
        self._unsent: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        for task in self._tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        read, at = self._read, 0
        read += data
        while len(read) - at >= HEAD.size:
            length, number = HEAD.unpack_from(read, at)
            if len(read) - at - HEAD.size < length:
                break
            at += HEAD.size
            question = Question(bytes(read[at : at + length]))
            if "frames" in question.asked:  # before any other that was made at the same place is looked at
                trace = Trace(str(self._monitor.project.root), question.asked["frames"])
                self._traces[question.asked["trace"]] = trace
            task = self._loop.create_task(self._serve(number, question))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            at += length
        del read[:at]

    async def _serve(self, number: int, question: Question) -> None:
        try:
            text = await self._answered(question)
        except Closed as error:
            text = refusal("UNAVAILABLE", str(error))
        except BadArgument as error:
            text = refusal("INVALID_ARGUMENT", str(error))
        except EngineError as error:
            text = refusal("UNKNOWN", str(error))
        except Exception as error:
            text = refusal("UNKNOWN", f"Unexpected {type(error)}: {error}")  # gRPC's own words
        data = text.encode()
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent += (HEAD.pack(len(data), number), data)

    def _send(self) -> None:
        data, self._unsent = b"".join(self._unsent), []
        if not self._transport.is_closing():
            self._transport.write(data)

    async def _answered(self, question: Question) -> str:
        monitor, asked = self._monitor, question.asked
        if monitor.gate is not None:
            await monitor.gate.passed()
        if "outputs" in asked:
            await monitor.plain_outputs(asked["urn"], question.props())
            return "{}"
        trace, parent = self._traces[asked["trace"]], asked["parent"]
        asked["object"] = question.props()
        if monitor.transforms(parent):
            return answer_text(asked["custom"], await by_request(monitor, asked, trace))
        return answer_text(asked["custom"], await monitor.register_plain(asked, trace))


async def by_request(monitor: "Monitor", asked: dict[str, Any], trace: Trace) -> Answer:
    """The way that a registration of the SDK's goes, which the program's transforms are a part of."""
    response = await monitor.register(request_of(asked, trace.frames))
    results = {0: "success", 1: "failed", 2: "skipped"}
    made = Resource(response.urn, asked["type"], asked["custom"], id=response.id, outputs=from_struct(response.object))
    return Answer(made, results[response.result], response.unknown)


def refusal(code: str, details: str) -> str:
    return json.dumps({"error": [code, details]})


def _value(value: Value) -> Value:
    if value == UNKNOWN_TEXT:
        return UNKNOWN
    if is_dict(value):
        return tagged({key: _value(item) for key, item in value.items()})
    return [_value(item) for item in value] if is_list(value) else value


def answer_text(custom: bool, answer: Answer) -> str:
    """What a registration is answered with; an id that is not known is null."""
    made = answer.resource
    results = {"success": 0, "failed": 1, "skipped": 2}
    return _write(
        {
            "urn": made.urn,
            "id": None if isinstance(made.id, Unknown) or made.id == UNKNOWN_TEXT else made.id,
            "object": made.outputs if custom else {},
            "result": results[answer.result],
            "unknown": answer.unknown,
        }
    )


def _sent(value: Value) -> Value:
    """A value that JSON has no word for, as `to_struct` puts it on the wire."""
    if isinstance(value, Unknown):
        return UNKNOWN_TEXT
    if isinstance(value, Secret):
        return {TAG: SECRET_TAG, "value": value.value}
    if isinstance(value, Output):
        return downgrade(value)
    raise TypeError(f"a property value cannot be a {type(value).__name__}")


_write: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"), default=_sent).encode
