"""A real server in processes of its own, and how a test talks to its control socket."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
"""Seconds after which a wait is a failure; nothing here is about speed."""


def command(*flags: str | Path) -> list[str]:
    """The command line of a server."""
    return [sys.executable, "-m", "serving", *map(str, flags)]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a server: none of the user's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MODELPORT_")}
    return {**kept, "PYTHONPATH": str(ROOT), **(extra or {})}


def ask(control: Path, op: str) -> dict[str, Any]:
    """One request to a control socket."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(control))
        connection.sendall(json.dumps({"op": op}).encode() + b"\n")
        with connection.makefile() as lines:
            reply: dict[str, Any] = json.loads(lines.readline())
    return reply


class Server:
    """`python -m serving` on a free port; ready when made, gone when closed."""

    def __init__(
        self,
        folder: Path,
        model: Path,
        *flags: str,
        env: Mapping[str, str] | None = None,
        name: str = "server",
        words: Sequence[str] = (),
    ) -> None:
        self.control = folder / f"{name}.sock"
        self.log = folder / f"{name}.log"
        given = command(*words, "--model", model, "--control", self.control, *flags)
        if "--takeover" not in flags and "--port" not in flags:
            given += ["--port", "0"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                given, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(env), cwd=folder
            )
        try:
            self.address = str(self.wait("ready")["address"])
        except BaseException:
            self.close()
            raise
        self.url = f"http://{self.address}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2])

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text("utf-8", "replace")

    def wait(self, key: str, value: object = True) -> dict[str, Any]:
        """Wait until the control socket reports `value` for `key`."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.said()
            try:
                status = ask(self.control, "status")
            except (OSError, ValueError):
                status = {}
            if status.get(key) == value:
                return status
            time.sleep(0.02)
        raise AssertionError(f"{key} is not {value} after {PATIENCE} s: {self.said()}")

    def workers(self) -> list[int]:
        """Process ids of its workers."""
        found: list[int] = ask(self.control, "status")["workers"]
        return found

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """End it, however it is."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def until(condition: Any, what: str) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not after {PATIENCE} s"
        time.sleep(0.01)
