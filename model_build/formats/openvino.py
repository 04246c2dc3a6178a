"""OpenVINO's intermediate representation: for processors, graphics and accelerators of Intel's, and OpenVINO's server.

Two files, the graph and its weights. Weights of float16 are worked with in float32 where a processor has nothing less.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model_build import runtime
from model_build.formats import Arrays, As, Runs, Unsupported

MODEL = "model.xml"
EXACT = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
"""As ONNX Runtime computes: on some processors OpenVINO takes bfloat16 by itself, which is another answer."""


def write(source: Path, folder: Path, settings: Mapping[str, Any]) -> None:
    openvino = runtime.untyped("openvino")
    try:
        model = openvino.Core().read_model(str(source))
    except Exception as error:
        raise Unsupported(_unread(error, settings["label"])) from None
    openvino.save_model(model, str(folder / MODEL), compress_to_fp16=settings["form"] == "fp16")


def opened(folder: Path, like: Runs, settings: Mapping[str, Any]) -> Runs:
    core = runtime.untyped("openvino").Core()
    try:
        request = core.compile_model(str(folder / MODEL), "CPU", EXACT).create_infer_request()
    except Exception as error:
        raise Unsupported(_unread(error, settings["label"])) from None

    def answer(inputs: Arrays, outputs: list[str]) -> Arrays:
        found = request.infer({name: _plain(values) for name, values in inputs.items()}, share_inputs=False)
        return {name: np.array(found[name]) for name in outputs}

    return As(like, answer)


def _plain(values: Any) -> Any:
    """Texts as OpenVINO takes them."""
    array = np.asarray(values)
    return array.astype(str) if array.dtype == object else array


def _unread(error: Exception, label: str) -> str:
    version = runtime.untyped("openvino").__version__.partition("-")[0]
    text = str(error)
    # A line for each kind of operator that no rule was found for; of ONNX's own domain the name alone.
    if found := re.search(r"No conversion rule found for operations: (.+)", text):
        names = ", ".join(sorted(name.strip() for name in found[1].split(",")))
        return (
            f"formats names openvino, but OpenVINO {version} has not {names}, which {label!r} uses; leave it out, or "
            "take them out of the model"
        )
    lines = [
        line.strip() for line in text.splitlines() if line.strip() and not re.match(r"(Exception from|Check ')", line)
    ]
    return (
        f"formats names openvino, but OpenVINO {version} does not take {label!r}: {(lines or [text])[0][:300]}; "
        "leave it out"
    )
