"""The HTTP layer: routes, codes, and one clear sentence for each mistake."""

import gzip
import http.client
import json
import socket
import struct
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving import __version__
from tests.serving import models
from tests.serving.support import ROOT, Server

GOOD: dict[str, Any] = {"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [0.5] * 64}


def infer(server: Server, http: httpx.Client, content: Any, **headers: str) -> httpx.Response:
    body = json.dumps(content).encode() if isinstance(content, dict | list) else content
    return http.post(f"{server.url}/v2/models/digits/infer", content=body, headers=headers)


def error(answer: httpx.Response) -> tuple[int, str]:
    assert list(answer.json()) == ["error"]
    return answer.status_code, answer.json()["error"]


def test_the_version_is_the_projects(digits: Server, http: httpx.Client) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert http.get(f"{digits.url}/v2").json()["version"] == project["version"] == __version__


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("v2/health/live", {"live": True}),
        ("v2/health/ready", {"ready": True}),
        ("v2/models/digits/ready", {"ready": True}),
        ("v2/models/digits/versions/1/ready", {"ready": True}),
    ],
)
def test_health(digits: Server, http: httpx.Client, path: str, expected: dict[str, bool]) -> None:
    answer = http.get(f"{digits.url}/{path}")
    assert (answer.status_code, answer.json()) == (200, expected)
    assert http.head(f"{digits.url}/{path}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "", (404, "no route '/'; see /v2, /v2/models/digits and /metrics")),
        ("GET", "v2/nothing", (404, "no route '/v2/nothing'; see /v2, /v2/models/digits and /metrics")),
        ("GET", "v2/models/other", (404, "unknown model 'other', this server has 'digits'")),
        (
            "GET",
            "v2/models/digits/versions/2",
            (404, "unknown version '2' of model 'digits', this server has '1'"),
        ),
        (
            "GET",
            "v2/models/digits/what",
            (404, "no route '/v2/models/digits/what'; a model has /infer, /classify, /feedback, /ready and /config"),
        ),
        ("GET", "v2/models/digits/infer", (405, "GET /v2/models/digits/infer is not allowed, expected POST")),
        ("POST", "v2/health/live", (405, "POST /v2/health/live is not allowed, expected GET")),
    ],
)
def test_wrong_addresses(digits: Server, http: httpx.Client, method: str, path: str, expected: tuple[int, str]) -> None:
    assert error(http.request(method, f"{digits.url}/{path}")) == expected


def test_a_wrong_method_says_which_is_right(digits: Server, http: httpx.Client) -> None:
    assert http.get(f"{digits.url}/v2/models/digits/infer").headers["allow"] == "POST"


MISTAKES: list[tuple[str, Any, str]] = [
    ("not JSON", b"{", "the body is not JSON: "),
    ("empty", b"", "the body is not JSON: "),
    ("not an object", [1], 'the body is [1], expected an object with "inputs"'),
    ("deep nesting", b"[" * 100_000, "the body is not JSON: "),
    ("not UTF-8", b'{"inputs": "\xff"}', "the body is not JSON: "),
    ("no inputs", {}, "inputs is missing, expected a list with 'image'"),
    ("empty inputs", {"inputs": []}, "inputs is [], expected a list with 'image'"),
    ("input no object", {"inputs": [1]}, "inputs holds 1, expected objects with a name"),
    ("unknown input", {"inputs": [{**GOOD, "name": "x"}]}, "unknown input 'x', expected 'image'"),
    ("twice", {"inputs": [GOOD, GOOD]}, "input 'image' is there twice, expected once"),
    (
        "shape",
        {"inputs": [{**GOOD, "shape": [1, 63]}]},
        "input 'image': shape is [1, 63], expected [-1, 64] (-1: any length)",
    ),
    ("rank", {"inputs": [{**GOOD, "shape": [64]}]}, "input 'image': shape is [64], expected [-1, 64] (-1: any length)"),
    (
        "no shape",
        {"inputs": [{**GOOD, "shape": None}]},
        "input 'image': shape is missing, expected a list like [-1, 64]",
    ),
    (
        "zero",
        {"inputs": [{**GOOD, "shape": [0, 64], "data": []}]},
        "input 'image': shape is [0,64], expected whole numbers from 1",
    ),
    ("negative", {"inputs": [{**GOOD, "shape": [-1, 64]}]}, "input 'image': shape is [-1,64], expected whole numbers"),
    ("huge", {"inputs": [{**GOOD, "shape": [2**62, 64]}]}, "input 'image': shape is "),
    (
        "datatype",
        {"inputs": [{**GOOD, "datatype": "FP64"}]},
        "input 'image': datatype is \"FP64\", expected 'FP32'",
    ),
    (
        "too few",
        {"inputs": [{**GOOD, "data": [1.0]}]},
        "input 'image': data has 1 elements, expected 64 for shape [1, 64]",
    ),
    (
        "too many",
        {"inputs": [{**GOOD, "data": [1.0] * 65}]},
        "input 'image': data has 65 elements, expected 64 for shape [1, 64]",
    ),
    ("no data", {"inputs": [{**GOOD, "data": None}]}, "input 'image': data is null, expected a list of numbers"),
    (
        "strings",
        {"inputs": [{**GOOD, "data": ["1"] * 64}]},
        "input 'image': data holds a string, expected numbers for FP32",
    ),
    (
        "null",
        {"inputs": [{**GOOD, "data": [None] * 64}]},
        "input 'image': data holds null, expected numbers for FP32; NaN can be sent as binary data",
    ),
    ("infinite", {"inputs": [{**GOOD, "data": [1e39] * 64}]}, "input 'image': data holds a number too large for FP32"),
    ("NaN literal", b'{"inputs": [NaN]}', "the body is not JSON: "),
    (
        "ragged",
        {"inputs": [{**GOOD, "shape": [2, 64], "data": [[1.0] * 64, [1.0] * 63]}]},
        "input 'image': data has 63 elements at depth 1, expected 64 for shape [2, 64]",
    ),
    (
        "half nested",
        {"inputs": [{**GOOD, "shape": [2, 64], "data": [[1.0] * 64, 1.0]}]},
        "input 'image': data mixes lists and values at depth 1; nest it as shape says",
    ),
    (
        "unknown output",
        {"inputs": [GOOD], "outputs": [{"name": "y"}]},
        "unknown output 'y', expected 'probabilities', 'label'",
    ),
    ("id", {"inputs": [GOOD], "id": 7}, "id is 7, expected a string"),
    ("parameters", {"inputs": [GOOD], "parameters": 7}, "the request: parameters is 7, expected an object"),
    (
        "flag",
        {"inputs": [GOOD], "parameters": {"binary_data_output": 1}},
        "the request: binary_data_output is 1, expected true or false",
    ),
    (
        "shared memory",
        {"inputs": [{**GOOD, "parameters": {"shared_memory_region": "r"}}]},
        "input 'image': shared memory is not supported; send the data",
    ),
    (
        "no binary part",
        {"inputs": [{**GOOD, "data": None, "parameters": {"binary_data_size": 256}}]},
        "input 'image': both data and binary_data_size are there, expected one of them",
    ),
]


@pytest.mark.parametrize(("content", "said"), [each[1:] for each in MISTAKES], ids=[each[0] for each in MISTAKES])
def test_a_mistake_is_400_and_one_sentence(digits: Server, http: httpx.Client, content: Any, said: str) -> None:
    status, text = error(infer(digits, http, content))
    assert status == 400
    assert text.startswith(said)


def binary(header: dict[str, Any], *raw: bytes) -> tuple[bytes, dict[str, str]]:
    encoded = json.dumps(header).encode()
    return encoded + b"".join(raw), {"Inference-Header-Content-Length": str(len(encoded))}


def binary_input(size: int, **other: Any) -> dict[str, Any]:
    entry = {key: value for key, value in GOOD.items() if key != "data"}
    return {"inputs": [{**entry, "parameters": {"binary_data_size": size}, **other}]}


@pytest.mark.parametrize(
    ("header", "raw", "said"),
    [
        (binary_input(256), b"\0" * 255, "input 'image': binary_data_size is 256, only 255 bytes are left"),
        (binary_input(256), b"\0" * 257, "1 bytes are left after the last input; check binary_data_size"),
        (
            binary_input(252),
            b"\0" * 252,
            "input 'image': 252 bytes of binary data, expected 256 for FP32 of shape [1, 64]",
        ),
        (binary_input(-1), b"", "input 'image': binary_data_size is -1, expected a number of bytes"),
    ],
)
def test_binary_data_of_another_size_is_400(
    digits: Server, http: httpx.Client, header: dict[str, Any], raw: bytes, said: str
) -> None:
    body, headers = binary(header, raw)
    assert error(infer(digits, http, body, **headers)) == (400, said)


@pytest.mark.parametrize(
    ("length", "said"),
    [
        ("x", "header inference-header-content-length is 'x', expected a number of bytes"),
        ("-1", "header inference-header-content-length is '-1', expected a number of bytes"),
        ("99999", "inference-header-content-length is 99999, the body has 2 bytes only"),
    ],
)
def test_a_header_length_that_cannot_be_is_400(digits: Server, http: httpx.Client, length: str, said: str) -> None:
    assert error(infer(digits, http, b"{}", **{"Inference-Header-Content-Length": length})) == (400, said)


def test_a_raw_request_is_the_tensor_alone(digits: Server, http: httpx.Client) -> None:
    answer = infer(digits, http, np.zeros((3, 64), "<f4").tobytes(), **{"Inference-Header-Content-Length": "0"})
    header = json.loads(answer.content[: int(answer.headers["inference-header-content-length"])])
    assert [each["shape"] for each in header["outputs"]] == [[3, 10], [3]]


def test_nested_and_flat_data_are_the_same(digits: Server, http: httpx.Client) -> None:
    values = np.random.default_rng(1).random((3, 64)).round(3)
    entry = {**GOOD, "shape": [3, 64]}
    flat = infer(digits, http, {"inputs": [{**entry, "data": values.ravel().tolist()}]})
    nested = infer(digits, http, {"inputs": [{**entry, "data": values.tolist()}]})
    assert flat.status_code == 200
    assert flat.json() == nested.json()


def test_nan_goes_in_as_binary_and_comes_out_as_null(mixed: Server, http: httpx.Client) -> None:
    header = {
        "inputs": [
            {"name": "number", "shape": [1, 3], "datatype": "FP32", "parameters": {"binary_data_size": 12}},
            {"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": ["a"]},
        ],
        "outputs": [{"name": "same"}],
    }
    body, headers = binary(header, struct.pack("<3f", 1.0, float("nan"), float("inf")))
    answer = http.post(f"{mixed.url}/v2/models/tiny/infer", content=body, headers=headers)
    assert answer.json()["outputs"][0]["data"] == [1.0, None, None]


def test_batches_that_differ_are_400(mixed: Server, http: httpx.Client) -> None:
    inputs = [
        {"name": "number", "shape": [2, 3], "datatype": "FP32", "data": [0.0] * 6},
        {"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": ["a"]},
    ]
    answer = http.post(f"{mixed.url}/v2/models/tiny/infer", json={"inputs": inputs})
    assert error(answer) == (400, "input 'text': axis 'batch' has length 1, expected 2 as in input 'number'")
    answer = http.post(f"{mixed.url}/v2/models/tiny/infer", json={"inputs": inputs[:1]})
    assert error(answer) == (400, "missing input 'text'")


def test_text_that_is_none_is_400(mixed: Server, http: httpx.Client) -> None:
    entries = [
        {"name": "text", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}},
        {"name": "number", "shape": [1, 3], "datatype": "FP32", "data": [0, 0, 0]},
    ]
    for raw, said in (
        (b"\x01\0\0\0\xff", "element 0 is not UTF-8; ONNX strings are text, send raw bytes as UINT8"),
        (b"\xff\0\0\0a", "element 0 says it has 255 bytes, only 1 are left"),
        (b"\0\0\0\0a", "binary data holds 1 elements and 1 bytes more, expected 1 elements"),
    ):
        body, headers = binary({"inputs": entries}, raw)
        answer = http.post(f"{mixed.url}/v2/models/tiny/infer", content=body, headers=headers)
        assert error(answer) == (400, f"input 'text': {said}")


def test_a_body_beyond_the_limit_is_413_and_the_connection_lives_on(digits: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", digits.port, timeout=60)
    connection.request("POST", "/v2/models/digits/infer", b" " * 2_000_001)
    answer = connection.getresponse()
    said = "the body has 2000001 bytes or more, at most 2000000 are taken; send smaller batches"
    assert (answer.status, json.loads(answer.read())) == (413, {"error": said})
    connection.request("GET", "/v2/health/live")
    assert connection.getresponse().status == 200
    connection.close()


def test_a_body_in_chunks_beyond_the_limit_is_413(digits: Server, http: httpx.Client) -> None:
    answer = http.post(f"{digits.url}/v2/models/digits/infer", content=(b" " * 65536 for _ in range(40)))
    assert answer.status_code == 413


def test_json_beyond_its_limit_is_413(digits: Server, http: httpx.Client) -> None:
    said = "the JSON has 1000001 bytes, at most 1000000 are taken; send tensors as binary data"
    assert error(infer(digits, http, b" " * 1_000_001)) == (413, said)


def test_a_compressed_bomb_is_413_and_an_unknown_compression_415(digits: Server, http: httpx.Client) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert infer(digits, http, bomb, **{"Content-Encoding": "gzip"}).status_code == 413
    assert error(infer(digits, http, b"{}", **{"Content-Encoding": "br"})) == (
        415,
        "content-encoding is 'br', expected gzip, deflate or none",
    )
    assert infer(digits, http, b"no gzip", **{"Content-Encoding": "gzip"}).status_code == 400
    assert infer(digits, http, bomb[:100], **{"Content-Encoding": "gzip"}).status_code == 400


def test_a_client_that_leaves_in_the_middle_harms_nobody(digits: Server, http: httpx.Client) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", digits.port)) as connection:
            connection.sendall(b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n{")
    assert infer(digits, http, {"inputs": [GOOD]}).status_code == 200


def exchange(server: Server, *parts: bytes) -> bytes:
    """Send bytes in pieces; what comes back until the server has nothing more to say."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        for each in parts:
            connection.sendall(each)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


@pytest.mark.parametrize(
    "extra",
    [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA\r\n",
        "upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n",
    ],
    ids=["h2c", "websocket"],
)
def test_an_offer_of_another_protocol_is_passed_over(digits: Server, extra: str) -> None:
    body = json.dumps({"inputs": [GOOD]}).encode()
    head = f"POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode()
    address = ("127.0.0.1", digits.port)
    with socket.create_connection(address, timeout=60) as connection, connection.makefile("rb") as answers:
        for _ in range(2):
            connection.sendall(head + body[:9])
            connection.sendall(body[9:])
            assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = http.client.parse_headers(answers)
            answers.read(int(headers["content-length"]))


def test_a_client_may_wait_to_be_told_to_continue(digits: Server) -> None:
    body = json.dumps({"inputs": [GOOD]}).encode()
    head = b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    address = ("127.0.0.1", digits.port)
    with socket.create_connection(address, timeout=60) as connection, connection.makefile("rb") as answers:
        connection.sendall(head % len(body))
        assert (answers.readline(), answers.readline()) == (b"HTTP/1.1 100 Continue\r\n", b"\r\n")
        connection.sendall(body)
        assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
    with socket.create_connection(address, timeout=60) as connection, connection.makefile("rb") as answers:
        connection.sendall(head % 99_000_000)
        assert answers.readline().startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "raw",
    [
        b"nonsense\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v2 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=["nonsense", "path", "smuggling", "http 2"],
)
def test_what_is_no_http_is_400_in_the_form_of_every_error(digits: Server, raw: bytes) -> None:
    head, _, body = exchange(digits, raw).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nconnection: close")
    assert json.loads(body) == {"error": "the request is not valid HTTP/1.1"}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    raw=st.binary(max_size=200),
    place=st.integers(0, 400),
    start=st.sampled_from([b"", b"POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{}"]),
)
def test_random_bytes_get_no_error_of_the_servers_own(digits: Server, raw: bytes, place: int, start: bytes) -> None:
    sent = start[:place] + raw + start[place:]
    assert b" 500 " not in exchange(digits, sent)


def test_bodies_in_hand_have_a_limit_of_their_own(tmp_path: Path, http: httpx.Client) -> None:
    model = models.digits(tmp_path / "m")
    with closing(Server(tmp_path, model, "--workers", "1", env={"MODELPORT_MAX_HELD_BYTES": "1024"})) as server:
        said = "the requests in hand are too large together, at most 1024 bytes; try again"
        assert error(infer(server, http, b" " * 1025)) == (503, said)
        assert error(infer(server, http, (b" " * 600 for _ in range(2)))) == (503, said)
        assert infer(server, http, {"inputs": [GOOD]}).status_code == 200
