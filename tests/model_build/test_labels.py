"""Names of classes for a model that brings none."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from model_build.errors import DataError
from model_build.identity import identify
from model_build.pipeline import build
from model_build.recipe import Recipe
from model_build.report import Confusion, Report


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A model that doubles its three inputs, so the largest input is the answer, with nine rows of known answers."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "largest",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 3])],
        [numpy_helper.from_array(np.eye(3, dtype=np.float32) * 2, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, tmp_path / "model.onnx")
    rows = np.tile(np.eye(3, dtype=np.float32), (3, 1))
    np.savez(tmp_path / "data.npz", x=rows, y=np.array(["ant", "bee", "cat"] * 3))
    (tmp_path / "names.txt").write_text("ant\nbee\ncat\n", encoding="utf-8")
    return tmp_path


def recipe(labels: Any) -> Recipe:
    evaluate = {"data": "data.npz", "labels": labels, "min": 0.5}
    value = {"name": "largest", "source": "model.onnx", "evaluate": evaluate, "optimize": {"candidates": ["fp32"]}}
    return Recipe.model_validate(value)


@pytest.mark.parametrize("labels", ["names.txt", ["ant", "bee", "cat"]])
def test_data_may_name_its_labels_and_the_report_shows_them(project: Path, labels: Any) -> None:
    built = build(recipe(labels), project=project, layout=project / "layout")
    report = Report.load(Path(built.report_json))
    assert report.quality == Confusion(labels=["ant", "bee", "cat"], matrix=[[3, 0, 0], [0, 3, 0], [0, 0, 3]])
    assert report.choice is not None and report.choice.metric == 1


def test_another_name_is_another_build(project: Path) -> None:
    before = identify(recipe("names.txt"), project).digest
    (project / "names.txt").write_text("ant\nbee\ncow\n", encoding="utf-8")
    assert identify(recipe("names.txt"), project).digest != before


def test_a_moved_file_of_names_is_the_same_build(project: Path) -> None:
    before = identify(recipe("names.txt"), project).digest
    (project / "names.txt").rename(project / "labels.txt")
    assert identify(recipe("labels.txt"), project).digest == before


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["ant", "bee"], "answers with 3 scores a row, but its labels are 2 names"),
        ("data.npz", "evaluate.labels is 'data.npz', expected a text file with one label a line"),
        ("gone.txt", "evaluate.labels is 'gone.txt', but there is no such file"),
        (["ant", "bee", "cow"], r"labels are out of range \(cat"),
    ],
)
def test_names_that_do_not_fit_are_told(project: Path, labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        build(recipe(labels), project=project, layout=project / "layout")
    assert not (project / "layout" / "index.json").exists()
