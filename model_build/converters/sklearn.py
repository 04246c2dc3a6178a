"""scikit-learn: any fitted classifier or regressor, or a pipeline that ends in one, on one matrix of numbers."""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model_build import graphs, runtime
from model_build.converters import Arrays, converter
from model_build.errors import SourceError

LABEL, PROBABILITIES, PREDICTION = "label", "probabilities", "prediction"
"""Names of the outputs: the first two of a classifier, the third of a regressor."""


def takes(made: object) -> bool:
    try:
        base = runtime.untyped("sklearn.base")
    except ImportError:
        return False
    return isinstance(made, base.BaseEstimator)


def save(made: object, folder: Path) -> str:
    try:
        (folder / "model.pkl").write_bytes(pickle.dumps(made, protocol=5))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise SourceError(
            f"source returned a model that cannot be pickled: {error}; use functions with a name instead of lambdas"
        ) from None
    return "model.pkl"


def convert(source: Path, target: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    try:
        skl2onnx, sklearn = runtime.untyped("skl2onnx"), runtime.untyped("sklearn")
    except ImportError as error:
        raise SourceError(
            f"{error.name} is not installed, scikit-learn models need it; pip install modelport[sklearn]"
        ) from None
    types = runtime.untyped("skl2onnx.common.data_types")
    model = load(source, settings["label"])
    if other := _other(model):
        return converter(other).convert(source, target, settings)
    label = repr(settings["label"])
    try:
        runtime.untyped("sklearn.utils.validation").check_is_fitted(model)
    except sklearn.exceptions.NotFittedError:
        raise SourceError(
            f"source {label} is a {_kind(model)} that is not fitted; call fit before returning it"
        ) from None
    except TypeError as error:
        raise SourceError(f"source {label} is not an estimator: {error}") from None
    width = getattr(model, "n_features_in_", None)
    if width is None:
        raise SourceError(
            f"source {label} does not say how many features it takes; fit it on an array [rows, features]"
        )
    classifier = sklearn.base.is_classifier(model)
    if not classifier and not sklearn.base.is_regressor(model):
        raise SourceError(
            f"source {label} is a {_kind(model)}, expected a classifier or regressor, or a pipeline to one"
        )
    classes = list(_classes(model)) if classifier else None
    try:
        converted: Any = skl2onnx.convert_sklearn(
            model,
            name="model",
            initial_types=[(settings["input"], types.FloatTensorType([None, int(width)]))],
            target_opset={"": graphs.OPSET, "ai.onnx.ml": graphs.ML_OPSET},
            options={id(model): {"zipmap": False}} if classifier else None,
        )
    except Exception as error:
        text = runtime.first_line(error)
        raise SourceError(
            f"source {label} is a {_kind(model)} that skl2onnx {skl2onnx.__version__} cannot convert: {text}; "
            "use an estimator that it supports, or convert it yourself and name the ONNX file"
        ) from None
    outputs = [value.name for value in converted.graph.output]
    names = [LABEL, PROBABILITIES] if classifier else [PREDICTION]
    graphs.rename(converted, dict(zip(outputs, names, strict=False)))
    graphs.name_batch(converted)
    graphs.normalise(converted, name="model")
    converted.ir_version = graphs.IR_VERSION
    target.write_bytes(graphs.serialise(converted))
    try:
        runtime.session(target)
    except Exception as error:
        raise runtime.refusal(error, label) from None
    missing = bool(sklearn.utils.get_tags(model).input_tags.allow_nan)
    return {"framework": f"scikit-learn {sklearn.__version__}", "classes": classes, "missing": missing}


def predict(source: Path, inputs: Arrays, output: str) -> Any:
    model: Any = load(source, source.name)
    if other := _other(model):
        return converter(other).predict(source, inputs, output)
    (values,) = inputs.values()
    if output == PROBABILITIES and hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(values))
    if output == PROBABILITIES and hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(values))
    if output in (LABEL, PREDICTION):
        return np.asarray(model.predict(values))
    return None


def _other(model: object) -> str | None:
    """The format of its own that a pickled estimator has."""
    return next((name for name in ("xgboost", "lightgbm") if converter(name).takes(model)), None)


def _classes(model: Any) -> list[Any]:
    values = np.asarray(model.classes_)
    return [value.item() if hasattr(value, "item") else value for value in values]


def load(path: Path, label: str) -> Any:
    try:
        if path.suffix == ".skops":
            return _skops(path, label)
        if path.suffix == ".joblib":
            return runtime.untyped("joblib").load(path)
        return pickle.loads(path.read_bytes())
    except SourceError:
        raise
    except ModuleNotFoundError as error:
        raise SourceError(f"source {label!r} needs the module {error.name!r}, which is not installed") from None
    except Exception as error:
        raise SourceError(
            f"source {label!r} cannot be loaded as a pickled model: {type(error).__name__}: "
            f"{runtime.first_line(error)}; save it again with the versions that are installed here"
        ) from None


def _skops(path: Path, label: str) -> Any:
    try:
        skops = runtime.untyped("skops.io")
    except ImportError:
        raise SourceError(f"source {label!r} is a skops file, but skops is not installed; pip install skops") from None
    try:
        unknown = skops.get_untrusted_types(file=path)
    except zipfile.BadZipFile:
        raise SourceError(f"source {label!r} is not a whole skops file; save it again") from None
    if unknown:
        raise SourceError(
            f"source {label!r} holds types that skops does not know to be safe: {', '.join(unknown)}; "
            "use plain scikit-learn estimators"
        )
    return skops.load(path)


def _kind(model: object) -> str:
    return type(model).__name__
