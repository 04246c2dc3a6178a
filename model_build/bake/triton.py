"""A model as NVIDIA Triton wants it: a folder with `config.pbtxt` and the versions of the model.

The words are those of Triton's own `ModelConfig` (the model configuration page of its documentation, and
`model_config.proto` of triton-inference-server/common).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model_build import runtime
from model_build.bake.errors import BakeError
from model_build.generating import written

MOST_ROWS = 64
"""Rows that Triton may put together from several requests."""
_TYPES = {
    "FLOAT": "TYPE_FP32",
    "DOUBLE": "TYPE_FP64",
    "FLOAT16": "TYPE_FP16",
    "BFLOAT16": "TYPE_BF16",
    "INT8": "TYPE_INT8",
    "INT16": "TYPE_INT16",
    "INT32": "TYPE_INT32",
    "INT64": "TYPE_INT64",
    "UINT8": "TYPE_UINT8",
    "UINT16": "TYPE_UINT16",
    "UINT32": "TYPE_UINT32",
    "UINT64": "TYPE_UINT64",
    "BOOL": "TYPE_BOOL",
    "STRING": "TYPE_STRING",
}
"""ONNX's names of element types, and Triton's."""

_KINDS = {"auto": "KIND_AUTO", "cpu": "KIND_CPU", "gpu": "KIND_GPU"}

Tensor = tuple[str, str, list[int | None]]
"""Name, ONNX's type, and the length of each axis; None where it is any."""


@dataclass(frozen=True)
class Settings:
    """What a recipe says of how Triton runs a model, and the number that its version has in the repository."""

    version: int
    max_batch: int | None = None
    preferred_batches: Sequence[int] = ()
    queue_delay_us: int = 0
    instances: int = 1
    device: str = "auto"

    @classmethod
    def of(cls, version: str, given: Mapping[str, Any]) -> "Settings":
        return cls(int(version), **given)


def config(model: Path, name: str, settings: Settings | None = None) -> str | None:
    """The text of `config.pbtxt` for the ONNX file `model`, which Triton is to call `name`.

    Where every input and output begins with an axis of any length, that is the batch, and Triton puts requests
    together; else it passes each on as it comes. settings: what else it is told; None: it decides that itself.
    None for a model that writes token by token, which is of no use without the loop that our own server has. Raises
    BakeError for inputs or outputs that Triton has no word for, and for a batch of a model that takes none.
    """
    onnx: Any = runtime.untyped("onnx")
    loaded = onnx.load(model, load_external_data=False)
    if written(loaded) is not None:
        return None
    graph = loaded.graph
    weights = {each.name for each in graph.initializer}
    inputs = [_tensor(onnx, each) for each in graph.input if each.name not in weights]
    outputs = [_tensor(onnx, each) for each in graph.output]
    batched = all(shape and shape[0] is None for _, _, shape in (*inputs, *outputs))
    most = MOST_ROWS if settings is None or settings.max_batch is None else settings.max_batch
    if not batched and (said := _of_batches(settings)):
        fixed = next(told for told in (*inputs, *outputs) if not told[2] or told[2][0] is not None)
        raise BakeError(
            f"triton.{said}, but {fixed[0]!r} of the model has the shape "
            f"{[-1 if each is None else each for each in fixed[2]]}, expected any number of rows; leave it out, or set "
            "optimize.open_batch: true"
        )
    batched = batched and most > 0
    lines = [f"name: {json.dumps(name)}", 'platform: "onnxruntime_onnx"', f"max_batch_size: {most * batched}"]
    for kind, tensors in (("input", inputs), ("output", outputs)):
        lines += [f"{kind} {{\n{_told(each, batched)}\n}}" for each in tensors]
    if batched:
        lines.append("\n".join(["dynamic_batching {", *_together(settings), "}"]))
    if settings is not None:
        device = _KINDS[settings.device]
        lines.append(f"instance_group {{\n  count: {settings.instances}\n  kind: {device}\n}}")
        lines.append(f"version_policy {{\n  specific {{ versions: [{settings.version}] }}\n}}")
    return "\n".join(lines) + "\n"


def _of_batches(settings: Settings | None) -> str:
    """The first thing that is said of batches, and its value; empty where nothing is."""
    if settings is None:
        return ""
    told: dict[str, Any] = {
        "max_batch": settings.max_batch,
        "preferred_batches": [*settings.preferred_batches],
        "queue_delay_us": settings.queue_delay_us,
    }
    return next((f"{key} is {value}" for key, value in told.items() if value), "")


def _together(settings: Settings | None) -> list[str]:
    if settings is None:
        return []
    found: list[str] = []
    if settings.preferred_batches:
        found.append(f"  preferred_batch_size: {[*settings.preferred_batches]}")
    if settings.queue_delay_us:
        found.append(f"  max_queue_delay_microseconds: {settings.queue_delay_us}")
    return found


def _tensor(onnx: Any, value: Any) -> Tensor:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        said = str(kind).removesuffix("_type")
        raise BakeError(
            f"{value.name!r} is a {said}, expected a tensor, which is all that Triton takes; "
            "convert the model to one without it"
        )
    told = value.type.tensor_type
    name = onnx.TensorProto.DataType.Name(told.elem_type)
    if name not in _TYPES:
        raise BakeError(f"{value.name!r} is of {name}, expected a type that Triton knows; cast it in the model")
    shape = [axis.dim_value if axis.WhichOneof("value") == "dim_value" else None for axis in told.shape.dim]
    return value.name, name, shape


def _told(tensor: Tensor, batched: bool) -> str:
    name, kind, shape = tensor
    dims = [-1 if length is None else length for length in (shape[1:] if batched else shape)]
    lines = [f"  name: {json.dumps(name)}", f"  data_type: {_TYPES[kind]}", f"  dims: {dims or [1]}"]
    if not dims:  # Triton has no tensor without axes; this is its word for one
        lines.append("  reshape { shape: [ ] }")
    return "\n".join(lines)
