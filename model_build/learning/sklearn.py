"""scikit-learn: an MLP's matrices are pruned; any estimator may be a student."""

from pathlib import Path
from typing import Any, cast

import numpy as np

from model_build import runtime
from model_build.converters import columns
from model_build.converters import sklearn as converter
from model_build.learning import Array, Lesson, Prune, Teach, Tune, begin, softened

_LEAST = 1e-3
"""Shares of a class below which a row is not shown as one of that class."""


def prune(file: Path, asked: Prune, tune: Tune, folder: Path) -> str:
    """Zeros are put back after each round: fitting an estimator on does not know of them."""
    begin()
    model = converter.load(file, asked.label)
    if not networks(model):
        raise asked.refuse(
            f"source {asked.label} has no MLP in it", "MLPClassifier or MLPRegressor, whose matrices it trains"
        )
    widths = {at: _hidden(each) for at, each in enumerate(networks(model))}
    for share in asked.shares():
        masks: list[list[Array]] = []
        for at, network in enumerate(networks(model)):
            # Its moments are those of weights that are no more.
            if hasattr(network, "_optimizer"):
                del network._optimizer
            if asked.what == "channels":
                _narrow(network, widths[at], share)
            else:
                masks.append([_mask(matrix, share) for matrix in network.coefs_])
        _apply(model, masks)
        before = _shapes(model)
        made = tune(model)
        model = model if made is None else made
        if not networks(model) or _shapes(model) != before:
            raise asked.refuse(
                "it gave back another model than the one that it was handed", "that one, trained further"
            )
        _apply(model, masks)
    return converter.save(model, folder)


def networks(model: object) -> list[Any]:
    return [part for part in columns.parts(model) if hasattr(part, "coefs_") and hasattr(part, "hidden_layer_sizes")]


def _apply(model: object, masks: list[list[Array]]) -> None:
    for network, kept in zip(networks(model), masks, strict=False):
        for matrix, mask in zip(network.coefs_, kept, strict=True):
            matrix *= mask


def _shapes(model: object) -> list[list[tuple[int, ...]]]:
    return [[matrix.shape for matrix in network.coefs_] for network in networks(model)]


def _hidden(network: Any) -> list[int]:
    return [matrix.shape[1] for matrix in network.coefs_[:-1]]


def _mask(matrix: Array, share: float) -> Array:
    kept: Array = np.ones(matrix.size)
    kept[np.argsort(np.abs(matrix), axis=None, kind="stable")[: int(share * matrix.size)]] = 0
    return kept.reshape(matrix.shape)


def _narrow(network: Any, widths: list[int], share: float) -> None:
    """Take the weakest neurons out of each hidden layer. widths: of the layers as they came."""
    for layer, width in enumerate(widths):
        keep = max(width - int(share * width), 1)
        strength = np.square(network.coefs_[layer]).sum(axis=0)
        kept = np.sort(np.argsort(-strength, kind="stable")[:keep])
        network.coefs_[layer] = np.ascontiguousarray(network.coefs_[layer][:, kept])
        network.intercepts_[layer] = np.ascontiguousarray(network.intercepts_[layer][kept])
        network.coefs_[layer + 1] = np.ascontiguousarray(network.coefs_[layer + 1][kept])
    network.hidden_layer_sizes = tuple(_hidden(network))


def teach(student: Any, lesson: Lesson, asked: Teach, folder: Path) -> str:
    """Fit it on each row as often as there are classes that it may be, by their shares as weights.

    The sum of the losses is then the cross entropy with these shares. Estimators that take no weights of rows learn
    the likeliest class alone.
    """
    begin()
    sklearn = runtime.untyped("sklearn")
    classifier = sklearn.base.is_classifier(student)
    if classifier != (asked.kind == "classes"):
        kind = "a classifier" if classifier else "no classifier"
        wanted = "a classifier" if asked.kind == "classes" else "a regressor"
        raise asked.refuse(f"it returned {type(student).__name__}, {kind}", f"{wanted}, as the teacher answers so")
    values = _values(lesson, asked)
    if asked.kind != "classes":
        teacher = (
            lesson.teacher.reshape(lesson.labels.shape) if lesson.teacher.size == len(lesson.labels) else lesson.teacher
        )
        alone = asked.kind == "answers"
        student.fit(values, teacher if alone else asked.alpha * teacher + (1 - asked.alpha) * lesson.labels)
        return converter.save(student, folder)
    positions = range(lesson.teacher.shape[1])
    known: Array = np.asarray([*positions] if asked.classes is None else asked.classes)
    shares = asked.alpha * softened(lesson.teacher, asked.temperature)
    shares[np.arange(len(shares)), lesson.labels] += 1 - asked.alpha
    weights = _weighted(student)
    if weights:
        rows, classes = np.nonzero(shares > _LEAST)
        amounts = shares[rows, classes]
        student.fit(_rows(values, rows), known[classes], **dict.fromkeys(weights, amounts))
    else:
        student.fit(values, known[shares.argmax(axis=1)])
    if len(student.classes_) != len(known):
        got = f"its rows are of {len(student.classes_)} of the model's {len(known)} classes"
        raise asked.refuse(f"{got}, by their labels and its answers", "all of them; give it more rows")
    return converter.save(student, folder)


def _weighted(student: Any) -> list[str]:
    """The parameters of `fit` that take the weights of rows: in a pipeline, one for each part that has them."""
    has: Any = runtime.untyped("sklearn.utils.validation").has_fit_parameter
    steps = cast("list[tuple[str, Any]] | None", getattr(student, "steps", None))
    if steps is None:
        return ["sample_weight"] if has(student, "sample_weight") else []
    if not has(steps[-1][1], "sample_weight"):
        return []
    return [
        f"{name}__sample_weight" for name, part in steps if not isinstance(part, str) and has(part, "sample_weight")
    ]


def _values(lesson: Lesson, asked: Teach) -> Any:
    if len(lesson.inputs) > 1:
        return columns.frame(lesson.inputs, asked.student)
    (values,) = lesson.inputs.values()
    return values.ravel() if values.dtype.kind in "US" else values


def _rows(values: Any, rows: Array) -> Any:
    return values.iloc[rows] if hasattr(values, "iloc") else values[rows]
