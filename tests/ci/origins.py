"""Repositories of git as pipelines check them out, and the Python that their jobs find on PATH."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.automation.conftest import ROOT, environment

PASSPHRASE: Final = "correct horse of the environment"
_BASE = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
_PYTHON = """#!/bin/sh
if [ "$*" = "-m venv .venv" ]; then exec cp -a {template} .venv; fi
exec {python} "$@"
"""
_ME = {
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.com",
}


def template(folder: Path) -> Path:
    """A fresh environment, which is copied in the place of making one.

    It has pip and nothing else, as Python 3.12 makes it, by a link: thousands of files less for each job.
    """
    made = folder / "venv"
    subprocess.run([str(_BASE), "-m", "venv", str(made)], check=True)
    (packages,) = (made / "lib").glob("python*/site-packages")
    (packages / "pip").rename(folder / "pip")
    for each in packages.iterdir():
        if not each.name.startswith("pip-"):
            shutil.rmtree(each) if each.is_dir() else each.unlink()
    (packages / "pip").symlink_to(folder / "pip")
    return made


@dataclass
class Origin:
    """A repository of git, and what every job is given: a home of its own, a Python, and where things are kept."""

    folder: Path
    origin: Path
    environment: dict[str, str]

    def commit(self, branch: str, files: Mapping[str, str | bytes | None]) -> str:
        """A commit on `branch`, made of main's where it is new; its name."""
        known = self.git("branch", "--list", branch).strip()
        self.git("checkout", "-q", *([branch] if known else ["-b", branch]))
        for name, text in files.items():
            file = self.origin / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                file.unlink()
            else:
                file.write_bytes(text.encode() if isinstance(text, str) else text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", branch)
        made = self.git("rev-parse", "HEAD").strip()
        self.git("checkout", "-q", "main")
        return made

    def git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.origin), *arguments]
        return subprocess.run(command, env={**os.environ, **_ME}, check=True, capture_output=True, text=True).stdout

    def modelport(self, *words: str, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        """The command at a desk beside the pipeline."""
        given = {**os.environ, **self.environment, **env}
        command = [str(ROOT / ".venv" / "bin" / "modelport"), *words]
        return subprocess.run(command, cwd=self.origin, env=given, capture_output=True, text=True, check=False)

    def state(self) -> dict[str, str]:
        """Where all stacks of it are, as a pipeline's variables say it."""
        folder = self.folder / "shared-state"
        folder.mkdir(exist_ok=True)
        return {"PULUMI_BACKEND_URL": f"file://{folder}"}


def begun(folder: Path, venv: Path, files: Mapping[str, str | bytes]) -> tuple[Path, dict[str, str]]:
    """A repository with `files`, and the environment of its jobs. venv: what `template` made."""
    origin, home, python = folder / "origin", folder / "home", folder / "python"
    for each in (origin, home, python):
        each.mkdir()
    # The Python below the tests' environment, whose packages a job has to install.
    (python / "python3").write_text(_PYTHON.format(template=venv, python=_BASE))
    (python / "python3").chmod(0o755)
    variables = {
        key: value
        for key, value in environment(folder).items()
        if key.startswith(("MODELPORT_", "PULUMI_HOME", "PULUMI_SKIP", "PATH", "LANG", "UV_", "PIP_"))
        and "\n" not in value
    }
    variables |= {
        "HOME": str(home),
        "PYTHON_HOME": str(python),
        "PIP_NO_INDEX": "1",
        "MODELPORT_CACHE_DIR": os.environ.get("MODELPORT_CACHE_DIR", str(Path.home() / ".cache" / "modelport")),
        "MODELPORT_DATA_DIR": str(folder / "data"),
        "MODELPORT_STATE_DIR": str(folder / "state"),
    }
    made = Origin(folder, origin, variables)
    made.git("init", "-q", "-b", "main")
    made.git("config", "uploadpack.allowAnySHA1InWant", "true")
    made.git("commit", "-q", "--allow-empty", "-m", "begin")
    made.commit("main", {**files, "requirements.txt": f"{wheel(folder)}\n", ".gitignore": ".venv/\n"})
    return origin, variables


def wheel(folder: Path) -> Path:
    """A wheel that installs the library under test: this work tree, with what its environment has, and the command."""
    metadata = "modelport-0.1.0.dist-info"
    files = {
        "modelport.pth": f"{ROOT}\n{sysconfig.get_path('purelib')}\n",
        f"{metadata}/METADATA": "Metadata-Version: 2.1\nName: modelport\nVersion: 0.1.0\n",
        f"{metadata}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{metadata}/entry_points.txt": "[console_scripts]\nmodelport = automation.cli:main\n",
    }
    place = folder / "modelport-0.1.0-py3-none-any.whl"
    record = ""
    with zipfile.ZipFile(place, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(text)}\n"
        made.writestr(f"{metadata}/RECORD", f"{record}{metadata}/RECORD,,\n")
    return place


def over(state: Path, stack: str) -> None:
    """Let a stack's time be over."""
    tags = state / ".pulumi" / "stacks" / "demo" / f"{stack}.pulumi-tags"
    data: dict[str, Any] = json.loads(tags.read_text())
    data["tags"]["modelport:ephemeral:expires"] = "2026-01-01T00:00:00Z"
    tags.write_text(json.dumps(data))
