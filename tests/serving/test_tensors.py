"""Tensors from JSON and bytes: what goes in comes out, and nothing a client sends is an error of ours."""

import json
import math
import struct
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from serving.core import manifest, tensors
from serving.core.datatypes import DATATYPES, bfloat16_from_float32, bfloat16_to_float32
from serving.core.model import Model
from serving.core.pace import Pace
from serving.errors import BadInput, TooLarge
from serving.rest import v2
from tests.serving import models

NUMBERS = sorted(set(DATATYPES) - {"BYTES", "BF16"})
SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, max_side=5)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(data=st.data(), name=st.sampled_from(NUMBERS), shape=SHAPES)
def test_numbers_survive_bytes(data: st.DataObject, name: str, shape: tuple[int, ...]) -> None:
    datatype = DATATYPES[name]
    array = data.draw(arrays.arrays(datatype.dtype, shape))
    raw = tensors.to_bytes(array, datatype)
    assert len(raw) == math.prod(shape) * datatype.size
    np.testing.assert_array_equal(tensors.from_bytes(memoryview(raw), datatype, shape, "x"), array)


@given(data=st.data(), name=st.sampled_from(NUMBERS), shape=SHAPES, nested=st.booleans())
def test_numbers_survive_json(data: st.DataObject, name: str, shape: tuple[int, ...], nested: bool) -> None:
    datatype = DATATYPES[name]
    finite = {"allow_nan": False, "allow_infinity": False} if datatype.kind == "float" else {}
    array = data.draw(arrays.arrays(datatype.dtype, shape, elements=finite or None))
    encoded = orjson.dumps(tensors.to_json(array, datatype), option=orjson.OPT_SERIALIZE_NUMPY)
    flat = orjson.loads(encoded)
    listed = np.array(flat, dtype=object).reshape(shape).tolist() if nested else flat
    np.testing.assert_array_equal(tensors.from_json(listed, datatype, shape, "x"), array)


@given(texts=st.lists(st.text(), min_size=1, max_size=6))
def test_strings_survive_both(texts: list[str]) -> None:
    datatype = DATATYPES["BYTES"]
    array = np.array(texts, dtype=object)
    raw = tensors.to_bytes(array, datatype)
    assert tensors.from_bytes(memoryview(raw), datatype, [len(texts)], "x").tolist() == texts
    assert tensors.from_json(tensors.to_json(array, datatype), datatype, [len(texts)], "x").tolist() == texts


@given(arrays.arrays(np.float32, 8))
def test_bfloat16_rounds_as_its_reference(values: Any) -> None:
    with np.errstate(invalid="ignore", over="ignore"):
        expected = values.astype(ml_dtypes.bfloat16)
    found = bfloat16_to_float32(bfloat16_from_float32(values))
    np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_bytes_of_a_boolean_are_true_when_not_zero() -> None:
    found = tensors.from_bytes(memoryview(b"\x00\x01\x02\xff"), DATATYPES["BOOL"], [4], "x")
    assert found.tolist() == [False, True, True, True]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("UINT8", 256, "input 'x': data holds a number out of range, expected 0 to 255 for UINT8"),
        ("UINT64", -1, "input 'x': data holds a number out of range, expected 0 to 18446744073709551615 for UINT64"),
        ("INT64", 2**63, "input 'x': data holds a number out of range"),
        ("INT64", 1.0, "input 'x': data holds a number with a fraction, expected whole numbers for INT64"),
        ("INT64", True, "input 'x': data holds true or false, expected whole numbers for INT64"),
        ("FP32", True, "input 'x': data holds true or false, expected numbers for FP32"),
        ("BOOL", 1, "input 'x': data holds a number, expected true or false for BOOL"),
        ("FP16", 65536.0, "input 'x': data holds a number too large for FP16"),
        ("BF16", 3.4e38, None),
        ("BYTES", 1, "input 'x': data holds a number, expected strings for BYTES"),
        ("FP32", {}, "input 'x': data holds an object, expected numbers for FP32"),
    ],
)
def test_a_value_that_does_not_fit_its_datatype(name: str, value: Any, said: str | None) -> None:
    if said is None:
        tensors.from_json([value], DATATYPES[name], [1], "x")
        return
    with pytest.raises(BadInput) as caught:
        tensors.from_json([value], DATATYPES[name], [1], "x")
    assert str(caught.value).startswith(said)


@given(value=JSON_VALUES, name=st.sampled_from(sorted(DATATYPES)), shape=st.lists(st.integers(1, 4), max_size=4))
def test_any_json_is_a_tensor_or_bad_input(value: Any, name: str, shape: list[int]) -> None:
    try:
        found = tensors.from_json(value, DATATYPES[name], shape, "x")
    except BadInput as error:
        assert str(error).startswith("input 'x': ")
    else:
        assert found.shape == tuple(shape)


AXES = st.lists(st.integers(1, 4), max_size=3)


@given(raw=st.binary(max_size=64), name=st.sampled_from(sorted(DATATYPES)), shape=AXES)
def test_any_bytes_are_a_tensor_or_bad_input(raw: bytes, name: str, shape: list[int]) -> None:
    try:
        found = tensors.from_bytes(memoryview(raw), DATATYPES[name], shape, "x")
    except BadInput as error:
        assert str(error).startswith("input 'x': ")
    else:
        assert found.shape == tuple(shape)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model with numbers and strings, in this process."""
    return Model(manifest.read(models.mixed(tmp_path_factory.mktemp("mixed"))), threads=1)


ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["number", "text", "other"]) | JSON_VALUES,
        "shape": st.lists(st.integers(-1, 4), max_size=3) | JSON_VALUES,
        "datatype": st.sampled_from(["FP32", "BYTES"]) | JSON_VALUES,
        "data": st.lists(st.integers(0, 9), max_size=6) | JSON_VALUES,
        "parameters": st.fixed_dictionaries({"binary_data_size": st.integers(0, 40)}) | JSON_VALUES,
    },
)
REQUEST = st.fixed_dictionaries(
    {"inputs": st.lists(ENTRY, max_size=3) | JSON_VALUES},
    optional={"outputs": st.lists(ENTRY, max_size=2) | JSON_VALUES, "id": JSON_VALUES, "parameters": JSON_VALUES},
)


def answer(model: Model, body: bytes, header_length: int | None) -> None:
    try:
        request = v2.parse(body, header_length, model, max_json=10_000)
        inference = model.infer(request.inputs, [each.name for each in request.outputs])
        assert v2.respond(request, inference.arrays, model).status == 200
    except (BadInput, TooLarge) as error:
        assert "\n" not in str(error)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(content=REQUEST, raw=st.binary(max_size=60), cut=st.none() | st.integers(0, 500))
def test_any_request_is_answered_or_bad_input(mixed: Model, content: Any, raw: bytes, cut: int | None) -> None:
    encoded = json.dumps(content).encode()
    answer(mixed, encoded + raw, len(encoded) if cut is None else cut)


@given(body=st.binary(max_size=200), cut=st.none() | st.integers(0, 250))
def test_any_bytes_are_answered_or_bad_input(mixed: Model, body: bytes, cut: int | None) -> None:
    answer(mixed, body, cut)


@given(
    rows=st.integers(1, 3),
    classes=st.integers(0, 5),
    texts=st.lists(st.text(max_size=4), min_size=3, max_size=3),
    flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=3),
)
def test_a_good_request_with_bytes_flipped(
    mixed: Model, rows: int, classes: int, texts: list[str], flips: list[tuple[int, int]]
) -> None:
    strings = b"".join(struct.pack("<I", len(each.encode())) + each.encode() for each in texts[:rows])
    numbers = np.arange(rows * 3, dtype="<f4").tobytes()
    header = {
        "inputs": [
            {"name": "text", "shape": [rows, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(strings)}},
            {"name": "number", "shape": [rows, 3], "datatype": "FP32", "parameters": {"binary_data_size": rows * 12}},
        ],
        "outputs": [{"name": "same", "parameters": {"classification": classes, "binary_data": True}}, {"name": "echo"}],
    }
    encoded = json.dumps(header).encode()
    body = bytearray(encoded + strings + numbers)
    if not flips:
        request = v2.parse(bytes(body), len(encoded), mixed, max_json=10_000)
        assert request.inputs["text"].ravel().tolist() == texts[:rows]
    for place, value in flips:
        body[place % len(body)] = value
    answer(mixed, bytes(body), len(encoded))


def test_a_model_without_tensor_outputs_says_how_to_convert(tmp_path: Path) -> None:
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    from serving.errors import StartError

    trained = LogisticRegression().fit(np.eye(3, dtype=np.float32), ["a", "b", "c"])
    converted = to_onnx(trained, np.eye(3, dtype=np.float32), target_opset=21)
    folder = models.identity(tmp_path, "FP32")
    (tmp_path / "model.onnx").write_bytes(converted.SerializeToString())
    found = Model(manifest.read(folder), threads=1)
    assert {each.datatype.name for each in found.outputs.values()} == {"BYTES"}
    del converted.graph.output[0]
    (tmp_path / "model.onnx").write_bytes(converted.SerializeToString())
    with pytest.raises(StartError, match=r"no output is a tensor \(found seq.*zipmap=False"):
        Model(manifest.read(folder), threads=1)


def test_shapes_are_quick_once_proved_and_not_after_a_slow_run() -> None:
    pace = Pace(steady=True)
    one, two = {"x": np.zeros((1, 2))}, {"x": np.zeros((2, 2))}
    for _ in range(3):
        assert not pace.quick(one)
        pace.learn(one, 0.0001)
    assert pace.quick(one)
    assert not pace.quick(two)
    pace.learn(one, 0.1)
    assert not pace.quick(one)
    for _ in range(49):
        pace.learn(one, 0.0001)
    assert not pace.quick(one)
    pace.learn(one, 0.0001)
    assert pace.quick(one)


def test_a_model_with_a_loop_is_never_quick(tmp_path: Path) -> None:
    looping = Model(manifest.read(models.slow(tmp_path / "slow")), threads=1)
    assert looping.steady is False
    assert Model(manifest.read(models.digits(tmp_path / "digits")), threads=1).steady is True
    pace = Pace(steady=looping.steady)
    given = {"rounds": np.array([0])}
    for _ in range(100):
        pace.learn(given, 0.0)
    assert not pace.quick(given)
