"""A version run as processes of this user, from the image's own files: its Python, its libraries, its loader.

The server leads a session of its own with stdio on a file, so it outlives the plugin that started it and the group that
the plugin is killed with. Its processes are known by a mark in their environment, which no other program's have: a
process id that has since been given to another program is never mistaken for the server.
"""

import os
import signal
import subprocess
import time
from pathlib import Path

from components.local.errors import LocalError
from components.local.folder import Folder, Version
from components.local.ports import MARK
from components.local.start import Start, mark

_started: dict[int, "subprocess.Popen[bytes]"] = {}
"""Children of this very process, kept so that an ended one can be told from a running one (it stays a zombie)."""


class Processes:
    """Runs versions straight on this machine."""

    def start(self, start: Start) -> None:
        from model_build.resource import extract, launcher

        folder, version = start.folder, start.version
        root = extract(start.layout, version.image, folder.rootfs(version.image))
        python = launcher(root)
        # The working folder is one of ours and safe path keeps even that off the module path: all code is the image's.
        env = python.env | {MARK: start.mark, "PYTHONSAFEPATH": "1"} | _own_data(root)
        with folder.log(version).open("ab") as log:
            child = subprocess.Popen(
                [*python.argv, *_arguments(root), *start.flags()],
                cwd=folder.control,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0o077,
            )
        _started[child.pid] = child

    def answers(self) -> bool:
        return True

    def runs(self, folder: Folder, version: Version) -> bool:
        return bool(_processes(mark(folder, version)))

    def kill(self, folder: Folder, version: Version) -> None:
        wanted = mark(folder, version)
        deadline = time.monotonic() + 10
        while found := _processes(wanted):
            for pid in found:
                _kill(pid, wanted)
            if time.monotonic() > deadline:
                raise LocalError(
                    f"processes {', '.join(map(str, found))} of the endpoint {folder.id} do not end, expected them to "
                    "when killed; look at them with ps and run it again"
                )
            time.sleep(0.02)

    def forget(self, version: Version, *, image: bool) -> None:
        """Files are the folder's to take away."""

    def log(self, folder: Folder, version: Version, lines: int) -> str:
        try:
            with folder.log(version).open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 65536))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


def _own_data(root: Path) -> dict[str, str]:
    """Keep the image's C library from this machine's locales and character tables, which may be another version's."""
    python = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "1"}  # UTF-8 all the same, by Python itself
    return {**python, "GCONV_PATH": str(root / "usr/lib/x86_64-linux-gnu/gconv")}


def _arguments(root: Path) -> list[str]:
    """What the image starts its Python with."""
    import json

    config = json.loads((root / ".modelport-image.json").read_text())["config"]
    words: list[str] = [*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])]
    if not words or not Path(words[0]).name.startswith("python"):
        raise LocalError(
            f"the image starts {words[:1]}, expected its Python; "
            "without Docker or Podman only images baked by Modelport run"
        )
    return words[1:]


def _processes(wanted: str) -> list[int]:
    """Ids of the processes that carry the mark and run (a zombie does not)."""
    for child in list(_started.values()):
        if child.poll() is not None:
            del _started[child.pid]
    entry = f"{MARK}={wanted}".encode()
    return [pid for pid in _own() if _has(pid, entry)]


def _own() -> list[int]:
    user = os.geteuid()
    found: list[int] = []
    with os.scandir("/proc") as entries:
        for each in entries:
            if each.name.isdigit():
                try:
                    if user in (0, each.stat().st_uid):
                        found.append(int(each.name))
                except OSError:
                    continue
    return found


def _has(pid: int, entry: bytes) -> bool:
    try:
        # A zombie's environment reads as empty.
        return entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _kill(pid: int, wanted: str) -> None:
    """Kill `pid` if it is still a process that carries the mark: the descriptor pins it between look and kill."""
    try:
        pinned = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if _has(pid, f"{MARK}={wanted}".encode()):
            signal.pidfd_send_signal(pinned, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(pinned)
