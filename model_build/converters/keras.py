"""Keras 3: models that functions return, `.keras` files, and HDF5 of earlier versions.

A model that a function returned is kept as a SavedModel, which needs none of its classes. Whatever backend a file was
saved under, it is loaded under TensorFlow.
"""

import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from model_build import keras_files, runtime
from model_build.converters import Arrays, keras_hdf5, savedmodel, tf_graphs
from model_build.errors import SourceError

_FILE = "model.keras"


def ready() -> None:
    """Load TensorFlow and Keras. Raises SourceError where they are missing."""
    tf_graphs.tensorflow()
    with tf_graphs.quiet():
        runtime.untyped("keras")


def takes(made: object) -> bool:
    keras: Any = sys.modules.get("keras")  # nobody makes a model of it without it
    return keras is not None and isinstance(made, keras.Model)


def save(made: object, folder: Path) -> str:
    model = cast("Any", made)
    if runtime.untyped("keras").backend.backend() != "tensorflow":
        _without_classes(model)
        model.save(str(folder / _FILE))
        return _FILE
    tf_graphs.tensorflow()
    _export(model, folder / savedmodel.FOLDER, "source")
    return savedmodel.FOLDER


def convert(source: Path, target: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    called, alone = f"source {settings['label']!r}", str(settings["input"])
    if source.is_dir():
        made = savedmodel.convert(source, target, settings)
    else:
        model = _load(source, called, trust=settings.get("trust") is True or settings.get("own") is True)
        with tempfile.TemporaryDirectory() as folder:
            _export(model, Path(folder, savedmodel.FOLDER), called)
            function = savedmodel.load(Path(folder, savedmodel.FOLDER), called, alone)
            savedmodel.say_rows(function, called)
            target.write_bytes(tf_graphs.write(function, called))
        made = {"classes": None}
    return {**made, "framework": f"Keras {runtime.untyped('keras').__version__}"}


def predict(source: Path, inputs: Arrays, output: str) -> Any:
    if source.is_dir():
        return savedmodel.predict(source, inputs, output)
    # Whether its code is trusted was asked when it was converted.
    model = _load(source, f"source {source.name!r}", trust=True)
    specs, run = _function(model, f"source {source.name!r}")
    names = dict(zip(specs, inputs, strict=True)) if len(specs) == 1 else {name: name for name in specs}
    tf = tf_graphs.tensorflow()
    found: list[Any] = []
    length = len(next(iter(inputs.values())))
    fixed = next((spec.shape[0] for spec in specs.values() if spec.shape[0] is not None), None)
    step = fixed or tf_graphs.ROWS
    with tf_graphs.quiet():
        for start in range(0, length, step):
            part = {
                name: tf_graphs.fitted(tf, inputs[names[name]][start : start + step], spec)
                for name, spec in specs.items()
            }
            given = run(part)
            if output not in given:
                return None
            found.append(given[output].numpy())
    return runtime.untyped("numpy").concatenate(found)


def export(source: Path, folder: Path, called: str, *, trust: bool) -> None:
    """Write the model of a file as a SavedModel. Raises SourceError."""
    _export(_load(source, called, trust=trust), folder, called)


def _load(source: Path, called: str, *, trust: bool) -> Any:
    """The model in a file. Raises SourceError for code that is not trusted, and for what is kept in other files."""
    tf_graphs.tensorflow()
    if source.suffix in keras_files.HDF5:
        told = keras_files.told(keras_hdf5.config(source, called))
    else:
        told = keras_files.look(source, called)
        keras_hdf5.check_inside(source, called)
    told.check(called, trust=trust)
    keras = runtime.untyped("keras")
    try:
        with tf_graphs.quiet():
            return keras.saving.load_model(str(source), compile=False, safe_mode=not told.code)
    except ModuleNotFoundError as error:
        raise SourceError(f"{called} needs the module {error.name!r}, which is not installed") from None
    except Exception as error:
        raise SourceError(_unloadable(error, keras.__version__, called)) from None


def _unloadable(error: Exception, version: str, called: str) -> str:
    text = str(error)
    if found := re.search(r"Could not locate (?:class|function) '(\w+)'|Unknown \w+: '?([\w>]+)'?", text):
        name = found[1] or found[2]
        return (
            f"{called} names {name!r}, which is not in it; write a function that loads it with that (custom_objects) "
            "and returns the model, and name that (source: module:function), or ask for a SavedModel (model.export)"
        )
    return (
        f"{called} cannot be loaded by Keras {version}: {type(error).__name__}: {runtime.first_line(error)}; save it "
        "again with the version that is installed here, or as a SavedModel (model.export)"
    )


def _without_classes(model: Any) -> None:
    """Raise SourceError for a model of another backend that has classes of the project, which its file would lack."""
    if keras_files.told(runtime.untyped("keras").saving.serialize_keras_object(model)).code:
        raise SourceError(
            "source returned a model of Keras with code of its own under the backend "
            f"{runtime.untyped('keras').backend.backend()}, expected TensorFlow for that; set KERAS_BACKEND=tensorflow"
        )


def _export(model: Any, folder: Path, called: str) -> None:
    """Write the model as a SavedModel whose one signature has the names of its inputs and outputs."""
    keras = runtime.untyped("keras")
    specs, run = _function(model, called)
    try:
        with tf_graphs.quiet():
            archive = keras.export.ExportArchive()
            archive.track(model)
            archive.add_endpoint(savedmodel.SIGNATURE, run, input_signature=[specs])
            archive.write_out(str(folder), verbose=False)
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(
            f"{called} is a model of Keras whose call does not become a graph: {type(error).__name__}: "
            f"{_last_line(error)}; use keras.ops, and no values of tensors to decide by"
        ) from None


def _last_line(error: Exception) -> str:
    """The line that says what went wrong: TensorFlow puts a traceback before it, and Keras its arguments after it."""
    text = re.sub(r"\x1b\[\d*m", "", str(error).split("Arguments received by")[0])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300].rstrip(" .")


def _function(model: Any, called: str) -> tuple[dict[str, Any], Callable[[Mapping[str, Any]], dict[str, Any]]]:
    """What the model takes, by name, and a function of a dict of that which answers a dict."""
    tf, keras = tf_graphs.tensorflow(), runtime.untyped("keras")
    try:
        structure = _structure(model, called) if model.built else None
    except AttributeError:  # what a Sequential says whose layers it could not put together
        structure = None
    if structure is None:
        raise SourceError(
            f"{called} is a model of Keras that does not know its inputs yet; call it once, or begin with keras.Input"
        )
    leaves = keras.tree.flatten(structure)
    names = _names(structure, leaves)
    specs = {
        name: tf.TensorSpec(tuple(leaf.shape), leaf.dtype, name=name) for name, leaf in zip(names, leaves, strict=True)
    }
    known = _output_names(model)

    def run(inputs: Mapping[str, Any]) -> dict[str, Any]:
        given = keras.tree.pack_sequence_as(structure, [inputs[name] for name in names])
        return _named(model(given, training=False), known, called)

    return dict(sorted(specs.items())), run


def _structure(model: Any, called: str) -> Any:
    """What the model is called with: tensors, or what stands for them, in lists and dicts."""
    if isinstance(model, runtime.untyped("keras").Sequential):
        return model.inputs[0]
    if getattr(model, "inputs", None):
        return model.input
    try:
        found = runtime.untyped("keras.src.export.export_utils").get_input_signature(model)
    except Exception as error:
        raise SourceError(f"{called} is a model of Keras that cannot be exported: {_last_line(error)}") from None
    if len(found) != 1:
        raise SourceError(
            f"{called} is a model of Keras whose call takes {len(found)} arguments, expected one; take a dict of name "
            "to tensor"
        )
    return found[0]


def _names(structure: Any, leaves: list[Any]) -> list[str]:
    keys = list(cast("Mapping[object, object]", structure)) if isinstance(structure, Mapping) else []
    if keys and len(keys) == len(leaves):
        return sorted(str(name) for name in keys)  # as Keras flattens a dict
    given = [str(getattr(leaf, "name", None) or "args_0") for leaf in leaves]
    if len(leaves) == 1:
        return given
    return [f"input_{at}" if savedmodel.automatic(name) else name for at, name in enumerate(given)]


def _output_names(model: Any) -> list[str]:
    """What the layers are called that a model's outputs come from; `output_0` where that is a name of Keras's."""
    found: list[str] = []
    for at, name in enumerate(getattr(model, "output_names", None) or ()):
        layer = next((each for each in model.layers if each.name == name), None)
        plain = re.sub(r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", type(layer).__name__).lower()
        found.append(f"output_{at}" if layer is None or re.fullmatch(rf"{plain}(_\d+)?", str(name)) else str(name))
    return found if len(set(found)) == len(found) else []


def _named(made: Any, known: list[str], called: str) -> dict[str, Any]:
    if isinstance(made, Mapping):
        found = {str(name): value for name, value in cast("Mapping[object, Any]", made).items()}
    elif isinstance(made, list | tuple):
        row: list[Any] = list(cast("Any", made))
        names = known if len(known) == len(row) else [f"output_{at}" for at in range(len(row))]
        found = dict(zip(["output"] if len(row) == 1 else names, row, strict=True))
    else:
        found = {"output": made}
    for name, value in found.items():
        if not hasattr(value, "shape") or not hasattr(value, "dtype"):
            raise SourceError(
                f"{called} is a model of Keras that returns {type(value).__name__} as {name!r}, expected tensors; "
                "return a tensor, a list of tensors or a dict of name to tensor"
            )
    return found
