"""A cluster to develop against: `python -m tests.cluster up FOLDER` writes FOLDER/kubeconfig and stays until ended.

`start FOLDER` leaves that to the background and comes back when the cluster is ready, `down FOLDER` ends it. Tests that
run meanwhile use the same cluster, and find it ready. `fetch` only has every program here; `image FILE` writes the
archive of the tests' own image, for clusters that others run.
"""

import argparse
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

from tests.cluster import hooks, node, shared
from tests.cluster.gateway import CLASS, NAMESPACE
from tests.cluster.images import write_pause


def main(arguments: list[str]) -> int:
    """The verbs above; `keep` is the keeper's own."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description="a Kubernetes of the tests' own")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for name, told in (
        ("up", "start it, or join it where it runs, and stay until ended"),
        ("start", "the same in the background"),
        ("down", "end what `up` or `start` holds there"),
    ):
        verb = verbs.add_parser(name, help=told)
        verb.add_argument("folder", type=Path, help="where kubeconfig and kubectl are put")
        verb.add_argument("--bare", action="store_true", help="without add-ons, where this starts it")
        verb.add_argument(
            "--addon",
            action="append",
            default=[],
            choices=sorted(hooks.ADDONS),
            help="with one that not every cluster has",
        )
    verbs.add_parser("fetch", help="build or fetch every program, and start nothing")
    verbs.add_parser("image", help="write the archive of the tests' own image").add_argument("file", type=Path)
    verbs.add_parser("keep").add_argument("--bare", action="store_true")
    chosen = parser.parse_args(arguments)
    if chosen.verb == "keep":
        return shared.keep(bare=chosen.bare)
    if chosen.verb == "down":
        return _down(chosen.folder)
    if chosen.verb == "image":
        write_pause(node.PAUSE, chosen.file)
        return 0
    if told := shared.reason_against():
        print(told, file=sys.stderr)
        return 0 if chosen.verb == "fetch" else 1  # its tests are skipped
    if chosen.verb == "fetch":
        shared.fetch(_say, everything=True)
        return 0
    act = _start if chosen.verb == "start" else _up
    return act(chosen.folder, chosen.bare, chosen.addon)


def _say(text: str) -> None:
    print(text, flush=True)


def _up(folder: Path, bare: bool, addons: list[str]) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(KeyboardInterrupt), _held(folder) as free:
        if not free:
            print(f"{folder} has a cluster already; `down` ends it", file=sys.stderr)
            return 1
        with shared.use(_say, bare=bare) as cluster:
            shutil.copy(cluster.kubeconfig, folder / "kubeconfig")
            kubectl = folder / "kubectl"
            kubectl.unlink(missing_ok=True)
            kubectl.symlink_to(cluster.programs / "kubectl")
            _say(_told(folder))
            _say(f"registry {cluster.registry}, node {cluster.node_address}")
            _have(cluster, addons)
            (folder / "pid").write_text(str(os.getpid()))
            while not shared.ended(cluster):
                time.sleep(1)
        print(f"the cluster has ended, see {cluster.locks / 'keeper.log'}", file=sys.stderr)
        return 1
    return 0


def _have(cluster: shared.Cluster, addons: list[str]) -> None:
    """Have add-ons started, and say what a stack file calls them."""
    for name in addons:
        with cluster.addon(name):  # it stays as long as the cluster does
            _say(f"add-on {name}" + (f": class_name {CLASS}, namespace {NAMESPACE}" if name == "gateway" else ""))


def _start(folder: Path, bare: bool, addons: list[str]) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    pid, log = folder / "pid", folder / "log"
    with _held(folder) as free:
        if not free:
            _say(_told(folder))
            with shared.use(_say, bare=bare) as cluster:
                _have(cluster, addons)
            return 0
        pid.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.cluster", "up", str(folder), *(["--bare"] if bare else [])]
    command += [word for name in addons for word in ("--addon", name)]
    with log.open("wb") as out, log.open() as shown:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        while process.poll() is None and not pid.exists():
            print(shown.read(), end="", flush=True)
            time.sleep(0.2)
        print(shown.read(), end="", flush=True)
    if process.poll() is not None:
        return 1
    process.returncode = 0  # it stays
    return 0


def _down(folder: Path) -> int:
    try:
        pid = int((folder / "pid").read_text())
    except FileNotFoundError:
        return 0
    until = time.monotonic() + 120
    asked = False
    while time.monotonic() < until:
        with _held(folder) as free:
            if free:
                for name in ("pid", "kubeconfig", "kubectl", "log"):
                    (folder / name).unlink(missing_ok=True)
                return 0
        if not asked:
            os.kill(pid, signal.SIGTERM)
            asked = True
        time.sleep(0.2)
    print(f"process {pid} holds {folder} still, see {folder / 'log'}", file=sys.stderr)
    return 1


def _told(folder: Path) -> str:
    return f"export KUBECONFIG={folder.resolve()}/kubeconfig PATH={folder.resolve()}:$PATH"


@contextlib.contextmanager
def _held(folder: Path) -> Generator[bool]:
    """Whether nobody else holds the folder; then it is held within."""
    try:
        handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        yield True
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(handle)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
