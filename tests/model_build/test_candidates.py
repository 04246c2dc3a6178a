"""The plan of the search: what each candidate is made of, and that it answers as the model does."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from model_build import runtime
from model_build.batch import opened
from model_build.candidates import PLAN, weights
from model_build.convert import Converted, convert
from model_build.errors import DataError, RecipeError, SourceError
from model_build.optimize import Candidate, optimize, search
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.work import Work
from tests.model_build import networks
from tests.model_build.conftest import REPOSITORY

Array = networks.Array


@dataclass
class Tried:
    """A network and all of its candidates."""

    rows: Array
    answers: Array
    found: dict[str, Candidate]

    def model(self, name: str) -> onnx.ModelProto:
        made = self.found[name]
        assert made.model is not None, made.why
        return onnx.load(str(made.model))

    def loss(self, name: str) -> float:
        """How far answers are from those of the source, as a share of their size."""
        path = self.found[name].model
        assert path is not None, self.found[name].why
        got = runtime.session(path).run(None, {"x": self.rows})[0]
        return float(np.linalg.norm(got - self.answers) / np.linalg.norm(self.answers))


def project(home: Path, model: bytes, rows: Array, **optimize: Any) -> Work:
    """A recipe whose data is answered by the model itself."""
    (home / "m.onnx").write_bytes(model)
    answers = np.concatenate([runtime.session(model).run(None, {"x": rows[n : n + 1]})[0] for n in range(len(rows))])
    np.savez(home / "d.npz", X=rows, y=answers.argmax(1))
    recipe = {"name": "n", "source": "m.onnx", "evaluate": {"data": "d.npz"}, "optimize": optimize}
    return Work.on(Recipe.parse(recipe), home)


def tried(home: Path, model: bytes, rows: Array, **optimize_: Any) -> Tried:
    work = project(home, model, rows, **optimize_)
    found = {c.name: c for c in optimize(work, convert(work))}
    return Tried(rows, runtime.session(model).run(None, {"x": rows})[0], found)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELPORT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


def of_pictures(home: Path) -> Tried:
    """Of opset 11, which has no scale for each channel."""
    model = networks.convolutional(opset=11, outlier=30)
    names = [
        "slim",
        "int8-minmax",
        "int8-entropy",
        "int8-percentile",
        "int8-mixed",
        "fp16",
        "int8-plain",
        "transformer",
        "pruned",
        "pruned-channels",
    ]
    asked = {"candidates": names, "calibration": {"rows": 24, "loss": 0.03}}
    asked["prune"] = {"sparsity": 0.8, "channels": 0.5}
    return tried(home, model, networks.pictures(40), **asked)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, cache: None) -> Tried:
    return of_pictures(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory, cache: None) -> Tried:
    rows = np.random.default_rng(0).normal(size=(12, 16, 128)).astype(np.float32)
    names = ["fp32", "transformer", "transformer-int8", "int4"]
    return tried(tmp_path_factory.mktemp("texts"), networks.encoder(width=128), rows, candidates=names)


def test_all_stands_for_every_candidate() -> None:
    recipe = {"name": "n", "source": "m.onnx", "evaluate": {"data": "d.npz"}, "optimize": {"candidates": ["all"]}}
    made_as_told = {"pruned", "pruned-channels", "distilled"}
    assert Recipe.parse(recipe).optimize.plan == [name for name in PLAN if name not in made_as_told]
    told = {"prune": {"sparsity": 0.5, "channels": 0.5}, "distill": {"student": "m:s", "data": "t.npz"}}
    recipe["optimize"] = {"candidates": ["all"], **told}
    assert Recipe.parse(recipe).optimize.plan == list(PLAN)
    recipe["optimize"] = {"candidates": ["all", "fp32"]}
    with pytest.raises(RecipeError, match="expected nothing beside all"):
        Recipe.parse(recipe)


def test_blocks_of_a_transformer_become_one_operator_each_without_torch(texts: Tried) -> None:
    kinds = [node.op_type for node in texts.model("transformer").graph.node]
    assert (kinds.count("Attention"), kinds.count("Softmax")) == (1, 0)
    assert texts.loss("transformer") < 1e-5
    assert "torch" not in sys.modules


def test_attention_is_quantised_whole(texts: Tried) -> None:
    kinds = {node.op_type for node in texts.model("transformer-int8").graph.node}
    assert "QAttention" in kinds
    assert texts.loss("transformer-int8") < 0.1


def test_what_is_no_transformer_says_so(pictures: Tried) -> None:
    assert pictures.found["transformer"].model is None
    assert pictures.found["transformer"].why == "no block of a transformer was found in it"


def test_slim_answers_as_the_source(pictures: Tried) -> None:
    assert pictures.loss("slim") < 1e-5


@pytest.mark.parametrize("name", ["int8-minmax", "int8-entropy", "int8-percentile"])
def test_static_int8_is_the_same_arithmetic_on_any_processor(pictures: Tried, name: str) -> None:
    model = pictures.model(name)
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    weights = [values for values in known.values() if values.dtype == np.int8 and values.ndim > 1]
    assert len(weights) == 4
    # 255 * 64 * 2 is what two products come to at most in 16 bits.
    assert max(int(np.abs(w.astype(int)).max()) for w in weights) <= 64
    activations = [known[n.input[2]].dtype for n in model.graph.node if n.op_type == "QuantizeLinear"]
    assert set(activations) == {np.dtype(np.uint8)}


def test_static_int8_has_a_scale_for_each_channel(pictures: Tried) -> None:
    known = {tensor.name: tensor for tensor in pictures.model("int8-minmax").graph.initializer}
    scales = [tensor.dims[0] for name, tensor in known.items() if name.endswith("_scale") and len(tensor.dims) == 1]
    assert {8, 16} <= set(scales)
    assert pictures.loss("int8-minmax") < 0.06


def test_operators_that_lose_most_are_left_in_float32(pictures: Tried) -> None:
    kept = pictures.found["int8-mixed"].detail
    assert "of 4 operators in float32: " in kept
    simple = min(pictures.loss(f"int8-{method}") for method in ("minmax", "entropy", "percentile"))
    assert pictures.loss("int8-mixed") < simple
    kinds = {t.name: t.data_type for t in pictures.model("int8-mixed").graph.initializer if len(t.dims) > 1}
    assert set(kinds.values()) == {TensorProto.FLOAT, TensorProto.INT8}


def test_normalisation_that_is_written_out_is_left_in_float32(tmp_path: Path, own_cache: Path) -> None:
    """Squares of rows of which some are a hundred times as large: eight bits see those of the others as nothing."""
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 21]>
        g (float[batch, 16] x) => (float[batch, 5] scores) <int64[1] last = {1}>
        { a = MatMul(x, w1)
          squares = Mul(a, a)
          mean = ReduceMean(squares, last)
          root = Sqrt(mean)
          one = Reciprocal(root)
          b = Mul(a, one)
          scores = MatMul(b, w2) }"""
    )
    random = np.random.default_rng(0)
    for name, size in {"w1": (16, 16), "w2": (16, 5)}.items():
        values = random.normal(size=size).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    rows = (random.normal(size=(32, 16)) * 10.0 ** random.uniform(-1, 1, (32, 1))).astype(np.float32)
    asked = {"candidates": ["int8-minmax", "int8-mixed"], "calibration": {"rows": 32, "loss": 0.2}}
    found = tried(tmp_path, bytes(model.SerializeToString()), rows, **asked)
    assert "none in float32 but the 2 that lie between them" in found.found["int8-mixed"].detail
    assert found.loss("int8-mixed") < 0.15 < 0.2 < found.loss("int8-minmax"), found.loss("int8-minmax")


CHILD = """
import json, sys
from pathlib import Path
from tests.model_build.test_candidates import of_pictures
print(json.dumps({name: each.digest for name, each in of_pictures(Path(sys.argv[1])).found.items()}))
"""


def test_every_candidate_is_the_same_bytes_in_another_process(pictures: Tried, tmp_path: Path) -> None:
    surroundings = {"PYTHONHASHSEED": "42", "TZ": "Asia/Tokyo", "MODELPORT_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    environment = {**os.environ, **surroundings, "PYTHONPATH": str(REPOSITORY)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == {name: each.digest for name, each in pictures.found.items()}


def test_half_the_bits_are_inside_and_not_at_the_door(pictures: Tried) -> None:
    model = pictures.model("fp16")
    assert {t.data_type for t in model.graph.initializer if len(t.dims) > 1} == {TensorProto.FLOAT16}
    assert {v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)} == {TensorProto.FLOAT}
    assert pictures.loss("fp16") < 0.01


def test_four_bits_are_what_the_runtime_reads_them_as(texts: Tried) -> None:
    values = np.random.default_rng(1).normal(size=(64, 3)).astype(np.float32)
    packed, scales = weights.blocks(values)
    numbers = np.stack([packed & 15, packed >> 4], axis=-1).reshape(3, 2, 32).astype(np.float32)
    back = ((numbers - 8) * scales.reshape(3, 2, 1)).reshape(3, 64).T
    assert np.abs(back - values).max() <= np.abs(scales).max()
    kinds = [node.op_type for node in texts.model("int4").graph.node]
    assert (kinds.count("MatMulNBits"), kinds.count("MatMul")) == (6, 3)
    assert texts.loss("int4") < 0.2


def test_a_tool_that_is_not_there_is_a_reason(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxslim", None)
    found = tried(tmp_path, networks.convolutional(), networks.pictures(3), candidates=["slim"]).found
    assert found["slim"].why == "onnxslim is not installed (onnxslim); pip install 'modelport[optimize]'"


def test_what_is_compared_with_is_never_taken(tmp_path: Path, own_cache: Path) -> None:
    asked = {"candidates": ["int8-plain", "slim"]}
    _, verified = candidate(project(tmp_path, networks.encoder(), _lines(12), **asked))
    plain, slim = verified.results
    assert verified.chosen == "slim"
    assert plain.measured is not None and slim.measured is not None
    assert plain.measured.file_bytes < slim.measured.file_bytes
    assert plain.why.startswith("not to be taken, only measured to compare with")


def test_time_that_is_spent_ends_the_search_and_nothing_is_measured_twice(tmp_path: Path, own_cache: Path) -> None:
    lines: list[str] = []

    def once(**asked: Any) -> dict[str, str]:
        lines.clear()
        work = project(tmp_path, networks.encoder(), _lines(12), candidates=["fp32", "slim", "int8"], **asked)
        work.progress = lambda step, text: lines.append(f"{step}: {text}")
        return {r.name: r.why for r in candidate(work)[1].results}

    found = once(max_seconds=1e-6)
    assert found["slim"] == "not tried: the 1e-06 s of optimize.max_seconds were spent; raise it to go on from here"
    assert "verify: fp32 on 12 rows" in lines and "optimize: slim" not in lines
    found = once()
    assert not any(why.startswith("not tried") for why in found.values())
    assert "optimize: slim" in lines and "verify: fp32 on 12 rows" not in lines and "optimize: fp32" not in lines
    # What is there already takes no time, whatever is left of it.
    assert once(max_seconds=1e-6) == found
    assert "verify: latency" not in lines


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            {"X": np.zeros((6, 3, 5, 5), np.float32), "y": np.zeros(6)},
            "input 'x' has shape [6, 3, 5, 5], but the model",
        ),
        (
            {"other": np.zeros((6, 3, 12, 12), np.float32), "y": np.zeros(6)},
            "c.npz has inputs other, but the model takes x",
        ),
        ({"X": np.full((6, 3, 12, 12), np.inf, np.float32), "y": np.zeros(6)}, "the input has 2592 infinite values"),
    ],
)
def test_calibration_data_that_does_not_fit_is_one_error_before_anything_is_made(
    tmp_path: Path, own_cache: Path, made: dict[str, Array], message: str
) -> None:
    np.savez(tmp_path / "c.npz", allow_pickle=False, **made)
    asked = {"candidates": ["fp32", "int8-minmax"], "calibration": {"data": "c.npz"}}
    work = project(tmp_path, networks.convolutional(), networks.pictures(4), **asked)
    converted = convert(work)
    with pytest.raises(DataError) as raised:
        next(search(work, converted))
    assert message in str(raised.value) and str(raised.value).startswith("optimize.calibration.data ")
    assert not (own_cache / "steps" / "optimize").exists()


def test_other_calibration_data_is_another_identity_wherever_it_lies(tmp_path: Path, own_cache: Path) -> None:
    def identity(name: str, seed: int) -> str:
        np.savez(tmp_path / name, X=networks.pictures(4, seed=seed), y=np.zeros(4))
        asked = {"candidates": ["int8-minmax"], "calibration": {"data": name}}
        return project(tmp_path, networks.convolutional(), networks.pictures(4), **asked).identity.digest

    assert identity("a.npz", 1) == identity("b.npz", 1) != identity("b.npz", 2)


def _lines(rows: int) -> Array:
    return np.random.default_rng(0).normal(size=(rows, 16, 64)).astype(np.float32)


def reshaped(size: int, shape: list[int]) -> bytes:
    """A model of `size` rows with a Reshape to `shape` and back to [size, 8] in it."""
    model = onnx.parser.parse_model(
        f"""<ir_version: 10, opset_import: ["" : 21]>
        g (float[{size}, 8] x) => (float[{size}, 8] scores)
        <int64[{len(shape)}] there = {{{", ".join(map(str, shape))}}}, int64[2] back = {{{size}, 8}}>
        {{ a = Relu(x)
           b = Reshape(a, there)
           c = Relu(b)
           scores = Reshape(c, back) }}"""
    )
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("shape", [[4, 2, 4], [32], [8, 4]])
def test_a_fixed_number_of_rows_is_opened(tmp_path: Path, own_cache: Path, shape: list[int]) -> None:
    work = _rows_of_four(tmp_path, reshaped(4, shape), open_batch=True)
    made: Converted = opened(work, convert(work))
    session = runtime.session(made.model)
    rows = np.random.default_rng(2).normal(size=(7, 8)).astype(np.float32)
    assert (session.run(None, {"x": rows})[0] == np.maximum(rows, 0)).all()
    assert [value.shape for value in session.get_inputs()] == [["batch", 8]]
    assert work.steps[-1].name == "batch"


def test_a_model_that_mixes_its_rows_is_not_opened(tmp_path: Path, own_cache: Path) -> None:
    model = onnx.parser.parse_model(
        """<ir_version: 10, opset_import: ["" : 21]>
        g (float[4, 8] x) => (float[4, 8] scores) { m = ReduceMean <keepdims=1> (x)
        scores = Sub(x, m) }"""
    )
    work = _rows_of_four(tmp_path, bytes(model.SerializeToString()), open_batch=True)
    with pytest.raises(SourceError, match="its answers are not those of the original"):
        opened(work, convert(work))


def _rows_of_four(home: Path, model: bytes, **optimize: Any) -> Work:
    (home / "m.onnx").write_bytes(model)
    rows = np.random.default_rng(1).normal(size=(8, 8)).astype(np.float32)
    np.savez(home / "d.npz", X=rows, y=rows.argmax(1))
    recipe = {"name": "n", "source": "m.onnx", "evaluate": {"data": "d.npz"}, "optimize": optimize}
    return Work.on(Recipe.parse(recipe), home)
