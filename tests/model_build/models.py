"""Models that tests make."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def linear(*, opset: int = 21, ir: int = 10, width: int = 4, classes: int = 3, seed: int = 0) -> bytes:
    """`x` [batch, width] float32 to `scores` [batch, classes]: a matrix product, a sum and a softmax."""
    random = np.random.default_rng(seed)
    weights = [
        numpy_helper.from_array(random.normal(size=(width, classes)).astype(np.float32), "w"),
        numpy_helper.from_array(random.normal(size=classes).astype(np.float32), "b"),
    ]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["sum"]),
        helper.make_node("Softmax", ["sum"], ["scores"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", classes])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
    return bytes(model.SerializeToString())


def parse(data: bytes) -> onnx.ModelProto:
    return onnx.load_model_from_string(data)


def save_skops(what: Any, place: Path) -> None:
    """Save it by skops, which asks every module in the process for a few names as it is imported.

    An SDK that other tests have left half loaded would load its thousands of modules to answer.
    """
    sdks = [name for name in sys.modules if name.partition(".")[0] in ("pulumi_aws", "pulumi_kubernetes")]
    kept = {name: sys.modules.pop(name) for name in sdks}
    try:
        import skops.io
    finally:
        sys.modules.update(kept)
    skops.io.dump(what, place)
