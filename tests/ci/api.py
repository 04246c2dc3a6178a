"""A small server in the place of GitHub's API: pull requests, comments and issues, and whatever it was asked."""

import json
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.tools import pypi

REPOSITORY: Final = "example/models"
TOKEN: Final = "ghs_of-this-job"
BOT: Final = "github-actions[bot]"
_CHECK = Path(__file__).with_name("described.py")


class Described:
    """GitHub's own description of its API, in a process of its own: it takes seconds to read."""

    def __init__(self) -> None:
        python = pypi.environment(pypi.CI) / "python"
        self._process = subprocess.Popen(
            [python, str(_CHECK)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def wrong(self, requests: list[dict[str, Any]]) -> list[str]:
        """Where requests and their answers are not as described."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps(requests) + "\n")
        process.stdin.flush()
        found: list[str] = json.loads(process.stdout.readline())
        return found

    def stop(self) -> None:
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        assert process.wait(60) == 0
        process.stdout.close()


class Api:
    """What the repository has; `requests` is whatever it was asked."""

    def __init__(self, described: Described) -> None:
        self._described = described
        self.pulls: list[dict[str, Any]] = []
        self.comments: dict[int, list[dict[str, Any]]] = {}
        self.issues: list[dict[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self._number = 100
        api = self

        class Handler(BaseHTTPRequestHandler):
            def _do(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    status, answer = 401, {"message": "Bad credentials"}
                elif self.headers.get("X-GitHub-Api-Version") != "2022-11-28":
                    status, answer = 400, {"message": "no version of the API"}
                else:
                    status, answer = api.answered(self.command, parts.path, query, body)
                asked = {"method": self.command, "path": parts.path, "query": query, "body": body, "answer": answer}
                api.requests.append(asked)
                sent = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            do_GET = do_POST = do_PATCH = do_DELETE = _do

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def answered(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        rest = path.removeprefix(f"/repos/{REPOSITORY}")
        if method == "GET" and rest == "/pulls":
            state, head = query.get("state", "open"), query.get("head", "")
            owner, _, branch = head.partition(":")
            # A head that is no `owner:branch` is one that GitHub leaves out of account.
            found = [
                each
                for each in self.pulls
                if state in ("all", each["state"])
                and (not branch or (each["head"]["user"]["login"], each["head"]["ref"]) == (owner, branch))
            ]
            return 200, self._page(found, query)
        if comments := re.fullmatch(r"/issues/(\d+)/comments", rest):
            held = self.comments.setdefault(int(comments[1]), [])
            return self._made(held, body, f"#issuecomment-{comments[1]}") if body else (200, self._page(held, query))
        if comment := re.fullmatch(r"/issues/comments/(\d+)", rest):
            found = [each for held in self.comments.values() for each in held if each["id"] == int(comment[1])]
            return self._changed(found, body)
        if rest == "/issues":
            if body:
                status, made = self._made(self.issues, {**body, "state": "open"}, "#issue")
                made["number"] = made["id"]
                return status, made
            login = query.get("creator")
            found = [each for each in self.issues if each["state"] == query.get("state", "open")]
            return 200, self._page([each for each in found if login in (None, each["user"]["login"])], query)
        if issue := re.fullmatch(r"/issues/(\d+)", rest):
            return self._changed([each for each in self.issues if each["number"] == int(issue[1])], body)
        return 404, {"message": "Not Found"}

    def _page(self, found: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        return found[(page - 1) * size : page * size]

    def _made(self, held: list[dict[str, Any]], body: dict[str, Any], anchor: str) -> tuple[int, dict[str, Any]]:
        if len(body.get("body", "")) > 65_536:
            return 422, {"message": "body is too long (maximum is 65536 characters)"}
        self._number += 1
        made = {**body, "id": self._number, "user": {"login": BOT}, "html_url": f"https://github.test/{anchor}"}
        held.append(made)
        return 201, made

    def _changed(self, found: list[dict[str, Any]], body: dict[str, Any]) -> tuple[int, Any]:
        if not found:
            return 404, {"message": "Not Found"}
        found[0].update(body)
        return 200, found[0]

    def stop(self) -> None:
        """End, and hold what was asked and answered to GitHub's description of its API."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        assert self._described.wrong(self.requests) == []
