"""The chosen model in formats of other runtimes, a module each: what goes out beside the ONNX that is served.

A format's module writes the model's files, and opens them in their own runtime, so that they are measured as every
candidate is. A new format is a module with the two functions of `Writer`, a line in `FORMATS`, and an artifact type in
`bake.attachments`. What is here imports nothing that is heavy: every preview looks at it.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from model_build import distributions
from model_build.errors import InputError, SourceError


@dataclass(frozen=True)
class Format:
    title: str
    made_of: tuple[str, ...] = ()
    """Formats of sources that it is made of; none: of the ONNX that any of them becomes."""
    packages: tuple[str, ...] = ()
    """Distributions of which one runs it."""
    extra: str = ""
    """What of ours brings them."""
    timed: bool = True
    """Whether how long it takes here says something of how long it takes where it goes."""
    model: str = ""
    """The file whose size counts; none: all of them do."""

    @property
    def version(self) -> str | None:
        """Of its runtime; None where that is missing."""
        return next((found for name in self.packages if (found := distributions.version(name))), None)


FORMATS: dict[str, Format] = {
    "ort": Format("ORT format", packages=("onnxruntime",), model="model.ort"),
    "openvino": Format("OpenVINO IR", packages=("openvino",), extra="openvino"),
    "torchscript": Format("TorchScript", ("torch",), ("torch",), "torch"),
    "savedmodel": Format("SavedModel", ("keras", "savedmodel"), ("tensorflow", "tensorflow-cpu"), "tf"),
    "tensorrt": Format("TensorRT", packages=("onnxruntime",), timed=False, model="model.onnx"),
}
_MADE_BY = {"torch": "PyTorch", "keras": "Keras", "savedmodel": "TensorFlow"}

Arrays = Mapping[str, Any]
"""Name to numpy array."""


class Unsupported(SourceError):
    """A form of the model that the format cannot hold, or that its runtime does not run."""


class Runs(Protocol):
    """A model in a runtime, as `measure` asks it."""

    def get_inputs(self) -> list[Any]: ...

    def get_outputs(self) -> list[Any]: ...

    def run(self, outputs: list[str], inputs: Arrays) -> list[Any]: ...


class Writer(Protocol):
    """What a format's module has at its top."""

    def write(self, source: Path, folder: Path, settings: Mapping[str, Any]) -> None:
        """Write `source` (ONNX, or for those that are made of it the source's own model) into the empty `folder`.

        settings: `label`, what messages call the source; `form`, one of `forms.plan`; `name` of the model; `model`, the
        converted ONNX; `data`, a data.npz; `sizes`, rows per call that are asked of it. Raises Unsupported.
        """
        ...

    def opened(self, folder: Path, like: Runs, settings: Mapping[str, Any]) -> Runs:
        """The written files in their own runtime, with inputs and outputs as `like` has them. Raises Unsupported."""
        ...


def writer(name: str) -> Writer:
    return cast("Writer", importlib.import_module(f"model_build.formats.{name}"))


def fitting(names: Sequence[str], kind: str, label: str) -> None:
    """Raise SourceError for a format that a source of format `kind` does not come in."""
    for name in names:
        made_of = FORMATS[name].made_of
        if made_of and kind not in made_of:
            models = " and ".join(dict.fromkeys(_MADE_BY[each] for each in made_of))
            raise SourceError(
                f"formats names {name}, which is written of models of {models} alone, but source {label!r} is {kind}; "
                "leave it out, or name that model as the source"
            )


def runnable(names: Sequence[str]) -> None:
    """Raise InputError for a format whose runtime, which it is verified in, is not installed."""
    for name in names:
        asked = FORMATS[name]
        if asked.version is None:
            raise InputError(
                f"formats names {name}, which is verified in its own runtime, but {asked.packages[0]} is not "
                f"installed; pip install 'modelport[{asked.extra}]', or leave it out"
            )


class As:
    """A function of inputs by name in the place of a session of ONNX Runtime's, whose names and axes it has."""

    def __init__(self, like: Runs, answer: Any) -> None:
        self._like = like
        self._answer = answer

    def get_inputs(self) -> list[Any]:
        return self._like.get_inputs()

    def get_outputs(self) -> list[Any]:
        return self._like.get_outputs()

    def run(self, outputs: list[str], inputs: Arrays) -> list[Any]:
        found: Arrays = self._answer(inputs, outputs)
        return [found[name] for name in outputs]
