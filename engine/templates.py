"""Processes that children are copied from: Pulumi's SDK is loaded once for all programs and hosts of dynamic providers.

To load it takes half a second of a processor, and an update has at least two children that need it. So the first starts
a template (child.py), which has loaded the SDK and done nothing else, and this one and all that come after are copies
of it, by fork. What a copy has of its own is what a new process would have: session, folder, environment, streams.

A template serves one thread, as the kernel ends it with the thread that has started it, and one interpreter under one
environment, as far as that tells on what is loaded. It ends with the thread, or with the process.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import weakref
from pathlib import Path

HERE = Path(__file__).resolve().parent
COPIED = ("program", "module")
"""The kinds of children that are copies; any other is a program of its own."""

_TELLING = ("GRPC_", "LANG", "LC_", "LD_", "MALLOC_", "OTEL_", "PROTOCOL_BUFFERS_", "PULUMI_OTEL_", "PYTHON", "TRACE")
"""How variables begin that tell on an interpreter as it starts, or on what Pulumi's SDK is as it is loaded."""
_SILENT = "GRPC_VERBOSITY"
"""Is looked at when gRPC begins to work, and the engine sets it for itself."""
_KEPT = 2
"""Templates of a thread that wait for more to do: one for programs, one for packs with an interpreter of their own."""
_PATIENCE = 30.0
"""Seconds in which a template has loaded the SDK, on the slowest of machines, for whoever cannot wait in turns."""


class Copy:
    """A child that is a copy of a template, seen as a `Popen` sees its process."""

    def __init__(self, template: object, told: socket.socket, stdin: int, stdout: int, stderr: int) -> None:
        self._template: object = template  # which must not end before this
        self._told = told
        self._heard = ""
        self._over = False
        self.stdin = open(stdin, "wb", buffering=0)  # noqa: SIM115 - as long as the child is of interest
        self.stdout = open(stdout, "rb", buffering=0)  # noqa: SIM115
        self.stderr = open(stderr, "rb", buffering=0)  # noqa: SIM115
        self.told = told.fileno()

    @property
    def pid(self) -> int:
        """Its number, for which the template must have loaded the SDK; raises ProcessLookupError if there is none."""
        while (found := self._said("is")) is None and not self._over:
            self._hear(_PATIENCE)
        if found is None:
            raise ProcessLookupError("the process was ended before it began")
        return found

    def _said(self, what: str) -> int | None:
        """What stands behind a word, in one of the lines of the template or of the child."""
        found = (line.split() for line in self._heard.splitlines(keepends=True) if line.endswith("\n"))
        return next((int(number) for word, number in found if word == what), None)

    def _hear(self, patience: float | None) -> None:
        """Take what the template says; with a patience of 0 only what it has said."""
        self._told.settimeout(patience)
        try:
            more = self._told.recv(64)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        self._heard += more.decode()
        if not more:
            self._over = True
            self._told.close()
            self._template = None

    def poll(self) -> int | None:
        """The exit code, a signal as a negative number, if it has ended; one that died with its template was killed."""
        if not self._over:
            self._hear(0)
        if not self._over:
            return None
        code = self._said("ended")
        return -9 if code is None else code

    def wait(self) -> int:
        while (code := self.poll()) is None:
            self._hear(None)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, 9)

    def communicate(self) -> tuple[bytes, bytes]:
        """Wait for the end of one that was killed; what it has said is of no interest."""
        self.wait()
        for each in (self.stdin, self.stdout, self.stderr):
            each.close()
        return b"", b""


class _Template:
    """One template, and the socket at which it is asked for copies."""

    def __init__(self, python: str) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self.process = subprocess.Popen(
                    [python, "-u", str(HERE / "child.py"), "template"],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={**os.environ, "MODELPORT_ENGINE_PID": str(os.getpid())},
                    start_new_session=True,
                )
            except BaseException:
                self._ours.close()
                raise
        weakref.finalize(self, _end, self._ours, self.process, os.getpid())

    def copy(self, kind: str, what: str, cwd: Path, pipes: tuple[int, ...]) -> Copy:
        """A copy; raises OSError where the template is no more."""
        with contextlib.ExitStack() as theirs, contextlib.ExitStack() as ours:

            def closing(stack: contextlib.ExitStack, handle: int) -> int:
                stack.callback(os.close, handle)
                return handle

            folder = closing(theirs, os.open(cwd, os.O_RDONLY | os.O_DIRECTORY))
            asks = closing(theirs, os.memfd_create("modelport-child"))
            asked = {"kind": kind, "what": what, "pipes": pipes, "env": dict(os.environ)}
            _fill(asks, json.dumps(asked).encode())
            (in_read, in_write), (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe(), os.pipe()
            streams = [closing(theirs, each) for each in (in_read, out_write, err_write)]
            kept = [closing(ours, each) for each in (in_write, out_read, err_read)]
            told, tells = socket.socketpair()
            ours.callback(told.close)
            theirs.callback(tells.close)
            socket.send_fds(self._ours, [b"c"], [tells.fileno(), asks, folder, *streams, *pipes])
            ours.pop_all()
            return Copy(self, told, *kept)


def _fill(handle: int, data: bytes) -> None:
    with open(handle, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(handle, 0, os.SEEK_SET)


def _end(asked: socket.socket, process: "subprocess.Popen[bytes]", owner: int) -> None:
    asked.close()
    if os.getpid() == owner:  # and not a copy of the process that has started it
        process.kill()
        process.wait()


_own = threading.local()


def _key(python: str) -> tuple[object, ...]:
    """What a template must have been started under, to be of use."""
    told = tuple(sorted(each for each in os.environ.items() if each[0].startswith(_TELLING) and each[0] != _SILENT))
    packages = Path(python).parent.parent.glob("lib/python3*/site-packages")
    return os.getpid(), python, told, tuple(sorted(each.stat().st_mtime_ns for each in packages))


def able() -> bool:
    """Whether children can be copies here."""
    return sys.platform == "linux"


def copied(python: str, kind: str, what: str, *, cwd: Path, pipes: tuple[int, ...] = ()) -> Copy:
    """A child of the given kind; raises OSError where the interpreter or the folder is none."""
    templates: dict[str, tuple[tuple[object, ...], _Template]] = _own.__dict__.setdefault("templates", {})
    key = _key(python)
    found = templates.get(python)
    if found is not None and found[0] == key and found[1].process.poll() is None:
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            return found[1].copy(kind, what, cwd, pipes)
    templates.pop(python, None)
    while len(templates) >= _KEPT:  # the oldest ends with its last copy
        del templates[next(iter(templates))]
    found = None
    made = _Template(python)
    templates[python] = key, made
    return made.copy(kind, what, cwd, pipes)
