"""The candidate search on real models, beside a plain quantize_dynamic in the same run, and what no change costs.

Each model's candidates answer the same rows, and are timed by the CPU time of one row a call on one thread, in turns
and in an order that changes: a ratio is of two numbers from the same minutes. Quality is the metric of the model's own
task on real data; a loss is relative to that of the model as it came.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from model_build import gate, graphs, measure, runtime
from model_build import texts as written
from model_build.convert import convert
from model_build.optimize import Candidate, search
from model_build.recipe import Recipe
from model_build.work import Work
from tests.model_build import networks
from tests.tools import ocr

REPOSITORY = Path(__file__).resolve().parents[1]
LOSS = 0.01
"""Relative, of quality: what a candidate may lose and still be taken."""
GIGABYTE = 1 << 30
ROUNDS = 7
_FOUND = 0.3
"""What RapidOCR takes for text, of the answers of `det`."""
CALLS = 60

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass
class Model:
    name: str
    source: str
    inputs: Array | dict[str, Array]
    quality: Callable[[Array], float]
    output: str | None = None
    candidates: tuple[str, ...] = ("all",)
    axes: dict[str, list[str]] | None = None
    errors: Callable[[Array], float] | None = None
    """Of texts: the share of characters that are wrong."""

    @property
    def feeds(self) -> dict[str, Array]:
        return self.inputs if isinstance(self.inputs, dict) else {"": self.inputs}

    @property
    def rows(self) -> int:
        return len(next(iter(self.feeds.values())))


def main() -> None:
    flags = Path("/proc/cpuinfo").read_text("utf-8")
    has = [name for name in ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8") if f" {name}" in flags]
    print(f"instructions: {', '.join(has)}\n")
    folder = Path(tempfile.mkdtemp(prefix="modelport-bench-"))
    os.environ["MODELPORT_CACHE_DIR"] = str(folder / "cache")
    wanted = os.environ.get("MODELS", "digits magika wide encoder cls rec det gigabyte").split()
    try:
        for name in wanted:
            if name != "gigabyte":
                _compare(_MODELS[name](folder), folder)
        if "gigabyte" in wanted:
            _unchanged(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _compare(model: Model, folder: Path) -> None:
    data = folder / f"{model.name}.npz"
    named = {name or "X": values for name, values in model.feeds.items()}
    np.savez(data, allow_pickle=False, y=np.zeros(model.rows), **named)
    asked = {"candidates": [*model.candidates], "calibration": {"rows": 48}}
    value = {"name": model.name, "source": model.source, "evaluate": {"data": str(data)}, "optimize": asked}
    value |= {"axes": model.axes} if model.axes else {}
    work = Work.on(Recipe.parse(value), REPOSITORY)
    converted = convert(work)
    took: dict[str, float] = {}
    found: list[Candidate] = []
    began = time.monotonic()
    for candidate in search(work, converted):
        found.append(candidate)
        took[candidate.name] = time.monotonic() - began
        began = time.monotonic()
    sessions = {c.name: runtime.session(c.model) for c in found if c.model is not None}
    original = runtime.session(converted.model)
    name = model.output or measure.pick(original, [])
    feeds = measure.fit(original, model.feeds, model.name)
    timing = _calls({"as it came": original, **sessions}, feeds, name)
    answers = {n: measure.run(s, feeds, name) for n, s in {"as it came": original, **sessions}.items()}
    quality = {n: model.quality(answer) for n, answer in answers.items()}
    baseline = quality["as it came"]
    sizes = {c.name: c.model.stat().st_size for c in found if c.model is not None}
    sizes["as it came"] = converted.model.stat().st_size
    peers = {c.name for c in found if c.peer}
    passed = [
        gate.Measured(n, sizes[n], quality[n], baseline - quality[n], timing[n].p50_ms, timing[n].p99_ms)
        for n in sessions
        if n not in peers and baseline - quality[n] <= LOSS * baseline
    ]
    chosen, why = gate.choose(passed, 0.5)
    print(f"{model.name}: {model.rows} rows, quality {baseline:.4f} as it came; chosen: {chosen}")
    print("| candidate | MB | ms | speed beside fp32 | beside quantize_dynamic | relative loss | made in s | |")
    print("|---|---|---|---|---|---|---|---|")
    plain = timing.get("int8-plain")
    for n, t in timing.items():
        against = f"{plain.p50_ms / t.p50_ms:.2f}" if plain else ""
        loss = (baseline - quality[n]) / baseline
        print(
            f"| {n} | {sizes[n] / 1e6:.2f} | {t.p50_ms:.3f} | {timing['fp32'].p50_ms / t.p50_ms:.2f} | {against} | "
            f"{loss:.2%} | {took.get(n, 0):.1f} | {why.get(n, '')} |"
        )
    if model.errors is not None:
        print("  cer:", ", ".join(f"{n} {model.errors(answer):.2%}" for n, answer in answers.items()))
    for c in found:
        if c.model is None or c.detail:
            print(f"  {c.name}: {c.why or c.detail}")
    print(flush=True)


def _calls(sessions: dict[str, Any], feeds: dict[str, Array], output: str) -> dict[str, measure.Timing]:
    """CPU time of calls with one row: what others take of the machine meanwhile is not in it."""
    order, mixed = list(sessions), random.Random(0)
    taken: dict[str, list[float]] = {name: [] for name in order}
    rows = len(next(iter(feeds.values())))
    for turn in range(CALLS + 3):
        mixed.shuffle(order)
        batch = {key: values[turn % rows : turn % rows + 1] for key, values in feeds.items()}
        for name in order:
            began = time.thread_time()
            sessions[name].run([output], batch)
            if turn >= 3:
                taken[name].append((time.thread_time() - began) * 1000)
    middle = {name: [float(np.percentile(values, share)) for share in (50, 99)] for name, values in taken.items()}
    return {name: measure.Timing(p50, p99, p50, taken[name]) for name, (p50, p99) in middle.items()}


def _accuracy(labels: Array) -> Callable[[Array], float]:
    return lambda answer: float((answer.reshape(len(labels), -1).argmax(1) == labels).mean())


def _digits(_: Path) -> Model:
    from examples.digits.train import evaluation

    pixels, digits = evaluation()
    return Model("digits", "examples.digits.train:pipeline", pixels, _accuracy(digits), "probabilities")


def _magika(_: Path) -> Model:
    from examples.magika.data import evaluation

    inputs, kinds = evaluation()
    recipe = Recipe.load(REPOSITORY / "Pulumi.magika.yaml")
    assert isinstance(recipe.evaluate.labels, str)
    labels = (REPOSITORY / recipe.evaluate.labels).read_text("utf-8").splitlines()
    return Model("magika", recipe.source, inputs, _accuracy(np.asarray([labels.index(str(kind)) for kind in kinds])))


def _cls(_: Path) -> Model:
    pictures, flipped = ocr.turned(400)
    return Model("cls", str(ocr.model("cls")), pictures, _accuracy(flipped))


def _wide(folder: Path) -> Model:
    """Convolutions of 64 and 128 channels and no narrow ones, in which the time goes into products."""
    random = np.random.default_rng(0)
    weights: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []
    value, channels = "x", 3
    for number, (wide, stride) in enumerate([(64, 1), (64, 1), (128, 2), (128, 1), (128, 1)]):
        kernel = random.normal(size=(wide, channels, 3, 3)) / np.sqrt(4.5 * channels)
        weights.append(onnx.numpy_helper.from_array(kernel.astype(np.float32), f"w{number}"))
        sizes: dict[str, Any] = {"pads": [1, 1, 1, 1], "strides": [stride, stride]}
        nodes.append(onnx.helper.make_node("Conv", [value, f"w{number}"], [f"c{number}"], **sizes))
        nodes.append(onnx.helper.make_node("Relu", [f"c{number}"], [f"r{number}"]))
        value, channels = f"r{number}", wide
    nodes.append(onnx.helper.make_node("GlobalAveragePool", [value], ["pooled"]))
    nodes.append(onnx.helper.make_node("Flatten", ["pooled"], ["scores"]))
    info = onnx.helper.make_tensor_value_info
    inputs, outputs = info("x", 1, ["batch", 3, 56, 56]), info("scores", 1, ["batch", channels])
    graph = onnx.helper.make_graph(nodes, "wide", [inputs], [outputs], weights)
    opsets = [onnx.helper.make_opsetid("", 21)]
    made = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=10)
    names = ("fp32", "int8-minmax", "int8-percentile", "fp16", "int8-plain")
    return _itself("wide", made.SerializeToString(), networks.pictures(100, size=56), folder, names)


def _encoder(folder: Path) -> Model:
    rows = np.random.default_rng(0).normal(size=(100, 64, 256)).astype(np.float32)
    model = networks.encoder(width=256, heads=8, length=64, layers=4)
    return _itself("encoder", model, rows, folder, ("all",))


def _itself(name: str, model: bytes, rows: Array, folder: Path, candidates: tuple[str, ...]) -> Model:
    """A network of random weights, whose quality is how often it answers as in float32."""
    (folder / f"{name}.onnx").write_bytes(model)
    session = runtime.session(model)
    labels = np.concatenate([session.run(None, {"x": rows[n : n + 1]})[0] for n in range(len(rows))]).argmax(1)
    return Model(name, str(folder / f"{name}.onnx"), rows, _accuracy(labels), candidates=candidates)


def _rec(_: Path) -> Model:
    pictures, texts = ocr.lines(200, 320)
    path = ocr.model("rec")
    read = ocr.Reader(path)

    def quality(answer: Array) -> float:
        return float(np.mean([text == said for text, said in zip(texts, read(answer), strict=True)]))

    def errors(answer: Array) -> float:
        return written.score("cer", read(answer), texts)

    texts = [text.replace(" ", "") for text in texts]
    names = ("fp32", "slim", "int8", "int8-minmax", "int8-percentile", "int8-mixed", "fp16", "int4", "int8-plain")
    return Model("rec", str(path), pictures, quality, candidates=names, errors=errors)


def _det(_: Path) -> Model:
    """Pages of six lines, and how much of what is found as text in float32 is found, and of no more, as a share."""
    strips, _texts = ocr.lines(360, 320)
    pages = strips.reshape(60, 6, 3, ocr.HEIGHT, 320).transpose(0, 2, 1, 3, 4).reshape(60, 3, 6 * ocr.HEIGHT, 320)
    path = ocr.model("det")
    session = runtime.session(path)
    truth = np.concatenate([session.run(None, {"x": pages[n : n + 1]})[0] for n in range(len(pages))]) > _FOUND

    def quality(answer: Array) -> float:
        marked = answer.reshape(truth.shape) > _FOUND
        return float((marked & truth).sum() / (marked | truth).sum())

    names = ("fp32", "slim", "int8-minmax", "int8-percentile", "int8-mixed", "fp16", "int8-plain")
    return Model("det", str(path), np.ascontiguousarray(pages), quality, candidates=names)


def _minilm(_: Path) -> Model:
    """Needs PyTorch: .venv-torch/bin/python -m benchmarks optimize, with MODELS=minilm."""
    from examples.minilm.data import evaluation

    inputs, pairs = evaluation()

    def quality(answer: Array) -> float:
        near = answer @ answer.T
        np.fill_diagonal(near, -np.inf)
        return float((pairs[near.argmax(1)] == pairs).mean())

    recipe = Recipe.load(REPOSITORY / "Pulumi.minilm.yaml")
    names = ("fp32", "transformer", "int8", "transformer-int8", "int8-minmax", "fp16", "int4", "int8-plain")
    axes = {name: [str(axis) for axis in found] for name, found in (recipe.axes or {}).items()}
    return Model("minilm", recipe.source, dict(inputs), quality, "embedding", names, axes)


_MODELS: dict[str, Callable[[Path], Model]] = {
    "digits": _digits,
    "magika": _magika,
    "wide": _wide,
    "encoder": _encoder,
    "cls": _cls,
    "rec": _rec,
    "det": _det,
    "minilm": _minilm,
}


_PLAN = """
import json, sys, time
began = time.perf_counter()
from pathlib import Path
from model_build import plan
olds = json.loads(sys.argv[1])
first = time.perf_counter()
news, wrong = plan.check(olds, {"recipe": olds["recipe"]}, Path(sys.argv[2]))
assert not wrong, wrong
print(json.dumps([time.perf_counter() - began, time.perf_counter() - first]))
"""


def _unchanged(folder: Path) -> None:
    """What a recipe that did not change costs in a plan, with a model of a gigabyte: its digest is remembered."""
    weights = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[GIGABYTE // 4])
    weights.raw_data = bytes(GIGABYTE)
    graph = onnx.GraphProto(name="g", initializer=[weights])
    model = onnx.ModelProto(ir_version=10, graph=graph)
    model.opset_import.add(domain="", version=21)
    (folder / "large.onnx").write_bytes(graphs.serialise(model))
    np.savez(folder / "d.npz", X=np.zeros((1, 1)), y=np.zeros(1))
    time.sleep(2.5)  # a file that is younger may change again within a tick of the clock, and is read each time
    recipe = Recipe.parse({"name": "large", "source": "large.onnx", "evaluate": {"data": "d.npz"}}).canonical()
    command = [sys.executable, "-c", _PLAN, json.dumps({"recipe": recipe}), str(folder)]
    taken = [
        json.loads(subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout)
        for _ in range(ROUNDS + 1)
    ]
    print(f"a plan with a model of {GIGABYTE / 1e9:.2f} GB, read for the first time: {taken[0][1]:.2f} s")
    for number, what in ((1, "nothing changed"), (0, "nothing changed, and the import of what plans")):
        times = sorted(t[number] for t in taken[1:])
        print(f"  {what}: {times[len(times) // 2]:.3f} s ({times[0]:.3f} to {times[-1]:.3f}), asked: at most 0.2")


if __name__ == "__main__":
    main()
