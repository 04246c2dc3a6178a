"""What a recipe asks to be measured beside one number for all rows: texts, and latency by rows a call."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from model_build import measure, reporting
from model_build.errors import DataError, GateMissed, RecipeError
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.report import Report
from model_build.report.render import render
from model_build.work import Work
from tests.model_build import models

Make = Callable[..., Recipe]
Build = Callable[..., Report]
ONE = {"candidates": ["fp32"]}


def scores(batch: str | int = "batch") -> bytes:
    """`x` [batch, 3, 3] to the same."""
    shape = [batch, 3, 3]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["scores"])],
        "scores",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    return bytes(model.SerializeToString())


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Make) -> Build:
    monkeypatch.setattr(measure, "SAMPLES", 3)
    monkeypatch.setattr(measure, "WARM", 1)
    places = np.eye(3, dtype=np.float32)[[[0, 1, 1], [2, 0, 2], [1, 2, 0], [0, 0, 0]]]
    np.savez(tmp_path / "d.npz", X=places, y=np.asarray(["a", "b", "ab", ""]))
    (tmp_path / "m.onnx").write_bytes(scores())

    def make(**asked: Any) -> Report:
        data = {"data": "d.npz", "metric": "cer", "labels": ["a", "b"]} | asked
        work = Work.on(recipe(source="m.onnx", evaluate=data, optimize=ONE), tmp_path)
        return reporting.fill(work, *candidate(work), None)

    return make


def test_a_reader_is_measured_by_what_it_reads(build: Build) -> None:
    made = build(max=0.25)
    assert made.evaluation.baseline == pytest.approx(1 / 4)
    assert made.evaluation.better == "smaller"
    parity = made.candidates[0].parity
    assert parity is not None
    assert (parity.agreement, parity.most) == (1.0, 0.0)
    with pytest.raises(GateMissed, match=r"max: cer is 0\.25, at most 0\.1 was asked"):
        build(max=0.1)


def test_no_text_of_the_data_is_in_the_report(build: Build) -> None:
    made = build()
    assert made.quality is None
    assert made.profile is not None
    assert set(made.profile.outputs) == {"scores:length"}


def test_latency_is_measured_at_the_rows_that_are_asked_for(build: Build) -> None:
    made = build(batch_sizes=[2], max_latency_ms={1: 1e6, 8: 1e6})
    (one,) = made.candidates
    assert [each.rows for each in one.batches] == [2, 8]
    assert all(each.rows_per_second > 0 for each in one.batches)
    assert made.gate.max_latency_ms_by_rows == {8: 1e6}
    assert "Latency p99 of 8 rows, at most" in render(made)
    assert reporting.figures(made)["p99_ms_of_8"] == one.batches[1].p99_ms
    with pytest.raises(GateMissed, match=r"max_latency_ms: p99 in ms of 8 rows is [\d.]+, at most 1e-09 was asked"):
        build(max_latency_ms={8: 1e-9})


def test_a_fixed_number_of_rows_has_no_other_latency(build: Build, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(scores(2))
    assert [each.rows for each in build(batch_sizes=[2]).candidates[0].batches] == [2]
    with pytest.raises(DataError, match="the latency of 8 rows a call, but the model takes 2 at a time, always; leave"):
        build(batch_sizes=[8])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"min_cosine": 0.9}, "evaluate.min_cosine is 0.9, expected none: accuracy is of no embeddings; set parity"),
        ({"batch_sizes": [8, 8]}, r"evaluate.batch_sizes is \[8, 8\], expected each number of rows once"),
        ({"max_latency_ms": 0}, "max_latency_ms is 0, expected a number above 0, or one for each number of rows$"),
        ({"max_latency_ms": {8: -1}}, r"^model.evaluate.max_latency_ms\[8\] is -1, expected a number above 0$"),
        ({"parity": {"int8": -1}}, "evaluate.parity.int8 is -1, expected a number of at least 0"),
        ({"parity": {"fp8": 1}}, "unknown key 'fp8' under model.evaluate.parity, expected one of fp16, fp32, int4"),
        ({"metric": "cer", "min": 0.9}, "cer is better when smaller; write max: 0.9"),
        ({"metric": "chrf", "min": 60}, "expected a share between 0 and 1; write 0.6"),
    ],
)
def test_what_a_recipe_may_not_ask(asked: dict[str, Any], message: str, recipe: Make) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe(evaluate=asked)


def test_a_recipe_that_says_none_of_it_is_as_it_was(recipe: Make) -> None:
    assert recipe().canonical() == '{"evaluate":{"data":"iris:data"},"name":"iris","source":"iris:model"}'
    asked = recipe(evaluate={"max_latency_ms": {8: 20, 1: 5}, "parity": {"int8": 0.1}})
    assert Recipe.parse(asked.canonical()) == asked
    assert '"max_latency_ms":{"1":5.0,"8":20.0},"parity":{"int8":0.1}' in asked.canonical()


def test_models_of_numbers_alone_have_their_sizes_too(build: Build, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(models.linear())
    np.savez(tmp_path / "n.npz", X=np.zeros((3, 4), np.float32), y=np.arange(3))
    made = build(data="n.npz", metric="accuracy", labels=["a", "b", "c"], batch_sizes=[5])
    assert [each.rows for each in made.candidates[0].batches] == [5]  # of three rows, repeated
