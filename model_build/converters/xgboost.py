"""XGBoost: an estimator of its scikit-learn API, a Booster, or a .json or .ubj file of either, which runs no code.

A model that was stopped early answers with the trees up to its best iteration, as its scikit-learn API does.
"""

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model_build import runtime
from model_build.converters import Arrays, sklearn, trees
from model_build.errors import SourceError

FILES = (".json", ".ubj")

_CLASSIFIERS = {
    "binary:logistic": trees.SIGMOID,
    "binary:hinge": trees.STEP,
    "multi:softprob": trees.SOFTMAX,
    "multi:softmax": trees.SOFTMAX,
}
_SAME = (
    *(f"reg:{each}error" for each in ("squared", "squaredlog", "pseudohuber", "absolute", "quantile", "expectile")),
    *("rank:ndcg", "rank:map", "rank:pairwise", "binary:logitraw"),
)
_LOGARITHMS = ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft")
_NUMBERS = {
    "reg:logistic": trees.SIGMOID,
    **dict.fromkeys(_SAME, trees.IDENTITY),
    **dict.fromkeys(_LOGARITHMS, trees.EXP),
}
"""Objectives and what is made of the sum of leaves."""


def takes(made: object) -> bool:
    xgboost: Any = sys.modules.get("xgboost")  # whoever made one has imported it
    return xgboost is not None and isinstance(made, xgboost.Booster | xgboost.XGBModel)


def save(made: object, folder: Path) -> str:
    if hasattr(made, "get_booster"):
        return sklearn.save(made, folder)  # its own files have no labels, nor what stands for a missing value
    model: Any = made
    model.save_model(folder / "model.ubj")
    return "model.ubj"


def convert(source: Path, target: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    library, label = _module(), settings["label"]
    return trees.write(ensemble(_load(source, label), repr(label)), target, settings, library)


def predict(source: Path, inputs: Arrays, output: str) -> Any:
    (values,) = inputs.values()
    return answer(_load(source, source.name), values, output)


def answer(model: Any, values: Any, output: str) -> Any:
    """What `model`, an estimator or a Booster, answers to the matrix `values`."""
    booster = _booster(model, "model")
    rows = _module().DMatrix(
        values,
        missing=getattr(model, "missing", math.nan),
        feature_names=booster.feature_names,
        feature_types=booster.feature_types,
        enable_categorical=True,
    )
    objective = json.loads(booster.save_config())["learner"]["objective"]["name"]
    if objective == "multi:softmax":  # answers with labels alone
        booster = booster.copy()
        booster.set_param({"objective": "multi:softprob"})
    found = np.asarray(booster.predict(rows, iteration_range=(0, _best(booster))))
    if output == sklearn.PREDICTION:
        return found
    shares = np.stack([1 - found, found], axis=1) if found.ndim == 1 else found
    if output == sklearn.PROBABILITIES:
        return shares
    classes = np.asarray(_classes(model, shares.shape[1]))
    return classes[shares.argmax(axis=1)] if output == sklearn.LABEL else None


def ensemble(model: Any, label: str) -> trees.Ensemble:
    """The trees of `model`, an estimator or a Booster. Raises SourceError for what ONNX cannot say."""
    learner = json.loads(_booster(model, label).save_raw("json"))["learner"]
    booster, objective = learner["gradient_booster"], learner["objective"]["name"]
    if booster["name"] == "gblinear":
        raise SourceError(f"source {label} is of booster gblinear, which has no trees, expected gbtree or dart")
    if objective not in _CLASSIFIERS and objective not in _NUMBERS:
        known = ", ".join((*_CLASSIFIERS, *_NUMBERS))
        raise SourceError(f"source {label} has the objective {objective}, expected one of {known}; train it with one")
    forest = (booster["gbtree"] if booster["name"] == "dart" else booster)["model"]
    drops = booster.get("weight_drop", [])
    if forest.get("cats", {}).get("enc"):
        raise SourceError(
            f"source {label} numbers the categories of a DataFrame by itself, expected categories that are numbers; "
            "train it on their codes with feature_types 'c'"
        )
    shape = learner["learner_model_param"]
    targets = max(int(shape["num_class"]), int(shape.get("num_target", 1)), 1)
    link = _CLASSIFIERS.get(objective) or _NUMBERS[objective]
    best = int(learner["attributes"].get("best_iteration", -1)) + 1
    kept = forest["iteration_indptr"][best] if best else len(forest["trees"])
    found = trees.Ensemble(
        features=int(shape["num_feature"]),
        targets=targets,
        base=_base(shape["base_score"], objective, targets),
        link=link,
        classes=_classes(model, max(targets, 2)) if objective in _CLASSIFIERS else None,
        missing=float(getattr(model, "missing", math.nan)),
        names=list(learner["feature_names"]),
    )
    for number, tree in enumerate(forest["trees"][:kept]):
        if int(tree["tree_param"]["size_leaf_vector"]) > 1:
            raise SourceError(
                f"source {label} has leaves with several numbers, expected one; train it with "
                "multi_strategy one_output_per_tree"
            )
        _tree(found, number, tree, forest["tree_info"][number], drops[number] if drops else 1.0)
    return found


def _tree(found: trees.Ensemble, number: int, tree: Mapping[str, Any], target: int, weight: float) -> None:
    left, right, values = tree["left_children"], tree["right_children"], tree["split_conditions"]
    places = zip(tree["categories_nodes"], tree["categories_segments"], tree["categories_sizes"], strict=True)
    sets = {node: tree["categories"][start : start + size] for node, start, size in places}
    waiting, numbered = [0], {0: 0}

    def numbers(count: int) -> list[int]:
        first = used[0]
        used[0] += count
        return list(range(first, first + count))

    used = [1]
    while waiting:
        node = waiting.pop()
        here = numbered[node]
        if left[node] < 0:
            found.leaf(number, here, target, values[node] * weight)
            continue
        for child in (left[node], right[node]):
            (numbered[child],) = numbers(1)
            waiting.append(child)
        low, high = numbered[left[node]], numbered[right[node]]
        feature, leftwards = tree["split_indices"][node], bool(tree["default_left"][node])
        if node in sets:  # what is in the set goes right
            chain = [here, *numbers(len(sets[node]) - 1)]
            found.member(number, chain, feature, sets[node], (high, low, not leftwards))
        else:
            found.branch(number, here, feature, trees.LESS, values[node], (low, high, leftwards))


def _base(text: str, objective: str, targets: int) -> list[float]:
    """Where sums begin: the file has it as an answer and not as a sum."""
    given = json.loads(text)
    scores = [float(each) for each in (given if isinstance(given, list) else [given])]  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    if objective in ("binary:logistic", "reg:logistic"):
        scores = [math.log(each / (1 - each)) for each in scores]
    elif objective in _LOGARITHMS:
        scores = [math.log(each) for each in scores]
    return scores if len(scores) == targets else scores[:1] * targets


def _classes(model: Any, count: int) -> list[Any]:
    known = getattr(model, "classes_", None)
    return list(range(count)) if known is None else [each.item() for each in np.asarray(known)]


def _best(booster: Any) -> int:
    """Iterations that count, 0 for all."""
    return int(booster.attr("best_iteration") or -1) + 1


def _booster(model: Any, label: str) -> Any:
    if not hasattr(model, "get_booster"):
        return model
    if not model.__sklearn_is_fitted__():
        raise SourceError(
            f"source {label} is a {type(model).__name__} that is not fitted; call fit before returning it"
        )
    return model.get_booster()


def _load(path: Path, label: str) -> Any:
    if path.suffix not in FILES:
        return sklearn.load(path, label)
    try:
        return _module().Booster(model_file=path)
    except (_module().core.XGBoostError, ValueError) as error:  # of what it cannot decode, too
        text = str(error).strip().splitlines()[0].partition("] ")[2] or "it is not whole"
        raise SourceError(f"source {label!r} is not a model of XGBoost: {text[:200]}; save it again") from None


def _module() -> Any:
    try:
        return runtime.untyped("xgboost")
    except ImportError:
        text = "xgboost is not installed, models of XGBoost need it; pip install 'modelport[trees]'"
        raise SourceError(text) from None
