"""PMML: models of tables in the Data Mining Group's XML. Reading it runs no code.

What is in a file and not known here is refused by name. No converter to ONNX is to be had for it, and the one reader
into scikit-learn (sklearn-pmml-model 1.0) reads a fifth of what exporters of scikit-learn write, and of that not all
as it is meant, so this is a reader of our own; an interpreter beside it gives what parity is measured against.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model_build.converters import Arrays
from model_build.converters.pmml import interpreter, reading
from model_build.converters.pmml.document import Document
from model_build.errors import SourceError

FILES = (".pmml", ".pmml.gz")


def takes(made: object) -> bool:
    return False  # nobody's function returns one: it is a file


def save(made: object, folder: Path) -> str:
    raise SourceError(f"source returned {type(made).__name__}, expected a file of PMML; name the file itself as source")


def convert(source: Path, target: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    from model_build.converters.pmml import writer

    label = settings["label"]
    root = reading.read(source, label)
    try:
        found = Document(root)
        interpreter.Interpreter(found)  # what it cannot read either is refused before anything is written
        writer.write(found, target, repr(label))
    except SourceError as error:
        target.unlink(missing_ok=True)
        raise reading.said(error, label) from None
    except (ArithmeticError, LookupError, RecursionError, ValueError) as error:
        target.unlink(missing_ok=True)
        raise SourceError(
            f"source {label!r} is PMML that contradicts itself ({type(error).__name__}: {error}), expected what JPMML "
            "reads too; export the model again"
        ) from None
    return {
        "framework": f"PMML {root.get('version')}",
        "classes": found.answered() if found.classifies else None,
        "missing": True,
        "columns": None,
    }


def predict(source: Path, inputs: Arrays, output: str) -> Any:
    root = reading.read(source, source.name)
    try:
        found = Document(root)
        return interpreter.answers(found, inputs, output)
    except SourceError as error:
        raise reading.said(error, source.name) from None
