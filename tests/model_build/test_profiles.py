"""What a build tells of its data is how it was distributed, and never a row of it."""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_build import metrics, profiles
from model_build.report import Profile
from model_build.report.profile import schema

ROOT = Path(__file__).resolve().parents[2]
RANDOM = np.random.default_rng(0)


def one(values: Any) -> Any:
    ((name, found),) = profiles.features("x", np.asarray(values)).items()
    assert name == ("x" if found.of == "value" else f"x:{found.of}")
    return found


def test_numbers_have_quantiles_and_a_histogram_of_all_rows() -> None:
    values = RANDOM.normal(50, 10, 1000)
    found = one(np.append(values, np.nan))
    assert (found.kind, found.count, found.missing) == ("numbers", 1000, 1)
    assert found.mean == pytest.approx(values.mean(), rel=1e-3)
    assert found.quantiles["0.95"] == pytest.approx(np.quantile(values, 0.95), rel=1e-3)
    edges, counts = found.histogram.edges, found.histogram.counts
    assert sum(counts) == 1000
    bounds = [-np.inf, *edges, np.inf]
    wanted = [int(((values > low) & (values <= high)).sum()) for low, high in itertools.pairwise(bounds)]
    assert counts == wanted


def test_nothing_is_told_of_a_few_rows() -> None:
    far = np.append(RANDOM.normal(size=500), [1e6, -1e6, 7e5])
    found = one(far)
    assert min(found.histogram.counts) >= profiles.LEAST
    assert all(abs(edge) < 10 for edge in (*found.histogram.edges, *found.quantiles.values()))
    assert one(far[:9]).model_dump(exclude_defaults=True) == {"kind": "numbers", "count": 9}
    assert set(one(far[:50]).quantiles) == {"0.25", "0.5", "0.75"}


def test_rare_categories_are_put_together() -> None:
    found = one(["north"] * 60 + ["south"] * 31 + ["east"] * 9 + [""] * 5)
    assert (found.count, found.missing) == (100, 5)
    assert (found.categories, found.other) == ({"north": 0.6, "south": 0.31}, 0.09)


def test_texts_of_a_row_alone_are_lengths() -> None:
    found = one([f"person {place}@example.com" for place in range(100)])
    assert (found.of, found.kind) == ("length", "numbers")
    assert "person" not in json.dumps(found.model_dump())


def test_columns_have_their_names_and_pictures_their_brightness() -> None:
    table = profiles.inputs({"": RANDOM.normal(size=(40, 2))}, ["X"], ["age", "income"])
    assert set(table) == {"age", "income"}
    assert set(profiles.inputs({"": RANDOM.normal(size=(40, 2))}, ["X"], None)) == {"X[0]", "X[1]"}
    pixels = RANDOM.random((40, 3, 8, 8))
    found = profiles.features("image", pixels)
    assert found["image:mean"].mean == pytest.approx(pixels.mean(), rel=1e-3)
    assert set(found) == {"image:mean", "image:spread"}
    assert one([0, 1] * 50).categories == {"0": 0.5, "1": 0.5}


def test_a_classifier_has_classes_and_confidences() -> None:
    scores = np.tile(np.asarray([[0.9, 0.1], [0.3, 0.7]], np.float32), (20, 1))
    want = metrics.Expected(np.zeros(40, np.int64), [0, 1])
    decided = metrics.decide(scores, want, "p")
    found, expected = profiles.answers("p", scores, decided, want, ["cat", "dog"])
    assert found["p:class"].categories == {"cat": 0.5, "dog": 0.5}
    confidence = found["p:confidence"].histogram
    assert confidence is not None
    assert confidence.counts == [20, 20]
    assert 0.7 <= confidence.edges[0] < 0.9
    assert expected is not None
    assert expected.categories == {"cat": 1.0}


def test_texts_that_are_answered_are_lengths_alone() -> None:
    said = np.asarray(["yes", "no"] * 20)
    want = metrics.Expected(said, None, form="texts")
    found, expected = profiles.answers("t", said, said, want, None)
    assert expected is not None
    assert (set(found), found["t:length"].mean, expected.mean) == ({"t:length"}, 2.5, 2.5)


def test_it_is_written_as_its_schema_says() -> None:
    assert (ROOT / "docs" / "profile.schema.json").read_text("utf-8") == schema()
    made = Profile(
        model="m", version="1", candidate="fp32", data="sha256:0", rows=40, least=10,
        inputs=profiles.features("x", RANDOM.normal(size=40)), outputs={},
    )  # fmt: skip
    assert Profile.model_validate_json(made.dump()) == made
