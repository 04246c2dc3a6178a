"""Metrics of scores and rankings are those of scikit-learn; groups of rows are as the data has them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from model_build import scores
from model_build.errors import DataError

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed: int, classes: int, rows: int = 40) -> tuple[scores.Array, scores.Array]:
    """Scores with ties and labels of every class."""
    random = np.random.default_rng(seed)
    raw = random.integers(1, 6, (rows, classes)).astype(np.float64)
    return raw / raw.sum(axis=1, keepdims=True), np.arange(rows) % classes


@given(SEEDS)
def test_two_classes_are_scored_as_by_scikit_learn(seed: int) -> None:
    given, truth = drawn(seed, 2)
    assert scores.score("roc_auc", given, truth) == pytest.approx(reference.roc_auc_score(truth, given[:, 1]))
    wanted = reference.average_precision_score(truth, given[:, 1])
    assert scores.score("average_precision", given, truth) == pytest.approx(wanted)
    assert scores.score("log_loss", given, truth) == pytest.approx(reference.log_loss(truth, given))


@given(SEEDS)
def test_several_classes_are_scored_as_by_scikit_learn(seed: int) -> None:
    given, truth = drawn(seed, 4)
    wanted = reference.roc_auc_score(truth, given, multi_class="ovr")
    assert scores.score("roc_auc", given, truth) == pytest.approx(wanted)
    assert scores.score("log_loss", given, truth) == pytest.approx(reference.log_loss(truth, given))
    wanted = reference.average_precision_score(np.eye(4)[truth], given)
    assert scores.score("average_precision", given, truth) == pytest.approx(wanted)


@given(SEEDS, st.integers(1, 12))
def test_a_ranking_is_scored_as_by_scikit_learn(seed: int, most: int) -> None:
    random = np.random.default_rng(seed)
    answered, relevance = random.integers(0, 5, (3, 8)), random.integers(0, 4, (3, 8))
    relevance[:, 0] = 3
    order = random.permutation(24)
    groups = np.repeat(["c", "a", "b"], 8)
    found = scores.ndcg(answered.ravel()[order], relevance.ravel()[order], groups[order], most)
    assert found == pytest.approx(reference.ndcg_score(relevance, answered, k=most))


def test_a_group_without_anything_relevant_has_no_order_to_find() -> None:
    answered, relevance = np.asarray([2.0, 1.0, 1.0, 2.0]), np.asarray([1, 0, 0, 0])
    assert scores.ndcg(answered, relevance, np.asarray([1, 1, 2, 2]), 10) == 1.0
    assert scores.ndcg(answered, relevance * 0, np.asarray([1, 1, 2, 2]), 10) is None


def test_rows_of_one_class_alone_have_no_order() -> None:
    given, _ = drawn(0, 2)
    assert scores.score("roc_auc", given, np.ones(40, int)) is None
    assert scores.score("average_precision", given, np.zeros(40, int)) is None


def test_an_output_without_scores_is_refused() -> None:
    with pytest.raises(DataError, match=r"'label' answers with int64 \[3\], expected scores \[3, 2\]; name the output"):
        scores.shares(np.asarray([0, 1, 1]), 3, 2, "label")


def test_rows_are_grouped_by_value_or_by_range_and_few_rows_are_no_group() -> None:
    columns = {
        "city": np.asarray(["Bern"] * 30 + ["Rom"] * 30 + ["Ulm"] * 4),
        "age": np.append(np.arange(60.0), [np.nan] * 4),
        "same": np.full(64, 2.5),
    }
    found = [(name, group, len(rows)) for name, group, rows in scores.slices(columns, 5)]
    assert found == [
        ("city", "Bern", 30),
        ("city", "Rom", 30),
        ("age", "0 to 14.75", 15),
        ("age", "14.75 to 29.5", 15),
        ("age", "29.5 to 44.25", 15),
        ("age", "44.25 to 59", 15),
        ("same", "2.5", 64),
    ]


def test_a_column_of_names_is_no_group() -> None:
    with pytest.raises(DataError, match=r"evaluate\.slices: 'id' has 200 different values, expected at most 100"):
        list(scores.slices({"id": np.arange(200).astype(str)}, 1))


def test_scores_that_are_no_shares_have_no_log_loss() -> None:
    """Cut to 0 and 1, as shares that were rounded are, those of a model without a softmax would look perfect."""
    logits = np.asarray([[9.0, -4.0], [-3.0, 8.0]])
    with pytest.raises(DataError, match=r"scores go from -4 to 9, expected shares between 0 and 1; name the output"):
        scores.score("log_loss", logits, np.asarray([0, 1]))
    assert scores.score("log_loss", np.asarray([[1.01, -0.01], [0.2, 0.8]]), np.asarray([0, 1])) is not None
