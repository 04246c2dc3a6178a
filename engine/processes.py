"""Child processes: started apart from the terminal, heard line by line, and ended with all that they started."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from engine import templates
from engine.errors import PluginError
from engine.templates import Copy

Heard = Callable[[str, str], None]
"""Called with the severity (info for stdout, info#err for stderr) and a line."""

PATIENCE = 5.0
"""How long a child that was asked to end may take over it, in seconds: as long as the official engine gives it."""

HERE = Path(__file__).resolve().parent
LIMIT = 16 * 1024 * 1024
"""The longest line that is heard, in bytes."""


class Process(Protocol):
    """What a child is asked of its process: asyncio's own, or one that was started without an event loop."""

    @property
    def pid(self) -> int: ...
    @property
    def stdin(self) -> asyncio.StreamWriter | None: ...
    @property
    def stdout(self) -> asyncio.StreamReader | None: ...
    @property
    def stderr(self) -> asyncio.StreamReader | None: ...
    async def wait(self) -> int: ...


Begun = Copy | subprocess.Popen[bytes]
"""A child that has no event loop yet."""


class Adopted:
    """A process that was not started by an event loop."""

    def __init__(self, process: Begun) -> None:
        self._process = process
        self.stdin: asyncio.StreamWriter | None = None
        self.stdout, self.stderr = asyncio.StreamReader(LIMIT), asyncio.StreamReader(LIMIT)
        self._transports: list[asyncio.BaseTransport] = []

    @classmethod
    async def of(cls, process: Begun) -> "Adopted":
        made, loop = cls(process), asyncio.get_running_loop()
        for reader, pipe in ((made.stdout, process.stdout), (made.stderr, process.stderr)):
            protocol = asyncio.StreamReaderProtocol(reader)
            read, _ = await loop.connect_read_pipe(_giving(protocol), pipe)
            made._transports.append(read)
        nothing = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(nothing)
        write, _ = await loop.connect_write_pipe(_giving(protocol), process.stdin)
        made.stdin = asyncio.StreamWriter(write, protocol, nothing, loop)
        made._transports.append(write)
        return made

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait(self) -> int:
        if isinstance(self._process, subprocess.Popen):
            return await asyncio.to_thread(self._process.wait)
        while (code := self._process.poll()) is None:
            await _readable(self._process.told)
        return code

    def close(self) -> None:
        """Let go of its streams, which something that it started may hold open for ever."""
        for transport in self._transports:
            transport.close()


async def _readable(handle: int) -> None:
    loop = asyncio.get_running_loop()
    there = asyncio.Event()
    own = os.dup(handle)  # several may wait for one, and a loop has one reader for each descriptor
    loop.add_reader(own, there.set)
    try:
        await there.wait()
    finally:
        loop.remove_reader(own)
        os.close(own)


def _giving(protocol: asyncio.StreamReaderProtocol) -> Callable[[], asyncio.StreamReaderProtocol]:
    return lambda: protocol


def _how(python: str, kind: str, what: str, cwd: Path, pipes: tuple[int, ...]) -> tuple[list[str], dict[str, Any]]:
    """The command of a child, and how it is started."""
    return [python, "-u", str(HERE / "child.py"), kind, what], {
        "cwd": cwd,
        "env": {**os.environ, "MODELPORT_ENGINE_PID": str(os.getpid())},
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "start_new_session": True,
        "pass_fds": pipes,
    }


def begin(python: str, kind: str, what: str, *, cwd: Path, pipes: tuple[int, ...] = ()) -> Begun:
    """Start child.py of the given kind where there is no event loop yet; `Child.adopt` takes it over."""
    if kind in templates.COPIED and templates.able():
        return templates.copied(python, kind, what, cwd=cwd, pipes=pipes)
    command, how = _how(python, kind, what, cwd, pipes)
    return cast("subprocess.Popen[bytes]", subprocess.Popen(command, bufsize=0, **how))


class Child:
    """One child with a process group of its own; what it prints is handed on as it comes."""

    def __init__(self, process: Process, heard: Heard, *, skip_first: bool) -> None:
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
        cls,
        python: str,
        kind: str,
        what: str,
        *,
        cwd: Path,
        heard: Heard,
        skip_first: bool = False,
        pipes: tuple[int, ...] = (),
    ) -> "Child":
        """Start child.py of the given kind; with `skip_first` its first line is for the engine, in `first`.

        pipes: descriptors that the child keeps, under the same numbers.
        """
        command, how = _how(python, kind, what, cwd, pipes)
        try:
            if kind in templates.COPIED and templates.able():
                copy = templates.copied(python, kind, what, cwd=cwd, pipes=pipes)
                return cls(await Adopted.of(copy), heard, skip_first=skip_first)
            process = await asyncio.create_subprocess_exec(*command, limit=LIMIT, **how)
        except OSError as error:
            raise PluginError(f"{python}: cannot be run: {error.strerror}") from None
        return cls(process, heard, skip_first=skip_first)

    @classmethod
    async def adopt(cls, process: Begun, heard: Heard) -> "Child":
        """One that `begin` has started."""
        return cls(await Adopted.of(process), heard, skip_first=False)

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

    async def dismiss(self) -> None:
        """Ask it and its group to end, as ctrl-C does, so that they can tidy up; end them when they take too long."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGINT)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), PATIENCE)
        await self.end()

    async def end(self) -> None:
        """End it, and wait until it is gone."""
        self.kill()
        await self.process.wait()
        await asyncio.wait(self._readers, timeout=0.3)
        for reader in self._readers:
            reader.cancel()
        if isinstance(self.process, Adopted):
            self.process.close()
