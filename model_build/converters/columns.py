"""Pipelines of scikit-learn that take columns by name: which those are, of what kind, and a frame of them."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np

from model_build import runtime
from model_build.errors import DataError, SourceError

TEXT, NUMBER = "text", "number"

WORDS = r"(?u)\b\w\w+\b"
"""scikit-learn's own pattern of a word."""
WORDS_HERE = r"[\p{L}\p{N}_]{2,}"
"""The same in the words of ONNX Runtime, whose \\w knows no letters but those of English."""
LOCALE = "C.UTF-8"
"""What lower case is: part of the C library since 2.35, and so of every image. en_US, the default, is in none."""


def kinds(model: Any, label: str) -> dict[str, str] | None:
    """The columns that a pipeline takes by name, each text or number; None for a model that takes one matrix.

    Raises SourceError for columns of text that have no names, and for a name that the model's own outputs have.
    """
    found: dict[str, str] = {}
    taker = _first(model)
    if _is(taker, "ColumnTransformer"):
        names = getattr(taker, "feature_names_in_", None)
        for _, part, chosen in taker.transformers_:
            if isinstance(part, str) and part == "drop":
                continue
            picked: list[Any] = [chosen] if isinstance(chosen, str) else _places(taker, chosen)
            for place, column in enumerate(picked):
                kind = _kind(part, place)
                if names is None and kind == TEXT:
                    raise SourceError(
                        f"source {label} takes columns of text by their number, expected by name; fit it on a DataFrame"
                    )
                if names is not None:
                    name = column if isinstance(column, str) else str(names[column])
                    if found.setdefault(name, kind) != kind:
                        found[name] = TEXT  # what takes numbers as well as text takes text
    for name in ("label", "probabilities", "prediction"):
        if name in found:
            raise SourceError(
                f"source {label} takes a column {name!r}, which an output of the model is called; give it another name"
            )
    return found or None


def takes_text(model: Any) -> bool:
    """Whether a model that takes no columns takes one text a row."""
    return _kind(_first(model), 0) == TEXT


def parts(model: Any) -> Iterator[Any]:
    """The fitted estimators inside of a pipeline, and itself."""
    yield model
    if _is(model, "ColumnTransformer"):
        inner = [part for _, part, _ in model.transformers_]
    elif _is(model, "FeatureUnion"):
        inner = [part for _, part in model.transformer_list]
    elif _is(model, "Pipeline"):
        inner = [part for _, part in model.steps]
    else:
        inner = []
    for part in inner:
        if not isinstance(part, str):
            yield from parts(part)


def fed_sparse(model: Any) -> set[int]:
    """The ids of estimators in pipelines that are handed a sparse matrix."""
    found: set[int] = set()
    for pipeline in parts(model):
        if not _is(pipeline, "Pipeline"):
            continue
        sparse = False
        for _, part in pipeline.steps:
            if sparse and not isinstance(part, str):
                found.add(id(part))
            sparse = _gives_sparse(part, sparse)
    return found


def frame(inputs: Mapping[str, Any], label: str) -> Any:
    """The columns as what pipelines take them from. Raises DataError where there is none to make."""
    for name in ("pandas", "polars"):
        try:
            return runtime.untyped(name).DataFrame({name: np.asarray(v).ravel() for name, v in inputs.items()})
        except ImportError:
            continue
    raise DataError(
        f"source {label} takes columns by name, for which scikit-learn wants a DataFrame; pip install pandas"
    )


def _first(model: Any) -> Any:
    """The estimator that sees the rows as they come."""
    while _is(model, "Pipeline"):
        model = next((part for _, part in model.steps if not isinstance(part, str)), None)
    return model


def _kind(part: Any, place: int) -> str:
    """What the column number `place` of those that `part` takes holds."""
    part = _first(part)
    if _is(part, "FeatureUnion"):
        inner = {_kind(each, place) for _, each in part.transformer_list if not isinstance(each, str)}
        return TEXT if TEXT in inner else NUMBER
    if hasattr(part, "build_analyzer"):  # those that count words
        return TEXT
    learnt: Any = getattr(part, "categories_", None)
    if learnt is not None and place < len(learnt):
        return TEXT if np.asarray(learnt[place]).dtype.kind in "OUS" else NUMBER
    filled = getattr(part, "statistics_", None)
    if filled is not None and np.asarray(filled).dtype.kind in "OUS":
        return TEXT if isinstance(filled[place], str) else NUMBER
    return NUMBER


def _gives_sparse(part: Any, given: bool) -> bool:
    if hasattr(part, "sparse_output_"):  # ColumnTransformer
        return bool(part.sparse_output_)
    if _is(part, "FeatureUnion"):
        return any(_gives_sparse(each, given) for _, each in part.transformer_list)
    if hasattr(part, "build_analyzer"):
        return True
    return bool(part.sparse_output) if hasattr(part, "sparse_output") else given


def _places(taker: Any, chosen: Any) -> list[Any]:
    names: list[Any] = list(getattr(taker, "feature_names_in_", ()))
    if isinstance(chosen, slice):
        return names[chosen]
    if callable(chosen):
        return list(cast("Any", chosen)(names))
    array = np.asarray(chosen)
    return list(np.flatnonzero(array)) if array.dtype.kind == "b" else list(chosen)


def _is(made: object, name: str) -> bool:
    """Whether it is an estimator of that class, or of one derived from it, without loading scikit-learn for it."""
    return any(each.__name__ == name and each.__module__.startswith("sklearn.") for each in type(made).__mro__)
