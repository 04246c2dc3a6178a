"""scikit-learn: any fitted classifier or regressor, or a pipeline that ends in one.

It takes one matrix of numbers, one text a row, or, where a ColumnTransformer picks columns by name, one input for each
of those: [batch, 1], of numbers or text.
"""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model_build import graphs, runtime
from model_build.converters import Arrays, columns, converter
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
            f"{error.name} is not installed, scikit-learn models need it; pip install 'modelport[sklearn]'"
        ) from None
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
    taken = columns.kinds(model, label)
    initial = _inputs(model, taken, settings["input"], label)
    classifier = sklearn.base.is_classifier(model)
    if not classifier and not sklearn.base.is_regressor(model):
        raise SourceError(
            f"source {label} is a {_kind(model)}, expected a classifier or regressor, or a pipeline to one"
        )
    classes = list(_classes(model)) if classifier else None
    options: dict[int, dict[str, Any]] = {id(model): {"zipmap": False}} if classifier else {}
    for part in columns.parts(model):
        if getattr(part, "token_pattern", None) == columns.WORDS and part.analyzer == "word":
            options[id(part)] = {"tokenexp": columns.WORDS_HERE}
        if other := _other(part):
            _embed(other, part.__class__, label, columns.fed_sparse(model))
    try:
        converted: Any = skl2onnx.convert_sklearn(
            model,
            name="model",
            initial_types=initial,
            target_opset={"": graphs.OPSET, "ai.onnx.ml": graphs.ML_OPSET},
            options=options or None,
        )
    except SourceError:
        raise
    except Exception as error:
        text = runtime.first_line(error)
        raise SourceError(
            f"source {label} is a {_kind(model)} that skl2onnx {skl2onnx.__version__} cannot convert: {text}; "
            "use an estimator that it supports, or convert it yourself and name the ONNX file"
        ) from None
    for node in converted.graph.node:
        if node.op_type == "StringNormalizer":
            kept = [each for each in node.attribute if each.name != "locale"]
            del node.attribute[:]
            node.attribute.extend(kept)
            node.attribute.append(runtime.untyped("onnx.helper").make_attribute("locale", columns.LOCALE))
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
    # Of columns some may have holes: what takes none says so itself.
    missing = bool(taken) or bool(sklearn.utils.get_tags(model).input_tags.allow_nan)
    known: Any = getattr(model, "feature_names_in_", None) if taken is None else None
    return {
        "framework": f"scikit-learn {sklearn.__version__}",
        "classes": classes,
        "missing": missing,
        "columns": None if known is None else [str(name) for name in known],
    }


def predict(source: Path, inputs: Arrays, output: str) -> Any:
    model: Any = load(source, source.name)
    if other := _other(model):
        return converter(other).predict(source, inputs, output)
    values: Any
    if columns.kinds(model, repr(source.name)) is not None:
        values = columns.frame(inputs, repr(source.name))
    else:
        (values,) = inputs.values()
        values = values.ravel() if columns.takes_text(model) else values
    if output == PROBABILITIES and hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(values))
    if output == PROBABILITIES and hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(values))
    if output in (LABEL, PREDICTION):
        return np.asarray(model.predict(values))
    return None


def _inputs(model: Any, taken: Mapping[str, str] | None, name: str, label: str) -> list[tuple[str, Any]]:
    """Names and types of the inputs, as skl2onnx takes them."""
    types = runtime.untyped("skl2onnx.common.data_types")
    column = {columns.NUMBER: types.FloatTensorType, columns.TEXT: types.StringTensorType}
    if taken is not None:
        return [(each, column[kind]([None, 1])) for each, kind in taken.items()]
    if columns.takes_text(model):
        return [(name, types.StringTensorType([None, 1]))]
    width = getattr(model, "n_features_in_", None)
    if width is None:
        raise SourceError(
            f"source {label} does not say how many features it takes; fit it on an array [rows, features]"
        )
    return [(name, types.FloatTensorType([None, int(width)]))]


def _embed(other: str, kind: type, label: str, sparse: set[int]) -> None:
    """Have skl2onnx convert estimators of another format inside of a pipeline by that format's own converter."""
    skl2onnx, types = runtime.untyped("skl2onnx"), runtime.untyped("skl2onnx.common.data_types")
    form: Any = converter(other)

    def shapes(operator: Any) -> None:
        known = getattr(operator.raw_operator, "classes_", None)
        if known is None:
            operator.outputs[0].type = types.FloatTensorType([None, 1])
            return
        text = np.asarray(known).dtype.kind in "OUS"
        operator.outputs[0].type = (types.StringTensorType if text else types.Int64TensorType)([None])
        operator.outputs[1].type = types.FloatTensorType([None, len(known)])

    def convert(scope: Any, operator: Any, container: Any) -> None:  # skl2onnx asks for these names
        helper = runtime.untyped("onnx.helper")
        ensemble = form.ensemble(operator.raw_operator, label)
        if id(operator.raw_operator) in sparse and other == "xgboost":
            ensemble.missing = 0.0  # what a sparse matrix leaves out is missing to XGBoost
        outputs = [each.full_name for each in operator.outputs]
        nodes, constants = ensemble.nodes(operator.inputs[0].full_name, outputs)
        container.initializers.extend(constants)
        for node in nodes:
            attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
            version = graphs.ML_OPSET if node.domain else graphs.OPSET
            container.add_node(
                node.op_type,
                list(node.input),
                list(node.output),
                op_domain=node.domain,
                op_version=version,
                name=f"{outputs[-1]}.{len(container.nodes)}",
                **attributes,
            )

    skl2onnx.update_registered_converter(
        kind,
        f"Modelport{kind.__name__}",
        shapes,
        convert,
        overwrite=True,
        options={"zipmap": [True, False, "columns"], "nocl": [True, False]} if hasattr(kind, "predict_proba") else {},
    )


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
