"""A project, a backend and a pretend cloud of its own for each test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.api import Engine, Event, Options, Outcome

LIB = Path(__file__).resolve().parent / "conformance" / "lib"


@dataclass
class Place:
    """Where a test works; `run` drives the engine in a process, `engine` in this one."""

    root: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def world(self) -> Path:
        return self.root / "world"

    @property
    def project(self) -> Path:
        return self.root / "project"

    @property
    def backend(self) -> Path:
        return self.root / "backend"

    @property
    def state(self) -> Path:
        return self.backend / ".pulumi" / "stacks" / "place" / "dev.json"

    @property
    def journal(self) -> Path:
        return self.backend / ".pulumi" / "journals" / "place" / "dev.jsonl"

    def program(self, text: str) -> None:
        (self.project / "__main__.py").write_text(text)

    def tell(self, call: str, label: str, text: str) -> None:
        """Have the pretend cloud hang or fail at a call."""
        file = self.world / call / label
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def untell(self, call: str, label: str) -> None:
        (self.world / call / label).unlink()

    def things(self) -> list[str]:
        folder = self.world / "things"
        return sorted(file.stem for file in folder.glob("*.json")) if folder.is_dir() else []

    def engine(self, stack: str = "dev") -> Engine:
        return Engine(self.project, stack)

    def up(self, options: Options | None = None) -> "Told":
        told = Told()
        told.outcome = self.engine().up(options, told.events.append)
        return told

    def start(self, *args: str, **more: Any) -> subprocess.Popen[str]:
        """Start `python -m engine` with these arguments."""
        process = subprocess.Popen(
            [sys.executable, "-m", "engine", *args],
            cwd=self.project,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **more,
        )
        self.processes.append(process)
        return process

    def hanging(self, process: subprocess.Popen[str]) -> None:
        """Wait until the pretend cloud hangs, as it was told."""
        flag = self.world / "hanging"
        while not flag.exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        flag.unlink()

    def urns(self) -> list[str]:
        latest = json.loads(self.state.read_text())["checkpoint"]["latest"]
        return [resource["urn"].rpartition("::")[2] for resource in latest.get("resources", [])]


@dataclass
class Told:
    """What an operation said."""

    events: list[Event] = field(default_factory=list)
    outcome: Outcome = field(default_factory=lambda: Outcome(-1))

    def said(self, severity: str) -> list[str]:
        found = [event["diagnosticEvent"] for event in self.events if "diagnosticEvent" in event]
        return [str(each["message"]).strip() for each in found if each["severity"] == severity]

    def ops(self) -> list[str]:
        """The steps that changed something, as `op name`."""
        found = [e["resourcePreEvent"]["metadata"] for e in self.events if "resourcePreEvent" in e]
        return [f"{m['op']} {m['urn'].rpartition('::')[2]}" for m in found if m["op"] != "same"]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    made = Place(tmp_path.resolve())
    for folder in (made.project, made.backend, made.world):
        folder.mkdir()
    (made.project / "Pulumi.yaml").write_text("name: place\nruntime: python\n")
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{made.backend}")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "correct horse")
    monkeypatch.setenv("CASE_WORLD", str(made.world))
    monkeypatch.setenv("PYTHONPATH", f"{LIB}{os.pathsep}{LIB.parents[3]}")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.communicate()


def template(pid: int) -> bool:
    """Whether it is what children of this process are copied from, which stays for those of the next operation."""
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return parent == os.getpid() and b"template" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
