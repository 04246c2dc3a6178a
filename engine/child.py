"""Starts a child of the engine that dies with it.

Run by path in the project's own interpreter, so it imports nothing of ours.

    child.py program            a Pulumi program, by host.py beside this file
    child.py module NAME        a module, such as the host of dynamic providers
    child.py exec FILE          a provider's binary

The child loads what it will need and then waits for one line of JSON on its standard input: {"argv", "env", …}. So it
can be started before the engine knows its own address, and the two get ready at the same time. The kernel kills it when
the engine dies, however it dies; where the kernel has no such service a thread watches for the parent's death.
"""

import importlib
import json
import os
import sys
import threading
import time
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


def main() -> int:
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != here]
    die_with(int(os.environ.pop("MODELPORT_ENGINE_PID")))
    kind, what = sys.argv[1], sys.argv[2]
    if kind == "exec":
        os.execv(what, [what, *_orders()["argv"]])
    if kind == "program":
        import runpy

        importlib.import_module("pulumi.runtime")
        host = runpy.run_path(str(here / "host.py"))
        return int(host["main"](_orders()))
    import runpy

    importlib.import_module(what)
    sys.argv = [what, *_orders()["argv"]]
    sys.path.insert(0, str(Path.cwd()))
    runpy.run_module(what, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
