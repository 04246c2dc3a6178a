"""The control socket of a running server: one JSON line in, one out.

A socket in a folder of our own cannot be taken over by a stranger as a process id can, so whether a server lives is
asked here: it lives when its socket accepts.
"""

import json
import os
import socket
from contextlib import closing
from pathlib import Path
from typing import Any

_LONGEST = 107
"""Bytes in a Unix socket's address on Linux, less the closing zero."""


def ask(path: Path, operation: str, *, timeout: float = 2.0) -> dict[str, Any] | None:
    """The answer of the server at `path` to `operation`; None where none lives or it does not answer in `timeout` s."""
    try:
        with closing(_connect(path, timeout)) as connection:
            connection.sendall(json.dumps({"op": operation}).encode() + b"\n")
            received = b""
            while b"\n" not in received:
                chunk = connection.recv(65536)
                if not chunk:
                    break
                received += chunk
        answer: Any = json.loads(received)
        return answer if isinstance(answer, dict) else None  # pyright: ignore[reportUnknownVariableType]
    except (OSError, ValueError):
        return None


def lives(path: Path) -> bool:
    """Whether a server holds the socket at `path`. Takes well under a millisecond; a busy server counts as alive."""
    try:
        _connect(path, 1.0).close()
    except TimeoutError:
        return True
    except OSError:
        return False
    return True


def _connect(path: Path, timeout: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        if len(os.fsencode(path)) <= _LONGEST:
            connection.connect(str(path))
            return connection
        # The folder is named by its descriptor, however long its name; the server binds relative to its own folder.
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)
        return connection
    except BaseException:
        connection.close()
        raise
