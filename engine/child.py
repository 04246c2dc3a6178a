"""Starts a child of the engine that dies with it.

Run by path in the project's own interpreter, so it imports nothing of ours.

    child.py program            a Pulumi program, by host.py beside this file
    child.py module NAME        a module, such as the host of dynamic providers
    child.py exec FILE          a provider's binary

The child loads what it will need and then waits for one line of JSON on its standard input: {"argv", "env", …}. So it
can be started before the engine knows its own address, and the two get ready at the same time. The kernel kills it when
the engine dies, however it dies; where the kernel has no such service a thread watches for the parent's death.
"""

import json
import os
import sys
import threading
import time


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


def _orders() -> dict[str, object]:
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
    orders: dict[str, object] = json.loads(line)
    env = orders["env"]
    assert isinstance(env, dict)
    os.environ.update(env)
    return orders


def main() -> int:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != here]
    die_with(int(os.environ.pop("MODELPORT_ENGINE_PID")))
    kind, what = sys.argv[1], sys.argv[2]
    if kind == "exec":
        argv = _orders()["argv"]
        assert isinstance(argv, list)
        os.execv(what, [what, *argv])
    if kind == "program":
        import runpy

        import pulumi.runtime  # noqa: F401

        host = runpy.run_path(os.path.join(here, "host.py"))
        return int(host["main"](_orders()))
    import importlib
    import runpy

    importlib.import_module(what)
    argv = _orders()["argv"]
    assert isinstance(argv, list)
    sys.argv = [what, *argv]
    sys.path.insert(0, os.getcwd())
    runpy.run_module(what, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
