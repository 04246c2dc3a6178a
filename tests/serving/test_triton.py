"""The server as NVIDIA's own client sees it: tritonclient over HTTP."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, triton_to_np_dtype

from tests.serving import models
from tests.serving.support import Server


@pytest.fixture
def client(digits: Server) -> Iterator[Any]:
    with closing(triton.InferenceServerClient(digits.address, concurrency=4)) as found:
        yield found


@pytest.fixture
def mixed_client(mixed: Server) -> Iterator[Any]:
    with closing(triton.InferenceServerClient(mixed.address)) as found:
        yield found


def rows(count: int) -> Any:
    return np.random.default_rng(count).random((count, 64), dtype=np.float32)


def expected(values: Any) -> Any:
    weights = np.zeros((64, 10), dtype=np.float32)
    for k in range(10):
        weights[(k % 8) * 8 : (k % 8) * 8 + 8, k] = 1.0 if k < 8 else -1.0
    scores = np.exp(values @ weights)
    return scores / scores.sum(axis=1, keepdims=True)


def image(values: Any, *, binary: bool) -> Any:
    found = triton.InferInput("image", list(values.shape), "FP32")
    found.set_data_from_numpy(values, binary_data=binary)
    return found


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("digits")
    assert client.is_model_ready("digits", "1")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["name"] == "modelport"
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    assert client.get_model_metadata("digits", "1") == {
        "name": "digits",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 64]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]},
            {"name": "label", "datatype": "INT64", "shape": [-1]},
        ],
    }
    config = client.get_model_config("digits")
    assert config["input"] == [{"name": "image", "data_type": "TYPE_FP32", "dims": [-1, 64]}]
    assert client.get_model_repository_index() == [{"name": "digits", "version": "1", "state": "READY", "reason": ""}]


@pytest.mark.parametrize("binary_in", [False, True], ids=["json in", "binary in"])
@pytest.mark.parametrize("binary_out", [False, True, None], ids=["json out", "binary out", "outputs not named"])
def test_infer(client: Any, binary_in: bool, binary_out: bool | None) -> None:
    values = rows(5)
    outputs = None
    if binary_out is not None:
        names = ("label", "probabilities")
        outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in names]
    found = client.infer("digits", [image(values, binary=binary_in)], outputs=outputs, request_id="a7")
    np.testing.assert_allclose(found.as_numpy("probabilities"), expected(values), rtol=1e-4)
    assert found.as_numpy("label").tolist() == expected(values).argmax(axis=1).tolist()
    response = found.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == ("a7", "digits", "1")
    if outputs is not None:
        assert [each["name"] for each in response["outputs"]] == ["label", "probabilities"]


def test_one_output_of_two(client: Any) -> None:
    found = client.infer("digits", [image(rows(2), binary=True)], outputs=[triton.InferRequestedOutput("label")])
    assert [each["name"] for each in found.get_response()["outputs"]] == ["label"]


def test_async_infer(client: Any) -> None:
    batches = [rows(count) for count in range(1, 9)]
    waiting = [client.async_infer("digits", [image(each, binary=True)]) for each in batches]
    for values, each in zip(batches, waiting, strict=True):
        np.testing.assert_allclose(each.get_result().as_numpy("probabilities"), expected(values), rtol=1e-4)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_a_compressed_request(client: Any, algorithm: str) -> None:
    values = rows(3)
    found = client.infer("digits", [image(values, binary=True)], request_compression_algorithm=algorithm)
    np.testing.assert_allclose(found.as_numpy("probabilities"), expected(values), rtol=1e-4)


def test_classification_gives_the_best_classes_with_their_labels(client: Any) -> None:
    values = np.zeros((2, 64), dtype=np.float32)
    values[0, 24:32] = values[1, 48:56] = 1.0
    outputs = [triton.InferRequestedOutput("probabilities", class_count=2)]
    found = client.infer("digits", [image(values, binary=True)], outputs=outputs).as_numpy("probabilities")
    assert found.shape == (2, 2)
    assert [each[0].decode().split(":")[1:] for each in found] == [["3", "3"], ["6", "6"]]


@pytest.mark.parametrize("binary", [False, True], ids=["json", "binary"])
def test_strings_and_numbers(mixed_client: Any, binary: bool) -> None:
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    texts = np.array([["Grüße"], [""]], dtype=object)
    inputs = [triton.InferInput("number", [2, 3], "FP32"), triton.InferInput("text", [2, 1], "BYTES")]
    inputs[0].set_data_from_numpy(numbers, binary_data=binary)
    inputs[1].set_data_from_numpy(texts, binary_data=binary)
    outputs = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("echo", "total", "same")]
    found = mixed_client.infer("tiny", inputs, outputs=outputs)
    echo = [each.decode() if isinstance(each, bytes) else each for each in found.as_numpy("echo").ravel()]
    assert echo == ["Grüße", ""]
    assert found.as_numpy("total").tolist() == [3.0, 12.0]
    assert found.as_numpy("same").tolist() == numbers.tolist()


@pytest.fixture
def echo(tmp_path: Path, datatype: str) -> Iterator[Any]:
    """A client of a server that gives back tensors of one datatype."""
    with ExitStack() as stack:
        server = stack.enter_context(
            closing(Server(tmp_path, models.identity(tmp_path / "m", datatype), "--workers", "1"))
        )
        yield stack.enter_context(closing(triton.InferenceServerClient(server.address)))


@pytest.mark.parametrize("datatype", sorted(set(models.ONNX_TYPES) - {"BYTES", "BF16"}))
def test_every_datatype_both_ways(echo: Any, datatype: str) -> None:
    dtype = triton_to_np_dtype(datatype)
    assert np_to_triton_dtype(dtype) == datatype
    values = np.array([[0, 1], [1, 0]], dtype=dtype)
    if np.issubdtype(dtype, np.integer):
        values[1] = (np.iinfo(dtype).min, np.iinfo(dtype).max)
    # The client itself refuses FP16 in JSON.
    for binary in (True, False) if datatype != "FP16" else (True,):
        given = triton.InferInput("x", [2, 2], datatype)
        given.set_data_from_numpy(values, binary_data=binary)
        wanted = [triton.InferRequestedOutput("y", binary_data=binary)]
        found = echo.infer("tiny", [given], outputs=wanted).as_numpy("y")
        assert found.dtype == values.dtype
        np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("datatype", ["BF16"])
def test_bfloat16_in_binary(echo: Any, datatype: str) -> None:
    values = np.array([[1.5, -2.0]], dtype=ml_dtypes.bfloat16)
    given = triton.InferInput("x", [1, 2], datatype)
    given.set_data_from_numpy(values)
    np.testing.assert_array_equal(echo.infer("tiny", [given]).as_numpy("y"), values)


def test_errors_are_the_servers_own_words(client: Any) -> None:
    with pytest.raises(InferenceServerException, match=r"input 'image': shape is \[1, 63\], expected \[-1, 64\]"):
        client.infer("digits", [image(np.zeros((1, 63), dtype=np.float32), binary=True)])
    with pytest.raises(InferenceServerException, match="unknown model 'nope', this server has 'digits'"):
        client.infer("nope", [image(rows(1), binary=True)])
