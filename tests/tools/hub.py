"""A mirror of the Hugging Face Hub on loopback: the part of its HTTP API that its own client reads models by.

Commits do not change, branches move, large files are redirected to another host as the Hub's are (git LFS), private and
gated repositories want a token. It can break as the real one does: hang, cut a file short, send other bytes.
"""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_token-of-the-tests"
_LFS = (".safetensors", ".onnx", ".bin", ".pkl", ".joblib", ".skops", "_data")
"""What the Hub keeps as git LFS, by its own default list; all else is in git itself."""


def git_sha1(content: bytes) -> str:
    """What git calls a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@dataclass
class Repository:
    refs: dict[str, str] = field(default_factory=dict[str, str])
    """Branches and tags, and the commit of each."""
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict[str, dict[str, bytes]])
    private: bool = False
    gated: bool = False

    def commit(self, files: Mapping[str, bytes], branch: str = "main") -> str:
        """Put all of `files` on a branch; the commit."""
        told = "\n".join(f"{name} {git_sha1(files[name])}" for name in sorted(files))
        sha = hashlib.sha1(f"{self.refs.get(branch, '')}\n{told}".encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.refs[branch] = sha
        return sha


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    host: str
    authorised: bool
    """A token came with it, right or wrong."""
    begins: int
    """The byte from which on the content is asked for."""


class Hub:
    """Answers on `address` until `stop`."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[Request] = []
        self.status: int = 200
        """Other than 200: what everything is answered with."""
        self.hang_after: int | None = None
        """Of each large file so many bytes are sent, and then nothing more."""
        self.cut_after: int | None = None
        """The same, but the connection is closed."""
        self.instead: dict[str, bytes] = {}
        """What is sent of a file, by name, in place of what was committed."""
        self._ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{port}"
        self.storage = f"http://localhost:{port}"
        """Where large files are: another host than the Hub's."""
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def repository(self, name: str, *, private: bool = False, gated: bool = False) -> Repository:
        return self.repositories.setdefault(name, Repository(private=private, gated=gated))

    def fetched(self) -> list[str]:
        """The files whose content was asked for, in order."""
        paths = [r.path for r in self.requests if r.method == "GET"]
        return [path.split("/resolve/")[1].partition("/")[2] for path in paths if "/resolve/" in path]

    def heal(self) -> None:
        """Break nothing any more, and forget what was asked for."""
        self.status, self.hang_after, self.cut_after = 200, None, None
        self.instead.clear()
        self.requests.clear()

    def wait(self) -> None:
        """Be silent, until the tests are over."""
        self._ended.wait(60)

    def stop(self) -> None:
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            path = unquote(urlsplit(self.path).path)
            sent = self.headers.get("authorization", "")
            asked = self.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0]
            hub.requests.append(Request(self.command, path, self.headers.get("host", ""), bool(sent), int(asked)))
            if hub.status != 200:
                self._fail(hub.status, "", "the hub of the tests is told to answer so")
            elif path.startswith("/storage/"):
                self._stored(path.removeprefix("/storage/"), bool(sent))
            elif path.startswith("/api/models/"):
                name, _, revision = path.removeprefix("/api/models/").partition("/revision/")
                if (found := self._commit(name, revision or "main", sent)) is not None:
                    self._describe(name, *found)
            elif "/resolve/" in path:
                name, _, rest = path.removeprefix("/").partition("/resolve/")
                revision, _, file = rest.partition("/")
                if (found := self._commit(name, revision, sent, content=True)) is not None:
                    self._file(found[0], found[1], file)
            else:
                self._fail(404, "", "Sorry, we can't find the page you are looking for.")

        def _commit(
            self, name: str, revision: str, sent: str, *, content: bool = False
        ) -> tuple[str, Repository] | None:
            found = hub.repositories.get(name)
            known = sent == f"Bearer {TOKEN}"
            if sent and not known:
                self._fail(401, "", "Invalid credentials in Authorization header")
            elif found is None or (found.private and not known):
                # The Hub does not tell one from the other to a stranger.
                self._fail(404 if known else 401, "RepoNotFound", "Repository not found")
            elif found.gated and content and not known:
                self._fail(401, "GatedRepo", f"Access to model {name} is restricted.")
            elif (sha := found.refs.get(revision, revision)) not in found.commits:
                self._fail(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            else:
                return sha, found
            return None

        def _describe(self, name: str, sha: str, found: Repository) -> None:
            siblings: list[dict[str, Any]] = []
            for file, content in found.commits[sha].items():
                told: dict[str, Any] = {"rfilename": file, "size": len(content), "blobId": git_sha1(content)}
                if file.endswith(_LFS):
                    sha256 = hashlib.sha256(content).hexdigest()
                    told["lfs"] = {"sha256": sha256, "size": len(content), "pointerSize": 134}
                siblings.append(told)
            about = {"_id": "0", "id": name, "modelId": name, "sha": sha, "private": found.private, "tags": []}
            body = json.dumps(about | {"gated": "auto" if found.gated else False, "siblings": siblings}).encode()
            self._send(200, {"content-type": "application/json"}, body)

        def _file(self, sha: str, found: Repository, name: str) -> None:
            content = found.commits[sha].get(name)
            if content is None:
                self._fail(404, "EntryNotFound", "Entry not found", {"x-repo-commit": sha})
                return
            if name.endswith(_LFS):
                digest = hashlib.sha256(content).hexdigest()
                told = {
                    "x-repo-commit": sha,
                    "x-linked-etag": f'"{digest}"',
                    "x-linked-size": str(len(content)),
                    "location": f"{hub.storage}/storage/{digest}/{name}?X-Amz-Signature=abc",
                }
                self._send(302, told, b"")
                return
            told = {"x-repo-commit": sha, "etag": f'"{git_sha1(content)}"', "content-type": "text/plain"}
            self._send(200, told, hub.instead.get(name, content))

        def _stored(self, path: str, authorised: bool) -> None:
            digest, _, name = path.partition("/")
            every = (c for r in hub.repositories.values() for files in r.commits.values() for c in files.values())
            content = next((c for c in every if hashlib.sha256(c).hexdigest() == digest), None)
            if content is None or authorised:
                # A signed address does not take a second authority, as S3 does not.
                self._fail(400 if authorised else 404, "", "Only one auth mechanism allowed")
                return
            content = hub.instead.get(name, content)
            first = hub.requests[-1].begins
            told = {"content-type": "application/octet-stream", "accept-ranges": "bytes"}
            if first:
                told["content-range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            end = next((n for n in (hub.hang_after, hub.cut_after) if n is not None), None)
            if end is None:
                self._send(206 if first else 200, told, content[first:])
                return
            self._send(206 if first else 200, told, content[first:end], length=len(content) - first)
            self.wfile.flush()
            if hub.hang_after is not None:
                hub.wait()
            self.close_connection = True

        def _fail(self, status: int, code: str, message: str, more: Mapping[str, str] | None = None) -> None:
            told = {"content-type": "application/json", "x-error-message": message, **(more or {})}
            self._send(status, told | ({"x-error-code": code} if code else {}), json.dumps({"error": message}).encode())

        def _send(self, status: int, headers: Mapping[str, str], body: bytes, *, length: int | None = None) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body) if length is None else length))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
