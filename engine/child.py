"""Starts a child of the engine that dies with it.

Run by path in the project's own interpreter, so it imports nothing of ours.

    child.py program            a Pulumi program, by host.py beside this file
    child.py module NAME        a module, such as the host of dynamic providers
    child.py exec FILE          a provider's binary
    child.py template           what the first two are copied from, so that Pulumi's SDK is loaded once (templates.py)

The child loads what it will need and then waits for one line of JSON on its standard input: {"argv", "env", …}. So it
can be started before the engine knows its own address, and the two get ready at the same time. The kernel kills it when
the engine dies, however it dies; where the kernel has no such service a thread watches for the parent's death.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def die_with(parent: int) -> None:
    """Have this process killed when its parent dies."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)  # it died before this was in place


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _orders() -> dict[str, Any]:
    """What the engine wants done; standard input is empty for whoever reads it afterwards."""
    line = b""
    while not line.endswith(b"\n"):
        more = os.read(0, 65536)
        if not more:
            os._exit(1)
        line += more
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    orders: dict[str, Any] = json.loads(line)
    os.environ.update(orders["env"])
    return orders


def _load(module: str) -> None:
    """Import it, and spare Python from looking through it for garbage again and again."""
    gc.disable()
    importlib.import_module(module)
    gc.freeze()
    # A program of a thousand resources makes objects by the million that all live to its end: at the threshold of 700
    # the collector took half of its time.
    gc.set_threshold(50_000, *gc.get_threshold()[1:])
    gc.enable()


def _answer_or_die() -> None:
    """Have a call that ends by `sys.exit` or the like end the process: gRPC would leave it unanswered for ever."""
    import grpc

    real: Any = grpc.server

    def server(pool: Any, *args: Any, **more: Any) -> Any:
        pool.submit = functools.partial(pool.submit, _run)
        return real(pool, *args, **more)

    setattr(grpc, "server", server)  # noqa: B010 - a plain assignment would have to have the stub's own type


def _run(work: Callable[..., Any], *args: Any, **more: Any) -> Any:
    try:
        return work(*args, **more)
    except Exception:
        raise
    except BaseException as end:
        code = end.code if isinstance(end, SystemExit) else 1
        if not isinstance(code, (int, type(None))) or not isinstance(end, SystemExit):
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


class Template:
    """Copies itself for each child that the engine asks for.

    It has no thread but its own and gRPC has done nothing in it yet, or it is not fit to be copied: then each of its
    children starts Python anew. So does one whose SDK cannot be loaded, which then says so itself.
    """

    def __init__(self) -> None:
        self._asked = socket.socket(fileno=0)
        self._running: dict[int, int] = {}
        self._woken, self._wakes = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wakes, False)
        self._fit = _loads("pulumi.runtime") and len(list(Path("/proc/self/task").iterdir())) == 1

    def serve(self) -> tuple[str, str]:
        """Returns in the children alone, with what they are to be; the template ends with the engine."""
        signal.signal(signal.SIGCHLD, _woken)
        signal.set_wakeup_fd(self._wakes)
        poll = select.poll()
        poll.register(self._asked, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while True:
            for handle, _ in poll.poll():
                if handle == self._woken:
                    os.read(handle, 4096)
                    self._reap()
                    continue
                said, handles, _, _ = socket.recv_fds(self._asked, 1, 64)
                if not said:
                    os._exit(0)
                parent = os.getpid()
                if self._copied(handles[0]):
                    return self._become(handles, parent)
                for each in handles[1:]:
                    os.close(each)

    def _copied(self, told: int) -> bool:
        """Whether this is the copy."""
        try:
            pid = os.fork()
        except OSError:
            os.close(told)  # it is over before it began
            return False
        if pid:
            self._running[pid] = told
        return not pid

    def _reap(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            told = self._running.pop(pid)
            _tell(told, "ended", os.waitstatus_to_exitcode(status))
            os.close(told)

    def _become(self, handles: list[int], parent: int) -> tuple[str, str]:
        """Have all that a process of its own would have."""
        os.setsid()  # which is what it is ended by
        _tell(handles[0], "is", os.getpid())
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        told, asks, folder, *streams = handles
        for each in (told, self._woken, self._wakes, *self._running.values()):
            os.close(each)
        self._asked.close()
        with os.fdopen(asks, "rb") as file:
            asked = json.loads(file.read())
        os.fchdir(folder)
        os.close(folder)
        os.environ.clear()
        os.environ.update(asked["env"])
        _put(streams, [0, 1, 2, *asked["pipes"]])
        die_with(parent)
        if not self._fit:
            command = [sys.executable, "-u", str(Path(__file__).resolve()), asked["kind"], asked["what"]]
            os.execve(sys.executable, command, {**os.environ, "MODELPORT_ENGINE_PID": str(parent)})
        return asked["kind"], asked["what"]


def _woken(number: int, frame: object) -> None:
    """With a handler there is a byte to read; without one nothing would tell."""


def _loads(module: str) -> bool:
    try:
        _load(module)
    except BaseException:
        return False
    return True


def _tell(told: int, what: str, number: int) -> None:
    with contextlib.suppress(OSError):  # nobody wants to know any more
        os.write(told, f"{what} {number}\n".encode())


def _put(handles: list[int], places: list[int]) -> None:
    """Put descriptors where they are to be, whichever numbers they have."""
    import fcntl

    aside = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, max(places) + 1) for each in handles]
    for each in handles:
        os.close(each)
    for each, place in zip(aside, places, strict=True):
        os.dup2(each, place)
        os.close(each)


def main() -> int:
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != here]
    die_with(int(os.environ.pop("MODELPORT_ENGINE_PID")))
    kind, what = Template().serve() if sys.argv[1] == "template" else sys.argv[1:3]
    if kind == "exec":
        os.execv(what, [what, *_orders()["argv"]])
    if kind == "program":
        import runpy

        _load("pulumi.runtime")
        host = runpy.run_path(str(here / "host.py"))
        return int(host["main"](_orders()))
    import runpy

    _load(what)
    _answer_or_die()
    sys.argv = [what, *_orders()["argv"]]
    sys.path.insert(0, str(Path.cwd()))
    runpy.run_module(what, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
