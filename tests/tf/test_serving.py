"""A SavedModel in an image for TensorFlow Serving: what was measured is what lies where that server reads it.

No package registry has the server, so the base is a stand-in for where it lies; TensorFlow itself loads what it would.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from model_build import content, sbom
from model_build.bake import extract
from model_build.errors import GateMissed
from model_build.pipeline import Built, build
from model_build.recipe import Recipe
from model_build.report import Report
from tests.tools import bases

DATA = """
import numpy as np
from sklearn.datasets import load_iris

def data():
    measures, kinds = load_iris(return_X_y=True)
    return measures.astype(np.float32), kinds
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A linear classifier as a SavedModel, and data of its own."""
    folder = tmp_path_factory.mktemp("serving")
    (folder / "irises.py").write_text(DATA)
    learnt = LogisticRegression(max_iter=1000).fit(*load_iris(return_X_y=True))
    module = tf.Module()
    module.weights = tf.Variable(learnt.coef_.T.astype(np.float32))
    module.bias = tf.Variable(learnt.intercept_.astype(np.float32))
    spec = tf.TensorSpec([None, 4], tf.float32, name="measures")
    module.function = tf.function(
        lambda measures: {"scores": tf.nn.softmax(tf.matmul(measures, module.weights) + module.bias)},
        input_signature=[spec],
    )
    tf.saved_model.save(module, str(folder / "saved"), signatures={"serving_default": module.function})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELPORT_DATA_DIR", str(folder / "data"))
        yield folder


def recipe(project: Path, **evaluate: Any) -> Recipe:
    held = bases.files(project / "root", {"usr/bin/tensorflow_model_server": "#!/bin/sh\n"})
    labels = {"tensorflow_serving_github_branchtag": "2.19.0"}
    told: dict[str, Any] = {
        "name": "irises",
        "source": "saved",
        "version": "4",
        "evaluate": {"data": "irises:data", "min": 0.9, "max_drop": 0.0, **evaluate},
        "optimize": {"candidates": ["fp32"]},
        "server": "tensorflow-serving",
        "base": bases.base(project / "bases", held, {"Labels": labels}),
    }
    return Recipe.parse(told)


@pytest.fixture(scope="module")
def built(project: Path) -> Built:
    return build(recipe(project), project=project, layout=project / "images")


def test_what_lies_in_the_image_is_the_source_file_by_file_and_answers_as_it_does(project: Path, built: Built) -> None:
    root = extract(project / "images", built.digest, project / "out")
    served = root / "models" / "irises" / "4"
    assert content.of_files(dict(content.walk(served))) == content.of_files(dict(content.walk(project / "saved")))
    rows = tf.constant(load_iris().data[:5].astype(np.float32))
    ask = [tf.saved_model.load(str(place)).signatures["serving_default"] for place in (served, project / "saved")]
    one, other = (each(measures=rows)["scores"].numpy() for each in ask)
    np.testing.assert_array_equal(one, other)


def test_the_report_has_tensorflow_s_own_answers_beside_those_that_were_measured(built: Built) -> None:
    report = Report.load(Path(built.report_json))
    assert report.evaluation.baseline == pytest.approx(built.metrics["accuracy"])
    assert report.unserved.startswith("the server is TensorFlow Serving, ")


def test_the_bill_of_materials_names_the_server_with_its_version(project: Path, built: Built) -> None:
    told = json.loads(sbom.describe(project / "images", built.digest))
    found = {each["name"]: each.get("version") for each in told["components"]}
    assert found == {"tensorflow_model_server": "2.19.0", "irises": "4"}


def test_a_gate_that_is_missed_ends_the_build(project: Path) -> None:
    with pytest.raises(GateMissed, match="min: accuracy is"):
        build(recipe(project, min=0.999), project=project, layout=project / "images")
