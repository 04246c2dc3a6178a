"""Metrics are those of scikit-learn; answers of every kind become labels."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from model_build import metrics
from model_build.errors import DataError
from model_build.metrics import Expected, decide, expected, score

classes = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)
numbers = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=2, max_size=40)


@given(classes)
def test_shares_equal_those_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    truth, answer = np.asarray([p[0] for p in pairs]), np.asarray([p[1] for p in pairs])
    want = Expected(truth, list(range(5)))
    assert score("accuracy", answer, want) == pytest.approx(reference.accuracy_score(truth, answer))
    assert score("f1_macro", answer, want) == pytest.approx(
        reference.f1_score(truth, answer, average="macro", zero_division=0)
    )
    recall = [(answer[truth == c] == c).mean() for c in set(truth)]
    assert score("balanced_accuracy", answer, want) == pytest.approx(float(np.mean(recall)))
    assert sum(map(sum, metrics.confusion(answer, want))) == len(pairs)


@given(numbers)
def test_errors_equal_those_of_scikit_learn(pairs: list[tuple[float, float]]) -> None:
    truth, answer = np.asarray([p[0] for p in pairs]), np.asarray([p[1] for p in pairs])
    want = Expected(truth, None)
    assert score("mae", answer, want) == pytest.approx(reference.mean_absolute_error(truth, answer))
    assert score("rmse", answer, want) == pytest.approx(reference.root_mean_squared_error(truth, answer))
    if np.ptp(truth) > 1e-3:
        assert score("r2", answer, want) == pytest.approx(reference.r2_score(truth, answer), rel=1e-6, abs=1e-6)


def test_a_drop_is_worse_whichever_way_the_metric_runs() -> None:
    assert metrics.drop("accuracy", 0.8, 0.9) == pytest.approx(0.1)
    assert metrics.drop("rmse", 3.0, 2.0) == pytest.approx(1.0)


SCORES = np.asarray([[0.1, 0.9], [0.8, 0.2]], np.float32)


@pytest.mark.parametrize(
    ("labels", "answer", "known", "values"),
    [
        ([1, 0], SCORES, None, [1, 0]),
        ([7, 3], SCORES, [3, 7], [1, 0]),
        (["b", "a"], SCORES, ["a", "b"], [1, 0]),
        ([1, 0], SCORES, ["a", "b"], [1, 0]),
        ([1.0, 0.0], SCORES, None, [1, 0]),
        ([True, False], SCORES, None, [1, 0]),
        ([1, 0], np.asarray([0.9, 0.1], np.float32), None, [1, 0]),
        ([5, 2], np.asarray([5, 2]), None, [1, 0]),
        (["b", "a"], np.asarray(["b", "a"]), None, [1, 0]),
    ],
)
def test_labels_and_answers_meet(labels: list[Any], answer: Any, known: list[Any] | None, values: list[int]) -> None:
    want = expected(np.asarray(labels), answer, known, "accuracy", "d")
    assert want.values.tolist() == values
    assert decide(answer, want, "out").tolist() == values


@pytest.mark.parametrize(
    ("labels", "known", "message"),
    [
        (
            [1, 2, 9],
            None,
            r"2 labels are out of range \(2, 9, the first in row 1\), expected one of the model's 2 classes",
        ),
        ([-1, 0, 1], None, r"1 labels are out of range \(-1"),
        (["a", "c", "b"], ["a", "b"], r"1 labels are out of range \(c"),
        (["a", "b", "a"], None, "labels are text, but the model answers with numbers"),
    ],
)
def test_labels_that_the_model_cannot_answer(labels: list[Any], known: list[Any] | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        expected(np.asarray(labels), np.zeros((3, 2), np.float32), known, "accuracy", "d")


def test_an_output_that_is_no_answer() -> None:
    with pytest.raises(DataError, match=r"'out' answers with float32 \[2, 3, 4\], expected scores \[rows, classes\]"):
        decide(np.zeros((2, 3, 4), np.float32), Expected(np.asarray([0, 1]), [0, 1]), "out")
    with pytest.raises(DataError, match="expected one number for each row"):
        decide(np.zeros((2, 3), np.float32), Expected(np.asarray([0.5, 1]), None), "out")


def test_recall_at_1_is_that_of_the_nearest_neighbours_of_scikit_learn() -> None:
    from sklearn.neighbors import NearestNeighbors

    random = np.random.default_rng(3)
    labels = np.repeat(np.arange(700), 2)  # more rows than are compared at a time
    vectors = (random.normal(size=(700, 32)).repeat(2, 0) + 0.7 * random.normal(size=(1400, 32))).astype(np.float32)
    want = expected(labels, vectors, None, "recall_at_1", "d")
    _, near = NearestNeighbors(n_neighbors=2, metric="cosine").fit(vectors).kneighbors(vectors)
    share = float((labels[near[:, 1]] == labels).mean())
    assert 0.1 < share < 0.9
    assert score("recall_at_1", decide(vectors, want, "embedding"), want) == share


def test_a_label_of_one_row_has_nobody_to_be_near_to() -> None:
    with pytest.raises(DataError, match=r"d: 1 labels have one row only \('b' is one of them\), expected two or more"):
        expected(np.asarray(["a", "b", "a"]), np.zeros((3, 2), np.float32), None, "recall_at_1", "d")


@pytest.mark.parametrize(
    "answer", [np.zeros(4, np.float32), np.zeros((4, 2), np.int64), np.zeros((4, 2, 2), np.float32)]
)
def test_what_is_no_vector_has_no_neighbours(answer: metrics.Array) -> None:
    want = expected(np.asarray([0, 0, 1, 1]), answer, None, "recall_at_1", "d")
    with pytest.raises(DataError, match="expected a vector for each row"):
        decide(answer, want, "embedding")


def test_recall_at_k_asks_whether_one_of_the_nearest_has_the_same_label() -> None:
    from sklearn.neighbors import NearestNeighbors

    random = np.random.default_rng(0)
    vectors, labels = random.normal(size=(60, 3)).astype(np.float32), np.repeat(np.arange(20), 3)
    want = dataclasses.replace(expected(labels, vectors, None, "recall_at_k", "d"), most=4)
    near = (
        NearestNeighbors(n_neighbors=5, metric="cosine").fit(vectors).kneighbors(return_distance=False, n_neighbors=4)
    )
    share = float((labels[near] == labels[:, None]).any(axis=1).mean())
    assert 0 < share < 1
    assert score("recall_at_k", decide(vectors, want, "embedding"), want) == share
    every = dataclasses.replace(want, most=1000)
    assert score("recall_at_k", decide(vectors, every, "embedding"), every) == 1.0


def test_a_cosine_is_to_the_sources_own_vectors() -> None:
    from sklearn.metrics.pairwise import paired_cosine_distances

    random = np.random.default_rng(0)
    ours, theirs = random.normal(size=(2, 9, 4)).astype(np.float32)
    want = dataclasses.replace(expected(np.zeros(9), ours, None, "cosine", "d"), source=theirs)
    found = score("cosine", decide(ours, want, "embedding"), want)
    assert found == pytest.approx(float((1 - paired_cosine_distances(ours, theirs)).mean()), rel=1e-6)
    with pytest.raises(DataError, match="the source framework gives no vectors to compare with; take recall_at_1"):
        decide(ours, dataclasses.replace(want, source=None), "embedding")


def test_texts_are_what_was_written_or_the_likeliest_characters() -> None:
    want = expected(np.asarray(["ab", "b"]), np.zeros(2), ["a", "b"], "cer", "d")
    places = np.eye(3, dtype=np.float32)[[[0, 1, 1, 2, 2], [2, 0, 2, 0, 0]]]
    assert decide(places, want, "scores").tolist() == ["ab", "bb"]
    assert score("cer", decide(places, want, "scores"), want) == pytest.approx(1 / 3)
    written = np.asarray([["ab"], ["a"]], object)
    assert score("exact_match", decide(written, want, "text"), want) == 0.5


@pytest.mark.parametrize(
    ("labels", "answer", "message"),
    [
        (np.asarray([1, 2]), np.zeros(2), "labels are int64, expected texts for cer; return them as text"),
        (np.asarray(["a", "b"]), np.zeros((2, 3), np.float32), "expected texts .rows., or scores .rows, places, char"),
        (np.asarray(["a", "b"]), np.zeros((2, 3, 9), np.float32), "scores of 9 characters, .* has 2; name 8, in the"),
    ],
)
def test_what_is_no_text_is_told(labels: metrics.Array, answer: metrics.Array, message: str) -> None:
    with pytest.raises(DataError, match=message):
        decide(answer, expected(labels, answer, ["a", "b"], "cer", "d"), "out")
