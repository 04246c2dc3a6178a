"""A server in the place of Google's APIs, and a time that a test holds."""

import http.server
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pytest

from components.gcp import rest

Json = dict[str, Any]


class Clock(rest.Clock):
    """A time that goes on when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Handler(http.server.BaseHTTPRequestHandler):
    cloud: ClassVar[Any]
    """What answers: `answer(method, path, query, body)`, with a status and JSON."""

    def do_GET(self) -> None:
        self._answer({})

    def do_DELETE(self) -> None:
        self._answer({})

    def do_PATCH(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    do_POST = do_PATCH

    def _answer(self, body: Json) -> None:
        if self.headers["Authorization"] != "Bearer testing":
            code, told = 401, {"error": {"message": "Who are you?"}}
        else:
            found = urlsplit(self.path)
            code, told = self.cloud.answer(self.command, found.path, dict(parse_qsl(found.query)), body)
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served() -> Generator[str]:
    """The address of a server that answers as `Handler.cloud` does."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def asked_there(address: str, monkeypatch: pytest.MonkeyPatch, nowhere: Path, **apis: str) -> None:
    """Google's APIs are asked at an address, with a token that is taken there.

    nowhere: an empty folder. apis: by the variable of an API's address, the beginning of its paths.
    """
    for key, value in {
        **{key: f"{address}/{path}" for key, path in apis.items()},
        "GOOGLE_MONITORING_CUSTOM_ENDPOINT": f"{address}/",
        "GOOGLE_OAUTH_ACCESS_TOKEN": "testing",
        "CLOUDSDK_CONFIG": str(nowhere),
        "NO_GCE_CHECK": "true",
        "NO_PROXY": "127.0.0.1",
    }.items():
        monkeypatch.setenv(key, value)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
