"""The server as a function of AWS Lambda: it fetches one request after the other from the Lambda Runtime API.

There is no socket to listen on. An environment has one request at a time, and is frozen in between, so one process
with one model does it; Lambda makes as many environments as there are requests at once. Nothing is written to disk.
"""

import asyncio
import http.client
import json
import os
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NoReturn

from serving import keys
from serving.core import manifest
from serving.errors import ServingError, StartError
from serving.metrics import Counts
from serving.process.logs import say
from serving.rest import events
from serving.rest.message import Event, Headers
from serving.settings import Settings

_VERSION = "2018-06-01"


def run(settings: Settings, api: str) -> NoReturn:
    """Answer what the Runtime API at `api`, HOST:PORT, hands out. Raises StartError, once the API was told why."""
    try:
        settings = replace(settings, workers=1, revision=settings.revision or _version())
        loop, app = asyncio.new_event_loop(), _app(settings)
    except BaseException as error:
        told = str(error) if isinstance(error, StartError) else "the server failed to start; its log says why"
        _post(api, "init/error", _error(type(error).__name__, told))
        raise
    say(f"answering requests of AWS Lambda (pid {os.getpid()})")
    while True:
        identity, event = _next(api)
        try:
            reply = loop.run_until_complete(answered(app, event))
        except ServingError as error:
            _post(api, f"invocation/{identity}/error", _error(type(error).__name__, str(error)))
            continue
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            failed = _error(type(error).__name__, "the server failed on this event; its log says why")
            _post(api, f"invocation/{identity}/error", failed)
            continue
        _post(api, f"invocation/{identity}/response", reply)


def _version() -> str:
    """The version of the function that this is, so that an answer tells which one gave it; none for `$LATEST`."""
    version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
    return version if version.isalnum() and version.isascii() else ""


def _app(settings: Settings) -> Any:
    """The routes, with the model loaded and run once."""
    found = manifest.read(settings.model)
    if settings.api_keys is not None:
        keys.require(settings.api_keys)
    from serving.keys import Keys
    from serving.process.worker import load
    from serving.rest.app import App

    model, classifier = load(found, settings)
    counts = Counts(1)
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")
    known = Keys(settings.api_keys, say) if settings.api_keys is not None else None
    return App(model, classifier, settings, pool, counts, counts.row(0), known)


async def answered(app: Any, event: object) -> bytes:
    """The answer to one event, in JSON. Raises BadInput for an event that is no HTTP request."""
    scope, receive = events.request(event)
    status, headers, parts = 500, list[tuple[bytes, bytes]](), list[bytes]()

    async def send(message: Event) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = _passed_on(message["headers"])
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    if status >= 500:
        _fault()
    return events.answer(status, headers, b"" if scope["method"] == "HEAD" else b"".join(parts))


def _fault() -> None:
    """Count an error of the server's in CloudWatch: to Lambda an answer is an answer, whatever its status.

    A line of this form in the log is a metric ("Embedded metric format" in CloudWatch's guide, 2026-11-22).
    """
    told = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "Modelport",
                    "Dimensions": [["Function"], ["Function", "Version"]],
                    "Metrics": [{"Name": "ModelFaults", "Unit": "Count"}],
                }
            ],
        },
        "Function": os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "function"),
        "Version": os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        "ModelFaults": 1,
    }
    print(json.dumps(told), flush=True)


def _passed_on(headers: Headers) -> Headers:
    """Without what is of a connection that is not there."""
    return [(name, value) for name, value in headers if name not in (b"content-length", b"connection")]


def _next(api: str) -> tuple[str, object]:
    """The next request, however long it takes: its id, and the event."""
    connection = http.client.HTTPConnection(api)
    try:
        connection.request("GET", f"/{_VERSION}/runtime/invocation/next")
        answer = connection.getresponse()
        body = answer.read()
        identity = answer.headers["Lambda-Runtime-Aws-Request-Id"]
    finally:
        connection.close()
    if answer.status != 200 or identity is None:
        raise StartError(f"AWS_LAMBDA_RUNTIME_API: {api} answers {answer.status}, expected the next request")
    return identity, json.loads(body)


def _post(api: str, what: str, body: bytes) -> None:
    connection = http.client.HTTPConnection(api)
    try:
        kind = {"Content-Type": "application/json"}
        connection.request("POST", f"/{_VERSION}/runtime/{what}", body, kind)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            say(f"AWS Lambda answers {answer.status} to {what.rpartition('/')[2]}")
    finally:
        connection.close()


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorMessage": message, "errorType": kind, "stackTrace": []}).encode("utf-8")
