"""Child processes: started apart from the terminal, heard line by line, and ended with all that they started."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from engine.errors import PluginError

Heard = Callable[[str, str], None]
"""Called with the severity (info for stdout, info#err for stderr) and a line."""

HERE = Path(__file__).resolve().parent


class Child:
    """One child with a process group of its own; what it prints is handed on as it comes."""

    def __init__(self, process: asyncio.subprocess.Process, heard: Heard, *, skip_first: bool) -> None:
        self.process = process
        self.first: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._heard = heard
        if not skip_first:
            self.first.set_result("")
        self._readers = [
            asyncio.create_task(self._read(process.stdout, "info")),
            asyncio.create_task(self._read(process.stderr, "info#err")),
        ]
        self.quiet = False

    @classmethod
    async def start(
        cls, python: str, kind: str, what: str, *, cwd: Path, heard: Heard, skip_first: bool = False
    ) -> "Child":
        """Start child.py of the given kind; with `skip_first` its first line is for the engine, in `first`."""
        try:
            process = await cls._spawn(python, kind, what, cwd)
        except OSError as error:
            raise PluginError(f"{python}: cannot be run: {error.strerror}") from None
        return cls(process, heard, skip_first=skip_first)

    @staticmethod
    async def _spawn(python: str, kind: str, what: str, cwd: Path) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            python,
            "-u",
            str(HERE / "child.py"),
            kind,
            what,
            cwd=cwd,
            env={**os.environ, "MODELPORT_ENGINE_PID": str(os.getpid())},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=16 * 1024 * 1024,
        )

    async def order(self, orders: Mapping[str, object]) -> None:
        """Tell it what to do, once that is known."""
        stdin = self.process.stdin
        assert stdin is not None
        with contextlib.suppress(ConnectionError):  # it is dead already, which its exit code will tell
            stdin.write(json.dumps(orders).encode() + b"\n")
            await stdin.drain()
        stdin.close()

    async def _read(self, stream: asyncio.StreamReader | None, severity: str) -> None:
        assert stream is not None
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                continue  # a line longer than the limit; what was read of it is dropped
            if not line:
                if severity == "info" and not self.first.done():
                    self.first.set_result("")
                return
            text = line.decode(errors="replace")
            if severity == "info" and not self.first.done():
                self.first.set_result(text.strip())
            elif not self.quiet:
                self._heard(severity, text)

    async def wait(self) -> int:
        """The exit code, once what it printed has been heard."""
        code = await self.process.wait()
        # something that it started may hold its streams open for ever
        await asyncio.wait(self._readers, timeout=0.3)
        return code

    def kill(self) -> None:
        """End it and its group at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """End it, and wait until it is gone."""
        self.kill()
        await self.process.wait()
        await asyncio.wait(self._readers, timeout=0.3)
        for reader in self._readers:
            reader.cancel()
