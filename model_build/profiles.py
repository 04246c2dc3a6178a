"""Takes the profile of data that a model was measured on: distributions, and no row."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from model_build import metrics
from model_build.report.profile import Feature, Histogram

Array = metrics.Array

LEAST = 10
"""The fewest rows of which anything is told: of one alone it would be that row."""
_COLUMNS = 64
"""A matrix of more numbers a row is looked at by their mean and spread."""
_CATEGORIES = 50
_FEW = 12
"""Whole numbers of more values than these are no categories."""
_BINS = 12
_ENDS = (0.02, 0.98)
"""Shares of rows between which bins are equally wide: one far away would leave all others in one bin."""
_QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_CONFIDENCES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
_DIGITS = 4


def inputs(given: Mapping[str, Array], names: Sequence[str], columns: Sequence[str] | None) -> dict[str, Feature]:
    """Of evaluation data. names: of the model's inputs. columns: of its one matrix, where they have names."""
    found: dict[str, Feature] = {}
    for name, values in given.items():
        found |= features(name or names[0], values, columns if len(given) == 1 else None)
    return found


def features(name: str, values: Array, columns: Sequence[str] | None = None) -> dict[str, Feature]:
    """Of one array [rows, ...], by name."""
    rows = len(values)
    flat = values.reshape(rows, -1)
    if flat.shape[1] == 1:
        return _one(name, flat[:, 0])
    if values.ndim == 2 and flat.shape[1] <= _COLUMNS:
        known = columns if columns and len(columns) == flat.shape[1] else None
        found: dict[str, Feature] = {}
        for place in range(flat.shape[1]):
            found |= _one(known[place] if known else f"{name}[{place}]", flat[:, place])
        return found
    if values.dtype.kind in "USO":
        lengths = np.asarray([sum(len(str(each)) for each in row) for row in flat], np.float64)
        return {f"{name}:length": numbers(lengths, of="length")}
    means, spreads = flat.mean(axis=1, dtype=np.float64), flat.std(axis=1, dtype=np.float64)
    return {f"{name}:mean": numbers(means, of="mean"), f"{name}:spread": numbers(spreads, of="spread")}


def answers(
    name: str, answer: Array, answered: Array, want: metrics.Expected, names: Sequence[str] | None
) -> tuple[dict[str, Feature], Feature | None]:
    """Of a model's output and of the labels. answered: what is decided from `answer`."""
    if want.form == "texts":
        ours, theirs = (np.asarray([len(each) for each in of.tolist()], np.float64) for of in (answered, want.values))
        return {f"{name}:length": numbers(ours, of="length")}, numbers(theirs, of="length")
    if want.form != "labels":
        return features(name, answer), None
    if want.classes is None:
        return {name: numbers(answered)}, numbers(want.values)
    spelt = names if names is not None and len(names) == len(want.classes) else [str(each) for each in want.classes]
    found = {f"{name}:class": categories(_named(answered, spelt), of="class")}
    if answer.dtype.kind == "f":
        scores = answer.reshape(len(answered), -1).astype(np.float64)
        # One score is that of the second of two classes.
        top = np.maximum(scores[:, 0], 1 - scores[:, 0]) if scores.shape[1] == 1 else scores.max(axis=1)
        shares = bool((top >= 0).all() and (top <= 1).all())
        edges = _CONFIDENCES if shares else None
        found[f"{name}:confidence"] = numbers(top, of="confidence", edges=edges)
    return found, categories(_named(want.values, spelt), of="class")


def _named(positions: Array, names: Sequence[str]) -> Array:
    return np.asarray([names[place] if 0 <= place < len(names) else "" for place in positions.tolist()], str)


def _one(name: str, values: Array) -> dict[str, Feature]:
    if values.dtype.kind in "USO":
        texts = values.astype(str)
        found = categories(texts)
        if found.other <= 0.5:
            return {name: found}
        # Texts that hardly any two rows share say who is in them: only how long they are is kept.
        lengths = np.asarray([len(each) or np.nan for each in texts.tolist()], np.float64)
        return {f"{name}:length": numbers(lengths, of="length")}
    if values.dtype.kind == "b" or (values.dtype.kind in "iu" and len(np.unique(values)) <= _FEW):
        return {name: categories(values.astype(str))}
    return {name: numbers(values)}


def categories(values: Array, of: Any = "value") -> Feature:
    """Of texts [rows]."""
    there = values[values != ""]
    known, counts = np.unique(there, return_counts=True)
    order = sorted(range(len(known)), key=lambda place: (-int(counts[place]), str(known[place])))
    kept = [place for place in order if counts[place] >= LEAST][:_CATEGORIES]
    total = len(there) or 1
    shares = {str(known[place]): _rounded(int(counts[place]) / total) for place in kept}
    other = (len(there) - int(sum(counts[place] for place in kept))) / total
    missing = len(values) - len(there)
    return Feature(
        kind="categories", of=of, count=len(there), missing=missing, categories=shares, other=_rounded(other)
    )


def numbers(values: Array, of: Any = "value", edges: Sequence[float] | None = None) -> Feature:
    """Of numbers [rows]. edges: of the histogram; by default of bins that are equally wide."""
    given = values.astype(np.float64)
    there = given[np.isfinite(given)]
    count = len(there)
    found = {"kind": "numbers", "of": of, "count": count, "missing": len(given) - count}
    if count >= LEAST:
        shares = [share for share in _QUANTILES if min(share, 1 - share) * count >= LEAST]
        points: list[float] = np.quantile(there, shares).tolist() if shares else []
        ends: Array = np.quantile(there, _ENDS)
        even: list[float] = np.linspace(float(ends[0]), float(ends[1]), min(_BINS, count // LEAST) - 1).tolist()
        found |= {
            "mean": _rounded(float(there.mean())),
            "std": _rounded(float(there.std())),
            "quantiles": {f"{share:g}": _rounded(point) for share, point in zip(shares, points, strict=True)},
            "histogram": _histogram(there, sorted({_rounded(edge) for edge in edges or even})),
        }
    return Feature.model_validate(found)


def _histogram(values: Array, edges: list[float]) -> Histogram:
    """Bins of fewer rows than are told of are put to their neighbours."""
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1).tolist()
    while len(counts) > 1 and min(counts) < LEAST:
        place = counts.index(min(counts))
        other = (
            place - 1 if place and (place == len(counts) - 1 or counts[place - 1] <= counts[place + 1]) else place + 1
        )
        first = min(place, other)
        counts[first : first + 2] = [counts[first] + counts[first + 1]]
        del edges[first]
    return Histogram(edges=edges, counts=counts)


def _rounded(value: float) -> float:
    """To a few digits that count: a quantile may be what one row has."""
    return float(f"{value:.{_DIGITS}g}")
