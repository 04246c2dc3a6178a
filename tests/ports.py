"""TCP ports for the servers that tests start.

A port that the kernel picks is free only until somebody else asks: between the asking and the server's start, another
worker's client may be given it. So they come from below the range that the kernel gives to clients and from outside
Kubernetes' node ports, and a lock on a file keeps each for the process that took it until it ends.
"""

import fcntl
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

FIRST, LAST = 20000, 29999

_kept: list[IO[str]] = []
_order = random.SystemRandom()


def free_port() -> int:
    """A port of loopback that nothing listens on and that no other test on this machine is given."""
    folder = Path(tempfile.gettempdir()) / "modelport-test-ports"
    folder.mkdir(mode=0o777, exist_ok=True)
    for port in _order.sample(range(FIRST, LAST + 1), 200):
        lock = (folder / str(port)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _kept.append(lock)
        return port
    raise RuntimeError(f"200 ports between {FIRST} and {LAST} are taken, expected one that is free")
