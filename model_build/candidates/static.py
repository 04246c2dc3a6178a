"""Static int8: ranges of activations learnt from calibration data, written as QuantizeLinear and DequantizeLinear.

Activations are uint8 and weights int8 of seven bits, a scale for each channel: products of eight bits by eight are
summed in pairs in 16 bits on processors without VNNI, where 255 * 127 * 2 overflows and 255 * 64 * 2 does not. So the
answers are the same with and without it. Ranges are rounded, so that the last bits of one processor's sums do not get
into the file.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model_build import cache, content, graphs, measure, runtime
from model_build.candidates.task import NotMade, Task, finish, fused, tool
from model_build.identity import STEPS

if TYPE_CHECKING:
    import onnx

_HEAVY = ("Conv", "ConvTranspose", "MatMul", "Gemm")
"""What takes the time, and what can lose something: each is tried by itself."""
_PASSING = (
    *("Add", "Mul", "Relu", "Clip", "LeakyRelu", "MaxPool", "AveragePool", "GlobalAveragePool", "Concat", "Resize"),
    *("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten"),
)
"""What lies between them and would make int8 into float32 and back."""
_PER_CHANNEL = 13
"""The opset from which on a scale for each channel can be said."""
_PROBED = 16
"""Rows on which losses are measured."""
_METHODS = ("MinMax", "Entropy", "Percentile")

Ranges = dict[str, tuple[float, float]]
Answers = list[measure.Array]


def minmax(task: Task) -> str:
    return _by(task, "MinMax")


def entropy(task: Task) -> str:
    return _by(task, "Entropy")


def percentile(task: Task) -> str:
    return _by(task, "Percentile")


def mixed(task: Task) -> str:
    """The method that loses least; then operators that lose most are left in float32, by measured loss.

    First those that lie between convolutions and matrix products, all at once: normalisation that is written as sums
    and products has ranges that eight bits do no justice. Then each of the heavy ones is quantised by itself and the
    answers are held against those of float32. The worst are left out, twice as many each time, until the whole loses no
    more than asked. What was measured is kept, also when time runs out.
    """
    model = _prepared(task)
    truth = _answers(task, model)
    between = [node.name for node in model.graph.node if node.op_type in _PASSING]
    losses: dict[str, float] = {}
    apart: dict[str, float] = {}
    ranges: dict[str, Ranges] = {}
    with tool("the quantizer"):
        for method in _METHODS:
            if ranges and task.out_of_time:
                break
            try:
                ranges[method] = _ranges(task, model, method)
            except ValueError:  # it has no answer for ranges of these values, as Entropy for ones that reach far
                if method == _METHODS[-1] and not ranges:
                    raise
                continue
            losses[method] = _loss(task, _quantised(model, ranges[method]), truth)
            if losses[method] > task.asked.loss:
                apart[method] = _loss(task, _quantised(model, ranges[method], without=between), truth)
        best = min(losses, key=lambda name: min(losses[name], apart.get(name, math.inf)))
        known = ranges[best]
        if losses[best] <= apart.get(best, math.inf):
            between = []
        found, left = _quantised(model, known, without=between), list[str]()
        loss = min(losses[best], apart.get(best, math.inf))
        short = False
        if loss > task.asked.loss:
            single = dict(_single(task, model, known, truth))
            heavy = _heavy(model)
            short = len(single) < len(heavy)
            worst = sorted(single, key=lambda name: (-single[name], name))
            count = 1
            while loss > task.asked.loss and count <= max(len(heavy) // 2, 1) and count <= len(worst):
                tried = _quantised(model, known, without=[*between, *worst[:count]])
                if (now := _loss(task, tried, truth)) < loss:
                    found, loss, left = tried, now, worst[:count]
                count *= 2
    _write(task, found)
    kept = f"{len(left)} of {len(_heavy(model))} operators in float32: {', '.join(left)}" if left else "none in float32"
    if between:
        kept += f" but the {len(between)} that lie between them" if not left else f", and {len(between)} between them"
    told = f"{best}, {kept}; outputs {loss:.2%} from those of float32 on {_probes(task)} rows"
    return f"{told}; max_seconds was spent before all operators were tried" if short else told


def _by(task: Task, method: str) -> str:
    model = _prepared(task)
    with tool("the quantizer"):
        found = _quantised(model, _ranges(task, model, method))
        loss = _loss(task, found, _answers(task, model))
    _write(task, found)
    return f"outputs {loss:.2%} from those of float32 on {_probes(task)} rows"


def _prepared(task: Task) -> "onnx.ModelProto":
    """Batch normalisation in its convolution, constants worked out, every operator with a name of its own."""
    source, between = task.source, task.folder / "prepared.onnx"
    model = graphs.load(source)
    version = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if version < _PER_CHANNEL:
        with tool(f"the converter of opset {version}"):
            converter = runtime.untyped("onnx.version_converter")
            between.write_bytes(graphs.serialise(converter.convert_version(model, 17)))
            source = between
    fused(source, between, "ORT_ENABLE_BASIC")
    model = graphs.load(between)
    between.unlink()
    names = set[str]()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in names:
            node.name = f"{node.op_type}_{index}"
        names.add(node.name)
    if not _heavy(model):
        raise NotMade("no convolution or matrix product with constant weights to quantise")
    return graphs.typed(model)


def _heavy(model: "onnx.ModelProto") -> list[str]:
    constants = {tensor.name for tensor in model.graph.initializer}
    return [n.name for n in model.graph.node if n.op_type in _HEAVY and constants.intersection(n.input)]


def _batches(task: Task, most: int | None = None) -> Iterator[dict[str, measure.Array]]:
    assert task.rows is not None
    count = len(next(iter(task.rows.inputs.values())))
    starts = [*range(0, count, task.rows.step)]
    if most is not None:
        calls = min(-(-most // task.rows.step), len(starts))
        chosen = np.unique(np.linspace(0, len(starts) - 1, calls).astype(int))
        starts = [starts[int(index)] for index in chosen]
    for start in starts:
        yield {name: values[start : start + task.rows.step] for name, values in task.rows.inputs.items()}


def _probes(task: Task) -> int:
    assert task.rows is not None
    return sum(len(next(iter(batch.values()))) for batch in _batches(task, _PROBED))


def _ranges(task: Task, model: "onnx.ModelProto", method: str) -> Ranges:
    """How far each value reaches, rounded outwards to three digits. What was learnt is kept."""

    def fill(folder: Path) -> None:
        cache.write_note(folder, _calibrated(task, model, method, folder))

    share = task.asked.percentile if method == "Percentile" else None
    note = cache.made("ranges", {**_key(task, model), "method": method, "percentile": share}, fill).note()
    return {name: (low, high) for name, (low, high) in note.items()}


def _key(task: Task, model: "onnx.ModelProto") -> dict[str, object]:
    """What all that is learnt from the calibration data depends on."""
    assert task.rows is not None
    digest = content.of_bytes(graphs.serialise(model))
    rows = {"rows": task.rows.digest, "count": len(next(iter(task.rows.inputs.values())))}
    return {"steps": STEPS, "model": digest, "onnxruntime": runtime.onnxruntime().__version__, **rows}


def _calibrated(task: Task, model: "onnx.ModelProto", method: str, folder: Path) -> Ranges:
    library = runtime.untyped("onnxruntime.quantization.calibrate")
    options = {"percentile": task.asked.percentile} if method == "Percentile" else {}
    plain, augmented = folder / "plain.onnx", folder / "augmented.onnx"
    plain.write_bytes(graphs.serialise(model))
    task.say(f"calibrating by {method}")
    calibrator = library.create_calibrator(
        str(plain),
        [*_HEAVY, *_PASSING],
        augmented_model_path=str(augmented),
        calibrate_method=getattr(library.CalibrationMethod, method),
        extra_options=options,
    )
    # A few rows at a time: the values of all layers for all rows would not fit into memory.
    for batch in _batches(task):
        calibrator.collect_data(_Once(batch))
    found = calibrator.compute_data()
    plain.unlink()
    augmented.unlink()
    return {
        name: (-_outwards(-float(np.min(value.lowest))), _outwards(float(np.max(value.highest))))
        for name, value in found.items()
    }


class _Once:
    """One batch, in the form that calibrators ask for data."""

    def __init__(self, batch: dict[str, measure.Array]) -> None:
        self._left: list[dict[str, measure.Array]] = [batch]

    def get_next(self) -> dict[str, measure.Array] | None:
        return self._left.pop() if self._left else None


def _outwards(value: float) -> float:
    """Up to three significant digits, never down: -1.2345 is -1.23, 1.2345 is 1.24."""
    if value == 0 or not math.isfinite(value):
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return math.ceil(value / unit - 1e-4) * unit


def _quantised(
    model: "onnx.ModelProto", ranges: Ranges, *, only: Sequence[str] = (), without: Sequence[str] = ()
) -> "onnx.ModelProto":
    try:
        return _qdq(model, ranges, only, without, {})
    except ValueError:
        # Where a bias goes with a matrix of one scale the quantizer's own care for it (onnxruntime 1.31) falls over.
        return _qdq(model, ranges, only, without, {"QDQDisableWeightAdjustForInt32Bias": True})


def _qdq(
    model: "onnx.ModelProto", ranges: Ranges, only: Sequence[str], without: Sequence[str], options: dict[str, bool]
) -> "onnx.ModelProto":
    import onnx

    library = runtime.untyped("onnxruntime.quantization")
    calibrate = runtime.untyped("onnxruntime.quantization.calibrate")
    reach = {name: (np.float32(low), np.float32(high)) for name, (low, high) in ranges.items()}
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    quantizer = library.QDQQuantizer(
        copy,
        True,  # a scale for each channel
        True,  # weights of seven bits
        library.QuantType.QInt8,
        library.QuantType.QUInt8,
        calibrate.TensorsData(calibrate.CalibrationMethod.MinMax, reach),
        [*only],
        [*without],
        [*_HEAVY, *_PASSING],
        options,
    )
    quantizer.quantize_model()
    made: onnx.ModelProto = quantizer.model.model
    return made


def _single(task: Task, model: "onnx.ModelProto", ranges: Ranges, truth: Answers) -> Iterator[tuple[str, float]]:
    """The loss with one operator alone quantised, for each until time runs out; each is kept as it is known."""
    key = {**_key(task, model), "ranges": content.of_json(ranges)}
    for number, name in enumerate(_heavy(model), 1):
        place = cache.place("sensitivity", {**key, "operator": name})
        if task.out_of_time and not place.is_dir():
            return
        if number % 20 == 1:
            task.say(f"sensitivity of operators, {number} of {len(_heavy(model))}")

        def fill(folder: Path, name: str = name) -> None:
            cache.write_note(folder, {"loss": _loss(task, _quantised(model, ranges, only=[name]), truth)})

        yield name, cache.made("sensitivity", {**key, "operator": name}, fill).note()["loss"]


def _answers(task: Task, model: "onnx.ModelProto") -> Answers:
    session = runtime.session(graphs.serialise(model))
    return [
        np.concatenate([np.ravel(answer) for answer in answers])
        for batch in _batches(task, _PROBED)
        if (answers := [a for a in session.run(None, batch) if getattr(a, "dtype", np.dtype(object)).kind == "f"])
    ]


def _loss(task: Task, model: "onnx.ModelProto", truth: Answers) -> float:
    """How far answers are from those of float32, as a share of their size; infinite for what is no number."""
    try:
        got = _answers(task, model)
    except Exception as error:
        raise NotMade(f"it does not run in onnxruntime: {runtime.first_line(error)}") from None
    if [len(a) for a in got] != [len(a) for a in truth]:
        return math.inf
    apart = sum(float(np.square(a.astype(np.float64) - b).sum()) for a, b in zip(got, truth, strict=True))
    whole = sum(float(np.square(b.astype(np.float64)).sum()) for b in truth)
    return math.sqrt(apart / whole) if whole and math.isfinite(apart) else 0.0 if apart == 0 else math.inf


def _write(task: Task, model: "onnx.ModelProto") -> None:
    task.target.write_bytes(graphs.serialise(model))
    finish(task)
