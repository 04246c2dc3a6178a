"""ONNX Runtime as the server in the image uses it: CPU, no telemetry, no spinning threads."""

import importlib
import os
import re
from pathlib import Path
from typing import Any

from model_build import generating
from model_build.errors import SourceError

THREADS = 1
"""Per session: what a worker of the server has when there are as many as cores."""


def onnxruntime() -> Any:
    """The package, its telemetry off before it is first imported."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    return untyped("onnxruntime")


def untyped(name: str) -> Any:
    """A module of a library that brings no types. Raises ImportError."""
    return importlib.import_module(name)


def session(model: Path | bytes, *, plain: bool = False) -> Any:
    """An InferenceSession on `model`, in its loop where it is one that writes. plain: run the graph as it is written,
    nothing fused.

    Raises what ONNX Runtime raises; `refusal` says it in our words.
    """
    runtime = onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if plain:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = model if isinstance(model, bytes) else str(model)
    return generating.around(runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"]))


def image_version() -> str | None:
    """The version of onnxruntime that goes into images, from the lock of their wheels."""
    from model_build.bake import inputs

    found = re.search(r"^onnxruntime==(\S+)", inputs.wheels_lock().read_text("utf-8"), re.MULTILINE)
    return found[1] if found else None


def refusal(error: Exception, name: str) -> SourceError:
    """Why ONNX Runtime did not load the model `name`: the versions where they are the reason, else its own words."""
    text = first_line(error)
    version = onnxruntime().__version__
    if found := re.search(r"Unsupported model IR version: (\d+), max supported IR version: (\d+)", str(error)):
        return too_new(name, "IR version", int(found[1]), int(found[2]), version)
    if found := re.search(r"Opset (\d+) is under development.*domain (\S+) is till opset (\d+)", str(error), re.DOTALL):
        domain = "" if found[2] == "ai.onnx" else f" of {found[2]}"
        return too_new(name, f"opset{domain}", int(found[1]), int(found[3]), version)
    return SourceError(f"source {name} does not load in onnxruntime {version}: {text}; export it again")


def too_new(name: str, what: str, got: int, most: int, version: str) -> SourceError:
    return SourceError(
        f"source {name} has {what} {got}, but onnxruntime {version}, which is in the image, takes {most} at most; "
        f"export it with {what} {most} or lower"
    )


def first_line(error: BaseException) -> str:
    """The part of an error of ONNX Runtime that says something, on one line and not long."""
    text = str(error).strip() or type(error).__name__
    text = text.splitlines()[0]
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"^\S+\.(cc|h):\d+ .*?\) (?=[A-Z])", "", text)
    return text[:300].rstrip(" .")
