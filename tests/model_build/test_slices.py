"""Groups of rows have bounds of their own, and rankings and scores are measured."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

from model_build import reporting
from model_build.errors import DataError, GateMissed, RecipeError
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.report.render import render
from model_build.verify import Verified
from model_build.work import Work
from tests.model_build import models

Make = Callable[..., Recipe]
ROWS = 120
ONE = {"candidates": ["fp32"]}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of four numbers to three scores, and rows of two regions; in one a third of the labels is wrong."""
    import onnxruntime

    folder = tmp_path_factory.mktemp("project")
    (folder / "m.onnx").write_bytes(models.linear())
    rows = np.random.default_rng(0).normal(size=(ROWS, 4)).astype(np.float32)
    session = onnxruntime.InferenceSession(models.linear(), providers=["CPUExecutionProvider"])
    (scores,) = session.run(None, {"x": rows})
    labels = scores.argmax(1)
    region = np.where(np.arange(ROWS) < 90, "north", "south")
    labels[90::3] = (labels[90::3] + 1) % 3
    np.savez(folder / "d.npz", X=rows, y=labels, region=region, age=np.arange(ROWS) * 1.0)
    np.savez(folder / "scores.npz", scores=scores, labels=labels)
    return folder


@pytest.fixture
def measured(home: Path, recipe: Make) -> Callable[..., Verified]:
    def build(**asked: Any) -> Verified:
        made = recipe(source="m.onnx", evaluate={"data": "d.npz", **asked}, optimize=ONE)
        return candidate(Work.on(made, home))[1]

    return build


def test_each_group_is_measured_by_itself(measured: Callable[..., Verified]) -> None:
    (result,) = measured(slices=["region", "age"]).results
    assert result.measured is not None
    found = {str(each): (each.rows, each.metric, each.baseline) for each in result.measured.slices}
    assert found["region north"] == (90, 1.0, 1.0)
    assert found["region south"] == (30, pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert [name for name in found if name.startswith("age")] == [
        "age 0 to 29.75",
        "age 29.75 to 59.5",
        "age 59.5 to 89.25",
        "age 89.25 to 119",
    ]


def test_the_worst_group_has_a_bound(measured: Callable[..., Verified]) -> None:
    assert measured(slices=["region"], min_slice=0.6, max_drop_slice=0.0, min=0.9).chosen == "fp32"
    missed = r"min_slice: accuracy of region south is 0\.666667, at least 0\.9 was asked, 0\.233 short"
    with pytest.raises(GateMissed, match=missed):
        measured(slices=["region"], min_slice=0.9, min=0.9)
    with pytest.raises(GateMissed, match="no group of region has 100 rows, at least one was asked"):
        measured(slices=["region"], min_slice=0.5, slice_rows=100)


def test_scores_are_measured_as_by_scikit_learn(home: Path, measured: Callable[..., Verified]) -> None:
    stored = np.load(home / "scores.npz")
    wanted = {
        "roc_auc": reference.roc_auc_score(stored["labels"], stored["scores"], multi_class="ovr"),
        "average_precision": reference.average_precision_score(np.eye(3)[stored["labels"]], stored["scores"]),
        "log_loss": reference.log_loss(stored["labels"], stored["scores"]),
    }
    for metric, value in wanted.items():
        assert measured(metric=metric, slices=["region"]).baseline == pytest.approx(value, rel=1e-6)


def test_a_ranker_is_measured_by_groups(own_cache: Path, tmp_path: Path, recipe: Make) -> None:
    import lightgbm

    random = np.random.default_rng(0)
    rows, query = random.normal(size=(ROWS, 4)).astype(np.float32), np.repeat(np.arange(12), 10)
    relevance = np.digitize(rows[:, 0] + random.normal(size=ROWS) / 3, [-0.5, 0.5, 1.5])
    made = lightgbm.LGBMRanker(n_estimators=5, num_leaves=4, n_jobs=1, verbose=-1)
    made.fit(rows, relevance, group=[10] * 12).booster_.save_model(tmp_path / "m.txt")
    np.savez(tmp_path / "d.npz", X=rows, y=relevance, query=query)
    asked = {"data": "d.npz", "metric": "ndcg", "groups": "query", "k": 5, "min": 0.5, "max_drop": 1e-6}
    _, verified = candidate(Work.on(recipe(source="m.txt", evaluate=asked, optimize=ONE), tmp_path))
    wanted = reference.ndcg_score(relevance.reshape(12, 10), made.predict(rows).reshape(12, 10), k=5)
    assert verified.chosen == "fp32"
    assert verified.baseline == pytest.approx(wanted)


def test_errors_of_numbers_by_their_share_and_their_middle() -> None:
    from model_build import metrics

    truth, answer = np.asarray([1.0, -2.0, 4.0]), np.asarray([1.5, -2.0, 1.0])
    want = metrics.Expected(truth, None)
    assert metrics.score("mape", answer, want) == pytest.approx(reference.mean_absolute_percentage_error(truth, answer))
    assert metrics.score("medae", answer, want) == reference.median_absolute_error(truth, answer)


def test_a_column_that_the_data_has_not_is_told(measured: Callable[..., Verified]) -> None:
    with pytest.raises(DataError, match=r"evaluate\.slices names 'town', but .* no such column .*, only age, region;"):
        measured(slices=["town"])


def test_rows_of_one_class_alone_are_told(home: Path, measured: Callable[..., Verified]) -> None:
    stored = np.load(home / "d.npz")
    np.savez(home / "one.npz", X=stored["X"][:20], y=np.zeros(20, int))
    assert measured(data="one.npz", metric="log_loss").baseline is not None
    np.savez(home / "none.npz", X=stored["X"][:20], y=np.arange(20), query=np.arange(20) * 0)
    with pytest.raises(DataError, match="expected one number for each row"):
        measured(data="none.npz", metric="ndcg", groups="query")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"metric": "ndcg"}, "metric is ndcg, which needs groups; groups names the column"),
        ({"groups": "query"}, "metric is accuracy, which takes no groups"),
        ({"min_slice": 0.9}, "evaluate.min_slice is 0.9, but slices names no column; write slices: "),
        ({"slices": ["a"], "max_slice": 0.1}, "accuracy is better when larger; write min_slice: 0.1"),
        ({"slices": ["a"], "metric": "mape", "min_slice": 0.1}, "mape is better when smaller; write max_slice: 0.1"),
        ({"metric": "roc_auc", "min": 90}, "evaluate.min is 90, expected a share between 0 and 1; write 0.9"),
    ],
)
def test_what_a_recipe_may_not_ask(asked: dict[str, Any], message: str, recipe: Make) -> None:
    with pytest.raises(RecipeError, match=message):
        recipe(evaluate=asked)


def test_the_report_shows_the_worst_group_first(home: Path, recipe: Make) -> None:
    asked = {"data": "d.npz", "slices": ["region"], "min_slice": 0.6, "max_drop_slice": 0.01}
    work = Work.on(recipe(source="m.onnx", evaluate=asked, optimize=ONE), home)
    made = reporting.fill(work, *candidate(work), None)
    assert [(each.group, each.rows) for each in made.slices] == [("south", 30), ("north", 90)]
    assert made.slices[0].drop == 0.0
    page = render(made)
    assert page.index("region: south") < page.index("region: north")
    assert "Accuracy in any group, at least" in page
    assert "Worse than the source in any group, at most" in page
