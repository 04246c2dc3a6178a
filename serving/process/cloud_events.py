"""Events of Google Cloud as requests: a message's data or an object's content is asked, and the answer goes on.

A message of Pub/Sub is answered to a topic, an object of Cloud Storage to a bucket. Who may do both is the account that
the function runs as; its token is the metadata server's. `STORAGE_EMULATOR_HOST` and `PUBSUB_EMULATOR_HOST` name other
servers, which are asked without a token, as Google's own libraries do it.
"""

import asyncio
import base64
import binascii
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote, urlencode

from serving.errors import ModelFailed, TooLarge
from serving.process.logs import say
from serving.rest.message import Event, Headers, Scope, error_response

MESSAGE: Final = "google.cloud.pubsub.topic.v1.messagePublished"
OBJECT: Final = "google.cloud.storage.object.v1.finalized"
PUBLISHED: Final = 10_000_000
"""Bytes of a publish request ("Quotas and limits" of Pub/Sub, 2026-11-22)."""
_ENVELOPE: Final = 10_000
"""Bytes of it that are no data, at most."""
_SECONDS: Final = 60
_EARLY: Final = 60
_BINARY: Final = "inference-header-content-length"


@dataclass(frozen=True)
class Asked:
    """A request out of an event. `size`: bytes of the body, which may be more than were fetched."""

    name: str
    content_type: str
    body: bytes
    size: int
    header: str = ""


class Results:
    """Where answers go: a topic, `projects/PROJECT/topics/NAME`, or a bucket, `gs://BUCKET`."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._google = _Google()

    async def answer(self, app: Any, model: str, most: int, kind: str, data: object) -> None:
        """Ask the model what the event of a kind says, and pass the answer on.

        most: bytes of a body that the application takes. Raises ModelFailed where another try may help.
        """
        loop = asyncio.get_running_loop()
        asked = await loop.run_in_executor(None, self._asked, kind, data, most)
        if asked is None:
            return
        picture = asked.content_type.startswith("image/")
        path = f"/v2/models/{model}/{'classify' if picture else 'infer'}"
        status, headers, body = await _ask(app, path, asked)
        if status >= 500:
            raise ModelFailed(f"the answer to {asked.name[:200]} is a {status}; the log says why")
        await loop.run_in_executor(None, self._pass_on, asked, status, headers, body)

    def _asked(self, kind: str, data: object, most: int) -> Asked | None:
        given = cast("Mapping[str, Any]", data if isinstance(data, Mapping) else {})
        if kind == MESSAGE and isinstance(given.get("message"), Mapping):
            return _message(cast("Mapping[str, Any]", given["message"]))
        if kind == OBJECT and given.get("bucket") and given.get("name"):
            return self._object(given, most)
        # Another try would find the same.
        say(f"an event of kind {kind[:100]!r} is left alone, expected a message of Pub/Sub or a finalized object")
        return None

    def _object(self, given: Mapping[str, Any], most: int) -> Asked | None:
        name, generation, size = str(given["name"]), str(given.get("generation", "")), int(given.get("size", 0))
        kind = str(given.get("contentType") or "application/json")
        called = f"{name}/{generation}"
        if size > most:
            return Asked(called, kind, b"", size)
        at = f"/storage/v1/b/{quote(str(given['bucket']), safe='')}/o/{quote(name, safe='')}"
        wanted = {"alt": "media", **({"generation": generation} if generation else {})}
        try:
            body = self._google.storage("GET", f"{at}?{urlencode(wanted)}", None, {})
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise _refused("Cloud Storage", error) from None
            say(f"{name[:200]} is no longer there, and is not answered")
            return None
        found = cast("Mapping[str, Any]", given.get("metadata") or {})
        return Asked(called, kind, body, len(body), str(found.get(_BINARY, "")))

    def _pass_on(self, asked: Asked, status: int, headers: Headers, body: bytes) -> None:
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        kind = told.get("content-type", "application/octet-stream")
        if self._place.startswith("gs://"):
            named = f"{asked.name}.json" if kind == "application/json" else asked.name
            self._store(self._place.removeprefix("gs://"), named, kind, body)
            return
        attributes = {"answers": asked.name, "status": str(status), "content-type": kind}
        attributes |= {name: told[name] for name in ("modelport-revision", _BINARY) if name in told}
        data = base64.b64encode(body).decode("ascii")
        if len(data) > PUBLISHED - _ENVELOPE:
            most = "more than Pub/Sub takes; ask for fewer outputs, or send smaller batches"
            error = error_response(TooLarge(f"the answer has {len(body)} bytes, {most}"))
            attributes |= {"status": str(error.status), "content-type": "application/json"}
            data = base64.b64encode(error.body).decode("ascii")
        message = json.dumps({"messages": [{"data": data, "attributes": attributes}]}).encode("ascii")
        try:
            self._google.pubsub(f"/v1/{self._place}:publish", message)
        except urllib.error.HTTPError as error:
            raise _refused("Pub/Sub", error) from None

    def _store(self, bucket: str, name: str, kind: str, body: bytes) -> None:
        at = f"/upload/storage/v1/b/{quote(bucket, safe='')}/o?{urlencode({'uploadType': 'media', 'name': name})}"
        try:
            self._google.storage("POST", at, body, {"Content-Type": kind})
        except urllib.error.HTTPError as error:
            raise _refused("Cloud Storage", error) from None


def _message(given: Mapping[str, Any]) -> Asked:
    attributes = cast("Mapping[str, Any]", given.get("attributes") or {})
    try:
        body = base64.b64decode(str(given.get("data") or ""), validate=True)
    except binascii.Error:
        body = b""  # which the server refuses in its own words
    kind = str(attributes.get("content-type") or "application/json")
    name = str(given.get("messageId") or given.get("message_id") or "")
    return Asked(name, kind, body, len(body), str(attributes.get(_BINARY, "")))


async def _ask(app: Any, path: str, asked: Asked) -> tuple[int, Headers, bytes]:
    """The application's answer to what it would have been asked over HTTP."""
    headers: Headers = [
        (b"content-type", asked.content_type.encode("latin-1", "replace")),
        (b"content-length", b"%d" % asked.size),
    ]
    if asked.header:
        headers.append((_BINARY.encode("ascii"), asked.header.encode("latin-1", "replace")))
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "https",
        "method": "POST",
        "path": path,
        "raw_path": path.encode("utf-8"),
        "query_string": b"",
        "headers": headers,
    }
    status, told, parts = 500, list[tuple[bytes, bytes]](), list[bytes]()

    async def receive() -> Event:
        return {"type": "http.request", "body": asked.body, "more_body": False}

    async def send(message: Event) -> None:
        nonlocal status, told
        if message["type"] == "http.response.start":
            status, told = message["status"], message["headers"]
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, told, b"".join(parts)


class _Google:
    """Cloud Storage and Pub/Sub, as the account of this instance."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def storage(self, method: str, at: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        other = os.environ.get("STORAGE_EMULATOR_HOST", "")
        return self._call(other, "https://storage.googleapis.com", method, at, body, headers)

    def pubsub(self, at: str, body: bytes) -> bytes:
        other = os.environ.get("PUBSUB_EMULATOR_HOST", "")
        kind = {"Content-Type": "application/json"}
        return self._call(other, "https://pubsub.googleapis.com", "POST", at, body, kind)

    def _call(self, other: str, usual: str, method: str, at: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        host = (other if "://" in other else f"http://{other}") if other else usual
        if not other:
            headers = {**headers, "Authorization": f"Bearer {self._fresh()}"}
        request = urllib.request.Request(f"{host}{at}", body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                found: bytes = answer.read()
        except urllib.error.HTTPError as error:
            error.close()
            raise
        except OSError as error:
            raise ModelFailed(f"{usual.removeprefix('https://')} does not answer: {error}") from None
        return found

    def _fresh(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until:
                host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
                place = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
                request = urllib.request.Request(place, headers={"Metadata-Flavor": "Google"})
                try:
                    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
                        told: dict[str, Any] = json.load(answer)
                except OSError as error:
                    raise ModelFailed(f"the metadata server gives no token: {error}") from None
                self._token = str(told["access_token"])
                self._until = time.monotonic() + float(told["expires_in"]) - _EARLY
            return self._token


def _refused(who: str, error: urllib.error.HTTPError) -> ModelFailed:
    return ModelFailed(f"{who} answers {error.code}; look at what the function's account may do there")
