"""The converter's four functions, called in this process."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from model_build import data, graphs, runtime
from model_build.converters import torch as converter


@dataclass(frozen=True)
class Converted:
    source: Path
    onnx: Path
    note: dict[str, Any]

    @property
    def model(self) -> onnx.ModelProto:
        return graphs.load(self.onnx)

    def axes(self) -> dict[str, list[str | int]]:
        values = (*self.model.graph.input, *self.model.graph.output)
        return {v.name: [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in values}

    def apart(self, inputs: dict[str, Any], output: str = "output") -> float:
        """How far the graph's answers are from the source framework's, at the most."""
        session = runtime.session(self.onnx)
        got = session.run([output], inputs)[0]
        own = converter.predict(self.source, inputs, output)
        assert got.shape == own.shape and len(got) == len(next(iter(inputs.values())))
        return float(np.abs(got - own).max())


def saved(made: object, folder: Path) -> Path:
    assert converter.takes(made)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / converter.save(made, folder)


def convert(
    source: Path, rows: Any, *, axes: dict[str, list[str | int]] | None = None, beside: Sequence[str] = ()
) -> Converted:
    """rows: the inputs of the evaluation data, one array or arrays by name. beside: those that are looked at in groups."""
    inputs = rows if isinstance(rows, dict) else {"": rows}
    data.save(inputs, np.zeros(len(next(iter(inputs.values())))), source.parent)
    target = source.parent / "model.onnx"
    settings = {"label": "m", "input": "input", "axes": axes, "data": str(source.parent / "data.npz"), "beside": beside}
    return Converted(source, target, converter.convert(source, target, settings))


def pictures(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(count).random((count, 1, 8, 8), np.float32)


def numbers(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(count).random((count, 4), np.float32)
