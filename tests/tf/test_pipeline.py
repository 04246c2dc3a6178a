"""From a recipe to an image that answers, with the processes, the sandbox and the cache of a build."""

import json
import subprocess
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model_build.bake import extract
from model_build.bake.program import program
from model_build.errors import SourceError
from model_build.identity import identify
from model_build.pipeline import build, candidate
from model_build.recipe import Recipe
from model_build.report import Report
from model_build.work import Work

MODULE = """
import keras
import numpy as np
from sklearn.datasets import load_iris

def data():
    measures, kinds = load_iris(return_X_y=True)
    return measures.astype(np.float32), kinds

def model():
    keras.utils.set_random_seed(0)
    layers = [keras.Input((4,), name="measures"), keras.layers.Dense(16, "relu"), keras.layers.BatchNormalization(),
              keras.layers.Dense(3, "softmax")]
    made = keras.Sequential(layers)
    made.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    made.fit(*data(), epochs=40, batch_size=30, verbose=0)
    return made
"""

ASK = """
import json, sys
from pathlib import Path
from serving.core.manifest import read
from serving.core.model import Model
import numpy as np
model = Model(read(Path(sys.argv[1])), threads=1)
rows = np.array(json.loads(sys.argv[2]), np.float32)
print(json.dumps(model.infer({"measures": rows}, ["output"]).arrays[0].tolist()))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A module that trains a model, and a cache and data of its own."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "flowers.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELPORT_DATA_DIR", str(folder / "data"))
        yield folder


def recipe(**changes: Any) -> Recipe:
    evaluate = {"data": "flowers:data", "min": 0.9, "max_drop": 0.0}
    told = {"name": "flowers", "source": "flowers:model", "evaluate": evaluate, "optimize": {"candidates": ["fp32"]}}
    return Recipe.parse(told | changes)


def test_a_model_of_keras_becomes_an_image_that_answers(project: Path) -> None:
    built = build(recipe(formats=["savedmodel"]), project=project, layout=project / "images")
    report = Report.load(Path(built.report_json))
    (out,) = report.exports
    assert (out.name, out.digest) == ("savedmodel", built.formats["savedmodel"])
    assert out.metric == built.metrics["accuracy"] and out.parity is not None and out.parity.max_abs < 1e-5
    assert report.source.framework == f"Keras {keras.__version__}"
    assert built.metrics["accuracy"] >= 0.95
    (fp32,) = report.candidates
    assert fp32.parity is not None and fp32.parity.max_abs < 1e-5 and fp32.parity.agreement == 1.0
    rows = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
    root = extract(project / "images", built.digest, project / "root")
    (folder,) = (root / "models").iterdir()
    launcher = program(project / "images", built.digest)
    command = [*launcher.argv, "-c", ASK, str(folder), json.dumps(rows)]
    ran = subprocess.run(command, env=launcher.env, capture_output=True, text=True, check=True)
    answers = np.array(json.loads(ran.stdout))
    assert answers.argmax(1).tolist() == [0, 2] and np.allclose(answers.sum(1), 1)
    assert {"tool.keras", "tool.tensorflow", "tool.tf2onnx"} <= set(identify(recipe(), project).parts)


def test_code_that_is_trusted_is_loaded_in_the_sandbox(project: Path) -> None:
    """It looks for a file beside itself, which is not there for it."""
    (project / "secret.txt").write_text("s")

    function = lambda x: x * len(__import__("pathlib").Path("secret.txt").read_text())  # noqa: E731
    layers = [keras.Input((4,)), keras.layers.Lambda(function, output_shape=(4,))]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        keras.Sequential(layers).save(project / "curious.keras")
    asked = recipe(source="curious.keras", trust=True)
    with pytest.raises(SourceError, match=r"^source 'curious.keras' wants what is not its own when it was loaded"):
        candidate(Work.on(asked, project))
