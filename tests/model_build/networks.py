"""Small networks made in code, with data that they answer as they should."""

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, np.dtype[Any]]


def pictures(rows: int, *, size: int = 12, seed: int = 0) -> Array:
    """[rows, 3, size, size]"""
    return np.random.default_rng(seed).normal(size=(rows, 3, size, size)).astype(np.float32)


def convolutional(*, opset: int = 21, batch: str | int = "batch", outlier: float = 1.0, size: int = 12) -> bytes:
    """Three convolutions and a matrix product into five scores.

    outlier: what one channel of the first layer is multiplied with, and divided by after it: a range that one scale for
    all of a layer's values does not do justice.
    """
    random = np.random.default_rng(7)
    shapes = {"w1": (8, 3, 3, 3), "w2": (8, 8, 3, 3), "w3": (16, 8, 3, 3), "w4": (16, 5)}
    weights = {
        name: (random.normal(size=shape) / np.sqrt(np.prod(shape[1:]) if len(shape) > 2 else shape[0])).astype(
            np.float32
        )
        for name, shape in shapes.items()
    }
    weights["w1"][0] *= outlier
    weights["w2"][:, 0] /= outlier
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], name="second", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Conv", ["r2", "w3"], ["c3"], name="third", strides=[2, 2]),
        helper.make_node("Relu", ["c3"], ["r3"]),
        helper.make_node("GlobalAveragePool", ["r3"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w4"], ["scores"], name="last"),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, size, size])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 5])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def encoder(*, width: int = 64, heads: int = 4, length: int = 16, classes: int = 5, layers: int = 1) -> bytes:
    """`x` [batch, length, width] to scores, by layers as PyTorch writes those of BERT."""
    random = np.random.default_rng(3)
    constants: dict[str, Array] = {}
    nodes: list[Any] = []

    def constant(name: str, value: Array) -> str:
        constants[name] = value
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def weight(name: str, *shape: int) -> str:
        return constant(name, (random.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32))

    def dense(name: str, value: str, rows: int, columns: int) -> str:
        product = node("MatMul", [value, weight(f"{name}.w", rows, columns)], f"{name}.product")
        return node("Add", [weight(f"{name}.b", columns), product], f"{name}.sum")

    def norm(name: str, value: str) -> str:
        ones, zeros = np.ones(width, np.float32), np.zeros(width, np.float32)
        inputs = [value, constant(f"{name}.scale", ones), constant(f"{name}.bias", zeros)]
        return node("LayerNormalization", inputs, f"{name}.norm", axis=-1, epsilon=1e-5)

    split = constant("split", np.asarray([0, 0, heads, width // heads], np.int64))
    joined = constant("joined", np.asarray([0, 0, width], np.int64))
    root = constant("root", np.asarray(np.sqrt(width // heads), np.float32))
    half, one, two = (constant(n, np.asarray(v, np.float32)) for n, v in (("h", 0.5), ("o", 1), ("t", np.sqrt(2))))
    value = norm("start", "x")
    for layer in range(layers):
        at = f"l{layer}"
        parts: dict[str, str] = {}
        for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
            made = dense(f"{at}.{name}", value, width, width)
            shaped = node("Reshape", [made, split], f"{at}.{name}.split")
            parts[name] = node("Transpose", [shaped], f"{at}.{name}.turned", perm=order)
        scores = node("MatMul", [parts["q"], parts["k"]], f"{at}.scores")
        shares = node("Softmax", [node("Div", [scores, root], f"{at}.scaled")], f"{at}.shares", axis=-1)
        mixed = node("MatMul", [shares, parts["v"]], f"{at}.mixed")
        back = node("Transpose", [mixed], f"{at}.back", perm=[0, 2, 1, 3])
        out = dense(f"{at}.out", node("Reshape", [back, joined], f"{at}.joined"), width, width)
        value = norm(f"{at}.n1", node("Add", [out, value], f"{at}.skip1"))
        wide = dense(f"{at}.up", value, width, 4 * width)
        erf = node("Erf", [node("Div", [wide, two], f"{at}.div")], f"{at}.erf")
        gate = node("Mul", [wide, node("Add", [erf, one], f"{at}.plus")], f"{at}.gate")
        down = dense(f"{at}.down", node("Mul", [gate, half], f"{at}.gelu"), 4 * width, width)
        value = norm(f"{at}.n2", node("Add", [down, value], f"{at}.skip2"))
    axis = constant("axis", np.asarray([1], np.int64))
    pooled = node("ReduceMean", [value, axis], "pooled", keepdims=0)
    nodes.append(helper.make_node("MatMul", [pooled, weight("head", width, classes)], ["scores"], name="head"))
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", length, width])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", classes])],
        [numpy_helper.from_array(v, n) for n, v in constants.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(made.SerializeToString())
