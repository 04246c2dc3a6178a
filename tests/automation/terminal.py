"""A terminal for a test: the command behind a pseudo-terminal, what it writes, what is typed."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.automation.conftest import Project

PATIENCE = 60.0
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """`with Terminal(project, "up") as screen: screen.until("[y/N]"); screen.press("y\\n")`."""

    def __init__(
        self, project: Project, *arguments: str, env: dict[str, str] | None = None, columns: int = 200
    ) -> None:
        self.raw = ""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        # a size in the variables, which a test runner may have left there, goes before that of the terminal
        inherited = {name: value for name, value in project.environment.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            project.command(*arguments),
            cwd=project.root,
            env={**inherited, **(env or {})},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # the terminal becomes the session's own, so that Ctrl-C typed into it is a signal to all in it
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    @property
    def text(self) -> str:
        """All that was written, without the escape codes."""
        return ESCAPES.sub("", self.raw).replace("\r\n", "\n")

    def until(self, words: str) -> None:
        """Read on until `words` have appeared."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.text:
            assert time.monotonic() < deadline, f"{words!r} did not appear in {self.text}"
            assert self._read(0.2), f"it ended before {words!r} appeared: {self.text}"

    def asks(self, words: str) -> None:
        """Read on until `words` have appeared and the command waits for a key.

        What reads a line shows its question some milliseconds before it waits, and a signal that comes in between is
        noted but wakes nobody. A person's Ctrl-C cannot be as fast as that, a test's is.
        """
        self.until(words)
        before = ""
        for _ in range(100):
            state = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            now = " ".join((state[0], *state[11:13]))  # asleep or not, and its time of the processor so far
            if now == before and now.startswith("S"):
                return
            before = now
            time.sleep(0.1)

    def press(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def end(self) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(1.0):
            assert time.monotonic() < deadline, f"it did not end after {self.text}"
        return self.process.wait(PATIENCE)

    def _read(self, patience: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], patience)
        if not ready:
            return self.process.poll() is None
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            return False
        self.raw += piece.decode(errors="replace")
        return bool(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._master)
