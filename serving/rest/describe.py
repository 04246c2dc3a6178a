"""What the server and its model say about themselves: metadata, and Triton's configuration and repository index."""

from typing import Any

from serving import __version__
from serving.core.model import Model, TensorSpec

EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "model_repository(index)")


def server() -> dict[str, Any]:
    """GET /v2."""
    return {"name": "modelport", "version": __version__, "extensions": list(EXTENSIONS)}


def model(found: Model) -> dict[str, Any]:
    """GET /v2/models/{model}."""
    return {
        "name": found.name,
        "versions": [found.version],
        "platform": "onnxruntime_onnx",
        "inputs": [_tensor(each) for each in found.inputs.values()],
        "outputs": [_tensor(each) for each in found.outputs.values()],
    }


def config(found: Model) -> dict[str, Any]:
    """GET /v2/models/{model}/config, as far as Triton's clients read it. max_batch_size 0: shapes are said in full."""
    return {
        "name": found.name,
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "max_batch_size": 0,
        "input": [_config(each) for each in found.inputs.values()],
        "output": [_config(each) for each in found.outputs.values()],
    }


def index(found: Model) -> list[dict[str, Any]]:
    """POST /v2/repository/index."""
    return [{"name": found.name, "version": found.version, "state": "READY", "reason": ""}]


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype.name, "shape": list(spec.shape)}


def _config(spec: TensorSpec) -> dict[str, Any]:
    name = "TYPE_STRING" if spec.datatype.kind == "bytes" else f"TYPE_{spec.datatype.name}"
    return {"name": spec.name, "data_type": name, "dims": list(spec.shape)}
