"""The connections of one worker: accepted one at a time, closed only when that loses no request.

uvicorn's own server accepts as many as it can at once (one worker would take all), and closes idle connections the
moment it stops (a request on its way would be lost). So its HTTP protocol is used, and accepting and closing is done
here.
"""

import asyncio
import contextlib
import errno
import logging
import os
import re
import socket
import time
from email.utils import formatdate
from typing import Any, cast

import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from serving.metrics import Counts
from serving.process.sockets import BACKLOG
from serving.rest.app import App
from serving.settings import Settings

# Out of descriptors or memory: trying at once would only spin.
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_RETRY_ACCEPT = 0.2
_COURTESY = 0.002
_TICK = 1.0
_DRAIN_TICK = 0.02


# Where a request asks for another protocol, in its head.
_UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, and when its client was last heard of."""

    heard = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        self.heard = self.loop.time()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self.heard = self.loop.time()
        if not self.receiving and (found := _UPGRADE.search(data, 0, max(0, data.find(b"\r\n\r\n")))):
            # An offer (Java's client makes it with every first request, for HTTP/2), which a server may pass over. The
            # parser would take all that follows for the other protocol, and so lose the request's body.
            data = data[: found.start()] + b"\r\nx-upgrade:" + data[found.end() :]
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, in the same form as every other error."""
        body = orjson.dumps({"error": "the request is not valid HTTP/1.1"})
        head = b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d"
        self.transport.write(b"%b\r\n\r\n%b" % (head % len(body), body))
        self.transport.close()

    def on_response_complete(self) -> None:
        self.heard = self.loop.time()
        super().on_response_complete()

    def timeout_keep_alive_handler(self) -> None:
        if not self._more_has_come():
            super().timeout_keep_alive_handler()

    @property
    def busy(self) -> bool:
        """A request is in hand: its headers were there, its answer is not whole."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    @property
    def receiving(self) -> bool:
        """The request in hand is still coming in."""
        return self.busy and self.cycle.more_body

    def close_idle(self, before: float) -> None:
        """Close when nothing was in hand since `before` (loop time), and nothing has come in the meantime."""
        if not self.busy and self.heard <= before and not self._more_has_come():
            self.transport.close()

    def give_up(self) -> None:
        """Drop the connection with whatever is in hand."""
        self.transport.abort()

    def _more_has_come(self) -> bool:
        """Whether the kernel holds bytes that the event loop has not read yet: a request that arrived just now."""
        # asyncio hands out its socket without recv, so it is asked by a duplicate.
        try:
            with socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno())) as same:
                return len(same.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)) > 0
        except OSError:
            return False


class Connections:
    """Accepts from `listener` and serves `app`, until drained."""

    def __init__(self, app: App, listener: socket.socket, settings: Settings, counts: Counts, index: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._settings = settings
        self._counts = counts
        self._row = counts.row(index)
        self._accepting: set[asyncio.Task[Any]] = set()
        self._config = Config(
            cast("Any", app),
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=cast("int", settings.keep_alive),
        )
        self._config.load()
        # What clients do wrong is answered, not logged: a log must not grow at a stranger's pleasure.
        logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
        self._state = ServerState()
        self._app = app
        self._tick()

    @property
    def _open(self) -> set[Connection]:
        return cast("set[Connection]", self._state.connections)

    def begin(self) -> None:
        """Start to accept."""
        self._loop.add_reader(self._listener, self._consider)

    def _tick(self) -> None:
        """Once a second: the Date header, and connections that have been silent for too long."""
        self._state.default_headers[:] = [(b"date", formatdate(time.time(), usegmt=True).encode("ascii"))]
        now = self._loop.time()
        for each in list(self._open):
            if each.receiving:
                if now - each.heard > self._settings.body_timeout:
                    each.give_up()
            elif not each.busy and now - each.heard > self._settings.keep_alive:
                # Closed already, but the client does not take the rest of its answer.
                if each.transport.is_closing():
                    each.give_up()
                else:
                    each.close_idle(now)
        self._count()
        self._timer = self._loop.call_later(_TICK, self._tick)

    def _consider(self) -> None:
        """A connection waits. Leave it for a moment to a worker that has fewer, take it then if nobody did.

        Connections are kept for long and not many, so whoever wakes first would keep most of them and the others idle.
        """
        if self._count() > min(self._counts.connections()) + 1:
            self._loop.remove_reader(self._listener)
            self._loop.call_later(_COURTESY, self._resume, True)
        else:
            self._accept()

    def _count(self) -> int:
        mine = len(self._open) + len(self._accepting)
        self._row.connections(mine)
        return mine

    def _accept(self) -> bool:
        """Take one connection. False when there is none."""
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self._loop.remove_reader(self._listener)
                self._loop.call_later(_RETRY_ACCEPT, self._resume)
            return False
        connection.setblocking(False)
        # An answer leaves in two writes; the second must not wait for the client to acknowledge the first.
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._serve(connection))
        self._accepting.add(task)
        task.add_done_callback(self._accepting.discard)
        self._count()
        return True

    def _resume(self, accept: bool = False) -> None:
        if self._app.draining:
            return
        self.begin()
        if accept:
            self._accept()

    async def _serve(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:
            connection.close()

    def _protocol(self) -> Connection:
        return Connection(config=self._config, server_state=self._state, app_state={}, _loop=self._loop)

    async def drain(self) -> None:
        """Stop accepting, answer all that is in hand or still comes in, and return when no connection is left.

        What had reached the queue before is served too. Each answer says `Connection: close`; a connection with nothing
        in hand is closed after the grace time.
        """
        self._app.draining = True
        self._loop.remove_reader(self._listener)
        for _ in range(BACKLOG):
            if not self._accept():
                break
        self._listener.close()
        begun = self._loop.time()
        while self._accepting or self._open or self._state.tasks:
            before = self._loop.time() - self._settings.drain_grace
            if before >= begun:
                for each in list(self._open):
                    each.close_idle(before)
            await asyncio.sleep(_DRAIN_TICK)
        self._timer.cancel()
