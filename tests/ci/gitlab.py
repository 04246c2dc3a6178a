"""A project with GitLab's pipeline as a user copies it, and gitlab-ci-local, which runs it on this machine.

It expands the file, asks the rules which jobs there are, hands artifacts on, and runs scripts by the real bash, with
the real git, pip and modelport. What GitLab sets is set here, by GitLab's page "Predefined CI/CD variables reference".
A server stands for its API, whose requests are held to what GitLab's own client for Go knows of it.
"""

import json
import re
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, cast

from tests.automation.conftest import ROOT
from tests.ci.origins import Origin
from tests.tools import debian, golang, npm

FILE: Final = ROOT / "examples" / "ci" / "gitlab" / ".gitlab-ci.yml"
NOTE_TOKEN: Final = "glpat-of-the-project"
PROJECT: Final = "5"
CLIENT: Final = golang.Module(
    "gitlab.com/gitlab-org/api/client-go", "v1.46.0", "h1:YxBWFZIFYKcGESCb9fpkwzouo+apyB9pr/XTWzNoL24="
)
"""GitLab's own client: its types are what GitLab says of requests and answers."""
PUSH: Final = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
NIGHT: Final = {**PUSH, "CI_PIPELINE_SOURCE": "schedule"}
# What is set for each job of a project that has both clouds, as its settings and `id_tokens` say it.
CLOUDS: Final = {
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/ci",
    "AWS_TOKEN": "token.for.aws",
    "GCP_PROVIDER": "projects/1/locations/global/workloadIdentityPools/ci/providers/gitlab",
    "GCP_SERVICE_ACCOUNT": "ci@shop.iam.gserviceaccount.com",
    "GCP_TOKEN": "token.for.google",
}


def merge(branch: str, *, fork: bool = False, labels: str = "") -> dict[str, str]:
    """What GitLab sets for a merge request's pipeline, which has no branch of its own."""
    return {
        "CI_PIPELINE_SOURCE": "merge_request_event",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_PROJECT_ID": PROJECT,
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "99" if fork else PROJECT,
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": branch,
        "CI_MERGE_REQUEST_LABELS": labels,
    }


@dataclass
class Ran:
    """What became of jobs."""

    code: int
    told: str


@dataclass
class Pipeline(Origin):
    """The project and its runs."""

    url: str

    def run(self, variables: Mapping[str, str], *words: str, ref: str = "main") -> Ran:
        """Run a pipeline at `ref`: all of its jobs that are not manual, or those that `words` name."""
        self.git("checkout", "-q", ref)
        (self.folder / "bin").mkdir(exist_ok=True)
        program = debian.program("rsync", "rsync")
        rsync = self.folder / "bin" / "rsync"
        rsync.write_text(
            f'#!/bin/sh\nLD_LIBRARY_PATH={program.env["LD_LIBRARY_PATH"]} exec {program.path} "$@"\n', "utf-8"
        )
        rsync.chmod(0o755)
        path = f"{self.environment['PYTHON_HOME']}:{rsync.parent}:{self.environment['PATH']}"
        given = {
            "CI_BUILDS_DIR": str(self.folder / "builds"),
            "CI_API_V4_URL": self.url,
            "CI_PROJECT_ID": PROJECT,
            "CI_DEFAULT_BRANCH": "main",
            **variables,
        }
        runner = npm.package(*npm.GITLAB_CI_LOCAL) / "dist" / "index.js"
        command = [str(npm.node()), str(runner), *words, "--force-shell-executor", "--shell-isolation"]
        command += ["--no-artifacts-to-source"]
        # Its file is held to GitLab's schema by another test. What it sets itself is what is said here instead.
        command += ["--no-json-schema-validation", "--ignore-predefined-vars", ",".join(given)]
        for name, value in given.items():
            command += ["--variable", f"{name}={value}"]
        if "CI_COMMIT_BRANCH" not in given:
            command += ["--unset-variable", "CI_COMMIT_BRANCH"]
        done = subprocess.run(
            command,
            cwd=self.origin,
            env={**self.environment, "PATH": path},
            capture_output=True,
            text=True,
            timeout=600,
            stdin=subprocess.DEVNULL,
        )
        self.git("checkout", "-q", "main")
        return Ran(done.returncode, done.stdout + done.stderr)

    def plans(self) -> dict[str, str]:
        """The plans that the last run's previews have left, by their files."""
        files = (self.origin / ".gitlab-ci-local" / "artifacts").glob("*/plan/*")
        return {each.name: each.read_text() for each in sorted(files)}

    def jobs(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The jobs that such a pipeline has, and when each runs."""
        ran = self.run(variables, "--list-json")
        found: list[dict[str, Any]] = json.loads(ran.told[ran.told.index("[\n") : ran.told.rindex("]") + 1])
        return {each["name"]: each["when"] for each in found if each["when"] != "never"}


class Notes:
    """GitLab's notes of one merge request; `requests` is whatever it was asked."""

    def __init__(self) -> None:
        self.notes: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
                path, _, query = self.path.partition("?")
                status, answer = 401, {"message": "401 Unauthorized"}
                if self.headers.get("PRIVATE-TOKEN") == NOTE_TOKEN:
                    status, answer = api.answered(self.command, path, query, body)
                api.requests.append({"method": self.command, "path": path, "query": query, "body": body})
                api.requests[-1]["answer"] = answer
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
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def answered(self, method: str, path: str, query: str, body: Any) -> tuple[int, Any]:
        if (method, path) == ("GET", "/user"):
            return 200, {"id": 1, "username": "project_5_bot"}
        where = f"/projects/{PROJECT}/merge_requests/7/notes"
        if (method, path) == ("GET", where):
            return 200, self.notes if "page=1" in query.split("&") else []
        if (method, path) == ("POST", where):
            self.notes.insert(0, {"id": len(self.notes) + 10, "author": {"id": 1}, **body})
            return 201, self.notes[0]
        for each in self.notes:
            if (method, path) == ("PUT", f"{where}/{each['id']}"):
                each.update(body)
                return 200, each
        return 404, {"message": "404 Not found"}

    def stop(self) -> None:
        """End, and hold what was asked and answered to GitLab's client."""
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()
        assert wrong(self.requests) == []


def wrong(requests: list[dict[str, Any]]) -> list[str]:
    """Where requests and their answers are not as GitLab's client knows them."""
    source = golang.sources(CLIENT)
    text = "\n".join((source / name).read_text() for name in ("notes.go", "users.go", "gitlab.go"))
    known = _operations(text)
    out: list[str] = []
    for each in requests:
        what = f"{each['method']} {each['path']}"
        fitting = [rest for verb, path, *rest in known if verb == each["method"] and path.fullmatch(each["path"])]
        if not fitting:
            out.append(f"{what}: no such operation")
            continue
        options, answer = fitting[0]
        takes = _fields(text, options, "url")
        asked: list[str] = [word.partition("=")[0] for word in each["query"].split("&") if word]
        body, answered = each["body"], each["answer"]
        out += [f"{what}: takes no {name}" for name in asked + list(body or ()) if name not in takes]
        several: list[dict[str, Any]] = cast("Any", answered) if isinstance(answered, list) else [answered]
        tells = _fields(text, answer, "json")
        out += [f"{what}: answers no {name}" for one in several for name in one if name not in tells]
    return out


def _operations(text: str) -> list[tuple[str, "re.Pattern[str]", str, str]]:
    """Method, path, options and answer of each operation on notes and users."""
    found: list[tuple[str, re.Pattern[str], str, str]] = []
    for head, answer, body in re.findall(
        r"^func \(s \*(?:Notes|Users)Service\) \w+\((.*?)\) \((?:\[\])?\*(\w+), .*?\{\n(.*?)^\}",
        text,
        re.DOTALL | re.MULTILINE,
    ):
        path, method = re.search(r'withPath\("([^"]+)"', body), re.search(r"withMethod\(http\.Method(\w+)\)", body)
        if path:
            options = re.search(r"opt \*(\w+)", head)
            pattern = re.compile("/" + re.sub(r"%[sdv]", "[^/]+", path[1]))
            found.append((method[1].upper() if method else "GET", pattern, options[1] if options else "", answer))
    return found


def _fields(text: str, name: str, tag: str) -> set[str]:
    """What the fields of a struct, and of those that it is made of, are called."""
    struct = re.search(rf"^type {name} struct \{{\n(.*?)^\}}", text, re.DOTALL | re.MULTILINE)
    if struct is None:
        return set()
    found = set(re.findall(rf'{tag}:"([^",]+)', struct[1]))
    for part in re.findall(r"^\t(\w+)$", struct[1], re.MULTILINE):
        found |= _fields(text, part, tag)
    return found


def tokens(folder: Path) -> dict[str, Any]:
    """What a job has left for the SDKs of the clouds, by the names of the files."""
    found: dict[str, Any] = {}
    for each in sorted((folder / "builds" / "tokens").rglob("*")):
        if each.is_file():
            found[each.name] = json.loads(each.read_text()) if each.suffix == ".json" else each.read_text()
    return found
