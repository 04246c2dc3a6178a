"""Operators of TensorFlow that tf2onnx has no word for, and that ONNX can say with those that it has."""

from typing import Any

import numpy as np

from model_build import runtime

_SINCE = 9
"""The opset that has what these are said with."""


class _Erfc:
    """1 - erf(x), which GELU is made of."""

    @classmethod
    def version_9(cls, graph: Any, node: Any, **_: Any) -> None:
        utils = runtime.untyped("tf2onnx.utils")
        shapes, kinds = node.output_shapes, node.output_dtypes
        graph.remove_node(node.name)
        kind = utils.map_onnx_to_numpy_type(graph.get_dtype(node.input[0]))
        one = graph.make_const(utils.make_name(f"{node.name}_one"), np.array(1, kind))
        erf = graph.make_node("Erf", [node.input[0]])
        inputs = [one.output[0], erf.output[0]]
        graph.make_node("Sub", inputs, name=node.name, outputs=node.output, shapes=shapes, dtypes=kinds)


def teach() -> None:
    """Make them known to tf2onnx, once."""
    operators: Any = runtime.untyped("tf2onnx.handler").tf_op
    if "Erfc" not in operators.create_mapping(_SINCE, None):
        operators("Erfc")(_Erfc)
