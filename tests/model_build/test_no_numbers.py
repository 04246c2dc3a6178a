"""A model that answers with what is no number: NaN is below no bound and above none, and still misses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from model_build import metrics
from model_build.gate import Measured, missed
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.recipe_evaluate import Evaluate
from model_build.slicing import Slice
from model_build.work import Work

NAN: Any = float("nan")


@pytest.mark.parametrize(
    ("asked", "bound"),
    [({"min": 0.9}, "min"), ({"metric": "mae", "max": 1}, "max"), ({"max_drop": 0.1}, "max_drop"),
     ({"max_latency_ms": 1}, "max_latency_ms")],
)  # fmt: skip
def test_a_measure_that_is_no_number_misses_every_bound(asked: dict[str, Any], bound: str) -> None:
    found = missed(Evaluate.model_validate({"data": "a:b", **asked}), Measured("fp32", 10, NAN, NAN, NAN, NAN))
    assert [line.partition(":")[0] for line in found] == [bound]


@pytest.mark.parametrize("place", [0, 1])
def test_a_group_whose_measure_is_no_number_is_the_worst(place: int) -> None:
    groups = [Slice("region", "north", 20, 1.0, 1.0), Slice("region", "east", 20, 1.0, 1.0)]
    groups[place] = Slice("region", "south", 20, NAN, 1.0)
    for asked in ({"min_slice": 0.9}, {"metric": "mae", "max_slice": 2}, {"max_drop_slice": 0.1}):
        bounds = Evaluate.model_validate({"data": "a:b", "slices": ["region"], **asked})
        (line,) = missed(bounds, Measured("fp32", 10, 1.0, 0.0, 1, 1, groups))
        assert "of region south" in line


def test_a_loss_that_nobody_knows_misses_its_bound() -> None:
    found = missed(Evaluate(data="a:b", min=0.5, max_drop=0.1), Measured("fp32", 10, 0.9, None, 1, 1))
    assert [line.partition(":")[0] for line in found] == ["max_drop"]


@pytest.mark.parametrize(
    ("answer", "want", "bad"),
    [
        ([1.0, NAN], metrics.Expected(np.zeros(2), None), True),
        ([1.0, np.inf], metrics.Expected(np.zeros(2), None), True),
        ([[0.1, NAN], [0.2, 0.8]], metrics.Expected(np.zeros(2, np.int64), [0, 1]), True),
        # A score of minus infinity is one: a class that cannot be.
        ([[0.1, -np.inf], [0.2, 0.8]], metrics.Expected(np.zeros(2, np.int64), [0, 1]), False),
    ],
)
def test_answers_that_are_no_numbers_are_refused(answer: Any, want: metrics.Expected, bad: bool) -> None:
    values = np.asarray(answer, np.float32)
    if not bad:
        assert metrics.decide(values, want, "y").tolist() == [0, 1]
        assert metrics.distance(values, values) is None
        return
    with pytest.raises(metrics.NoNumbers, match=r"'y' answers evaluate.data with NaN or infinity in 1 of "):
        metrics.decide(values, want, "y")


def test_a_model_that_answers_with_nan_is_refused_in_one_line(
    own_cache: Path, tmp_path: Path, recipe: Callable[..., Recipe]
) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Log", ["x"], ["y"])], "log", values[:1], values[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    cast("Any", onnx).save(made, str(tmp_path / "log.onnx"))
    np.savez(tmp_path / "rows.npz", X=np.linspace(-1, 10, 30, dtype=np.float32)[:, None], y=np.zeros(30))
    asked = recipe(source="log.onnx", evaluate={"data": "rows.npz", "metric": "rmse", "max": 100, "max_drop": 0.1})
    with pytest.raises(metrics.NoNumbers, match=r"'y' answers evaluate.data with NaN or infinity in 3 of 30 places"):
        candidate(Work.on(asked, tmp_path))
