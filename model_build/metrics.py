"""How good answers are, and how far apart two models' answers are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from model_build import scores, texts
from model_build.errors import DataError

Array = np.ndarray[Any, np.dtype[Any]]

REGRESSION = ("mae", "medae", "mape", "rmse", "r2", "ndcg")
ERRORS = ("mae", "medae", "mape", "rmse", "log_loss", *texts.ERRORS)
"""Better when smaller."""
NEAREST = ("recall_at_1", "recall_at_k")
"""Of vectors [rows, numbers], by which other rows are near."""
_AT_ONCE = 1024
"""Rows whose distances to all others are in memory at a time."""


class NoNumbers(DataError):
    """A model answers with what is no number, which no bound is a measure of: every comparison with NaN fails."""


@dataclass(frozen=True)
class Expected:
    """What the evaluation data expects, in the form that answers are brought into."""

    values: Array
    """Classification: positions in `classes` [rows] int64. Regression: numbers [rows] float64."""
    classes: list[Any] | None
    """Label values in the order of the model's scores; None for regression. Of texts: the characters, where known."""
    groups: Array | None = None
    """For rankings: which rows are ranked together."""
    most: int = 10
    """How many of a group's first rows count, or of the nearest ones."""
    form: Literal["labels", "nearest", "cosine", "texts"] = "labels"
    """What answers are. nearest: vectors, and a row's class is that of the nearest other row. cosine: vectors, of which
    only how near they are to `source` is asked. texts: `values` are texts [rows]."""
    source: Array | None = None
    """The vectors of the source framework, for cosine."""

    def part(self, rows: Array) -> "Expected":
        """Of some of the rows, by their numbers."""
        groups = None if self.groups is None else self.groups[rows]
        source = None if self.source is None else self.source[rows]
        return replace(self, values=self.values[rows], groups=groups, source=source)


def expected(labels: Array, answer: Array, classes: Sequence[Any] | None, metric: str, label: str) -> Expected:
    """Bring labels into the form of the model's answers.

    answer: any model's output on the same rows. classes: label values in order, where the model has them.
    Raises DataError for labels that the model cannot answer.
    """
    if metric in REGRESSION:
        if labels.dtype.kind not in "iufb":
            raise DataError(f"evaluate.data {label}: labels are text, expected numbers for {metric}")
        return Expected(labels.astype(np.float64), None)
    if metric in NEAREST:
        return _groups(labels, metric, label)
    if metric == "cosine":
        return Expected(np.zeros(len(labels)), None, form="cosine")
    if metric in texts.METRICS:
        if labels.dtype.kind not in "US":
            raise DataError(
                f"evaluate.data {label}: labels are {labels.dtype}, expected texts for {metric}; return them as text"
            )
        characters = [str(each) for each in classes] if classes is not None else None
        return Expected(labels.astype(str), characters, form="texts")
    known = list(classes) if classes is not None else _classes(labels, answer, label)
    if answer.dtype.kind == "f" and answer.ndim == 2 and answer.shape[1] > 1 and answer.shape[1] != len(known):
        raise DataError(
            f"the model answers with {answer.shape[1]} scores a row, but its labels are {len(known)} names; "
            "name every class, in the model's order"
        )
    if labels.dtype.kind in "US" and not isinstance(known[0], str):
        raise DataError(
            f"evaluate.data {label}: labels are text, but the model answers with numbers; "
            "return their positions, or name them in classify.labels"
        )
    if labels.dtype.kind in "iub" and isinstance(known[0], str) and answer.dtype.kind == "f":
        known = list(range(len(known)))  # positions of named classes
    positions = {value: index for index, value in enumerate(known)}
    values = [positions.get(_plain(value), -1) for value in labels]
    wrong = [index for index, value in enumerate(values) if value < 0]
    if wrong:
        odd = sorted({str(_plain(labels[index])) for index in wrong})
        raise DataError(
            f"evaluate.data {label}: {len(wrong)} labels are out of range ({', '.join(odd[:5])}, the first in row "
            f"{wrong[0]}), expected one of the model's {len(known)} classes ({_span(known)}); correct them, "
            "or the model's labels"
        )
    return Expected(np.asarray(values, np.int64), list(classes) if classes is not None else known)


def decide(answer: Array, want: Expected, name: str) -> Array:
    """Bring a model's output into the form of `want.values`: positions of classes, or numbers. -1: no known class.

    name: of the output, for messages. Raises DataError when it cannot be an answer to what is asked.
    """
    rows = len(want.values)
    if answer.dtype.kind == "f":
        wrong = np.isnan(answer) if want.form == "labels" and want.classes is not None else ~np.isfinite(answer)
        if count := int(wrong.sum()):
            raise NoNumbers(
                f"{name!r} answers evaluate.data with NaN or infinity in {count} of {answer.size} places, expected "
                "numbers; correct the model, or leave out the rows that it is not for"
            )
    if want.form == "texts":
        return _texts(answer, want, name)
    if want.form in ("nearest", "cosine"):
        if answer.dtype.kind != "f" or answer.ndim != 2 or len(answer) != rows:
            raise DataError(_misfit(answer, name, "a vector for each row, [rows, numbers]"))
        return cosines(answer, want.source) if want.form == "cosine" else _nearest(answer, want)
    if want.classes is None:
        if answer.dtype.kind not in "iuf" or answer.size != rows:
            raise DataError(_misfit(answer, name, "one number for each row"))
        return answer.reshape(rows).astype(np.float64)
    if answer.dtype.kind == "f":
        if answer.size == rows:
            return (answer.reshape(rows) > 0.5).astype(np.int64)
        if answer.ndim != 2 or len(answer) != rows:
            raise DataError(_misfit(answer, name, "scores [rows, classes] or labels [rows]"))
        return np.asarray(answer.argmax(axis=1), np.int64)
    if answer.size != rows:
        raise DataError(_misfit(answer, name, "scores [rows, classes] or labels [rows]"))
    positions = {value: index for index, value in enumerate(want.classes)}
    return np.asarray([positions.get(_plain(value), -1) for value in answer.reshape(rows)], np.int64)


def score(metric: str, answered: Array, want: Expected, answer: Array | None = None, name: str = "") -> float:
    """The metric of decided answers.

    answer: what they were decided from, the model's output `name`. Raises DataError where the metric says nothing.
    """
    found = measured(metric, answered, want, answer, name)
    if found is None:
        what = "anything relevant in a group" if metric == "ndcg" else "rows of two classes at least"
        what = "texts with something in them" if want.form == "texts" else what
        raise DataError(f"evaluate.data has nothing that {metric} could tell apart, expected {what}; add rows")
    return found


def measured(metric: str, answered: Array, want: Expected, answer: Array | None = None, name: str = "") -> float | None:
    """As `score`; None where the metric says nothing of these rows."""
    truth = want.values
    if want.form == "texts":
        return texts.measured(metric, answered.tolist(), truth.tolist())
    if want.form == "cosine":
        return float(answered.mean())
    if metric in scores.BY_SCORES:
        assert want.classes is not None and answer is not None
        return scores.score(metric, scores.shares(answer, len(truth), len(want.classes), name), truth)
    if metric == "ndcg":
        assert want.groups is not None
        return scores.ndcg(answered, truth, want.groups, want.most)
    if want.classes is None:
        error = answered - truth
        if metric == "medae":
            return float(np.median(np.abs(error)))
        if metric == "mape":
            return float((np.abs(error) / np.maximum(np.abs(truth), np.finfo(np.float64).eps)).mean())
        if metric == "mae":
            return float(np.abs(error).mean())
        if metric == "rmse":
            return float(np.sqrt((error**2).mean()))
        spread = float(((truth - truth.mean()) ** 2).sum())
        return 1 - float((error**2).sum()) / spread if spread else 0.0
    if metric in ("accuracy", *NEAREST):
        return float((answered == truth).mean())
    if metric == "balanced_accuracy":
        return float(np.mean([(answered[truth == c] == c).mean() for c in np.unique(truth)]))
    return float(np.mean([_f1(answered == c, truth == c) for c in np.union1d(truth, answered)]))


def drop(metric: str, value: float, baseline: float) -> float:
    """How much worse `value` is than `baseline`, whichever way the metric runs."""
    return value - baseline if metric in ERRORS else baseline - value


def distance(answer: Array, reference: Array) -> tuple[float, float] | None:
    """Largest and mean absolute difference; None for answers that are no finite numbers or not of one shape."""
    if answer.dtype.kind not in "iuf" or reference.dtype.kind not in "iuf" or answer.size != reference.size:
        return None
    first, second = answer.astype(np.float64).ravel(), reference.astype(np.float64).ravel()
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return None
    apart = np.abs(first - second)
    return float(apart.max()), float(apart.mean())


def cosines(answer: Array, source: Array | None) -> Array:
    """Of each row's vector to the source's own. Raises DataError where that has none."""
    if source is None or source.shape != answer.shape:
        raise DataError(
            "evaluate.metric is cosine, but the source framework gives no vectors to compare with; take recall_at_1, "
            "which looks at the labels"
        )
    return np.asarray((_unit(answer) * _unit(source)).sum(axis=1))


def confusion(answered: Array, want: Expected) -> list[list[int]]:
    """Rows are what was expected, columns what was answered; answers of no known class are in none."""
    size = len(want.classes or [])
    known = answered >= 0
    cells = np.bincount(want.values[known] * size + answered[known], minlength=size * size)
    return [[int(n) for n in row] for row in cells.reshape(size, size)]


def _groups(labels: Array, metric: str, label: str) -> Expected:
    """Rows that belong together have one label, whatever that is."""
    known, values, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if (alone := known[sizes < 2]).size:
        raise DataError(
            f"evaluate.data {label}: {alone.size} labels have one row only ({_plain(alone[0])!r} is one of them), "
            f"expected two or more, as {metric} asks whether the nearest other row has the same; leave those rows out"
        )
    most = 1 if metric == "recall_at_1" else 10
    values = np.asarray(values, np.int64)
    return Expected(values, [_plain(value) for value in known], most=most, form="nearest")


def _nearest(vectors: Array, want: Expected) -> Array:
    """For each row the class of the nearest other ones, by cosine, that is its own; else that of the nearest."""
    unit = _unit(vectors)
    most = min(want.most, len(unit) - 1)
    found: list[Array] = []
    for start in range(0, len(unit), _AT_ONCE):
        near = unit[start : start + _AT_ONCE] @ unit.T
        rows = np.arange(len(near))
        near[rows, start + rows] = -np.inf
        first = want.values[near.argmax(axis=1)]
        if most > 1:
            others = want.values[np.argpartition(-near, most - 1, axis=1)[:, :most]]
            own = want.values[start + rows]
            first = np.where((others == own[:, None]).any(axis=1), own, first)
        found.append(first)
    return np.concatenate(found)


def _unit(vectors: Array) -> Array:
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths, lengths, 1))


def _texts(answer: Array, want: Expected, name: str) -> Array:
    """Texts as they are, or the likeliest characters of scores [rows, places, characters], the first of them a blank.

    Of a character that is the likeliest in several places one after the other it is one, as CTC has it.
    """
    rows = len(want.values)
    if answer.dtype.kind in "USO" and answer.size == rows:
        return np.asarray([each.decode() if isinstance(each, bytes) else str(each) for each in answer.reshape(rows)])
    if answer.dtype.kind != "f" or answer.ndim != 3 or len(answer) != rows:
        raise DataError(_misfit(answer, name, "texts [rows], or scores [rows, places, characters]"))
    known = want.classes or []
    if len(known) + 1 != answer.shape[2]:
        raise DataError(
            f"the model answers with scores of {answer.shape[2]} characters, the first of them the blank, but "
            f"evaluate.labels has {len(known)}; name {answer.shape[2] - 1}, in the model's order"
        )
    characters = np.asarray(["", *known])
    places = answer.argmax(axis=2)
    again = np.zeros(places.shape, bool)
    again[:, 1:] = places[:, 1:] == places[:, :-1]
    return np.asarray(["".join(characters[row[~same]]) for row, same in zip(places, again, strict=True)])


def _f1(answered: Array, truth: Array) -> float:
    both = int((answered & truth).sum())
    total = int(answered.sum()) + int(truth.sum())
    return 2 * both / total if total else 0.0


def _classes(labels: Array, answer: Array, label: str) -> list[Any]:
    if answer.dtype.kind == "f":
        count = 2 if answer.size == len(labels) else int(answer.shape[-1])
        return list(range(count))
    if (answer.dtype.kind in "US") != (labels.dtype.kind in "US"):
        raise DataError(
            f"evaluate.data {label}: labels are {labels.dtype}, but the model answers with {answer.dtype}; "
            "return labels of the model's kind"
        )
    return sorted({_plain(value) for value in (*labels, *answer.ravel())})


def _plain(value: Any) -> Any:
    """A Python value that compares and hashes as itself: numpy's 3.0 and 3 are one label."""
    value = value.item() if hasattr(value, "item") else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _span(known: Sequence[Any]) -> str:
    shown = [str(value) for value in known]
    return ", ".join(shown) if len(shown) <= 4 else f"{shown[0]} to {shown[-1]}"


def _misfit(answer: Array, name: str, wanted: str) -> str:
    return (
        f"evaluate.output: {name!r} answers with {answer.dtype} {list(answer.shape)}, expected {wanted}; "
        "name another output, or another metric"
    )
