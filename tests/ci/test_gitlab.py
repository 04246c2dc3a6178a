"""The pipeline for GitLab: held to GitLab's schema, its scripts to shellcheck, its plan and its note run."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.automation.conftest import ROOT, Project, environment
from tests.ci.projects import stack_file, things
from tests.tools import debian, pypi

FILE = ROOT / "examples" / "ci" / "gitlab" / ".gitlab-ci.yml"


class _Loader(yaml.SafeLoader):
    """YAML with GitLab's tag for what stands elsewhere."""


def _reference(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> dict[str, Any]:
    return {"reference": loader.construct_sequence(node)}


_Loader.add_constructor("!reference", _reference)
PIPELINE: dict[str, Any] = yaml.load(FILE.read_text(), _Loader)


def job(name: str) -> dict[str, Any]:
    """A job with what it extends, the later before the earlier."""
    own = PIPELINE[name]
    extended = own.get("extends", [])
    out: dict[str, Any] = {}
    for each in [extended] if isinstance(extended, str) else extended:
        out |= job(each)
    return {**out, **own}


def lines(name: str, key: str) -> list[str]:
    """A job's lines, with what is referred to in their place."""
    out: list[str] = []
    for each in job(name).get(key, []):
        out += lines(*each["reference"]) if isinstance(each, dict) else [each]
    return out


def jobs() -> list[str]:
    return [
        name for name, each in PIPELINE.items() if isinstance(each, dict) and name[0] != "." and "script" in job(name)
    ]


def test_gitlab_s_own_schema_takes_it() -> None:
    check = pypi.environment(pypi.CI) / "check-jsonschema"
    command = [str(check), "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", str(FILE)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", jobs())
def test_shellcheck_finds_nothing(name: str) -> None:
    script = "#!/bin/bash\n" + "\n".join([*lines(name, "before_script"), *lines(name, "script")]) + "\n"
    shellcheck = debian.program("shellcheck", "shellcheck")
    # 2154: what GitLab sets.
    command = [str(shellcheck.path), "--exclude=SC2154", "-"]
    ran = subprocess.run(command, input=script, env=shellcheck.env, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def test_what_changes_a_stack_is_one_at_a_time_and_never_interrupted() -> None:
    assert PIPELINE["default"]["interruptible"] is False
    changing = {
        name for name in jobs() if any(word in "\n".join(lines(name, "script")) for word in (" up ", "promote"))
    }
    assert changing == {"up", "promote", "ephemeral-up"}
    assert {name: job(name)["resource_group"] for name in changing | {"ephemeral-down"}} == {
        "up": "modelport-stack-dev",
        "promote": "modelport-stack-prod",
        "ephemeral-up": "modelport-stack-pr-$CI_MERGE_REQUEST_IID",
        "ephemeral-down": "modelport-stack-pr-$CI_MERGE_REQUEST_IID",
    }
    assert {name for name in jobs() if job(name).get("interruptible")} == {"preview", "preview-of-a-fork"}


def test_a_fork_asks_for_no_token() -> None:
    fork = job("preview-of-a-fork")
    assert "id_tokens" not in fork and fork["variables"]["MODELPORT_FORK"] == "1"
    assert lines("preview-of-a-fork", "before_script")[:2] == lines(".install", "before_script")


class _Notes:
    """GitLab's notes of one merge request."""

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
                path, _, query = self.path.partition("?")
                status = 200
                answer: Any = None
                if self.headers.get("PRIVATE-TOKEN") != "glpat-of-the-project":
                    status, answer = 401, {"message": "401 Unauthorized"}
                elif path == "/user":
                    answer = {"id": 1}
                elif self.command == "GET":
                    answer = api.notes if "page=1" in query.split("&") else []
                elif self.command == "POST":
                    answer = {"id": len(api.notes) + 10, "author": {"id": 1}, **body}
                    status = 201
                    api.notes.insert(0, answer)
                else:
                    answer = next(each for each in api.notes if str(each["id"]) == path.rpartition("/")[2])
                    answer.update(body)
                sent = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            do_GET = do_POST = do_PUT = _do

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def notes() -> Iterator[_Notes]:
    made = _Notes()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_merge_request_gets_a_note_for_its_plan_and_the_same_one_next_time(tmp_path: Path, notes: _Notes) -> None:
    project = Project(tmp_path / "project", environment(tmp_path))
    project.root.mkdir()
    for name, text in things().items():
        (project.root / name).write_text(str(text))
    given = {
        **project.environment,
        "STACK": "dev",
        "CI_API_V4_URL": notes.url,
        "CI_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_IID": "7",
        "MODELPORT_NOTE_TOKEN": "glpat-of-the-project",
    }
    marker = "<!-- modelport plan demo/dev -->"
    notes.notes.append({"id": 2, "author": {"id": 9}, "body": f"{marker}\nof somebody else"})
    for color in ("red", "green"):
        (project.root / "Pulumi.dev.yaml").write_text(stack_file(color=color))
        for name in ("preview", "note"):
            script = "\n".join(lines(name, "script")).replace(".venv/bin/modelport", str(_modelport(project.root)))
            ran = subprocess.run(
                ["bash", "-eo", "pipefail", "-c", script],
                cwd=project.root,
                env=given,
                capture_output=True,
                text=True,
            )
            assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(notes.notes) == 2
    ours = next(each for each in notes.notes if each["author"]["id"] == 1)
    assert ours["body"] == (project.root / "plan" / "dev.md").read_text() and ours["body"].startswith(marker)
    assert any("of somebody else" in each["body"] for each in notes.notes)


def _modelport(folder: Path) -> Path:
    command = folder / "modelport.sh"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m automation "$@"\n')
    command.chmod(0o755)
    return command
