"""PMML as it is written: each row by itself, in Python's numbers of 64 bits.

With what writes the ONNX it shares the reading of the file alone, so that one can be held against the other.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from model_build.converters.pmml.document import TEXT, Document, Value
from model_build.converters.pmml.interpreter.expressions import Row
from model_build.converters.pmml.interpreter.fields import InvalidError, treatment
from model_build.converters.pmml.interpreter.models import Models


@dataclass(frozen=True)
class Answer:
    """label and shares of a classifier, or a number; None where the model has no answer for the row."""

    label: str | None
    shares: Mapping[str, float]
    number: float | None


class Interpreter:
    def __init__(self, found: Document) -> None:
        self._document = found
        self._treat = [(each.get("name"), treatment(found.fields[each.get("name")], each)) for each in found.inputs]
        self._model = Models(found).model(found.model, found.names, top=True)

    def answer(self, given: Mapping[str, Value]) -> Answer:
        row = Row(None)
        try:
            for name, treat in self._treat:
                row.values[name] = treat(given[name])
            result = self._model(row)
        except InvalidError:
            result = None
        if result is None:
            return Answer(None, {}, None)
        if isinstance(result, tuple):
            return Answer(result[0], result[1], None)
        return Answer(None, {}, None if math.isnan(result) else result)


def answers(found: Document, inputs: Mapping[str, Any], output: str) -> list[Any]:
    """What the model answers to rows of arrays, as the ONNX output `output` has it."""
    interpreter = Interpreter(found)
    columns = {name: _values(array, found.names.kinds[name]) for name, array in inputs.items()}
    results = [interpreter.answer(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    classes = found.answered()
    if output == "prediction":
        return [[math.nan if each.number is None else each.number] for each in results]
    if output == "probabilities":
        return [
            [each.shares.get(name, 0.0) if each.label is not None else math.nan for name in found.classes]
            for each in results
        ]
    known = dict(zip(found.classes, classes, strict=True))
    nobody: Any = "" if isinstance(classes[0], str) else NOBODY
    return [nobody if each.label is None else known[each.label] for each in results]


NOBODY = -(2**63)
"""The label where there is no answer and labels are whole numbers."""


def _values(array: Any, kind: str) -> list[Value]:
    flat = array.ravel().tolist()
    if kind == TEXT:
        return [str(each) for each in flat]
    return [None if math.isnan(float(each)) else float(each) for each in flat]
