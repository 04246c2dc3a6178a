"""How far a form of a model may be from its source: a broken conversion is refused, a coarse candidate is not taken."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_build import measure, metrics, parity
from model_build.errors import SourceError
from model_build.parity import Apart, apart
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.recipe_evaluate import Parity
from model_build.verify import Verified
from model_build.work import Work
from tests.model_build import models

Make = Callable[..., Recipe]

CANCELS = """
import numpy as np
from sklearn.linear_model import LinearRegression

def model():
    found = LinearRegression().fit(np.eye(2, dtype=np.float32), [0.0, 0.0])
    found.coef_, found.intercept_ = np.asarray([1e4, -1e4]), 0.0
    return found

def data():
    rows = np.random.default_rng(0).integers(0, 9, (40, 2)).astype(np.float32) * 8 + 1e8
    return rows, (rows[:, 0] - rows[:, 1]) * 1e4
"""


def found(answer: Any, source: Any, *, form: Any = "labels", classes: Any = None, rows: float = 0.0) -> Apart:
    answer, source = np.asarray(answer), np.asarray(source)
    values = source if form == "texts" else np.zeros(len(source))
    want = metrics.Expected(values, classes, form=form)
    plain = form in ("nearest", "cosine") or answer.ndim > 1
    decided = [each.argmax(1) if plain else each for each in (answer, source)]
    return apart(answer, decided[0], source, decided[1], want, rows)


def test_a_distance_is_a_share_of_the_size_of_answers() -> None:
    small = found([1.0, 2.0, 3.1], [1.0, 2.0, 3.0])
    large = found([1e6, 2e6, 3.1e6], [1e6, 2e6, 3e6])
    assert small.most == pytest.approx(0.1 / np.sqrt(14 / 3))
    assert small.most == pytest.approx(large.most)
    assert small.rms == pytest.approx(large.rms)
    assert small.rms == pytest.approx(np.sqrt(0.01 / 14))


def test_a_few_rows_may_be_further_away_and_never_all() -> None:
    source = np.ones((200, 1))
    answer = source.copy()
    answer[:2] = 5
    assert [found(answer, source, rows=share).most for share in (0, 0.005, 0.01)] == [4, 4, 0]
    assert found([[2.0]], [[1.0]], rows=1.0).most == 1.0


def test_a_label_is_a_vector_with_a_one_in_it() -> None:
    source = np.arange(8) % 2
    answer = source.copy()
    answer[0] = 1
    kept = found(answer, source, classes=[0, 1])
    ones = found(np.eye(2)[answer], np.eye(2)[source], classes=[0, 1])
    assert kept.agreement == 0.875
    assert kept.most == pytest.approx(ones.most)
    assert kept.rms == pytest.approx(ones.rms)


def test_texts_are_apart_by_their_characters() -> None:
    kept = found(["abcd", "abxx"], ["abcd", "abcd"], form="texts")
    assert (kept.agreement, kept.most) == (0.5, 0.5)
    assert kept.rms == pytest.approx(np.sqrt(2) / 4)


def test_vectors_have_their_cosines() -> None:
    kept = found([[2.0, 0.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]], form="nearest", classes=[0])
    assert kept.cosine_worst == pytest.approx(np.sqrt(0.5))
    assert kept.cosine_mean == pytest.approx((1 + np.sqrt(0.5)) / 2)


def test_the_same_infinity_is_no_distance() -> None:
    kept = found([[-np.inf, 3.0]], [[-np.inf, 2.0]], classes=[0, 1])
    assert (kept.most, kept.rms, kept.agreement) == (0.5, 0.5, 1.0)
    kept = found([[-100.0, 0.0]], [[-np.inf, 0.0]], classes=[0, 1])
    assert (kept.most, kept.rms, kept.agreement) == (None, None, 1.0)


def test_infinity_where_the_source_has_a_number_is_no_answer() -> None:
    """As of halves that overflow: of two infinities the first is taken, and may even be right."""
    with pytest.raises(metrics.NoNumbers, match="with infinity in 1 of 2 places where the source has a number"):
        found([[np.inf, 0.0]], [[70_000.0, 0.0]], classes=[0, 1])


@pytest.mark.parametrize(
    ("name", "dtype", "converted", "form"),
    [
        ("fp32", "float32", "fp32", "fp32"),
        ("int8-mixed", "int8 (static), float32", "fp32", "int8"),
        ("int4", "int4 weights", "fp32", "int4"),
        ("fp16", "float16", "int8", "int8"),
        ("pruned", "float32", "fp32", None),
    ],
)
def test_a_form_is_told_by_its_type_and_by_what_it_was_made_of(
    name: str, dtype: str, converted: Any, form: Any
) -> None:
    assert parity.form(name, dtype, converted) == form


def test_floats_are_held_to_most_rows_and_what_is_quantised_to_the_mean() -> None:
    asked, far = Parity(), Apart(1, 1, 0.9, most=0.5, rms=0.3)
    assert parity.missed(asked, "fp32", far) == (
        "parity: answers are 0.5 of their size from the source's at most, of all rows but 1 %, at most 0.001 was asked "
        "of float32"
    )
    assert parity.missed(asked, "int8", far) is None
    assert parity.missed(Parity(int8=0.2), "int8", far) == (
        "parity: answers are 0.3 of their size from the source's, in the root mean square, at most 0.2 was asked of "
        "int8"
    )
    assert parity.missed(Parity(fp32=None), "fp32", far) is None


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "SAMPLES", 3)
    monkeypatch.setattr(measure, "WARM", 1)


def test_a_broken_conversion_is_refused_unless_it_is_allowed(
    own_cache: Path, tmp_path: Path, quick: None, recipe: Make
) -> None:
    (tmp_path / "m.py").write_text(CANCELS)
    asked = {"data": "m:data", "metric": "r2"}
    message = (
        r"source m:model is not what it was after its conversion to ONNX: of output 'prediction' answers are 0\.\d+ of "
        r"their size from the source's at most, of all rows but 1 %, expected at most 0\.001 of float32; .*"
        r"allow more by evaluate\.parity\.fp32"
    )
    with pytest.raises(SourceError, match=message):
        candidate(Work.on(recipe(source="m:model", evaluate=asked), tmp_path))
    _, verified = candidate(Work.on(recipe(source="m:model", evaluate=asked | {"parity": {"fp32": 1}}), tmp_path))
    assert verified.chosen == "fp32"


@pytest.fixture
def measured(tmp_path: Path, quick: None, recipe: Make) -> Callable[..., Verified]:
    (tmp_path / "m.onnx").write_bytes(models.linear(width=64, classes=32))
    rows = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
    np.savez(tmp_path / "d.npz", X=rows, y=np.arange(40) % 4)

    def build(**asked: Any) -> Verified:
        made = recipe(source="m.onnx", evaluate={"data": "d.npz", **asked}, optimize={"latency_margin": 1000})
        return candidate(Work.on(made, tmp_path))[1]

    return build


def test_a_candidate_beyond_its_bound_is_not_taken_and_says_why(measured: Callable[..., Verified]) -> None:
    assert measured().chosen == "int8"
    found = measured(parity={"int8": 1e-6})
    assert found.chosen == "fp32"
    (line,) = found.results[1].missed
    assert line.startswith("parity: answers are 0.0")
    assert found.results[1].why == f"missed its gate: {line}"
    assert found.results[1].bound == 1e-6


def test_embeddings_have_a_bound_of_their_own(measured: Callable[..., Verified]) -> None:
    found = measured(metric="cosine", min=0.99, max_drop=0.01, min_cosine=0.9)
    assert found.baseline == pytest.approx(1)
    assert found.chosen == "int8"
    cosines = found.results[1].parity
    assert cosines is not None and cosines.cosine_worst is not None
    short = measured(metric="recall_at_k", k=3, min_cosine=cosines.cosine_worst + 1e-6)
    assert short.chosen == "fp32"
    assert short.results[1].missed[0].startswith("min_cosine: least cosine to the source's own is 0.99")
