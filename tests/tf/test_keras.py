"""Models of Keras become ONNX that takes any number of rows and answers as Keras does, however they came."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model_build import graphs
from tests.tf import networks
from tests.tf.converting import ROWS, Converted, apart, convert, saved

Folder = pytest.TempPathFactory
REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def convolutions(tmp_path_factory: Folder) -> tuple[Any, Converted]:
    model = networks.convolutions()
    return model, convert(saved(model, tmp_path_factory.mktemp("convolutions")))


@pytest.fixture(scope="module")
def halves(tmp_path_factory: Folder) -> tuple[Any, Converted]:
    model = networks.halves()
    return model, convert(saved(model, tmp_path_factory.mktemp("halves")))


@pytest.fixture(scope="module")
def words(tmp_path_factory: Folder) -> tuple[Any, Converted]:
    model = networks.words()
    path = tmp_path_factory.mktemp("words") / "m.keras"
    model.save(path)
    return model, convert(path)


@pytest.mark.parametrize("rows", ROWS)
def test_convolutions_answer_as_keras_does(convolutions: tuple[Any, Converted], rows: int) -> None:
    model, made = convolutions
    pixels = networks.images()[0][-rows:]
    assert apart(made.answers({"input": pixels})["output"], model(pixels, training=False)) < 1e-5


def test_what_parity_is_measured_against_is_the_models_own_answer(convolutions: tuple[Any, Converted]) -> None:
    model, made = convolutions
    pixels = networks.images()[0][:300]
    assert apart(made.own({"input": pixels}, "output"), model(pixels, training=False)) < 1e-6
    assert made.own({"input": pixels}, "nothing") is None


def test_the_digits_were_learnt(convolutions: tuple[Any, Converted]) -> None:
    """Else all that is the same might be nothing."""
    pixels, digits = networks.images()
    assert (convolutions[1].answers({"input": pixels[1000:]})["output"].argmax(1) == digits[1000:]).mean() > 0.7


def test_it_is_of_our_opset_and_has_no_name_of_a_tool(convolutions: tuple[Any, Converted]) -> None:
    made = convolutions[1]
    assert made.note == {"framework": f"Keras {keras.__version__}", "classes": None}
    assert [(each.domain, each.version) for each in made.model.opset_import] == [("", graphs.OPSET)]
    assert (made.model.ir_version, made.model.producer_name) == (graphs.IR_VERSION, "modelport")
    assert made.axes() == {"input": ["batch", 8, 8, 1], "output": ["batch", 10]}


def test_batch_statistics_become_weights_of_the_convolution(convolutions: tuple[Any, Converted]) -> None:
    kinds = {node.op_type for node in convolutions[1].model.graph.node}
    assert "Conv" in kinds and not kinds & {"BatchNormalization", "Sqrt", "Dropout"}


@pytest.mark.parametrize("rows", ROWS)
def test_two_inputs_and_two_outputs_by_name(halves: tuple[Any, Converted], rows: int) -> None:
    model, made = halves
    measures = networks.flowers()[0][:rows]
    inputs = {"sepal": measures[:, :2], "petal": measures[:, 2:]}
    want = model([inputs["sepal"], inputs["petal"]], training=False)
    got = made.answers(inputs)
    assert list(got) == ["kind", "output_1"]
    assert max(apart(got["kind"], want[0]), apart(got["output_1"], want[1])) < 1e-5
    if rows == 7:
        assert apart(made.own(inputs, "output_1"), want[1]) < 1e-5


@pytest.mark.parametrize("rows", ROWS)
def test_recurrence_attention_and_masks_answer_as_keras_does(words: tuple[Any, Converted], rows: int) -> None:
    model, made = words
    texts = networks.tokens(rows)
    assert made.axes() == {"ids": ["batch", "ids_1"], "output": ["batch", 2]}
    for length in (4, 9):
        got = made.answers({"ids": texts[:, :length]})["output"]
        assert apart(got, model(texts[:, :length], training=False)) < 1e-5
    if rows == 7:
        assert apart(made.own({"ids": texts}, "output"), model(texts, training=False)) < 1e-6


@pytest.mark.parametrize("ending", [".keras", ".h5", ".hdf5"])
def test_a_file_becomes_what_its_model_becomes(
    convolutions: tuple[Any, Converted], tmp_path: Path, ending: str
) -> None:
    model, made = convolutions
    model.save(tmp_path / f"m{ending}")
    again = convert(tmp_path / f"m{ending}")
    pixels = networks.images()[0][:7]
    got = again.answers({"input": pixels})["output"]
    assert apart(got, made.answers({"input": pixels})["output"]) < 1e-6
    assert apart(again.own({"input": pixels}, "output"), model(pixels, training=False)) < 1e-6


def test_a_subclassed_model_needs_none_of_its_classes(tmp_path: Path) -> None:
    model = networks.subclassed()
    made = convert(saved(model, tmp_path))
    measures = networks.flowers()[0]
    got, want = made.answers({"input": measures}), model(measures, training=False)
    assert made.axes() == {"input": ["batch", 4], "largest": ["batch"], "probabilities": ["batch", 3]}
    assert apart(got["probabilities"], want["probabilities"]) < 1e-5
    assert apart(got["largest"], want["largest"]) < 1e-5


def test_a_batch_that_is_fixed_stays_so_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    layers = [keras.Input(batch_shape=(4, 3), name="x"), keras.layers.Dense(2)]
    made = convert(saved(keras.Sequential(layers), tmp_path))
    assert made.axes() == {"x": [4, 3], "output": [4, 2]}
    assert capsys.readouterr().out == "source 'm' takes 4 rows and no other number, as it was saved\n"
    rows = np.random.default_rng(0).random((8, 3), np.float32)
    assert made.own({"x": rows}, "output").shape == (8, 2)


ELSEWHERE = """
import sys
sys.path.append(sys.argv[2])  # Keras of this environment, after all that the other one has
from pathlib import Path
import keras, numpy as np
from model_build.converters import keras as converter
assert keras.backend.backend() == "torch"
keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, "gelu"), keras.layers.Dense(3, "softmax")])
folder = Path(sys.argv[1])
print(converter.save(model, folder))
np.save(folder / "answers.npy", model.predict(np.load(folder / "rows.npy"), verbose=0))
"""
OTHER = REPOSITORY / ".venv-torch" / "bin" / "python"


@pytest.mark.skipif(not OTHER.exists(), reason="no .venv-torch is here to make a model under torch; make test-torch")
def test_a_model_that_was_made_under_torch_is_loaded_under_tensorflow(tmp_path: Path) -> None:
    rows = networks.flowers()[0]
    np.save(tmp_path / "rows.npy", rows)
    environment = {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": str(REPOSITORY)}
    command = [str(OTHER), "-c", ELSEWHERE, str(tmp_path), str(Path(keras.__file__).parent.parent)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "model.keras\n"), ran.stderr[-2000:]
    got = convert(tmp_path / "model.keras").answers({"input": rows})["output"]
    assert apart(got, np.load(tmp_path / "answers.npy")) < 1e-5


WORKER = """
import json, sys
from pathlib import Path
from model_build.converters import keras as converter
converter.convert(Path(sys.argv[1]), Path(sys.argv[2]), {"label": "m", "input": "input"})
"""


def test_two_processes_write_the_same_bytes(words: tuple[Any, Converted], tmp_path: Path) -> None:
    """With recurrence and attention in it, where tf2onnx does most."""
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(REPOSITORY)}
    started = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(words[1].source), str(tmp_path / name)], env=environment)
        for name in ("a.onnx", "b.onnx")
    ]
    assert [each.wait() for each in started] == [0, 0]
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


@pytest.mark.parametrize(
    "made", [lambda: 3, lambda: "m.keras", lambda: keras.Model, lambda: keras.layers.Dense(2), lambda: ("m", "n", "o")]
)
def test_what_is_no_model_is_not_taken(made: Callable[[], object]) -> None:
    from model_build.converters import keras as converter
    from model_build.converters import savedmodel

    assert not converter.takes(made()) and not savedmodel.takes(made())
