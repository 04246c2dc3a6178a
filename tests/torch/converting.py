"""The converter's four functions, called in this process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model_build import data
from model_build.converters import torch as converter
from tests import converting
from tests.converting import Converted

__all__ = ["Converted", "convert", "numbers", "pictures", "saved"]


def saved(made: object, folder: Path) -> Path:
    return converting.saved(made, folder, "torch")


def convert(
    source: Path, rows: Any, *, axes: dict[str, list[str | int]] | None = None, beside: Sequence[str] = ()
) -> Converted:
    """rows: the inputs of the evaluation data, one array or arrays by name.

    beside: those that are looked at in groups.
    """
    inputs = rows if isinstance(rows, dict) else {"": rows}
    data.save(inputs, np.zeros(len(next(iter(inputs.values())))), source.parent)
    target = source.parent / "model.onnx"
    settings = {"label": "m", "input": "input", "axes": axes, "data": str(source.parent / "data.npz"), "beside": beside}
    return Converted("torch", source, target, converter.convert(source, target, settings))


def pictures(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(count).random((count, 1, 8, 8), np.float32)


def numbers(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(count).random((count, 4), np.float32)
