"""A repository with the workflows as a user copies them, and nektos/act, which runs them on this machine.

Steps with `run` are the workflows' own, by the real bash, git, curl, jq, pip and modelport. Actions that would be
fetched are stand-ins, made below: checkout asks a repository of the test's for the same commit; artifacts lie in a
folder; a login notes whom it was asked to be.
"""

import json
import os
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.automation.conftest import ROOT
from tests.ci.api import REPOSITORY, TOKEN, Api, Described
from tests.ci.gitlab import FILE, Notes, Pipeline
from tests.ci.origins import Origin, begun, template
from tests.tools import golang

GITHUB: Final = ROOT / "examples" / "ci" / "github"
OWNER, _, NAME = REPOSITORY.partition("/")
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
class Repository(Origin):
    """A repository of git with the workflows in it, the API that stands for GitHub's, and what its runs left."""

    api: Api
    actions: Path

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def logins(self) -> list[str]:
        file = self.folder / "logins"
        return sorted(file.read_text().split("\n")[:-1]) if file.is_file() else []

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


@pytest.fixture(scope="session")
def described() -> Iterator[Described]:
    """GitHub's own description of its API."""
    made = Described()
    yield made
    made.stop()


@pytest.fixture(scope="session")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("environment"))


def repository_in(folder: Path, venv: Path, api: Api) -> Repository:
    """A repository with the workflows as a user copies them."""
    workflows_: dict[str, str | bytes] = {
        f".github/workflows/{each.name}": each.read_text() for each in GITHUB.glob("*.yml")
    }
    origin, variables = begun(folder, venv, workflows_)
    return Repository(folder, origin, variables, api, _stand_ins(folder / "actions"))


@pytest.fixture
def api(described: Described) -> Iterator[Api]:
    made = Api(described)
    yield made
    made.stop()


@pytest.fixture
def repository(tmp_path: Path, api: Api, venv: Path) -> Repository:
    return repository_in(tmp_path, venv, api)


@pytest.fixture
def notes() -> Iterator[Notes]:
    made = Notes()
    yield made
    made.stop()


@pytest.fixture
def pipeline(tmp_path: Path, notes: Notes, venv: Path) -> Pipeline:
    return pipeline_in(tmp_path, venv, notes.url)


def pipeline_in(folder: Path, venv: Path, url: str) -> Pipeline:
    """A project with the pipeline as a user copies it. url: of what stands for GitLab's API."""
    origin, variables = begun(folder, venv, {".gitlab-ci.yml": FILE.read_text()})
    made = Pipeline(folder, origin, variables, url)
    made.git("remote", "add", "origin", "https://gitlab.test/example/models.git")
    return made
