"""LightGBM: an estimator of its scikit-learn API, a Booster, or a .txt file of either, which runs no code.

A model that was stopped early answers with the trees up to its best iteration, as LightGBM does. Thresholds are numbers
of 64 bits there and of 32 here: they are rounded down, so that a number of 32 bits goes the same way in both.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model_build import runtime
from model_build.converters import Arrays, sklearn, trees
from model_build.errors import SourceError

FILES = (".txt",)

_CLASSIFIERS = {"binary": trees.SIGMOID, "multiclass": trees.SOFTMAX, "multiclassova": trees.SIGMOID}
_SAME = (
    *("regression", "regression_l1", "huber", "fair", "quantile", "mape"),
    *("lambdarank", "rank_xendcg", "custom"),
)
_NUMBERS = {
    "cross_entropy": trees.SIGMOID,
    "cross_entropy_lambda": trees.SOFTPLUS,
    **dict.fromkeys(_SAME, trees.IDENTITY),
    **dict.fromkeys(("poisson", "gamma", "tweedie"), trees.EXP),
}
"""Objectives and what is made of the sum of leaves."""


def takes(made: object) -> bool:
    lightgbm: Any = sys.modules.get("lightgbm")  # whoever made one has imported it
    return lightgbm is not None and isinstance(made, lightgbm.Booster | lightgbm.LGBMModel)


def save(made: object, folder: Path) -> str:
    if hasattr(made, "booster_") or not hasattr(made, "save_model"):
        return sklearn.save(made, folder)  # its own files have no labels
    model: Any = made
    model.save_model(folder / "model.txt")
    return "model.txt"


def convert(source: Path, target: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    library, label = _module(), settings["label"]
    return trees.write(ensemble(_load(source, label), repr(label)), target, settings, library)


def predict(source: Path, inputs: Arrays, output: str) -> Any:
    (values,) = inputs.values()
    return answer(_load(source, source.name), values, output)


def answer(model: Any, values: Any, output: str) -> Any:
    """What `model`, an estimator or a Booster, answers to the matrix `values`."""
    found = np.asarray(_booster(model, "model").predict(values))
    if output == sklearn.PREDICTION:
        return found
    shares = np.stack([1 - found, found], axis=1) if found.ndim == 1 else found
    if output == sklearn.PROBABILITIES:
        return shares
    classes = np.asarray(_classes(model, shares.shape[1]))
    return classes[shares.argmax(axis=1)] if output == sklearn.LABEL else None


def ensemble(model: Any, label: str) -> trees.Ensemble:
    """The trees of `model`, an estimator or a Booster. Raises SourceError for what ONNX cannot say."""
    booster = _booster(model, label)
    told = booster.dump_model()  # up to the best iteration
    objective, _, rest = str(told.get("objective") or "custom").partition(" ")
    settings = {name: value for name, _, value in (each.partition(":") for each in rest.split())}
    if objective not in _CLASSIFIERS and objective not in _NUMBERS:
        known = ", ".join((*_CLASSIFIERS, *_NUMBERS))
        raise SourceError(f"source {label} has the objective {objective}, expected one of {known}; train it with one")
    if objective == "custom" and hasattr(model, "classes_"):
        raise SourceError(
            f"source {label} is a classifier with an objective of its own, expected one that makes shares of sums: "
            f"{', '.join(_CLASSIFIERS)}; train it with one"
        )
    targets, names = int(told["num_tree_per_iteration"]), list(told["feature_names"])
    link = trees.SQUARE if "sqrt" in settings else _CLASSIFIERS.get(objective) or _NUMBERS[objective]
    found = trees.Ensemble(
        features=int(told["max_feature_idx"]) + 1,
        targets=targets,
        base=[0.0] * targets,
        link=link,
        scale=float(settings.get("sigmoid", 1)),
        classes=_classes(model, max(targets, 2)) if objective in _CLASSIFIERS else None,
        names=[] if names == [f"Column_{n}" for n in range(len(names))] else names,
    )
    coded = any(told.get("pandas_categorical") or [])
    share = targets / len(told["tree_info"]) if told["average_output"] else 1.0
    for number, tree in enumerate(told["tree_info"]):
        _tree(found, number, tree["tree_structure"], number % targets, share, (label, coded))
    return found


def _tree(
    found: trees.Ensemble, number: int, root: Mapping[str, Any], target: int, weight: float, told: tuple[str, bool]
) -> None:
    label, coded = told
    waiting: list[tuple[int, Mapping[str, Any]]] = [(0, root)]
    used = 1
    while waiting:
        here, node = waiting.pop()
        if "leaf_coeff" in node:
            raise SourceError(f"source {label} has linear trees, which ONNX has not; train it without linear_tree")
        if "leaf_value" in node:
            found.leaf(number, here, target, node["leaf_value"] * weight)
            continue
        low, high = used, used + 1
        used += 2
        waiting += [(low, node["left_child"]), (high, node["right_child"])]
        feature, missing = node["split_feature"], node["missing_type"]
        if node["decision_type"] == "==":
            if coded:
                raise SourceError(
                    f"source {label} numbers the categories of a DataFrame by itself, expected categories that are "
                    "numbers; train it on their codes and name them in categorical_feature"
                )
            values = [int(each) for each in node["threshold"].split("||")]
            chain = [here, *range(used, used + len(values) - 1)]
            used += len(values) - 1
            found.member(number, chain, feature, values, (low, high, False))
            continue
        if missing == "Zero":
            raise SourceError(
                f"source {label} takes zeros for missing values, which ONNX cannot; train it without zero_as_missing "
                "and give NaN for what is missing"
            )
        threshold = trees.rounded_down(node["threshold"])
        # Without missing values in training a NaN counts as 0.
        holds = bool(node["default_left"]) if missing == "NaN" else threshold >= 0
        found.branch(number, here, feature, trees.AT_MOST, threshold, (low, high, holds))


def _classes(model: Any, count: int) -> list[Any]:
    known = getattr(model, "classes_", None)
    return list(range(count)) if known is None else [each.item() for each in np.asarray(known)]


def _booster(model: Any, label: str) -> Any:
    if hasattr(model, "dump_model"):
        return model
    if not model.__sklearn_is_fitted__():
        raise SourceError(
            f"source {label} is a {type(model).__name__} that is not fitted; call fit before returning it"
        )
    return model.booster_


def _load(path: Path, label: str) -> Any:
    if path.suffix not in FILES:
        return sklearn.load(path, label)
    with path.open("rb") as file:
        begins = file.read(5)
    # The library ends the process over a file that is none of its own.
    if begins.strip() != b"tree":
        raise SourceError(f"source {label!r} is not a model of LightGBM: it does not begin with 'tree'; save it again")
    try:
        return _module().Booster(model_file=path)
    except _module().basic.LightGBMError as error:
        text = str(error).strip().splitlines()[0]
        raise SourceError(f"source {label!r} is not a model of LightGBM: {text[:200]}; save it again") from None


def _module() -> Any:
    try:
        return runtime.untyped("lightgbm")
    except ImportError:
        raise SourceError(
            "lightgbm is not installed, models of LightGBM need it; pip install 'modelport[trees]'"
        ) from None
