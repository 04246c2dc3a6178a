"""The converters' four functions, called in this process."""

from pathlib import Path
from typing import Any

from model_build.converters import converter
from tests import converting
from tests.converting import Converted, apart

__all__ = ["ROWS", "Converted", "apart", "convert", "saved"]

ROWS = (1, 7, 64)


def saved(made: object, folder: Path, kind: str = "keras") -> Path:
    return converting.saved(made, folder, kind)


def convert(source: Path, *, kind: str = "keras", folder: Path | None = None, **settings: Any) -> Converted:
    target = (folder or source.parent) / f"{source.name}.onnx"
    note = converter(kind).convert(source, target, {"label": "m", "input": "input", **settings})
    return Converted(kind, source, target, note)
