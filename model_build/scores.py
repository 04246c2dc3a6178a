"""Metrics of scores, of rankings, and of groups of rows."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from model_build.errors import DataError

Array = np.ndarray[Any, np.dtype[Any]]

BY_SCORES = ("roc_auc", "average_precision", "log_loss")
"""Metrics of what a classifier gives to each class, and not of the class that it decides for."""
_MOST_GROUPS = 100
_RANGES = 4
"""A column of more different numbers than `_FEW` is cut into as many ranges of equally many rows."""
_FEW = 12
_ASTRAY = 0.05
"""How far beyond 0 and 1 a share may be that eight bits have rounded."""


def shares(answer: Array, rows: int, classes: int, name: str) -> Array:
    """What each class is given, [rows, classes]. Raises DataError for an output that gives none."""
    if answer.dtype.kind == "f" and answer.size == rows and classes == 2:
        second = answer.reshape(rows).astype(np.float64)
        return np.stack([1 - second, second], axis=1)
    if answer.dtype.kind != "f" or answer.shape != (rows, classes):
        raise DataError(
            f"evaluate.output: {name!r} answers with {answer.dtype} {list(answer.shape)}, expected scores "
            f"[{rows}, {classes}]; name the output that has them, or a metric of labels"
        )
    return answer.astype(np.float64)


def score(metric: str, given: Array, truth: Array) -> float | None:
    """One of BY_SCORES. given: as `shares` returns it. None where it says nothing: rows of one class alone."""
    if metric == "log_loss":
        if given.min() < -_ASTRAY or given.max() > 1 + _ASTRAY:
            raise DataError(
                f"evaluate.metric is log_loss, but scores go from {given.min():.4g} to {given.max():.4g}, expected "
                "shares between 0 and 1; name the output behind the softmax in evaluate.output, or another metric"
            )
        least = float(np.finfo(np.float32).eps)
        kept = np.clip(given, least, 1 - least)
        kept = kept / kept.sum(axis=1, keepdims=True)
        return float(-np.log(kept[np.arange(len(truth)), truth]).mean())
    one = _auc if metric == "roc_auc" else _average_precision
    wanted = [1] if given.shape[1] == 2 else list(range(given.shape[1]))
    found = [one(given[:, each], truth == each) for each in wanted]
    # Of several classes the mean of each against the rest; one that no row is of has none.
    known = [each for each in found if each is not None]
    return float(np.mean(known)) if known else None


def ndcg(answered: Array, relevance: Array, groups: Array, most: int) -> float | None:
    """The mean over groups of their normalised discounted gain among the first `most`; gains are the labels themselves.

    Rows with equal answers share what their places give. Groups without anything relevant have no order to find, and
    are left out; None where that is all of them.
    """
    found: list[float] = []
    for rows in _members(groups):
        gains = relevance[rows]
        best = _gain(gains, gains, most)
        if best > 0:
            found.append(_gain(answered[rows], gains, most) / best)
    return float(np.mean(found)) if found else None


def slices(columns: Mapping[str, Array], least: int) -> Iterator[tuple[str, str, Array]]:
    """(column, group, rows) for each group of at least `least` rows. Raises DataError for a column of too many."""
    for name, values in columns.items():
        if values.dtype.kind == "f" or (values.dtype.kind in "iu" and len(np.unique(values)) > _FEW):
            groups = _ranges(values)
        else:
            known = np.unique(values)
            if len(known) > _MOST_GROUPS:
                raise DataError(
                    f"evaluate.slices: {name!r} has {len(known)} different values, expected at most {_MOST_GROUPS}; "
                    "name a column that puts rows into groups"
                )
            groups = [(str(each), np.flatnonzero(values == each)) for each in known]
        for group, rows in groups:
            if len(rows) >= least:
                yield name, group, rows


def _ranges(values: Array) -> list[tuple[str, Array]]:
    numbers = values.astype(np.float64)
    there = np.isfinite(numbers)
    bounds = np.unique(np.quantile(numbers[there], np.linspace(0, 1, _RANGES + 1))) if there.any() else np.zeros(0)
    found: list[tuple[str, Array]] = []
    for place, (low, high) in enumerate(itertools.pairwise(bounds)):
        last = place == len(bounds) - 2
        inside = there & (numbers >= low) & ((numbers <= high) if last else (numbers < high))
        found.append((f"{low:.4g} to {high:.4g}", np.flatnonzero(inside)))
    if len(bounds) == 1:
        found.append((f"{bounds[0]:.4g}", np.flatnonzero(there)))
    if not there.all():
        found.append(("missing", np.flatnonzero(~there)))
    return found


def _auc(given: Array, positive: Array) -> float | None:
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return None
    _, places, counts = np.unique(given, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # equal scores share their ranks
    return float((ranks[positive].sum() - many * (many + 1) / 2) / (many * few))


def _average_precision(given: Array, positive: Array) -> float | None:
    if not positive.any():
        return None
    order = np.argsort(-given, kind="stable")
    last = np.flatnonzero(np.append(np.diff(given[order]) != 0, True))  # of each run of equal scores
    hits = np.cumsum(positive[order])[last]
    precision, recall = hits / (last + 1), hits / hits[-1]
    return float((np.diff(np.append(0.0, recall)) * precision).sum())


def _gain(answered: Array, gains: Array, most: int) -> float:
    places = 1 / np.log2(np.arange(2, len(gains) + 2))
    places[most:] = 0
    _, ties, counts = np.unique(-answered, return_inverse=True, return_counts=True)
    total = np.bincount(ties, weights=gains.astype(np.float64))
    ends = np.cumsum(counts)
    summed = np.append(0.0, np.cumsum(places))
    return float((total / counts * (summed[ends] - summed[ends - counts])).sum())


def _members(groups: Array) -> list[Array]:
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.append(True, groups[order][1:] != groups[order][:-1]))
    return np.split(order, starts[1:])
