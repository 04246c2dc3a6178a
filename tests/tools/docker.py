"""A Docker daemon of the tests' own: Debian's, in a temporary folder, with a socket that nobody else uses."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.tools import debian
from tests.tools.processes import Server

_CONTROLLERS = ("blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids")


@dataclass(frozen=True)
class Docker:
    """A running daemon and the client that speaks to it."""

    program: Path
    env: dict[str, str]
    server: Server

    def stop(self) -> None:
        """End the daemon and take its socket away."""
        self.server.stop()
        shutil.rmtree(Path(self.env["DOCKER_HOST"].removeprefix("unix://")).parent, ignore_errors=True)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The docker command; an error with its words when it fails."""
        ran = self.try_run(*arguments)
        if ran.returncode:
            raise RuntimeError(f"docker {' '.join(arguments)} failed: {ran.stderr or ran.stdout}")
        return ran

    def try_run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The docker command, whatever comes of it."""
        command = [str(self.program), *arguments]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=180, check=False)


def start(folder: Path) -> Docker:
    """Start a daemon with everything of its in `folder`; a root user's only."""
    mount_cgroups()
    daemon = debian.program("docker.io", "dockerd")
    client = debian.program("docker.io", "docker")
    # A socket's path may have 107 bytes at most, and a test's own folder is often longer.
    socket = Path(tempfile.mkdtemp(prefix="mp-docker-")) / "s"
    command = [str(daemon.path), "--host", f"unix://{socket}", "--data-root", str(folder / "data")]
    command += ["--exec-root", str(socket.parent / "exec"), "--pidfile", str(folder / "pid")]
    command += ["--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver", storage_driver(folder)]
    command += ["--config-file", str(folder / "none.json")]
    (folder / "none.json").write_text("{}")
    server = Server(command, folder / "log", daemon.env)
    env = {**client.env, "DOCKER_HOST": f"unix://{socket}", "DOCKER_CONFIG": str(folder), "DOCKER_BUILDKIT": "0"}
    docker = Docker(client.path, env, server)
    server.wait_for(lambda: socket.exists() and docker.try_run("version").returncode == 0)
    return docker


def storage_driver(folder: Path) -> str:
    """overlay2 where the kernel has it and the folder's file system takes it, else plain copies."""
    lower, upper, work, merged = (folder / name for name in ("lower", "upper", "work", "merged"))
    for place in (lower, upper, work, merged):
        place.mkdir()
    option = f"lowerdir={lower},upperdir={upper},workdir={work}"
    if subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", option, str(merged)], capture_output=True, check=False
    ).returncode:
        return "vfs"
    subprocess.run(["umount", str(merged)], check=True)
    return "overlay2"


def mount_cgroups() -> None:
    """On a machine with cgroup v1 and no init system the controllers lie unmounted."""
    root = Path("/sys/fs/cgroup")
    if (root / "cgroup.controllers").exists() or not root.is_dir():
        return
    if not os.path.ismount(root):
        subprocess.run(["mount", "-t", "tmpfs", "cgroup", str(root)], check=True)
    for name in _CONTROLLERS:
        place = root / name
        if not os.path.ismount(place):
            place.mkdir(exist_ok=True)
            subprocess.run(
                ["mount", "-t", "cgroup", "-o", name, "cgroup", str(place)], capture_output=True, check=False
            )
