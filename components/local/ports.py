"""Whether a TCP port on loopback is free, and who has it when it is not."""

import errno
import socket
import time
from pathlib import Path

from components.local.errors import LocalError, PortInUse

HOST = "127.0.0.1"
MARK = "MODELPORT_ENDPOINT"
"""Environment variable of every process of an endpoint's server: `<id>.<number of the version>`."""
_LISTEN = "0A"
_ENDING = 3.0
"""Seconds for which a port may be held by nobody who can be seen, or by who is ending."""
_EXITING, _KILL = 0x4, 1 << 8
"""In /proc: the flag of a task that exits (PF_EXITING), and SIGKILL among its pending signals."""


def require_free(port: int) -> None:
    """Raise PortInUse, with the holder's name, when `port` cannot be listened on."""
    until = time.monotonic() + _ENDING
    while _taken(port):
        seen = [pid for pid in _processes(port) if not ending(pid)]
        # A process that is ending holds its port a moment longer than it can be seen to.
        if seen or time.monotonic() > until:
            raise PortInUse(
                f"port {port} is in use by {holder(port)}, expected a free port; set modelport:endpoint.port or stop it"
            )
        time.sleep(0.02)


def ending(pid: int) -> bool:
    """Whether a process was killed, or exits, and is only being cleared away."""
    try:
        flags = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[6])
        told = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    except OSError:
        return True  # gone meanwhile
    return bool(flags & _EXITING or any(int(told[key], 16) & _KILL for key in ("SigPnd", "ShdPnd")))


def _taken(port: int) -> bool:
    """Whether somebody listens there. Raises LocalError where this user may not."""
    with socket.socket() as probe:
        # As the server will: connections of an ended one that still linger are no hindrance.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EPERM}:
                raise LocalError(
                    f"port {port} may not be listened on without root, expected one from 1024 up; "
                    "set modelport:endpoint.port"
                ) from None
            if error.errno != errno.EADDRINUSE:
                raise
            return True
    return False


def holder(port: int) -> str:
    """Who listens on `port`, in words: `python3 (process 1234)`, or `another user's program`."""
    if seen := _processes(port):
        return f"{_name(seen[0])} (process {seen[0]})"
    return "a program that this user may not look at" if _listening(port) else "another program"


def _processes(port: int) -> list[int]:
    """Ids of the processes that can be seen to listen on `port`."""
    sockets = _listening(port)
    pids = sorted(int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if sockets & _sockets(pid)]


def _listening(port: int) -> set[str]:
    """Links of the sockets that listen on `port`, as /proc/PID/fd spells them."""
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == _LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def _sockets(pid: int) -> set[str]:
    found: set[str] = set()
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found.add(str(entry.readlink()))
            except OSError:
                continue
    except OSError:
        pass
    return found


def _name(pid: int) -> str:
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        for entry in environment:
            if entry.startswith(f"{MARK}=".encode()):
                return f"the endpoint {entry.decode().partition('=')[2].rpartition('.')[0]}"
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        name = Path(words[0].decode(errors="replace")).name
        return name or Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "a program"
