"""The control socket: one JSON object a line, one reply a line. Served from the master's own loop, never blocking."""

import json
import selectors
import socket
from collections.abc import Callable
from typing import Any

from serving.process.logs import say

LONGEST_LINE = 4096
# op -> (reply, descriptor to send along or None)
Operation = Callable[[], tuple[dict[str, Any], int | None]]


class Control:
    """Answers on a listening unix socket, registered with the master's selector."""

    def __init__(
        self, listener: socket.socket, selector: selectors.BaseSelector, operations: dict[str, Operation]
    ) -> None:
        self._listener = listener
        self._selector = selector
        self._operations = operations
        self._lines: dict[socket.socket, bytes] = {}
        selector.register(listener, selectors.EVENT_READ, self._accept)

    def sockets(self) -> list[socket.socket]:
        """What a forked worker must close."""
        return [self._listener, *self._lines]

    def close(self) -> None:
        """Hang up on everyone. The listener is left to its owner."""
        self._selector.unregister(self._listener)
        for each in list(self._lines):
            self._hang_up(each)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        self._lines[connection] = b""
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(connection))

    def _read(self, connection: socket.socket) -> None:
        try:
            received = connection.recv(LONGEST_LINE)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        self._lines[connection] += received
        if not received or len(self._lines[connection]) > LONGEST_LINE:
            self._hang_up(connection)
            return
        *lines, self._lines[connection] = self._lines[connection].split(b"\n")
        for line in lines:
            try:
                self._answer(connection, line)
            except OSError as error:
                # The other side left, or does not read: its loss.
                say(f"control: a reply could not be sent: {error.strerror or error}")
                self._hang_up(connection)
                return

    def _answer(self, connection: socket.socket, line: bytes) -> None:
        reply, descriptor = self._perform(line)
        encoded = json.dumps(reply).encode("utf-8") + b"\n"
        if descriptor is None:
            connection.sendall(encoded)
        else:
            socket.send_fds(connection, [encoded], [descriptor])

    def _perform(self, line: bytes) -> tuple[dict[str, Any], int | None]:
        try:
            request: Any = json.loads(line)
            name = request["op"]
            operation = self._operations[name]
        except (ValueError, RecursionError, KeyError, TypeError):
            return {"error": f'expected a line like {{"op": "status"}} with one of {", ".join(self._operations)}'}, None
        return operation()

    def _hang_up(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._lines[connection]
        connection.close()
