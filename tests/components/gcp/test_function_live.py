"""A function for real: an image is baked, its archive made and installed, and Google's own framework runs it."""

import base64
import importlib
import io
import json
import os
import shutil
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.gcp import function_archive, function_events
from model_build.bake import bake
from tests.components.gcp.running_function import (
    Answer,
    Running,
    running,
    start_that_fails,
    unpacked,
)
from tests.ports import free_port
from tests.serving import models
from tests.serving.support import until
from tests.tools.stores import FakeGcs

REVISION = "0123456789ab"
INFER = "/v2/models/digits/infer"
PICTURE = (np.arange(64, dtype=np.uint8) * 3).reshape(8, 8)
BATCH = (np.random.default_rng(7).random((3, 64)) * 1).astype(np.float32)


def _asked(rows: Any = BATCH) -> bytes:
    row = {"name": "image", "shape": list(rows.shape), "datatype": "FP32", "data": rows.ravel().tolist()}
    return json.dumps({"inputs": [row]}).encode()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("function")


@pytest.fixture(scope="module")
def source(home: Path) -> Path:
    """The source of a function, out of an image."""
    folder = models.digits(home / "model")
    image = bake(folder, name="digits", base="debian", layout=home / "layout")
    return unpacked(function_archive.archived(f"oci:{home / 'layout'}@{image.digest}"), home / "source")


@pytest.fixture(scope="module")
def function(source: Path, home: Path) -> Iterator[Running]:
    with running(source, home, {"MODELPORT_REVISION": REVISION}) as made:
        yield made


@pytest.fixture(scope="module")
def expected(home: Path, source: Path) -> Any:
    """What the model itself says of BATCH."""
    onnxruntime: Any = importlib.import_module("onnxruntime")
    session = onnxruntime.InferenceSession(str(home / "model" / "model.onnx"))
    return session.run(["probabilities", "label"], {"image": BATCH})


def _agrees(told: Any, expected: Any) -> None:
    outputs = {each["name"]: np.array(each["data"]).reshape(each["shape"]) for each in told["outputs"]}
    np.testing.assert_allclose(outputs["probabilities"], expected[0], rtol=1e-4)
    assert outputs["label"].tolist() == expected[1].tolist()


def test_it_answers_as_its_model_does(function: Running, expected: Any) -> None:
    answer = function.ask(INFER, _asked())
    assert answer.status == 200, function.log()
    _agrees(answer.json(), expected)
    assert answer.headers["modelport-revision"] == REVISION


def test_it_answers_binary_tensors(function: Running, expected: Any) -> None:
    about: dict[str, Any] = {"name": "image", "shape": list(BATCH.shape), "datatype": "FP32"}
    header = json.dumps(
        {"inputs": [{**about, "parameters": {"binary_data_size": BATCH.nbytes}}], "outputs": [{"name": "label"}]}
    ).encode()
    kind = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(header))}
    answer = function.ask(INFER, header + BATCH.tobytes(), kind)
    assert answer.json()["outputs"][0]["data"] == expected[1].tolist()


def test_it_answers_pictures(function: Running) -> None:
    picture = io.BytesIO()
    Image.fromarray(PICTURE, "L").save(picture, "PNG")
    answer = function.ask("/v2/models/digits/classify", picture.getvalue(), {"Content-Type": "image/png"})
    assert (answer.status, answer.json()["model_name"]) == (200, "digits")
    assert answer.json()["label"] in models.LABELS


def test_what_is_wrong_is_told_in_the_servers_own_words(function: Running) -> None:
    answer = function.ask(INFER, _asked(BATCH[:, :8]))
    assert (answer.status, answer.json()) == (
        400,
        {"error": "input 'image': shape is [3, 8], expected [-1, 64] (-1: any length)"},
    )
    assert function.ask("/nothing").status == 404
    assert function.ask(INFER).status == 405


@pytest.mark.parametrize("path", ["/v2/health/ready", "/v2/health/live", "/v2", "/v2/models/digits"])
def test_it_has_the_servers_routes(function: Running, path: str) -> None:
    assert function.ask(path).status == 200
    assert function.ask(path, method="HEAD").body == b""


def test_many_are_answered_at_once(function: Running, expected: Any) -> None:
    with ThreadPoolExecutor(16) as pool:
        asked = [pool.submit(function.ask, INFER, _asked()) for _ in range(200)]
        answers = [each.result() for each in asked]
    assert {each.status for each in answers} == {200}
    for each in answers:
        _agrees(each.json(), expected)


def test_it_serves_what_is_in_the_archive_and_nothing_of_this_work_tree(function: Running, source: Path) -> None:
    (worker,) = _children(function.server.process.pid)
    mapped = Path(f"/proc/{worker}/maps").read_text()
    assert str(Path(function_archive.__file__).parents[2]) not in mapped.replace(str(source), "")
    assert "tools/requirements-" in mapped


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_process_that_dies_is_followed_by_one_that_answers(source: Path, home: Path, expected: Any) -> None:
    with running(source, home) as made:
        _agrees(made.ask(INFER, _asked()).json(), expected)
        (worker,) = _children(made.server.process.pid)
        os.kill(worker, 9)
        until(lambda: (_children(made.server.process.pid) or [worker]) != [worker], "another process")
        _agrees(made.ask(INFER, _asked()).json(), expected)


def test_a_model_that_cannot_be_loaded_never_comes_up(source: Path, tmp_path: Path) -> None:
    broken = tmp_path / "source"
    shutil.copytree(source, broken)
    (broken / "model" / "model.onnx").write_bytes(b"no model at all")
    code, log = start_that_fails(broken)
    assert code == 1
    assert "serving.errors.StartError" in log.splitlines()[-1]
    assert "model.onnx" in log.splitlines()[-1]


@dataclass
class PubSub:
    """Where messages are published, by the REST reference of Pub/Sub (projects.topics.publish, v1, 2026-11-22).

    Google's emulator is in no registry that this machine reaches.
    """

    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    status: int = 200
    host: str = ""


@pytest.fixture
def pubsub() -> Iterator[PubSub]:
    made = PubSub()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if made.status == 200:
                (message,) = body["messages"]
                made.told.append((self.path, message))
            answer = b'{"messageIds": ["1"]}'
            self.send_response(made.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.host = f"127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    server.server_close()


TOPIC = "projects/shop-prod/topics/answered"


@pytest.fixture
def heard(source: Path, home: Path, pubsub: PubSub) -> Iterator[Running]:
    """The function of a topic."""
    about = {
        "FUNCTION_TARGET": function_archive.EVENT,
        "FUNCTION_SIGNATURE_TYPE": "cloudevent",
        "MODELPORT_RESULTS": TOPIC,
        "MODELPORT_REVISION": REVISION,
        "PUBSUB_EMULATOR_HOST": pubsub.host,
    }
    with running(source, home, about) as made:
        yield made


def _message(function: Running, body: bytes, **attributes: str) -> Answer:
    data = {"data": base64.b64encode(body).decode(), "messageId": "7", "attributes": attributes}
    subscription = "projects/shop-prod/subscriptions/eventarc"
    return function.event(function_events.MESSAGE, {"message": data, "subscription": subscription})


def test_a_message_is_answered_to_a_topic(heard: Running, pubsub: PubSub, expected: Any) -> None:
    assert _message(heard, _asked()).status == 200, heard.log()
    ((path, message),) = pubsub.told
    assert path == f"/v1/{TOPIC}:publish"
    assert message["attributes"] == {
        "answers": "7",
        "status": "200",
        "content-type": "application/json",
        "modelport-revision": REVISION,
    }
    _agrees(json.loads(base64.b64decode(message["data"])), expected)


@pytest.mark.parametrize("body", [b"", b"{", b'{"inputs": []}'])
def test_a_message_that_is_wrong_is_answered_and_does_not_come_again(
    heard: Running, pubsub: PubSub, body: bytes
) -> None:
    assert _message(heard, body).status == 200
    ((_, message),) = pubsub.told
    assert message["attributes"]["status"] == "400"
    assert "error" in json.loads(base64.b64decode(message["data"]))


def test_what_cannot_be_passed_on_comes_again(heard: Running, pubsub: PubSub) -> None:
    pubsub.status = 503
    assert _message(heard, _asked()).status == 500
    assert "Pub/Sub answers 503" in heard.log()
    pubsub.status = 200
    assert _message(heard, _asked()).status == 200


@pytest.mark.parametrize("data", [{}, [], {"message": "none"}])
def test_an_event_that_is_none_of_these_is_left_alone(heard: Running, pubsub: PubSub, data: Any) -> None:
    assert heard.event(function_events.MESSAGE, data).status == 200
    assert heard.event("google.cloud.audit.log.v1.written", data).status == 200
    assert pubsub.told == []
    assert "is left alone" in heard.log()


@pytest.fixture(scope="module")
def store(home: Path) -> Iterator[FakeGcs]:
    made = FakeGcs(home / "store", free_port())
    made.start()
    for each in ("asked", "answered"):
        made.bucket(each)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def watching(source: Path, home: Path, store: FakeGcs) -> Iterator[Running]:
    """The function of a bucket."""
    about = {
        "FUNCTION_TARGET": function_archive.EVENT,
        "FUNCTION_SIGNATURE_TYPE": "cloudevent",
        "MODELPORT_RESULTS": "gs://answered",
        "MODELPORT_MAX_BODY_BYTES": "65536",
        "STORAGE_EMULATOR_HOST": store.address,
    }
    with running(source, home, about) as made:
        yield made


def _written(store: FakeGcs, name: str, kind: str, body: bytes) -> dict[str, Any]:
    """The event of an object that was written."""
    at = f"{store.address}/upload/storage/v1/b/asked/o?uploadType=media&name={urllib.parse.quote(name, safe='')}"
    with urllib.request.urlopen(urllib.request.Request(at, body, {"Content-Type": kind}), timeout=60) as answer:
        told: dict[str, Any] = json.load(answer)
    return {key: told[key] for key in ("bucket", "name", "generation", "size", "contentType")}


def _stored(store: FakeGcs, name: str) -> Any:
    at = f"{store.address}/storage/v1/b/answered/o/{urllib.parse.quote(name, safe='')}?alt=media"
    with urllib.request.urlopen(at, timeout=60) as answer:
        return json.load(answer)


def test_an_object_is_answered_to_a_bucket(watching: Running, store: FakeGcs, expected: Any) -> None:
    event = _written(store, "of today/a b.json", "application/json", _asked())
    assert watching.event(function_events.OBJECT, event).status == 200, watching.log()
    _agrees(_stored(store, f"of today/a b.json/{event['generation']}.json"), expected)
    # It may be brought twice.
    assert watching.event(function_events.OBJECT, event).status == 200, watching.log()


def test_an_object_that_is_a_picture_is_classified(watching: Running, store: FakeGcs) -> None:
    picture = io.BytesIO()
    Image.fromarray(PICTURE, "L").save(picture, "PNG")
    event = _written(store, "seven.png", "image/png", picture.getvalue())
    assert watching.event(function_events.OBJECT, event).status == 200, watching.log()
    assert _stored(store, f"seven.png/{event['generation']}.json")["label"] in models.LABELS


def test_an_object_that_is_too_large_is_not_fetched(watching: Running, store: FakeGcs) -> None:
    event = _written(store, "large", "application/json", b"0" * 65537)
    assert watching.event(function_events.OBJECT, event).status == 200, watching.log()
    told = _stored(store, f"large/{event['generation']}.json")
    assert told == {"error": "the body has 65537 bytes or more, at most 65536 are taken; send smaller batches"}


def test_an_object_that_is_gone_is_left_alone(watching: Running) -> None:
    event = {"bucket": "asked", "name": "gone", "generation": "1", "size": "2", "contentType": "application/json"}
    assert watching.event(function_events.OBJECT, event).status == 200
    assert "gone is no longer there" in watching.log()
