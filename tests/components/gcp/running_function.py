"""A function as Google runs it: its archive unpacked, what it requires installed, and Google's framework started on it.

source = unpacked(function_archive.archived(image), folder)
with running(source, folder) as function:
    function.ask("/v2/health/ready")
"""

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.gcp import function_archive
from components.gcp.function_archive import Archive
from tests.ports import free_port
from tests.tools import pypi
from tests.tools.processes import Server


@dataclass(frozen=True)
class Answer:
    """To one request."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Running:
    """A function that answers."""

    port: int
    server: Server

    def ask(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, method: str | None = None
    ) -> Answer:
        about = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, dict(headers or {}), method=method)
        try:
            with urllib.request.urlopen(about, timeout=60) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def event(self, kind: str, data: object) -> Answer:
        """An event as Eventarc brings it (CloudEvents 1.0, binary)."""
        about = {"ce-id": "1", "ce-source": "//tests", "ce-specversion": "1.0", "ce-type": kind}
        return self.ask("/", json.dumps(data).encode(), {**about, "Content-Type": "application/json"})

    def log(self) -> str:
        return self.server.log.read_text(errors="replace")


def unpacked(archive: Archive, folder: Path) -> Path:
    """What Google's build has before it."""
    with zipfile.ZipFile(function_archive.file(archive.sha256)) as found:
        found.extractall(folder)
    return folder


def command(source: Path) -> list[str]:
    """How Google's build starts it ("functions_framework" of its buildpacks), where what it requires is installed."""
    return [str(pypi.environment(source / "requirements.txt") / "functions-framework")]


def environment(source: Path, port: int, more: Mapping[str, str]) -> dict[str, str]:
    """As Google has it: the framework is told by variables, and nothing of this process' own settings is there."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MODELPORT_", "PYTHON"))}
    about = {"FUNCTION_SOURCE": str(source / "main.py"), "PORT": str(port), "CLOUD_RUN_TIMEOUT_SECONDS": "60"}
    return {**kept, **about, "FUNCTION_TARGET": function_archive.HTTP, "FUNCTION_SIGNATURE_TYPE": "http", **more}


@contextmanager
def running(source: Path, folder: Path, more: Mapping[str, str] | None = None) -> Iterator[Running]:
    """Start it, and wait until something listens."""
    port = free_port()
    server = Server(command(source), folder / f"function-{port}.log", environment(source, port, more or {}))
    try:
        server.wait_for(lambda: _listens(port))
        yield Running(port, server)
    finally:
        server.stop()


def start_that_fails(source: Path) -> tuple[int, str]:
    """The exit code and the log of one that does not come up."""
    port = free_port()
    ran = subprocess.run(
        command(source), env=environment(source, port, {}), capture_output=True, text=True, timeout=60, check=False
    )
    return ran.returncode, ran.stderr


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        tried.settimeout(2)
        return tried.connect_ex(("127.0.0.1", port)) == 0
