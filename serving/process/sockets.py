"""Listening sockets: bound here, or handed over by a running server."""

import json
import os
import socket
import stat
from pathlib import Path
from typing import Any, cast

from serving.errors import StartError

BACKLOG = 1024
# A unix socket's path must fit the kernel's sockaddr_un.
LONGEST_PATH = 107


def bind(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises StartError when the address is taken or is none of this machine."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartError(
            f"--host is '{host}': {error.strerror or error}; expected an address of this machine"
        ) from None
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        hint = "stop what listens there, or choose another --port" if error.errno == 98 else "choose another address"
        raise StartError(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; {hint}") from None
    listener.setblocking(False)
    return listener


def take_over(path: Path, timeout: float = 10.0) -> socket.socket:
    """The listening socket of the server whose control socket is `path`. That server keeps its own copy."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(path))
            connection.sendall(b'{"op":"listener"}\n')
            reply, descriptors, _, _ = socket.recv_fds(connection, 65536, 1)
            while reply and not reply.endswith(b"\n"):
                reply += connection.recv(65536)
    except OSError as error:
        raise StartError(
            f"--takeover {path}: {error.strerror or error}; expected the control socket of a running server"
        ) from None
    if not descriptors:
        raise StartError(f"--takeover {path}: {_said(reply)}, expected its listening socket")
    listener = socket.socket(fileno=descriptors[0])
    listener.setblocking(False)
    return listener


def control(path: Path, *, replaces: bool) -> socket.socket:
    """A control socket at `path`, mode 0600. With `replaces`, a server that still answers there is superseded.

    Raises StartError when another server answers at `path`, or the folder does not take it.
    """
    fresh = path.with_name(f".{os.getpid()}")
    if max(len(os.fsencode(path)), len(os.fsencode(fresh))) > LONGEST_PATH:
        raise StartError(f"--control {path}: the path is too long for a unix socket; choose a shorter one")
    if not replaces and _answers(path):
        raise StartError(f"--control {path}: another server answers there; stop it, or choose another path")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        previous = os.umask(0o177)
        try:
            listener.bind(str(fresh))
        finally:
            os.umask(previous)
        listener.listen(16)
        # A rename, so that there is no moment without a control socket.
        fresh.rename(path)
    except OSError as error:
        listener.close()
        fresh.unlink(missing_ok=True)
        raise StartError(f"--control {path}: {error.strerror or error}; expected a folder to write to") from None
    listener.setblocking(False)
    return listener


def remove(path: Path, listener: socket.socket, inode: int | None) -> None:
    """Take our control socket away, unless a successor has put its own there."""
    listener.close()
    try:
        if path.stat().st_ino == inode:
            path.unlink()
    except OSError:
        return


def inode(path: Path) -> int:
    """The inode of a socket's path, by which `remove` knows it again."""
    return path.stat().st_ino


def address(listener: socket.socket) -> str:
    """host:port as in a URL."""
    name = cast("tuple[str, int]", listener.getsockname()[:2])
    return f"[{name[0]}]:{name[1]}" if ":" in name[0] else f"{name[0]}:{name[1]}"


def _answers(path: Path) -> bool:
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            connection.connect(str(path))
    except OSError:
        return False
    return True


def _said(reply: bytes) -> str:
    try:
        content: Any = json.loads(reply)
        return f"it answered {str(content['error'])[:200]}"
    except (ValueError, KeyError, TypeError):
        return "it gave no answer"
