"""What is written as a SavedModel answers as the ONNX does, from a file of Keras and from a SavedModel; the writer by
itself. `test_pipeline` has it through a whole build."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from model_build import runtime
from model_build.formats import savedmodel
from tests.tf.converting import convert, saved

ROWS = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)


def network() -> Any:
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((4,), name="measures"), keras.layers.Dense(3, "softmax")])


@pytest.mark.parametrize("kind", ["a file of Keras", "a SavedModel"])
def test_tensorflow_answers_as_the_onnx_does(kind: str, tmp_path: Path) -> None:
    if kind == "a file of Keras":
        source = tmp_path / "network.keras"
        network().save(source)
    else:
        source = saved(network(), tmp_path)
    converted = convert(source, folder=tmp_path)
    target = tmp_path / "out"
    target.mkdir()
    settings = {"label": "m", "trust": False, "own": False}
    savedmodel.write(source, target, settings)
    like = runtime.session(converted.onnx)
    (answer,) = savedmodel.opened(target, like, settings).run(["output"], {"measures": ROWS})
    assert float(np.abs(answer - like.run(["output"], {"measures": ROWS})[0]).max()) < 1e-6
    served = tf.saved_model.load(str(target)).signatures["serving_default"]
    assert served(measures=tf.constant(ROWS[:1]))["output"].shape == (1, 3)
