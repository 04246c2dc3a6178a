"""Small models, made here, each for one question."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LABELS = [str(digit) for digit in range(10)]
ONNX_TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "BF16": TensorProto.BFLOAT16,
    "BYTES": TensorProto.STRING,
}
Info = tuple[str, str, Sequence[int | str] | None]


def save(
    folder: Path,
    nodes: list[onnx.NodeProto],
    inputs: list[Info],
    outputs: list[Info],
    *,
    weights: dict[str, Any] | None = None,
    name: str = "tiny",
    version: str = "1",
    classify: dict[str, Any] | None = None,
) -> Path:
    """A model folder of one graph."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(each, ONNX_TYPES[kind], shape) for each, kind, shape in inputs],
        [helper.make_tensor_value_info(each, ONNX_TYPES[kind], shape) for each, kind, shape in outputs],
        [numpy_helper.from_array(np.asarray(value), each) for each, value in (weights or {}).items()],
    )
    folder.mkdir(parents=True, exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, str(folder / "model.onnx"))
    manifest = {"format": 1, "name": name, "version": version, "classify": classify}
    (folder / "model.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def digits(folder: Path, *, version: str = "1", **preprocess: Any) -> Path:
    """Ten classes from an 8 x 8 picture: class k is bright where row k % 8 is bright (and k >= 8 wants it dark)."""
    weights = np.zeros((64, 10), dtype=np.float32)
    for k in range(10):
        weights[(k % 8) * 8 : (k % 8) * 8 + 8, k] = 1.0 if k < 8 else -1.0
    spec = {"width": 8, "height": 8, "mode": "L", "layout": "flat", "scale": 1 / 255, "resize": "box", **preprocess}
    return save(
        folder,
        [
            helper.make_node("MatMul", ["image", "weights"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["probabilities"], axis=-1),
            helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
        ],
        [("image", "FP32", ("batch", 64))],
        [("probabilities", "FP32", ("batch", 10)), ("label", "INT64", ("batch",))],
        weights={"weights": weights},
        name="digits",
        version=version,
        classify={"input": "image", "output": "probabilities", "labels": LABELS, "preprocess": spec},
    )


def identity(
    folder: Path,
    datatype: str,
    shape: Sequence[int | str] | None = ("n", 2),
    *,
    classify: dict[str, Any] | None = None,
) -> Path:
    """Gives back what it gets."""
    nodes = [helper.make_node("Identity", ["x"], ["y"])]
    return save(folder, nodes, [("x", datatype, shape)], [("y", datatype, shape)], classify=classify)


def mixed(folder: Path) -> Path:
    """Two inputs of one batch, numbers and strings, given back; and their sum over a fixed axis."""
    return save(
        folder,
        [
            helper.make_node("Identity", ["number"], ["same"]),
            helper.make_node("Identity", ["text"], ["echo"]),
            helper.make_node("ReduceSum", ["number", "axes"], ["total"], keepdims=0),
        ],
        [("number", "FP32", ("batch", 3)), ("text", "BYTES", ("batch", 1))],
        [("same", "FP32", ("batch", 3)), ("echo", "BYTES", ("batch", 1)), ("total", "FP32", ("batch",))],
        weights={"axes": np.array([1], dtype=np.int64)},
    )


def multiplying() -> onnx.GraphProto:
    """Body of a Loop: multiplies `state` by `square`, 64 by 64, once a round."""
    return helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("MatMul", ["state", "square"], ["next"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, ()),
            helper.make_tensor_value_info("go", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, (64, 64)),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, ()),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, (64, 64)),
        ],
    )


def slow(folder: Path) -> Path:
    """Multiplies matrices `rounds` times, so that a request takes as long as the test wants."""
    square = np.eye(64, dtype=np.float32)
    return save(
        folder,
        [
            helper.make_node("Squeeze", ["rounds"], ["trips"]),
            helper.make_node("Loop", ["trips", "", "square"], ["end"], body=multiplying()),
            helper.make_node("ReduceSum", ["end"], ["sum"], keepdims=0),
        ],
        [("rounds", "INT64", (1,))],
        [("sum", "FP32", ())],
        weights={"square": square},
        name="slow",
    )
