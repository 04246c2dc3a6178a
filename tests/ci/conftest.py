"""A repository with the workflows as a user copies them, and nektos/act, which runs them on this machine.

Steps with `run` are the workflows' own, by the real bash, git, curl, jq, pip and modelport. Actions that would be
fetched are stand-ins, made below: checkout asks a repository of the test's for the same commit; artifacts lie in a
folder; a login notes whom it was asked to be.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import sysconfig
import textwrap
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.automation.conftest import ROOT, environment
from tests.ci.api import REPOSITORY, TOKEN, Api
from tests.tools import golang

GITHUB: Final = ROOT / "examples" / "ci" / "github"
OWNER, _, NAME = REPOSITORY.partition("/")
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
_ACTIONS: Final[dict[str, tuple[str, str]]] = {
    "actions/checkout": (
        "persist-credentials ref",
        """
        git init -q . && git fetch -q "$ORIGIN" "${REF:-$DEFAULT_REF}"
        git -c advice.detachedHead=false checkout -q FETCH_HEAD
        """,
    ),
    "actions/setup-python": ("python-version", 'echo "$PYTHON_HOME" >> "$GITHUB_PATH"'),
    "actions/upload-artifact": (
        "name path if-no-files-found retention-days",
        'if [ -d "$PATH_" ]; then mkdir -p "$ARTIFACTS" && cp -r "$PATH_" "$ARTIFACTS/$NAME_"; fi',
    ),
    "actions/download-artifact": (
        "pattern path run-id github-token",
        """
        for each in "$ARTIFACTS"/$PATTERN; do
          if [ -d "$each" ]; then mkdir -p "$PATH_"; cp -r "$each" "$PATH_/"; fi
        done
        """,
    ),
    "aws-actions/configure-aws-credentials": (
        "role-to-assume aws-region",
        'echo "$GITHUB_JOB aws $ROLE_TO_ASSUME $AWS_REGION_" >> "$LOGINS"',
    ),
    "google-github-actions/auth": (
        "workload_identity_provider service_account",
        'echo "$GITHUB_JOB gcp $WORKLOAD_IDENTITY_PROVIDER $SERVICE_ACCOUNT" >> "$LOGINS"',
    ),
}
_TAKEN = {"name", "path", "aws-region"}


def workflows() -> dict[str, Any]:
    """The workflows that users copy, by the names of their files, without YAML 1.1's idea of `on`."""
    found: dict[str, Any] = {}
    for file in sorted(GITHUB.glob("*.yml")):
        data = yaml.safe_load(file.read_text())
        data["on"] = data.pop(True)
        found[file.stem] = data
    return found


def used() -> dict[str, set[str]]:
    """The actions that the workflows use: by their names the commits."""
    found: dict[str, set[str]] = {}
    for workflow in workflows().values():
        for job in workflow["jobs"].values():
            for step in job["steps"]:
                if "uses" in step:
                    name, _, commit = step["uses"].partition("@")
                    found.setdefault(name, set()).add(commit)
    return found


@dataclass
class Ran:
    """What became of a workflow."""

    code: int
    told: str


@dataclass
class Repository:
    """A repository of git with the workflows in it, the API that stands for GitHub's, and what its runs left."""

    folder: Path
    api: Api
    origin: Path
    environment: dict[str, str]
    actions: Path
    ran: list[str] = field(default_factory=list)

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def logins(self) -> list[str]:
        file = self.folder / "logins"
        return sorted(file.read_text().split("\n")[:-1]) if file.is_file() else []

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

    def run(
        self,
        workflow: str,
        event: str,
        payload: Mapping[str, Any],
        *,
        ref: str = "refs/heads/main",
        variables: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        jobs: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a workflow as `event` starts it, whole or only the job `jobs`."""
        repository = {
            "id": 456789,
            "full_name": REPOSITORY,
            "name": NAME,
            "default_branch": "main",
            "owner": {"login": OWNER, "id": 123456},
        }
        told = self.folder / "event.json"
        told.write_text(json.dumps({"repository": repository, "ref": ref, **payload}))
        command = [str(golang.program(*golang.ACT)), event, "-W", f".github/workflows/{workflow}.yml", "-e", str(told)]
        command += ["-P", "ubuntu-24.04=-self-hosted", "--container-daemon-socket", "-", "--no-skip-checkout"]
        command += ["--concurrent-jobs", "1", "--no-cache-server", "-s", f"GITHUB_TOKEN={TOKEN}"]
        for name, commits in used().items():
            for commit in commits:
                command += ["--local-repository", f"{name}@{commit}={self.actions / name}"]
        if jobs:
            command += ["-j", jobs]
        given = {
            **self.environment,
            "GITHUB_API_URL": self.api.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_REPOSITORY_OWNER": OWNER,
            "ORIGIN": str(self.origin),
            "DEFAULT_REF": ref,
            "ARTIFACTS": str(self.artifacts),
            "LOGINS": str(self.folder / "logins"),
            **(env or {}),
        }
        for option, values in (("--env", given), ("--var", variables or {}), ("-s", secrets or {})):
            for name, value in values.items():
                command += [option, f"{name}={value}"]
        home = {
            "HOME": str(self.folder / "home"),
            "XDG_CACHE_HOME": str(self.folder / "act"),
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run(
            command, cwd=self.origin, env=home, capture_output=True, text=True, timeout=900, stdin=subprocess.DEVNULL
        )
        return Ran(done.returncode, done.stdout + done.stderr)


def pull(
    number: int, branch: str, sha: str, *, fork: str = "", state: str = "open", labels: str = ""
) -> dict[str, Any]:
    """A pull request as GitHub tells of it, in events and in its API."""
    whose = fork or OWNER
    repo = {"id": 99 if fork else 456789, "full_name": f"{whose}/{NAME}"}
    return {
        "number": number,
        "state": state,
        "title": "$(touch /tmp/never) `touch /tmp/never` ${{ github.token }}",
        "labels": [{"name": each} for each in labels.split()],
        "head": {"ref": branch, "sha": sha, "user": {"login": whose}, "repo": repo},
        "base": {"ref": "main", "repo": {"id": 456789, "full_name": REPOSITORY}},
    }


def completed(request: Mapping[str, Any], conclusion: str = "success") -> dict[str, Any]:
    """The event that the preview of a pull request has come to its end."""
    head = request["head"]
    return {
        "action": "completed",
        "workflow_run": {
            "id": 777,
            "event": "pull_request",
            "conclusion": conclusion,
            "head_branch": head["ref"],
            "head_sha": head["sha"],
            "head_repository": {**head["repo"], "owner": {"login": head["user"]["login"]}},
            "html_url": "https://github.test/runs/777",
        },
    }


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


def _stand_ins(folder: Path) -> Path:
    for name, (inputs, script) in _ACTIONS.items():
        place = folder / name
        place.mkdir(parents=True)
        names = inputs.split()
        env = {
            each.upper().replace("-", "_") + ("_" if each in _TAKEN else ""): f"${{{{ inputs.{each} }}}}"
            for each in names
        }
        step = {"shell": "bash", "env": env, "run": textwrap.dedent(script).strip()}
        action = {
            "name": name,
            "inputs": {each: {"required": False, "default": ""} for each in names},
            "runs": {"using": "composite", "steps": [step]},
        }
        (place / "action.yml").write_text(yaml.safe_dump(action, width=1000))
    return folder


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with pip, which takes a minute to make where others are at work, and is copied then."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([str(_BASE), "-m", "venv", str(folder)], check=True)
    return folder


@pytest.fixture
def repository(tmp_path: Path, api: Api, template: Path) -> Repository:
    origin = tmp_path / "origin"
    origin.mkdir()
    (tmp_path / "home").mkdir()
    # What setup-python puts on PATH: the Python below the tests' environment, whose packages a workflow has to install.
    python_home = tmp_path / "python"
    python_home.mkdir()
    (python_home / "python3").write_text(_PYTHON.format(template=template, python=_BASE))
    (python_home / "python3").chmod(0o755)
    variables = {
        key: value
        for key, value in environment(tmp_path).items()
        if key.startswith(("MODELPORT_", "PULUMI_HOME", "PULUMI_SKIP", "PATH", "LANG", "UV_", "PIP_"))
        and "\n" not in value
    }
    variables |= {
        "HOME": str(tmp_path / "home"),
        "PYTHON_HOME": str(python_home),
        "PIP_NO_INDEX": "1",
        "MODELPORT_CACHE_DIR": os.environ.get("MODELPORT_CACHE_DIR", str(Path.home() / ".cache" / "modelport")),
        "MODELPORT_DATA_DIR": str(tmp_path / "data"),
        "MODELPORT_STATE_DIR": str(tmp_path / "state"),
    }
    made = Repository(tmp_path, api, origin, variables, _stand_ins(tmp_path / "actions"))
    made.git("init", "-q", "-b", "main")
    made.git("config", "uploadpack.allowAnySHA1InWant", "true")
    made.git("commit", "-q", "--allow-empty", "-m", "begin")
    files: dict[str, str | bytes] = {
        f".github/workflows/{each.name}": each.read_text() for each in GITHUB.glob("*.yml")
    }
    files["requirements.txt"] = f"{wheel(tmp_path)}\n"
    files[".gitignore"] = ".venv/\n"
    made.commit("main", files)
    return made
