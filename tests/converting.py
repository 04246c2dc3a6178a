"""What tests of converters share, whatever the framework: the graph that came out, and how far answers are apart."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto

from model_build import graphs, runtime
from model_build.converters import converter


@dataclass(frozen=True)
class Converted:
    kind: str
    source: Path
    onnx: Path
    note: dict[str, Any]

    @property
    def model(self) -> ModelProto:
        return graphs.load(self.onnx)

    def axes(self) -> dict[str, list[str | int]]:
        values = (*self.model.graph.input, *self.model.graph.output)
        return {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}

    def answers(self, inputs: dict[str, Any]) -> dict[str, Any]:
        session = runtime.session(self.onnx)
        names = [value.name for value in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs), strict=True))

    def own(self, inputs: dict[str, Any], output: str) -> Any:
        """What the source framework answers."""
        return converter(self.kind).predict(self.source, inputs, output)

    def apart(self, inputs: dict[str, Any], output: str = "output") -> float:
        """How far the graph's answers are from the source framework's, at the most."""
        got = self.answers(inputs)[output]
        assert len(got) == len(next(iter(inputs.values())))
        return apart(got, self.own(inputs, output))


def apart(got: Any, want: Any) -> float:
    assert np.shape(got) == np.shape(want)
    return float(np.abs(np.asarray(got, np.float64) - np.asarray(want, np.float64)).max())


def saved(made: object, folder: Path, kind: str) -> Path:
    assert converter(kind).takes(made)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / converter(kind).save(made, folder)
