"""A version run as a container of Docker or Podman, on the host's network: one listening socket can be handed on.

The container has no capability, no writable file but /tmp and its control folder, and the caller's user id. It is never
restarted by the daemon: whether it lives is for the next `up` to see.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from components.local.errors import LocalError
from components.local.folder import Folder, Version
from components.local.ports import MARK
from components.local.start import Start, mark, say

_CONTROL = "/run/modelport"


class Containers:
    """Runs versions with `tool`, docker or podman."""

    def __init__(self, tool: str) -> None:
        self.tool = tool

    def start(self, start: Start) -> None:
        version = start.version
        tag = self._load(start)
        owner = f"{os.geteuid()}:{os.getegid()}"
        command = [
            "run", "--detach",
            "--name", _name(start.folder, version),
            "--label", f"modelport.endpoint={start.mark}",
            "--network", "host",
            "--user", owner,
            "--read-only",
            "--cap-drop", "ALL",
            "--security-opt", "no-new-privileges",
            "--restart", "no",
            "--tmpfs", "/tmp:rw,nosuid,nodev,noexec,size=256m",
            "--volume", f"{start.folder.control}:{_CONTROL}",
            "--workdir", _CONTROL,
            "--env", f"{MARK}={start.mark}",
            "--env", "PYTHONSAFEPATH=1",
        ]  # fmt: skip
        if self.tool == "docker":
            command += ["--log-opt", "max-size=10m", "--log-opt", "max-file=2"]
        elif os.geteuid():
            command += ["--userns", "keep-id"]
        if Path("/sys/fs/selinux/enforce").exists():
            # Its labels would keep the container from the sockets, which programs outside of it share.
            command += ["--security-opt", "label=disable"]
        self._run([*command, tag, *start.flags()], "start the container")

    def answers(self) -> bool:
        return answers(self.tool)

    def runs(self, folder: Folder, version: Version) -> bool:
        said = self._try(["container", "inspect", "--format", "{{.State.Running}}", _name(folder, version)])
        return said.stdout.strip() == "true"

    def kill(self, folder: Folder, version: Version) -> None:
        name = _name(folder, version)
        if self._try(["container", "inspect", "--format", "{{.Id}}", name]).returncode == 0:
            self._run(["rm", "--force", "--volumes", name], "remove the container")

    def forget(self, version: Version, *, image: bool) -> None:
        if image:
            # Refused, rightly, while another endpoint's container runs from it.
            self._try(["rmi", _tag(version)])

    def log(self, folder: Folder, version: Version, lines: int) -> str:
        said = self._try(["logs", "--tail", str(lines), _name(folder, version)])
        return (said.stdout + said.stderr).strip() if said.returncode == 0 else ""

    def _load(self, start: Start) -> str:
        from model_build.resource import docker_archive

        tag = _tag(start.version)
        if self._try(["image", "inspect", tag]).returncode:
            with tempfile.TemporaryDirectory(prefix="modelport-", dir=start.folder.path) as made:
                say(start.version.model, f"loading the image into {self.tool}")
                file = docker_archive(start.layout, start.version.image, Path(made) / "image.tar", tag)
                self._run(["load", "--input", str(file)], "load the image", timeout=600)
        return tag

    def _run(self, arguments: list[str], purpose: str, *, timeout: float = 120) -> str:
        said = self._try(arguments, timeout=timeout)
        if said.returncode:
            reason = (said.stderr.strip() or said.stdout.strip() or f"exit code {said.returncode}").splitlines()[-1]
            raise LocalError(
                f"{self.tool} could not {purpose}: {reason}; set modelport:endpoint.runtime to process to do without it"
            )
        return said.stdout

    def _try(self, arguments: list[str], *, timeout: float = 60) -> "subprocess.CompletedProcess[str]":
        return _call([self.tool, *arguments], timeout)


def answers(tool: str) -> bool:
    """Whether `tool` is here and can run a container on this very machine, as this user."""
    if not shutil.which(tool):
        return False
    said = _call([tool, "info", "--format", "{{json .}}"], 10)
    try:
        facts = json.loads(said.stdout)
    except ValueError:
        return False
    if said.returncode or facts.get("ServerErrors"):
        return False
    if tool == "podman":
        return not facts.get("host", {}).get("serviceIsRemote", False)
    # Docker Desktop's and a remote daemon's host network is another machine's.
    return facts.get("OSType") == "linux" and "Desktop" not in facts.get("OperatingSystem", "") and _is_local()


def _is_local() -> bool:
    host = (
        os.environ.get("DOCKER_HOST")
        or _call(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"], 10).stdout.strip()
    )
    return host.startswith("unix://")


def _call(command: list[str], timeout: float) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, 127, "", f"{command[0]}: not on PATH")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"{command[0]} did not answer in {timeout:g} s")


def _name(folder: Folder, version: Version) -> str:
    return f"modelport-{mark(folder, version)}"


def _tag(version: Version) -> str:
    return f"modelport/{version.model}:{version.image.removeprefix('sha256:')[:16]}"
