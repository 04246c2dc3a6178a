"""What Amazon SageMaker asks of a container: started with the word `serve`, it answers /ping and /invocations."""

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import numpy as np
import pytest

from tests.serving import models
from tests.serving.support import Server

PIXELS = [0.5] * 64
GOOD: dict[str, Any] = {"inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": PIXELS}]}
BINARY = "application/vnd.sagemaker-triton.binary+json"


@pytest.fixture(scope="module")
def sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server as SageMaker starts it; the port alone is any that is free."""
    folder = tmp_path_factory.mktemp("sagemaker")
    with closing(Server(folder, models.digits(folder / "model"), "--workers", "1", words=["serve"])) as server:
        yield server
        assert "Traceback" not in server.said()


def invoke(server: Server, http: httpx.Client, body: bytes, kind: str | None = "application/json") -> httpx.Response:
    return http.post(f"{server.url}/invocations", content=body, headers={} if kind is None else {"Content-Type": kind})


def test_it_listens_where_others_than_the_container_itself_reach_it(sagemaker: Server) -> None:
    assert sagemaker.address.rpartition(":")[0] == "0.0.0.0"


def test_a_ping_is_answered_without_a_word_too_many(sagemaker: Server, http: httpx.Client) -> None:
    answer = http.get(f"{sagemaker.url}/ping")
    assert (answer.status_code, answer.json()) == (200, {"ready": True})


@pytest.mark.parametrize(
    "kind",
    ["application/json", "application/json; charset=utf-8", "application/octet-stream", None],
)
def test_an_invocation_is_an_inference(sagemaker: Server, http: httpx.Client, kind: str | None) -> None:
    answer = invoke(sagemaker, http, json.dumps(GOOD).encode(), kind)
    same = http.post(f"{sagemaker.url}/v2/models/digits/infer", json=GOOD)
    assert (answer.status_code, same.status_code) == (200, 200)
    assert answer.json() == same.json()
    assert answer.headers["content-type"] == "application/json"


def test_a_binary_request_says_its_lengths_in_its_content_type(sagemaker: Server, http: httpx.Client) -> None:
    raw = np.full((1, 64), 0.5, dtype=np.float32).tobytes()
    about = {"name": "image", "shape": [1, 64], "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [about], "parameters": {"binary_data_output": True}}).encode()
    answer = invoke(sagemaker, http, head + raw, f"{BINARY};json-header-size={len(head)}")
    assert answer.status_code == 200
    kind, _, size = answer.headers["content-type"].partition(";json-header-size=")
    assert kind == BINARY
    told, data = json.loads(answer.content[: int(size)]), answer.content[int(size) :]
    assert sum(each["parameters"]["binary_data_size"] for each in told["outputs"]) == len(data) > 0


@pytest.mark.parametrize("kind", ["text/csv", "application/x-npy", "image/png", f"{BINARY};json-header-size=-1"])
def test_what_is_not_of_the_protocol_is_415_and_says_what_is(sagemaker: Server, http: httpx.Client, kind: str) -> None:
    answer = invoke(sagemaker, http, b"1,2,3", kind)
    assert (answer.status_code, answer.json()) == (
        415,
        {
            "error": f"content-type is '{kind}', expected application/json with a request of the Open Inference "
            f"Protocol V2, or {BINARY};json-header-size=N"
        },
    )


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b'{"instances": [[1, 2]]}', 400, "inputs is missing, expected a list with 'image'"),
        (b"[1, 2]", 400, 'the body is [1,2], expected an object with "inputs"'),
        (b"1,2", 400, "the body is not JSON: "),
    ],
)
def test_a_mistake_is_one_sentence(sagemaker: Server, http: httpx.Client, body: bytes, status: int, said: str) -> None:
    answer = invoke(sagemaker, http, body)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(said)


def test_another_method_is_told_the_right_one(sagemaker: Server, http: httpx.Client) -> None:
    answer = http.get(f"{sagemaker.url}/invocations")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_invocations_are_counted_as_inferences_are(sagemaker: Server, http: httpx.Client) -> None:
    def counted() -> float:
        lines = http.get(f"{sagemaker.url}/metrics").text.splitlines()
        counts = [line for line in lines if line.startswith('modelport_requests_total{code="200",route="infer"}')]
        return float(counts[0].split()[-1]) if counts else 0

    before = counted()
    invoke(sagemaker, http, json.dumps(GOOD).encode())
    assert counted() == before + 1
