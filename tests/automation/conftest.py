"""A small project with a provider that can wait and fail, and the command as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent

PROVIDER = """
import time
from pathlib import Path

from pulumi.dynamic import CreateResult, ResourceProvider, UpdateResult


class Provider(ResourceProvider):
    def create(self, props):
        print("modelport: thing: convert: half way", flush=True)
        print("modelport: thing: convert: the color is", props["color"], flush=True)
        until = time.monotonic() + float(props["wait"])
        while time.monotonic() < until:
            time.sleep(0.05)
        if props["fail"]:
            raise Exception(props["fail"])
        return CreateResult("made", dict(props))

    def update(self, id, old, new):
        return UpdateResult(dict(new))
"""

PROGRAM = """
import pulumi
from pulumi.dynamic import Resource

from provider import Provider

config = pulumi.Config()


class Thing(Resource):
    pass


things = [
    Thing(
        Provider(),
        name,
        {
            "wait": config.get_float("wait") or 0,
            "fail": config.get("fail") or "",
            "color": config.get("color") or "red",
            "word": pulumi.Output.secret("hunter2-in-state"),
        },
    )
    for name in (config.get("things") or "thing").split(",")
]
pulumi.export("endpoint", "http://127.0.0.1:1")
pulumi.export("count", len(things))
pulumi.export("word", pulumi.Output.secret("hunter2-in-output"))
pulumi.export("try", ["curl -s http://127.0.0.1:1/v2/health/ready", "curl -s 'two words'"])
"""


@dataclass
class Project:
    """A project on disk with a state folder beside it, and the command in it."""

    root: Path
    environment: dict[str, str]

    def stack(self, name: str, **config: Any) -> None:
        """Write a stack file."""
        text = yaml.safe_dump({"config": {f"demo:{key}": value for key, value in config.items()}})
        (self.root / f"Pulumi.{name}.yaml").write_text(text)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "automation", *arguments]

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """The command with no terminal; output and errors apart."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.root,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def wait_for(process: "subprocess.Popen[str]", text: str) -> str:
    """Read the process's output until a line holds `text`."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"{text!r} was not said: {seen}{process.stderr.read() if process.stderr else ''}")


def environment(tmp_path: Path) -> dict[str, str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "NO_COLOR"))}
    # the official CLI's own folder too: its current login would otherwise choose the backend
    env |= {
        "MODELPORT_STATE_DIR": str(tmp_path / "state"),
        "PULUMI_HOME": str(tmp_path / "pulumi-home"),
        "PULUMI_CONFIG_PASSPHRASE": "correct horse",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "TERM": "xterm",
    }
    # all tests but those that say otherwise are about the embedded engine, whatever is on PATH
    folders = env["PATH"].split(os.pathsep)
    env["PATH"] = os.pathsep.join(folder for folder in folders if not (Path(folder) / "pulumi").exists())
    return env


def made_in(home: Path) -> Project:
    """The project in a folder, without a stack."""
    root = home / "project"
    root.mkdir()
    runtime = {"name": "python", "options": {"virtualenv": sys.prefix}}
    (root / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "demo", "runtime": runtime}))
    (root / "__main__.py").write_text(PROGRAM)
    (root / "provider.py").write_text(PROVIDER)
    return Project(root, environment(home))


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[[], Project]:
    return lambda: made_in(tmp_path)


@pytest.fixture
def project(make_project: Callable[[], Project]) -> Project:
    """The project with one stack, `dev`."""
    made = make_project()
    made.stack("dev")
    return made
