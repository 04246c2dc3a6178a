"""Starts a child of the engine that dies with it.

Run by path in the project's own interpreter, so it imports nothing of ours.

    child.py program            a Pulumi program, by host.py beside this file
    child.py module NAME        a module, such as the host of dynamic providers
    child.py exec FILE          a provider's binary

The child loads what it will need and then waits for one line of JSON on its standard input: {"argv", "env", …}. So it
can be started before the engine knows its own address, and the two get ready at the same time. The kernel kills it when
the engine dies, however it dies; where the kernel has no such service a thread watches for the parent's death.
"""

import functools
import gc
import importlib
import json
import os
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


def main() -> int:
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != here]
    die_with(int(os.environ.pop("MODELPORT_ENGINE_PID")))
    kind, what = sys.argv[1], sys.argv[2]
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
