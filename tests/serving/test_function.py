"""The server as a function of AWS Lambda, against the Runtime API as its reference describes it.

AWS's own emulator of it is not among the Go proxy's modules, so the API's server is this module's own: it hands out
events one at a time, and takes answer or error of each ("Using the Lambda runtime API", 2026-11-22).
"""

import asyncio
import base64
import io
import json
import queue
import subprocess
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from serving.errors import BadInput
from serving.process import function
from serving.rest import events
from tests.serving import models
from tests.serving.support import PATIENCE, command, environment

ROW = {"inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [0.5] * 64}]}
FUNCTION = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "2048", "AWS_LAMBDA_FUNCTION_VERSION": "7"}


class RuntimeApi:
    """The Runtime API of one environment: `ask` is an invocation, from event to what came of it."""

    def __init__(self) -> None:
        self._events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.told: queue.Queue[tuple[str, Any]] = queue.Queue()
        self._count = 0
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                assert self.path == "/2018-06-01/runtime/invocation/next"
                identity, event = api._events.get()
                self.send_response(200)
                self.send_header("Lambda-Runtime-Aws-Request-Id", identity)
                self.send_header("Lambda-Runtime-Deadline-Ms", "1800000000000")
                self.send_header("Content-Length", str(len(event)))
                self.end_headers()
                self.wfile.write(event)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                api.told.put((self.path.removeprefix("/2018-06-01/runtime/"), json.loads(body)))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def ask(self, event: object) -> tuple[str, Any]:
        self._count += 1
        self._events.put((f"request-{self._count}", json.dumps(event).encode()))
        where, told = self.told.get(timeout=PATIENCE)
        assert where.startswith(f"invocation/request-{self._count}/")
        return where.rpartition("/")[2], told

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def started(model: Path, folder: Path, api: RuntimeApi) -> Generator[Path]:
    """The program of an image, started as Lambda starts it: without a flag."""
    log = folder / "function.log"
    env = {**FUNCTION, "AWS_LAMBDA_RUNTIME_API": api.address, "MODELPORT_MODEL": str(model)}
    with log.open("wb") as file:
        process = subprocess.Popen(command(), stdout=file, stderr=file, env=environment(env), cwd="/")
    try:
        yield log
    finally:
        process.kill()
        process.wait(PATIENCE)


@pytest.fixture(scope="module")
def lambda_(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RuntimeApi]:
    folder, api = tmp_path_factory.mktemp("function"), RuntimeApi()
    with started(models.digits(folder / "model"), folder, api) as log:
        yield api
        assert "Traceback" not in log.read_text()
    api.close()


def of_url(method: str, path: str, body: bytes | str | None = None, **headers: str) -> dict[str, Any]:
    """As a function URL sends it: form 2.0."""
    path, _, query = path.partition("?")
    told: dict[str, Any] = {"version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query}
    told["headers"] = headers
    told["requestContext"] = {"http": {"method": method, "path": path, "protocol": "HTTP/1.1"}, "stage": "$default"}
    told["isBase64Encoded"] = isinstance(body, bytes)
    if body is not None:
        told["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return told


def of_gateway(method: str, path: str, body: bytes | None = None, **headers: str) -> dict[str, Any]:
    """As a REST API sends it: form 1.0, whose binary media types are all."""
    path, _, query = path.partition("?")
    pairs = dict(each.split("=") for each in query.split("&") if each)
    return {
        "resource": "/v2/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": pairs or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in pairs.items()} or None,
        "requestContext": {"stage": "live", "identity": {}},
        "body": base64.b64encode(body).decode() if body is not None else None,
        "isBase64Encoded": body is not None,
    }


@pytest.mark.parametrize("form", [of_url, of_gateway])
def test_the_model_answers_as_it_does_anywhere(lambda_: RuntimeApi, form: Any) -> None:
    how, told = lambda_.ask(form("POST", "/v2/models/digits/infer", json.dumps(ROW).encode()))
    assert (how, told["statusCode"], told["isBase64Encoded"]) == ("response", 200, False)
    answer = json.loads(told["body"])
    assert (answer["model_name"], answer["outputs"][0]["shape"]) == ("digits", [1, 10])
    assert told["headers"] == {"content-type": "application/json", "modelport-revision": "7"}


@pytest.mark.parametrize("form", [of_url, of_gateway])
def test_a_picture_and_its_query_come_whole(lambda_: RuntimeApi, form: Any) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save(file, "PNG")
    picture = file.getvalue()
    sent = form("POST", "/v2/models/digits/classify?top=2", picture, **{"Content-Type": "image/png"})
    how, told = lambda_.ask(sent)
    assert (how, told["statusCode"]) == ("response", 200), told
    assert len(json.loads(told["body"])["predictions"]) == 2


def test_a_body_of_bytes_is_base64_both_ways(lambda_: RuntimeApi) -> None:
    head = {"inputs": [{**ROW["inputs"][0], "parameters": {"binary_data_size": 256}}]}
    del head["inputs"][0]["data"]
    head["outputs"] = [{"name": "probabilities", "parameters": {"binary_data": True}}]
    text = json.dumps(head).encode()
    length = {"Inference-Header-Content-Length": str(len(text))}
    _, told = lambda_.ask(of_url("POST", "/v2/models/digits/infer", text + np.full(64, 0.5, "<f4").tobytes(), **length))
    assert (told["statusCode"], told["isBase64Encoded"]) == (200, True), told
    whole = base64.b64decode(told["body"])
    assert len(whole) - int(told["headers"]["inference-header-content-length"]) == 40


def test_what_goes_wrong_is_an_answer_like_any_other(lambda_: RuntimeApi) -> None:
    how, told = lambda_.ask(of_url("GET", "/v2/models/other"))
    assert (how, told["statusCode"]) == ("response", 404)
    assert json.loads(told["body"]) == {"error": "unknown model 'other', this server has 'digits'"}
    _, told = lambda_.ask(of_url("GET", "/v2/health/ready"))
    assert json.loads(told["body"]) == {"ready": True}
    _, told = lambda_.ask(of_url("HEAD", "/v2/health/ready"))
    assert (told["statusCode"], told["body"]) == (200, "")


@pytest.mark.parametrize("event", [ROW, [], {"requestContext": {"http": {"method": "GET"}}}, {"Records": []}])
def test_an_event_that_is_no_request_is_an_error_of_its_own(lambda_: RuntimeApi, event: object) -> None:
    how, told = lambda_.ask(event)
    assert (how, told["errorType"]) == ("error", "BadInput")
    assert told["errorMessage"].startswith("the event is no HTTP request, expected one of a function URL")
    # And the next one is answered.
    assert lambda_.ask(of_url("GET", "/v2/health/live"))[0] == "response"


def test_a_body_that_is_not_base64_is_refused() -> None:
    with pytest.raises(BadInput, match="the event's body is not the base64 that it says it is"):
        events.request({**of_url("POST", "/v2", b"1"), "body": "%"})


def test_an_answer_that_lambda_would_not_take_says_so() -> None:
    told = json.loads(events.answer(200, [(b"content-type", b"application/octet-stream")], b"\0" * (5 * 2**20)))
    assert told["statusCode"] == 413
    assert json.loads(told["body"])["error"].startswith("the answer has 6990")
    small = json.loads(events.answer(200, [(b"content-type", b"application/octet-stream")], b"\0" * (4 * 2**20)))
    assert small["statusCode"] == 200


def test_an_error_of_the_servers_is_counted_in_cloudwatch(capfd: pytest.CaptureFixture[str]) -> None:
    async def failing(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": int(scope["path"][1:]), "headers": []})
        await send({"type": "http.response.body", "body": b""})

    for status in (404, 500):
        asyncio.run(function.answered(failing, of_url("GET", f"/{status}")))
    (line,) = capfd.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["ModelFaults"], told["Function"], told["Version"]) == (1, "function", "$LATEST")
    (metric,) = told["_aws"]["CloudWatchMetrics"]
    assert metric["Namespace"] == "Modelport"
    assert metric["Dimensions"] == [["Function"], ["Function", "Version"]]


def test_a_function_that_cannot_start_says_why(tmp_path: Path) -> None:
    api = RuntimeApi()
    with started(tmp_path / "no-model", tmp_path, api):
        where, told = api.told.get(timeout=PATIENCE)
    api.close()
    assert (where, told["errorType"]) == ("init/error", "StartError")
    assert "no-model" in told["errorMessage"]
