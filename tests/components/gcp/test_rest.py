"""Google's REST APIs, asked over a way on which others answer than Google."""

import http.server
import threading
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from components.gcp.rest import TRIES, Client
from components.releases import ReleaseError, Unanswered
from tests.components.gcp.pretend_google import Clock

WHERE = ("GOOGLE_TESTED_ENDPOINT", "https://example.com/")


class Way(http.server.BaseHTTPRequestHandler):
    """Answers everything alike, with raw bytes."""

    code: ClassVar[int]
    headers_told: ClassVar[dict[str, str]]
    body: ClassVar[bytes]
    asked: ClassVar[int]

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(self.code)
        for key, value in self.headers_told.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Way) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv(WHERE[0], f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "testing")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        Way.asked = 0
        with Client(Clock(), "roles/tested") as found:
            yield found
        server.shutdown()
        thread.join()


def answers(code: int, body: bytes = b"", **headers: str) -> None:
    Way.code, Way.body, Way.headers_told = code, body, headers


def asked(client: Client) -> Any:
    return client.ask("GET", WHERE, "things")


@pytest.mark.parametrize(
    ("code", "body", "headers", "why"),
    [
        (200, b"<html>Sign in</html>", {}, "HTTP 200 without an object of JSON"),
        (200, b"", {}, "HTTP 200 without an object of JSON"),
        (200, b"null", {}, "HTTP 200 without an object of JSON"),
        (200, b"[]", {}, "HTTP 200 without an object of JSON"),
        (200, b"\xff\xfe{", {}, "HTTP 200 without an object of JSON"),
        (200, b"[" * 200_000, {}, "HTTP 200 without an object of JSON"),
        (204, b"", {}, "HTTP 204 without an object of JSON"),
        (302, b"{}", {"Location": "https://proxy.example.com/"}, "HTTP 302"),
        (304, b"", {}, "HTTP 304"),
        (200, b"no gzip", {"Content-Encoding": "gzip"}, "DecodingError: "),
    ],
)
def test_an_answer_that_is_none_of_googles_is_no_answer(
    client: Client, code: int, body: bytes, headers: dict[str, str], why: str
) -> None:
    answers(code, body, **headers)
    with pytest.raises(Unanswered) as error:
        asked(client)
    start, end = f"127.0.0.1 did not answer GET things ({why}", "expected an answer; look at the way there"
    assert (error.value.message[: len(start)], error.value.message[-len(end) :]) == (start, end)


def test_an_object_is_an_answer(client: Client) -> None:
    answers(200, b'{"a": 1}')
    assert (asked(client), Way.asked) == ({"a": 1}, 1)


def test_a_request_that_took_too_long_is_asked_again(client: Client) -> None:
    answers(408, b"{}")
    with pytest.raises(Unanswered, match=r"HTTP 408"):
        asked(client)
    assert Way.asked == TRIES


def test_a_refusal_that_is_no_json_is_a_refusal(client: Client) -> None:
    answers(403, b"<html>No</html>")
    with pytest.raises(ReleaseError, match=r"refused GET things \(HTTP 403\)") as error:
        asked(client)
    assert not isinstance(error.value, Unanswered)
