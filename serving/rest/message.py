"""A request as it came, a response as it goes, and the words for what went wrong."""

import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

from serving.errors import (
    BadInput,
    NotAllowed,
    NotFound,
    Overloaded,
    ServingError,
    TooLarge,
    Unauthorized,
    Unsupported,
)

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

NO_HEADERS: Headers = []
JSON: Headers = [(b"content-type", b"application/json")]
_STATUS: tuple[tuple[type[ServingError], int], ...] = (
    (BadInput, 400),
    (Unauthorized, 401),
    (NotFound, 404),
    (NotAllowed, 405),
    (TooLarge, 413),
    (Unsupported, 415),
    (Overloaded, 503),
)


class Gone(Exception):
    """The client left before its request was whole; there is nobody to answer."""


class Response:
    """Status, headers and body, whole: every answer of this server is known before its first byte goes out."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes, headers: Headers) -> None:
        self.status = status
        self.body = body
        self.headers = headers

    async def send(self, send: Send, *, close: bool, stamp: Headers = NO_HEADERS) -> None:
        """Write the response; `stamp`: headers of every response. With `close` the connection ends here."""
        headers = [*self.headers, *stamp, (b"content-length", b"%d" % len(self.body))]
        if close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def json_response(content: Any, status: int = 200) -> Response:
    """`content` as JSON; numpy arrays are written as lists, NaN and infinity as null."""
    return Response(status, orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY), JSON)


def error_response(error: ServingError) -> Response:
    """The protocol's error object with the fitting status; 500 for what is not the client's doing."""
    status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
    response = json_response({"error": str(error)}, status)
    if isinstance(error, NotAllowed):
        response.headers = [*JSON, (b"allow", error.allowed.encode("ascii"))]
    if isinstance(error, Unauthorized):
        challenge = b'Bearer realm="modelport"' + (b', error="invalid_token"' if error.given else b"")
        response.headers = [*JSON, (b"www-authenticate", challenge)]
    if isinstance(error, Overloaded):
        response.headers = [*JSON, (b"retry-after", b"1")]
    return response


class Request:
    """Headers at once, the body when asked for."""

    __slots__ = ("_headers", "_receive", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self._receive = receive
        self._headers: dict[bytes, bytes] = dict(scope["headers"])

    def header(self, name: bytes) -> str | None:
        """A header by its lower-case name."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    def raw(self, name: bytes) -> bytes | None:
        """A header's bytes by its lower-case name."""
        return self._headers.get(name)

    def length(self, name: bytes) -> int | None:
        """A header that holds a length. Raises BadInput when it is not a whole number from 0."""
        text = self.header(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit()) or len(text) > 18:
            raise BadInput(f"header {name.decode('ascii')} is '{text[:40]}', expected a number of bytes")
        return int(text)

    async def body(self, limit: int, hold: Callable[[int], None]) -> bytes:
        """The whole body as it came. Raises TooLarge beyond `limit` bytes, where possible before reading it.

        hold is called with the bytes that are about to be kept, and may raise. Raises Gone when the client leaves
        before the body is whole.
        """
        announced = self.length(b"content-length")
        if announced is not None and announced > limit:
            raise _too_large(announced, limit)
        hold(announced or 0)
        message = await self._receive()
        parts: list[bytes] = []
        size = 0
        while message["type"] == "http.request":
            parts.append(message["body"])
            size += len(message["body"])
            if size > limit:
                raise _too_large(size, limit)
            if announced is None:
                hold(len(message["body"]))
            if not message.get("more_body", False):
                return b"".join(parts)
            message = await self._receive()
        raise Gone

    def encoding(self) -> str | None:
        """How the body is compressed. Raises Unsupported for what is not understood here."""
        encoding = (self.header(b"content-encoding") or "identity").lower()
        if encoding not in ("identity", "gzip", "deflate"):
            raise Unsupported(f"content-encoding is '{encoding[:40]}', expected gzip, deflate or none")
        return None if encoding == "identity" else encoding


def decompress(data: bytes, encoding: str, limit: int) -> bytes:
    """The body behind gzip or deflate. Raises TooLarge beyond `limit` bytes, BadInput where it is broken."""
    # 32 more bits of window: zlib finds out itself whether it is gzip or zlib.
    engine = zlib.decompressobj(wbits=zlib.MAX_WBITS + 32)
    try:
        found = engine.decompress(data, limit + 1)
    except zlib.error as error:
        raise BadInput(f"the body is not valid {encoding}: {error}") from None
    if len(found) > limit:
        raise _too_large(len(found), limit)
    if not engine.eof:
        raise BadInput(f"the body ends before its {encoding} data does")
    return found


def _too_large(size: int, limit: int) -> TooLarge:
    return TooLarge(f"the body has {size} bytes or more, at most {limit} are taken; send smaller batches")
