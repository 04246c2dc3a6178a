"""One module per format that models come in, and how to find the right one.

A converter turns what `fetch` brought into ONNX, and lets the source framework answer for itself, which is what parity
is measured against. A new format is a module with the four functions of `Converter` and a line in `FORMATS`; recipes
name it under `format`. Converters run in a worker process, because they load what others have made.
"""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from model_build.errors import SourceError

FORMATS = {
    "onnx": "model_build.converters.onnx",
    # Before scikit-learn, of whose estimators theirs are, too.
    "xgboost": "model_build.converters.xgboost",
    "lightgbm": "model_build.converters.lightgbm",
    "sklearn": "model_build.converters.sklearn",
    "pmml": "model_build.converters.pmml",
    # Before PyTorch, whose modules these are.
    "seq2seq": "model_build.converters.seq2seq",
    "torch": "model_build.converters.torch",
    "keras": "model_build.converters.keras",
    "savedmodel": "model_build.converters.savedmodel",
}

BY_EXAMPLE = ("torch",)
"""Formats whose models are converted by running them on rows of the evaluation data."""

Arrays = Mapping[str, Any]
"""Name to numpy array."""


class Converter(Protocol):
    """What a format's module has at its top."""

    def takes(self, made: object) -> bool:
        """Whether an object that a callable returned is of this format."""
        ...

    def save(self, made: object, folder: Path) -> str:
        """Write the object into `folder` so that `convert` can read it. Returns the file's name."""
        ...

    def convert(self, source: Path, target: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Write `source` as ONNX to `target`.

        settings: `input`, the name for the model's one input where the format has no names; `label`, what messages
        call the source; for BY_EXAMPLE also `data`, a data.npz, and `axes` of the recipe; for Keras `trust` of the
        recipe, and `own` where a function of the project made it; what the recipe has under `generate`. Returns
        `framework` (name and version) and `classes` (label values in order, or None). `missing: True` where NaN stands
        for what is missing; `columns`, the names of the columns of the model's one matrix, where it knows them.
        `generates` of a model that writes: text, or ids. Raises SourceError.
        """
        ...

    def predict(self, source: Path, inputs: Arrays, output: str) -> Any:
        """The source framework's own answer, with the meaning of the ONNX output `output`; None where it has none.

        What the recipe has under `generate` comes by name, to those that write.
        """
        ...


def converter(name: str) -> Converter:
    return cast("Converter", importlib.import_module(FORMATS[name]))


def recognise(made: object, label: str) -> str:
    """The format of an object that a callable returned. Raises SourceError."""
    for name in FORMATS:
        if converter(name).takes(made):
            return name
    kind = f"{type(made).__module__}.{type(made).__qualname__}".removeprefix("builtins.")
    raise SourceError(
        f"source {label} returned {kind}, expected a fitted estimator of scikit-learn, XGBoost or LightGBM, "
        "a PyTorch module, a Keras model, the path of a SavedModel or an ONNX model; return the model"
    )
