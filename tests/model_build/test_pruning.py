"""Graphs with less in them: the smallest weights as zeros, and channels taken out with all that depends on them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from model_build import graphs, runtime
from model_build.candidates import NotMade, Task, pruning
from model_build.errors import RecipeError
from model_build.recipe import Recipe
from model_build.recipe_optimize import Calibration
from tests.model_build import networks
from tests.tools import ocr

Array = networks.Array


def made(folder: Path, model: bytes, how: Any, share: float) -> tuple[onnx.ModelProto, str]:
    (folder / "source.onnx").write_bytes(model)
    task = Task(folder / "source.onnx", folder, Calibration(), None, None, lambda _: None, share=share)
    told = how(task)
    assert {each.name for each in folder.iterdir()} == {"source.onnx", "model.onnx"}
    return graphs.load(task.target), told


def answers(model: onnx.ModelProto | bytes, rows: Array) -> Array:
    data = model if isinstance(model, bytes) else graphs.serialise(model)
    found: Array = runtime.session(data).run(None, {"x": rows})[0]
    return found


def changed(model: bytes, change: Any) -> bytes:
    """With each matrix and kernel as `change` returns it."""
    copy = onnx.load_model_from_string(model)
    for tensor in copy.graph.initializer:
        if len(tensor.dims) > 1:
            tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor).copy()), tensor.name))
    return bytes(copy.SerializeToString())


def without_smallest(values: Array) -> Array:
    flat = values.reshape(-1)
    flat[np.argsort(np.abs(flat), kind="stable")[: int(0.8 * flat.size)]] = 0
    return values


def test_the_smallest_weights_are_zero_and_are_not_in_the_file(tmp_path: Path) -> None:
    source, rows = networks.convolutional(), networks.pictures(5)
    model, told = made(tmp_path, source, pruning.pruned, 0.8)
    assert np.abs(answers(model, rows) - answers(changed(source, without_smallest), rows)).max() < 1e-5
    assert told == "1,617 of 2,024 weights are zero and are left out of the file"
    assert (tmp_path / "model.onnx").stat().st_size < 0.5 * len(source)


def test_zeros_that_would_not_make_the_file_smaller_stay_in_it(tmp_path: Path) -> None:
    model, told = made(tmp_path, networks.convolutional(), pruning.pruned, 0.2)
    assert told.endswith("weights are zero and stay in the file, which they would not make smaller")
    assert not model.graph.sparse_initializer


GRAPH = """<ir_version: 10, opset_import: ["" : 21]>
g (float[batch, 3, 8, 8] x) => (float[batch, 4] scores)
<int64[2] flat = SHAPE>
{
  a = Conv <pads=[1, 1, 1, 1]> (x, w1)
  b = Relu(a)
  c = Conv <pads=[1, 1, 1, 1], group=8> (b, w2)
  d = Conv <pads=[1, 1, 1, 1]> (x, w3)
  e = Add(c, d)
  f = Relu(e)
  g1 = GlobalAveragePool(f)
  g2 = Conv(g1, w4)
  g3 = Relu(g2)
  g4 = Conv(g3, w5)
  g5 = HardSigmoid(g4)
  h = Mul(f, g5)
  i = MaxPool <kernel_shape=[2, 2], strides=[2, 2]> (h)
  j = Reshape(i, flat)
  k = Gemm <transB=1> (j, w6)
  l = Relu(k)
  scores = MatMul(l, w7)
}"""
"""Two branches that are added, of which one is depthwise, channels that weigh channels, and two matrix products."""


def branched(shape: str, dead: dict[str, tuple[int, ...]] | None = None) -> bytes:
    """dead: by weight, the channels that it makes as zeros."""
    model = onnx.parser.parse_model(GRAPH.replace("SHAPE", shape))
    random = np.random.default_rng(1)
    sizes = {"w1": (8, 3, 3, 3), "w2": (8, 1, 3, 3), "w3": (8, 3, 3, 3), "w4": (4, 8, 1, 1), "w5": (8, 4, 1, 1)}
    for name, size in {**sizes, "w6": (6, 128), "w7": (6, 4)}.items():
        values = random.normal(size=size).astype(np.float32)
        values[list((dead or {}).get(name, ()))] = 0
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("shape", ["{-1, 128}", "{0, -1}"])
def test_channels_that_are_nothing_are_taken_out_without_loss_through_branches_and_gates(
    tmp_path: Path, shape: str
) -> None:
    half = (0, 3, 4, 7)
    dead = {"w1": half, "w2": half, "w3": half, "w4": (1, 2), "w5": half, "w6": (0, 2, 5)}
    source, rows = branched(shape, dead), networks.pictures(3, size=8)
    model, told = made(tmp_path, source, pruning.pruned_channels, 0.5)
    assert np.abs(answers(model, rows) - answers(source, rows)).max() < 1e-4
    sizes = sorted(sorted(tensor.dims) for tensor in model.graph.initializer if len(tensor.dims) > 1)
    wanted = [[4, 3, 3, 3], [4, 1, 3, 3], [4, 3, 3, 3], [2, 4, 1, 1], [4, 2, 1, 1], [3, 64], [3, 4]]
    assert sizes == sorted(sorted(size) for size in wanted)
    assert told.startswith("5 of 7 layers have 50% fewer channels")


def test_the_weakest_channels_go(tmp_path: Path) -> None:
    def weaker(values: Array) -> Array:
        if values.ndim == 4:
            values[1::2] *= 0.01
        return values

    source, rows = changed(networks.convolutional(), weaker), networks.pictures(5)
    model, _ = made(tmp_path, source, pruning.pruned_channels, 0.5)
    # Every other channel counts next to nothing, in each layer: another choice would lose most of the answers.
    wanted = answers(source, rows)
    assert np.abs(answers(model, rows) - wanted).max() < 0.1 * np.abs(wanted).max()


def test_what_answers_is_not_cut(tmp_path: Path) -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 21]>
        g (float[batch, 8] x) => (float[batch, 8] scores, float[batch, 8] inside) { inside = MatMul(x, w1)
        a = Relu(inside)
        b = MatMul(a, w2)
        c = Softmax(b)
        scores = MatMul(c, w3) }"""
    )
    for name in ("w1", "w2", "w3"):
        values = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    with pytest.raises(NotMade, match="no layer has channels that could be taken out"):
        made(tmp_path, bytes(model.SerializeToString()), pruning.pruned_channels, 0.5)


def test_a_network_that_people_use_is_narrower_and_still_runs(tmp_path: Path) -> None:
    source = ocr.model("cls").read_bytes()
    model, told = made(tmp_path, source, pruning.pruned_channels, 0.3)
    shares = answers(model, ocr.turned(4)[0])
    assert shares.shape == (4, 2) and np.allclose(shares.sum(1), 1, atol=1e-3)
    assert told == "41 of 54 layers have 30% fewer channels; 68,864 of 133,700 weights are left"
    assert (tmp_path / "model.onnx").stat().st_size < 0.6 * len(source)


@pytest.mark.parametrize(
    ("optimize", "message"),
    [
        ({"candidates": ["pruned"]}, "prune.sparsity is missing, expected it beside candidate pruned"),
        ({"candidates": ["pruned"], "prune": {"channels": 0.5}}, "prune.sparsity is missing"),
        ({"prune": {"sparsity": 0.5}}, "prune.sparsity is given, but pruned is no candidate"),
        ({"candidates": ["pruned"], "prune": {}}, "sparsity is missing, expected it for pruned"),
        ({"candidates": ["pruned"], "prune": {"sparsity": 1.0}}, "sparsity is 1.0, expected a number above 0"),
        (
            {"candidates": ["pruned"], "prune": {"sparsity": 0.5, "rounds": 2}},
            "rounds is 2, but fine_tune names nobody",
        ),
        ({"candidates": ["distilled"]}, "distill is missing"),
        ({"candidates": ["distilled"], "distill": {"student": "m:s"}}, "distill.data is missing"),
        (
            {"candidates": ["distilled"], "distill": {"student": "m:s", "data": "d.npz"}},
            "optimize.distill.data is 'd.npz', which is evaluate.data, expected rows that the gate does not measure on",
        ),
    ],
)
def test_a_recipe_says_what_is_left_out_and_who_learns(optimize: dict[str, Any], message: str) -> None:
    recipe = {"name": "n", "source": "m.onnx", "evaluate": {"data": "d.npz"}, "optimize": optimize}
    with pytest.raises(RecipeError) as raised:
        Recipe.parse(recipe)
    assert message in str(raised.value)
