"""Forms with smaller weights, which need no data: int8 with activations quantised as they come, and int4."""

import shutil
from typing import Any

import numpy as np

from model_build import graphs, runtime
from model_build.candidates.task import NotMade, Task, finish, tool

Array = np.ndarray[Any, np.dtype[Any]]

BLOCK = 32
"""Weights of int4 that share a scale."""
BIG = 1 << 14
"""Weights from which on a matrix is worth the scales beside it."""


def int8(task: Task) -> str:
    """Weights of matrix products as int8, activations quantised as they come.

    Per channel, because layers whose channels differ in range collapse with one scale; of seven bits, because eight
    overflow on processors without VNNI. Convolutions stay as they are: ONNX Runtime has no quick int8 kernel for
    dynamic ones.
    """
    import onnx

    _dynamic(
        task,
        op_types_to_quantize=["MatMul", "Gemm", "Attention", "LSTM", "GRU"],
        per_channel=True,
        reduce_range=True,
        weight_type=runtime.untyped("onnxruntime.quantization").QuantType.QInt8,
        # Of values behind operators that are fused, whose types shape inference does not know.
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )
    made = graphs.load(task.target)
    if not any(len(t.dims) and t.data_type == onnx.TensorProto.INT8 for t in graphs.tensors(made)):
        raise NotMade("no matrix product with constant weights to quantise")
    finish(task)
    return ""


def plain(task: Task) -> str:
    """What others would do: onnxruntime's quantize_dynamic as it comes."""
    _dynamic(task)
    finish(task)
    return "quantize_dynamic with its defaults"


def _dynamic(task: Task, **options: Any) -> None:
    beside = task.folder / "source.onnx"  # shape inference writes a file beside the model
    shutil.copyfile(task.source, beside)
    try:
        with tool("the quantizer"):
            quantization = runtime.untyped("onnxruntime.quantization")
            quantization.quantize_dynamic(str(beside), str(task.target), **options)
    finally:
        beside.unlink()


def int4(task: Task) -> str:
    """Constant matrices of products as four bits and a scale for every 32 of a column (MatMulNBits)."""
    from onnx import helper, numpy_helper

    model = graphs.load(task.source)
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    used = [name for node in graphs.nodes(graph) for name in node.input]
    packed: set[str] = set()
    count = 0
    for node in graph.node:
        if node.op_type != "MatMul" or node.domain or (weight := constants.get(node.input[1])) is None:
            continue
        values: Array = numpy_helper.to_array(weight)
        if values.ndim != 2 or values.dtype != np.float32 or values.size < BIG or values.shape[0] % BLOCK:
            continue
        name, (rows, columns) = weight.name, values.shape
        if name not in packed:
            quarters, scales = blocks(values)
            graph.initializer.append(numpy_helper.from_array(quarters, f"{name}_int4"))
            graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scales"))
            packed.add(name)
        sizes: dict[str, Any] = {"K": int(rows), "N": int(columns), "bits": 4, "block_size": BLOCK}
        inputs = [node.input[0], f"{name}_int4", f"{name}_scales"]
        made = helper.make_node("MatMulNBits", inputs, [*node.output], node.name, domain="com.microsoft", **sizes)
        node.CopyFrom(made)
        used.remove(name)
        count += 1
    if not count:
        raise NotMade(f"no matrix product with {BIG:,} or more constant weights")
    for tensor in [t for t in graph.initializer if t.name in packed and t.name not in used]:
        graph.initializer.remove(tensor)
    if all(opset.domain != "com.microsoft" for opset in model.opset_import):
        model.opset_import.add(domain="com.microsoft", version=1)
    task.target.write_bytes(graphs.serialise(model))
    finish(task)
    return f"{count} matrix product{'s' if count > 1 else ''} in four bits"


def blocks(values: Array) -> tuple[Array, Array]:
    """A matrix [K, N] as MatMulNBits takes it: two weights a byte [N, K / 32, 16], and scales [N * K / 32]."""
    rows, columns = values.shape
    parts = values.T.reshape(columns, rows // BLOCK, BLOCK)
    # Four bits reach from -8 to 7: the scale is such that the largest of a block, whatever its sign, is -8.
    largest = np.take_along_axis(parts, np.abs(parts).argmax(axis=2)[..., None], axis=2)
    scales = (largest / -8).astype(np.float32)
    safe = np.where(scales == 0, np.float32(1), scales)
    numbers = np.clip(np.rint(parts / safe) + 8, 0, 15).astype(np.uint8)
    return numbers[..., 0::2] | numbers[..., 1::2] << 4, scales.reshape(-1)
