"""Model folders as the pipeline hands them to the bake."""

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def folder(place: Path, name: str = "tiny", seed: int = 0, kilobytes: int = 4) -> Path:
    """A matrix product with random weights of about `kilobytes` at `place`: model.onnx and model.json."""
    place.mkdir(parents=True, exist_ok=True)
    columns = max(kilobytes * 1024 // (8 * 4), 1)
    weights = np.random.default_rng(seed).standard_normal((8, columns)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", columns])],
        [numpy_helper.from_array(weights, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    (place / "model.onnx").write_bytes(made.SerializeToString())
    about = {"format": 1, "name": name, "version": "1", "classify": None}
    (place / "model.json").write_text(json.dumps(about))
    return place
