"""Forms with less in them: the smallest weights as zeros, and whole channels taken out.

Where the recipe names a function that trains a pruned model further, its source framework does the pruning
(`training`), as a graph cannot be trained; else the graph is pruned as it is.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model_build import graphs
from model_build.candidates import channels
from model_build.candidates.task import EXTENDED, NotMade, Task, finish, fused

if TYPE_CHECKING:
    import onnx

_PRUNED = {"Conv": (1,), "ConvTranspose": (1,), "Gemm": (1,), "MatMul": (0, 1), "LSTM": (1, 2), "GRU": (1, 2)}
"""Operators, and which of their inputs are weights."""


def pruned(task: Task) -> str:
    """The smallest weights of each tensor as zeros, which are left out of the file where that makes it smaller.

    It is as quick as before: ONNX Runtime multiplies by zeros, too.
    """
    share = task.share
    between, told = task.folder / "pruned.onnx", ""
    if task.trained is not None:
        told = task.trained(between)
    else:
        model = _basic(task)
        for tensor in _weights(model):
            tensor.CopyFrom(_without_smallest(tensor, share))
        between.write_bytes(graphs.serialise(model))
    fused(between, task.target, EXTENDED)
    between.unlink()
    model = graphs.load(task.target)
    zeros, weights = 0, 0
    for tensor in _weights(model):
        values = _array(tensor)
        zeros, weights = zeros + int((values == 0).sum()), weights + values.size
    if not zeros:
        raise NotMade("no weights of convolutions or matrix products that could be zero")
    packed = _pack(model)
    task.target.write_bytes(graphs.serialise(model))
    finish(task)
    kept = "are left out of the file" if packed else "stay in the file, which they would not make smaller"
    return _with(told, f"{zeros:,} of {weights:,} weights are zero and {kept}")


def pruned_channels(task: Task) -> str:
    """The weakest channels taken out, with all that reads them: a smaller model of the same form."""
    between, told = task.folder / "pruned.onnx", ""
    before = _count(graphs.load(task.source))
    if task.trained is not None:
        told = task.trained(between)
    else:
        model = _basic(task)
        narrowed, layers = channels.narrow(model, task.share)
        if not narrowed:
            raise NotMade(
                "no layer has channels that could be taken out: all are answers of the model, too few, or read by "
                "operators that mix them"
            )
        told = f"{narrowed} of {layers} layers have {task.share:.0%} fewer channels"
        between.write_bytes(graphs.serialise(model))
    fused(between, task.target, EXTENDED)
    between.unlink()
    finish(task)
    after = _count(graphs.load(task.target))
    if after >= before:
        raise NotMade(f"nothing could be taken out{f': {told}' if told else ''}")
    return _with(told, f"{after:,} of {before:,} weights are left")


def _with(first: str, second: str) -> str:
    return f"{first}; {second}" if first else second


def _basic(task: Task) -> "onnx.ModelProto":
    """Constants as initializers and worked out, batch normalisation in its convolution."""
    between: Path = task.folder / "basic.onnx"
    fused(task.source, between, "ORT_ENABLE_BASIC")
    model = graphs.load(between)
    between.unlink()
    return model


def _weights(model: "onnx.ModelProto") -> "list[onnx.TensorProto]":
    import onnx

    known = {tensor.name: tensor for tensor in model.graph.initializer}
    used = {
        node.input[at]
        for node in model.graph.node
        for at in _PRUNED.get(node.op_type.removeprefix("Fused"), ())
        if at < len(node.input)
    }
    found = [known[name] for name in sorted(used & set(known))]
    return [tensor for tensor in found if tensor.data_type == onnx.TensorProto.FLOAT and len(tensor.dims) > 1]


def _array(tensor: "onnx.TensorProto") -> channels.Array:
    from onnx import numpy_helper

    return numpy_helper.to_array(tensor)


def _without_smallest(tensor: "onnx.TensorProto", share: float) -> "onnx.TensorProto":
    from onnx import numpy_helper

    values = _array(tensor).copy()
    smallest = np.argsort(np.abs(values), axis=None, kind="stable")[: int(share * values.size)]
    values.reshape(-1)[smallest] = 0
    return numpy_helper.from_array(values, tensor.name)


def _pack(model: "onnx.ModelProto") -> bool:
    """Write what is not zero, and where it is, in the place of weights that are smaller so.

    Places are of as few bits as hold them, which ONNX Runtime reads and ONNX's own rules (64) do not know.
    """
    import onnx
    from onnx import numpy_helper

    packed: list[onnx.TensorProto] = []
    for tensor in _weights(model):
        values = _array(tensor).ravel()
        places = np.flatnonzero(values).astype(np.int16 if values.size <= np.iinfo(np.int16).max else np.int32)
        if len(places) * (4 + places.itemsize) >= values.nbytes or values.size > np.iinfo(np.int32).max:
            continue
        sparse = model.graph.sparse_initializer.add()
        sparse.values.CopyFrom(numpy_helper.from_array(values[places], tensor.name))
        sparse.indices.CopyFrom(numpy_helper.from_array(places, f"{tensor.name}_places"))
        sparse.dims.extend(tensor.dims)
        packed.append(tensor)
    for tensor in packed:
        model.graph.initializer.remove(tensor)
    return bool(packed)


def _count(model: "onnx.ModelProto") -> int:
    """Numbers with a point in all constants."""
    import onnx

    kinds = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.FLOAT16)
    return sum(int(np.prod(tensor.dims)) for tensor in graphs.tensors(model) if tensor.data_type in kinds)
