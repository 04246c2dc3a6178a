"""The examples as a user has them: brought up by the command, in a project folder of their own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Running:
    """A stack that is up."""

    outputs: dict[str, Any]
    printed: str


def command(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """`modelport ARGUMENTS` in a project, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "automation", *arguments],
        cwd=project,
        env=os.environ | {"PULUMI_CONFIG_PASSPHRASE": "only for a test"},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def up(folder: Path, stack: str, port: int) -> Iterator[Running]:
    """A copy of this project in `folder` with the stack on `port`, up; taken away again at the end."""
    folder.mkdir()
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / name, folder)
    for name in ("stacks", "examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".venv").symlink_to(sys.prefix)
    file = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    file["config"]["modelport:endpoint"] |= {"port": port, "workers": 1, "runtime": "process"}
    (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump(file), encoding="utf-8")
    try:
        done = command(folder, "up", "--stack", stack, "--yes", "--engine", "embedded")
        assert done.returncode == 0, done.stdout + done.stderr
        outputs = command(folder, "output", "--stack", stack, "--json", "--engine", "embedded")
        assert outputs.returncode == 0, outputs.stderr
        yield Running(json.loads(outputs.stdout), done.stdout)
    finally:
        down = command(folder, "destroy", "--stack", stack, "--yes", "--engine", "embedded")
    assert down.returncode == 0, down.stdout + down.stderr
