"""HTTP as AWS Lambda passes it: the event of a function URL, of API Gateway or of a load balancer, and its answer.

Two forms are in use: 2.0 of function URLs and HTTP APIs, and 1.0 of REST APIs and load balancers, which has no number.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import quote, unquote, urlencode

import orjson

from serving.errors import BadInput, TooLarge
from serving.rest.message import Event, Headers, Receive, Scope, error_response

MOST = 6 * 2**20
"""Bytes of an event's answer, as Lambda takes it ("Lambda quotas" in its guide, 2026-11-22)."""
_TEXT = (b"application/json", b"text/")

Values = Mapping[str, Any]


def request(event: object) -> tuple[Scope, Receive]:
    """The ASGI scope and body of an event. Raises BadInput for one that is no HTTP request."""
    if not isinstance(event, dict):
        raise _unknown()
    told = cast("dict[str, Any]", event)
    context = told.get("requestContext")
    http: object = cast("dict[str, Any]", context).get("http") if isinstance(context, dict) else None
    if isinstance(http, dict):
        method, path = cast("dict[str, Any]", http).get("method"), told.get("rawPath")
        query, headers = told.get("rawQueryString") or "", _pairs(told.get("headers"))
    else:
        method, path = told.get("httpMethod"), told.get("path")
        query = urlencode(_pairs(told.get("multiValueQueryStringParameters") or told.get("queryStringParameters")))
        headers = _pairs(told.get("multiValueHeaders") or told.get("headers"))
    if not isinstance(method, str) or not isinstance(path, str) or not isinstance(query, str):
        raise _unknown()
    body = _body(told)
    # Of the body as it came here: what was announced of it elsewhere may be of another form.
    kept = [(name.lower(), value) for name, value in headers if name.lower() != "content-length"]
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "https",
        "method": method.upper(),
        "path": unquote(path),
        "raw_path": quote(path, safe="/%").encode("ascii"),
        "query_string": query.encode("utf-8"),
        "headers": [
            *((name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in kept),
            (b"content-length", b"%d" % len(body)),
        ],
    }

    async def receive() -> Event:
        return {"type": "http.request", "body": body, "more_body": False}

    return scope, receive


def answer(status: int, headers: Headers, body: bytes) -> bytes:
    """An answer as both forms of an event take it, in JSON; one that is too large says so instead."""
    told: dict[str, Any] = {"statusCode": status}
    told["headers"] = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    plain = any(name == b"content-type" and value.startswith(_TEXT) for name, value in headers)
    told["isBase64Encoded"] = not plain
    told["body"] = body.decode("utf-8", "replace") if plain else base64.b64encode(body).decode("ascii")
    whole = orjson.dumps(told)
    if len(whole) <= MOST:
        return whole
    most = f"at most {MOST} pass through AWS Lambda; ask for fewer outputs, or send smaller batches"
    error = error_response(TooLarge(f"the answer has {len(whole)} bytes as an event, {most}"))
    return answer(error.status, error.headers, error.body)


def _pairs(given: object) -> list[tuple[str, str]]:
    """Names and values; a list of values is as many pairs."""
    if not isinstance(given, dict):
        return []
    found: list[tuple[str, str]] = []
    for name, value in cast("dict[str, Any]", given).items():
        several = cast("list[object]", value) if isinstance(value, list) else [value]
        found += [(name, str(each)) for each in several]
    return found


def _body(event: Values) -> bytes:
    body = event.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise _unknown()
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadInput(f"the event's body is not the base64 that it says it is: {error}") from None


def _unknown() -> BadInput:
    return BadInput(
        "the event is no HTTP request, expected one of a function URL, of API Gateway or of a load balancer; "
        "call the function through one of them"
    )
