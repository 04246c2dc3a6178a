"""ONNX models that tests make."""

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
