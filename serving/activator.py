"""python -m serving activator: stands before pods of which there may be none, and holds what comes until one is there.

It moves bytes and reads none of them, so TLS, API keys and every protocol go through as they are. What it counts is
what an autoscaler asks for: how many connections wait for a pod or for an answer.
"""

import argparse
import asyncio
import contextlib
import signal
import socket
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from serving.errors import StartError
from serving.process import sockets
from serving.process.logs import say

_FIRST_BYTES = 256 * 1024
"""What a held connection may have sent before it is read no further."""
_AGAIN_SECONDS = 0.1
"""Between two tries to reach a pod."""
_ANSWERING_SECONDS = 1.0
"""An answer that still comes in pieces is under way for so long after each of them."""
_UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Retry-After: 5\r\nConnection: close\r\n\r\n%s"
)


@dataclass(frozen=True)
class Settings:
    """All that an activator can be told. Times in seconds."""

    upstream: tuple[str, int]
    host: str = "0.0.0.0"
    port: int = 8080
    metrics_port: int = 9000
    hold: float = 120.0
    """How long a connection waits for a pod."""
    window: float = 15.0
    """The count that is told is the highest of this long: what asks now and then misses nothing."""
    most: int = 4096
    """Connections that are held at once; further ones are told to come again."""
    drain_grace: float = 5.0
    """Connections are still taken for so long after the signal to end: not every node has heard of it yet."""
    drain_timeout: float = 30.0


class Counts:
    """What waits, now and at the most within the window."""

    def __init__(self, window: float) -> None:
        self.connections = 0
        self.waiting = 0
        """Connections on which nothing has come back since the client last sent."""
        self.held = 0
        self.given_up = 0
        self._window = window
        self._peaks: deque[tuple[float, int]] = deque()

    def waits(self, one: int) -> None:
        """One more waits, or with -1 one less."""
        self.waiting += one
        if one > 0:
            self._note(self.waiting)

    def highest(self, busy: int) -> int:
        """The most that waited at once within the window; `busy` wait now."""
        self._note(busy)
        return self._peaks[0][1]

    def _note(self, busy: int) -> None:
        now = time.monotonic()
        while self._peaks and self._peaks[0][0] < now - self._window:
            self._peaks.popleft()
        # A lower one that came before can never be the highest again.
        while self._peaks and self._peaks[-1][1] <= busy:
            self._peaks.pop()
        self._peaks.append((now, busy))


class Activator:
    """The server: a pair of connections for each client, and a small page of counts."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.counts = Counts(settings.window)
        self.clients: set[_Client] = set()
        self.draining = False
        self._address: tuple[float, tuple[str, int]] | None = None

    def busy(self) -> int:
        """Connections that wait for a pod or an answer."""
        return sum(each.busy for each in self.clients)

    async def run(self) -> int:
        """Serve until told to end; the exit code."""
        loop = asyncio.get_running_loop()
        end = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, end.set)
        listener = sockets.bind(self.settings.host, self.settings.port)
        page = sockets.bind(self.settings.host, self.settings.metrics_port)
        server = await loop.create_server(lambda: _Client(self), sock=listener)
        metrics = await asyncio.start_server(self._page, sock=page)
        say(f"activator on port {self.settings.port} before {self.settings.upstream[0]}:{self.settings.upstream[1]}")
        await end.wait()
        self.draining = True
        await asyncio.sleep(self.settings.drain_grace)
        server.close()
        until = time.monotonic() + self.settings.drain_timeout
        while self.busy() and time.monotonic() < until:
            await asyncio.sleep(0.05)
        cut = self.busy()
        for each in list(self.clients):
            each.close()
        metrics.close()
        say(f"drained, {cut} cut short" if cut else "drained")
        return 1 if cut else 0

    async def upstream(self) -> tuple[str, int]:
        """Where the pods are reached. The name is looked up once in a while: a Service keeps its address."""
        now = time.monotonic()
        if self._address is None or self._address[0] < now - 30:
            host, port = self.settings.upstream
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self._address = (now, cast("tuple[str, int]", found[0][4][:2]))
        return self._address[1]

    def forget(self) -> None:
        """Look the name up anew at the next try."""
        self._address = None

    async def _page(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            body = self.text().encode()
            kind = b"text/plain; version=0.0.4; charset=utf-8"
            head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            writer.write(head % (kind, len(body)) + body)
            await writer.drain()
        writer.close()

    def text(self) -> str:
        """The counts as Prometheus and KEDA read them."""
        busy = self.busy()
        lines: list[str] = []
        for name, kind, what, value in (
            ("requests", "gauge", f"most that waited at once in {self.settings.window:g} s", self.counts.highest(busy)),
            ("in_flight", "gauge", "connections that wait for a pod or an answer", busy),
            ("held", "gauge", "connections that wait for a pod", self.counts.held),
            ("connections_total", "counter", "connections taken", self.counts.connections),
            ("given_up_total", "counter", "connections for which no pod came in time", self.counts.given_up),
        ):
            name = f"modelport_activator_{name}"
            lines += [f"# HELP {name} {what}", f"# TYPE {name} {kind}", f"{name} {value}"]
        return "\n".join(lines) + "\n"


class _Client(asyncio.Protocol):
    """A client's connection. Nothing happens until it sends: a probe that only connects wakes nobody."""

    def __init__(self, activator: Activator) -> None:
        self._activator = activator
        self._first: list[bytes] = []
        self._size = 0
        self._pod: _Pod | None = None
        self._search: asyncio.Task[None] | None = None
        self._asked = False
        self._ended = False
        self._answered_at = float("-inf")
        self.transport: asyncio.Transport | None = None

    @property
    def busy(self) -> bool:
        """Whether it waits: for a pod, for an answer, or for the rest of one."""
        return self._asked or time.monotonic() - self._answered_at < _ANSWERING_SECONDS

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._activator.clients.add(self)
        self._activator.counts.connections += 1

    def data_received(self, data: bytes) -> None:
        if not self._asked:
            self._asked = True
            self._activator.counts.waits(1)
        if self._pod is not None and self._pod.transport is not None:
            self._pod.transport.write(data)
            return
        self._first.append(data)
        self._size += len(data)
        if self._size > _FIRST_BYTES and self.transport is not None:
            self.transport.pause_reading()
        if self._search is None:
            self._search = asyncio.get_running_loop().create_task(self._find())

    def eof_received(self) -> bool:
        self._ended = True
        if self._pod is not None and self._pod.transport is not None and self._pod.transport.can_write_eof():
            self._pod.transport.write_eof()
            return True
        return self._search is not None

    def connection_lost(self, exc: Exception | None) -> None:
        self._activator.clients.discard(self)
        self._has_answer()
        if self._search is not None:
            self._search.cancel()
        if self._pod is not None and self._pod.transport is not None:
            self._pod.transport.close()

    def pause_writing(self) -> None:
        if self._pod is not None and self._pod.transport is not None:
            self._pod.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._pod is not None and self._pod.transport is not None:
            self._pod.transport.resume_reading()

    def answer(self, data: bytes) -> None:
        """Bytes from the pod."""
        if self.transport is None:
            return
        if self._asked and self._activator.draining and data.startswith(b"HTTP/1."):
            # The client is to take another connection for its next request, since this process goes.
            line, _, rest = data.partition(b"\r\n")
            data = line + b"\r\nConnection: close\r\n" + rest
        self._has_answer()
        self._answered_at = time.monotonic()
        self.transport.write(data)

    def close(self) -> None:
        """After what is still to be written."""
        if self.transport is not None:
            self.transport.close()

    def _has_answer(self) -> None:
        if self._asked:
            self._asked = False
            self._activator.counts.waits(-1)

    async def _find(self) -> None:
        """Wait for a pod, and hand it what the client has sent."""
        activator = self._activator
        if activator.counts.held >= activator.settings.most:
            self._give_up("too many requests wait for the model to start; try again")
            return
        activator.counts.held += 1
        try:
            pod = await self._reach(time.monotonic() + activator.settings.hold)
        finally:
            activator.counts.held -= 1
        if pod is None or pod.transport is None or self.transport is None:
            self._give_up(f"the model did not start within {activator.settings.hold:g} s; try again")
            return
        self._pod = pod
        pod.transport.writelines(self._first)
        if self._size > _FIRST_BYTES:
            self.transport.resume_reading()
        self._first.clear()
        if self._ended:
            pod.transport.write_eof()

    async def _reach(self, until: float) -> "_Pod | None":
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(min(5.0, max(0.1, until - time.monotonic()))):
                    host, port = await self._activator.upstream()
                    return (await loop.create_connection(lambda: _Pod(self), host, port))[1]
            except (OSError, TimeoutError):
                self._activator.forget()
                if time.monotonic() >= until:
                    return None
                await asyncio.sleep(_AGAIN_SECONDS)

    def _give_up(self, why: str) -> None:
        self._activator.counts.given_up += 1
        if self.transport is None:
            return
        if b" HTTP/1." in b"".join(self._first)[:8192]:
            body = b'{"error":"%s"}' % why.encode()
            self.transport.write(_UNAVAILABLE % (len(body), body))
        self.transport.close()


class _Pod(asyncio.Protocol):
    """The connection to a pod that belongs to a client's."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._client.answer(data)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.close()

    def pause_writing(self) -> None:
        if self._client.transport is not None:
            self._client.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._client.transport is not None:
            self._client.transport.resume_reading()


def parse(arguments: Sequence[str]) -> Settings:
    """Read the flags. Raises StartError; argparse itself exits with 2."""
    parser = argparse.ArgumentParser(
        prog="python -m serving activator", description="Hold requests until a pod of the model is there."
    )
    parser.add_argument("--upstream", required=True, help="HOST:PORT of the model's pods, a Service that may have none")
    parser.add_argument("--host", default=Settings.host)
    parser.add_argument("--port", type=int, default=Settings.port)
    parser.add_argument("--metrics-port", type=int, default=Settings.metrics_port)
    parser.add_argument("--hold", type=float, default=Settings.hold, help="seconds that a request waits for a pod")
    parser.add_argument("--window", type=float, default=Settings.window, help="seconds over which the most is told")
    parser.add_argument("--drain-grace", type=float, default=Settings.drain_grace)
    flags = parser.parse_args(arguments)
    host, colon, port = str(flags.upstream).rpartition(":")
    if not colon or not host or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise StartError(f"--upstream is '{flags.upstream}', expected HOST:PORT; for example digits-origin.team.svc:80")
    return Settings(
        upstream=(host, int(port)),
        host=flags.host,
        port=flags.port,
        metrics_port=flags.metrics_port,
        hold=flags.hold,
        window=flags.window,
        drain_grace=flags.drain_grace,
    )


def main(arguments: Sequence[str]) -> int:
    """Run until ended. Raises StartError."""
    return asyncio.run(Activator(parse(arguments)).run())
