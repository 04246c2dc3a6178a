"""Step three: forms of the model that may be smaller or quicker; all are kept, with a reason where one cannot be made.

Each is made so that it is the same bytes on any machine and runs on any: no layout of one processor's kind, and int8
weights of seven bits, because eight of them overflow on processors without VNNI instructions.
"""

import logging
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model_build import cache, content, graphs, runtime
from model_build.convert import Converted
from model_build.identity import STEPS
from model_build.work import Work


@dataclass(frozen=True)
class Candidate:
    name: str
    dtype: str
    model: Path | None
    """None: it could not be made."""
    digest: str
    why: str
    """Why it could not be made."""


class _NotMade(Exception):
    """Why a candidate does not exist."""


def optimize(work: Work, converted: Converted) -> list[Candidate]:
    """Make every candidate of the recipe, in its order."""
    entries = [_make(work, converted, name) for name in work.recipe.optimize.candidates]
    work.did("optimize", *entries)
    found: list[Candidate] = []
    for name, entry in zip(work.recipe.optimize.candidates, entries, strict=True):
        note = entry.note()
        model = entry.folder / "model.onnx" if note["digest"] else None
        found.append(Candidate(name, _DTYPES[name], model, note["digest"], note["why"]))
    return found


def _make(work: Work, converted: Converted, name: str) -> cache.Entry:
    def fill(folder: Path) -> None:
        work.progress("optimize", name)
        target = folder / "model.onnx"
        try:
            _MAKERS[name](converted.model, target, folder)
            note = {"digest": content.of_file(target), "why": ""}
        except _NotMade as reason:
            target.unlink(missing_ok=True)
            note = {"digest": "", "why": str(reason)}
        cache.write_note(folder, note)

    inputs = {"steps": STEPS, "model": converted.digest, "candidate": name, **work.identity.of("tool")}
    return cache.made("optimize", inputs, fill)


def _fp32(source: Path, target: Path, folder: Path) -> None:
    """Operators fused as far as every processor has them: not the layouts that are chosen by the one at hand."""
    ort = runtime.onnxruntime()
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(target)
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise _NotMade(f"onnxruntime could not optimise it: {runtime.first_line(error)}") from None
    _finish(target, source)


def _int8(source: Path, target: Path, folder: Path) -> None:
    """Weights of matrix products as int8, activations quantised as they come.

    Per channel, because layers whose channels differ in range collapse with one scale. Convolutions stay as they are:
    ONNX Runtime has no int8 kernel for dynamic ones.
    """
    import onnx

    quantization = runtime.untyped("onnxruntime.quantization")
    log = logging.getLogger()  # where the quantizer gives advice
    level = log.level
    log.setLevel(logging.ERROR)
    beside = folder / "source.onnx"  # shape inference writes a file beside the model
    shutil.copyfile(source, beside)
    try:
        quantization.quantize_dynamic(
            str(beside),
            str(target),
            op_types_to_quantize=["MatMul", "Gemm", "Attention", "LSTM", "GRU"],
            per_channel=True,
            reduce_range=True,
            weight_type=quantization.QuantType.QInt8,
        )
    except Exception as error:
        raise _NotMade(f"the quantizer failed: {type(error).__name__}: {runtime.first_line(error)}") from None
    finally:
        log.setLevel(level)
        beside.unlink()
    made = graphs.load(target)
    if not any(len(t.dims) and t.data_type == onnx.TensorProto.INT8 for t in graphs.tensors(made)):
        raise _NotMade("no matrix product with constant weights to quantise")
    _finish(target, source)


def _finish(target: Path, source: Path) -> None:
    """Bring what a tool wrote into the one form, and see that it loads."""
    model = graphs.load(target)
    graphs.normalise(model, name="model")
    original = graphs.load(source)
    model.ir_version = max(original.ir_version, graphs.IR_VERSION) if original.ir_version else graphs.IR_VERSION
    target.write_bytes(graphs.serialise(model))
    try:
        runtime.session(target)
    except Exception as error:
        raise _NotMade(f"it does not load in onnxruntime: {runtime.first_line(error)}") from None


_DTYPES = {"fp32": "float32", "int8": "int8 weights"}
_MAKERS: dict[str, Callable[[Path, Path, Path], None]] = {"fp32": _fp32, "int8": _int8}
