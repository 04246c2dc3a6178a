"""TensorFlow's SavedModel: a folder with the graphs of a program, its variables and its files.

Of its signatures `serving_default` is converted, or the only one. A function of the project may return the folder's
path, or a pair of it and another signature's name.
"""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from model_build import runtime
from model_build.converters import Arrays, tf_graphs, tf_scan
from model_build.errors import SourceError

FILE = "saved_model.pb"
SIGNATURE = "serving_default"
FOLDER = "model"
"""What a model that a function returned is called in its folder."""


def ready() -> None:
    """Load TensorFlow. Raises SourceError where it is missing."""
    tf_graphs.tensorflow()


def takes(made: object) -> bool:
    pair = cast("tuple[object, ...]", made) if isinstance(made, tuple) else (made, "")
    path: object = pair[0]
    if len(pair) != 2 or not isinstance(path, str | Path) or not isinstance(pair[1], str):
        return False
    return (Path(path) / FILE).is_file()


def save(made: object, folder: Path) -> str:
    path, asked = cast("tuple[Any, str]", made) if isinstance(made, tuple) else (made, "")
    source, target = Path(cast("str | Path", path)), folder / FOLDER
    if not asked:
        shutil.copytree(source, target)
        return FOLDER
    tf = tf_graphs.tensorflow()
    with tf_graphs.quiet():
        loaded = tf.saved_model.load(str(source))
        found = dict(loaded.signatures)
        if asked not in found:
            raise SourceError(
                f"source returned the signature {asked!r}, but the model has {', '.join(sorted(found)) or 'none'}; "
                "name one of those"
            )
        tf.saved_model.save(loaded, str(target), signatures={SIGNATURE: found[asked]})
    return FOLDER


def convert(source: Path, target: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    called = f"source {settings['label']!r}"
    function = load(source, called, str(settings["input"]))
    say_rows(function, called)
    target.write_bytes(tf_graphs.write(function, called))
    return {"framework": f"TensorFlow {tf_graphs.tensorflow().__version__}", "classes": None}


def predict(source: Path, inputs: Arrays, output: str) -> Any:
    names = list(inputs)
    function = load(source, f"source {source.name!r}", names[0])
    return tf_graphs.answer(function, inputs, output)


def say_rows(function: tf_graphs.Called, called: str) -> None:
    if function.rows is not None:
        print(f"{called} takes {function.rows} rows and no other number, as it was saved", flush=True)


def load(source: Path, called: str, alone: str) -> tf_graphs.Called:
    """The function of a SavedModel that is to be served.

    alone: the name of its one input, where it has none of its own.
    Raises SourceError for one that is broken, does other things than compute, or has no such signature.
    """
    tf = tf_graphs.tensorflow()
    tf_scan.check(source, called)
    try:
        with tf_graphs.quiet():
            loaded = tf.saved_model.load(str(source))
    except Exception as error:
        raise SourceError(
            f"{called} cannot be loaded by TensorFlow {tf.__version__}: {type(error).__name__}: "
            f"{runtime.first_line(error)}; save it again with the version that is installed here"
        ) from None
    signatures = {name: each for name, each in dict(loaded.signatures).items() if not name.startswith("_")}
    if SIGNATURE not in signatures and len(signatures) != 1:
        got = f"the signatures {', '.join(sorted(signatures))}" if signatures else "no signature"
        raise SourceError(
            f"{called} has {got}, expected {SIGNATURE}; save it with signatures={{{SIGNATURE!r}: ...}}"
            + (", or name a function that returns its path and a signature's name" if signatures else "")
        )
    function = signatures.get(SIGNATURE) or next(iter(signatures.values()))
    return described(function, loaded, called, alone)


def described(function: Any, holder: Any, called: str, alone: str) -> tf_graphs.Called:
    """A signature's function with its inputs and outputs by name."""
    tf = tf_graphs.tensorflow()
    count = len(function.inputs) - len(function.captured_inputs)
    tensors = list(function.inputs)[:count]
    names = [str(name) for name in function._arg_keywords]
    bad = next((t for t in tensors if not isinstance(t, tf.Tensor) or t.dtype in (tf.resource, tf.variant)), None)
    if len(names) != count or bad is not None:
        raise SourceError(
            f"{called} has a signature with an input that is no plain tensor, expected tensors; save it with "
            "dense inputs"
        )
    outputs = function.structured_outputs
    if not isinstance(outputs, Mapping) or not outputs or not count:
        raise SourceError(
            f"{called} has a signature without inputs or outputs by name; let its function return a dict of name to "
            "tensor"
        )
    labels = sorted(str(name) for name in cast("Mapping[object, object]", outputs))
    if count == 1 and automatic(names[0]):
        names = [alone]
    if labels == ["output_0"]:
        labels = ["output"]
    keywords = [str(name) for name in function._arg_keywords]
    return tf_graphs.Called(
        function,
        dict(zip(names, tensors, strict=True)),
        dict(zip(names, keywords, strict=True)),
        dict(zip(labels, function.outputs, strict=True)),
        holder,
    )


def automatic(name: str) -> bool:
    """Whether Keras has made up an input's name, with a number that another run has not."""
    return bool(re.fullmatch(r"(keras_tensor|input_layer|args)(_\d+)?", name))
