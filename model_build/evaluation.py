"""The data that candidates are measured on, and the rows that static int8 learns ranges from."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_build import cache, content, data, isolate, measure, runtime
from model_build.convert import Converted
from model_build.errors import DataError
from model_build.identity import STEPS
from model_build.work import Work

_AT_ONCE = 8
"""Rows per call where the model takes any number: the values of all layers for more would take much memory."""
_MEASURED, _CALIBRATED = "evaluate.data", "optimize.calibration.data"
TRAINED = "optimize.distill.data"
"""What messages call the data that a student is trained on."""


@dataclass(frozen=True)
class Rows:
    """Calibration data: inputs by the model's names, in its types."""

    inputs: data.Inputs
    digest: str
    step: int
    """Rows per call: what the model takes, or a few where it takes any number."""


def evaluation(work: Work) -> cache.Entry:
    """The evaluation data as data.npz, read or made by its function. Raises DataError."""
    return _stored(work, work.recipe.evaluate.data, _MEASURED, "evaluation")


def inputs_and_labels(
    work: Work, converted: Converted, stored: cache.Entry, session: Any
) -> tuple[data.Inputs, data.Array]:
    """Inputs and labels as the model of `session` takes them; what is looked at beside them is left out."""
    names = [value.name for value in session.get_inputs()]
    return data.load(stored.folder / "data.npz", converted.columns, work.recipe.evaluate.beside, names)


def beside(work: Work, stored: cache.Entry) -> data.Inputs:
    """The columns that rows are grouped by. Raises DataError for one that the data has not."""
    asked = work.recipe.evaluate
    inputs, _ = data.load(stored.folder / "data.npz") if asked.beside else ({}, None)
    for name in asked.beside:
        if name not in inputs or inputs[name].ndim != 1:
            key = "groups" if name == asked.groups else "slices"
            known = ", ".join(sorted(each for each, values in inputs.items() if each and values.ndim == 1)) or "none"
            raise DataError(
                f"evaluate.{key} names {name!r}, but evaluate.data {asked.data} has no such column [rows], only "
                f"{known}; add it to the inputs, or name another"
            )
    return {name: inputs[name] for name in asked.beside}


def calibration(work: Work, converted: Converted) -> Rows:
    """The rows to calibrate on. Raises DataError for data that does not fit the model."""
    asked = work.recipe.optimize.calibration
    if asked.data is None:
        stored, text, key = evaluation(work), work.recipe.evaluate.data, _MEASURED
    else:
        text, key = asked.data, _CALIBRATED
        try:
            stored = _stored(work, text, key, "calibration")
        except DataError as error:
            raise renamed(error, key) from None
    session = runtime.session(converted.model)
    inputs, labels = inputs_and_labels(work, converted, stored, session)
    # Evenly spread: data that is in the order of its classes gives rows of each.
    wanted = np.unique(np.linspace(0, len(labels) - 1, min(asked.rows, len(labels))).astype(int))
    try:
        fitted = measure.fit(session, {name: values[wanted] for name, values in inputs.items()}, text)
    except DataError as error:
        raise renamed(error, key) from None
    step = measure.rows_per_call(session)
    count = len(wanted) // step * step
    if measure.takes_any(session):
        step = _AT_ONCE
    if not count:
        raise DataError(f"{key} {text} gives {len(wanted)} rows, but the model takes {step} at a time; give more")
    return Rows({name: values[:count] for name, values in fitted.items()}, stored.note()["digest"], step)


def training(work: Work) -> cache.Entry:
    """The data that a student is trained on, in the form of the evaluation data. Raises DataError."""
    asked = work.recipe.optimize
    assert asked.training is not None and asked.distill is not None
    try:
        return _stored(work, asked.training, TRAINED, "training" if asked.distill.data else "calibration")
    except DataError as error:
        raise renamed(error, TRAINED) from None


def renamed(error: DataError, key: str) -> DataError:
    """The same of other data than what is measured on."""
    return DataError(str(error).replace(_MEASURED, key))


def _stored(work: Work, text: str, key: str, part: str) -> cache.Entry:
    source = work.find(text, key)

    def fill(folder: Path) -> None:
        work.progress("verify" if key == _MEASURED else "optimize", f"{part} data from {source.label}")
        if source.code is None:
            assert source.path is not None
            note = data.save(*data.read(source.path, repr(source.label)), folder)
        else:
            request = {"module": source.code.module, "function": source.code.function, "label": source.label}
            note = isolate.run(
                "data",
                request,
                folder,
                project=work.project,
                step="verify",
                what=f"{key} {source.label}",
                progress=work.progress,
            )
        work.unchanged(key, part)
        cache.write_note(folder, {**note, "digest": content.of_file(folder / "data.npz")})

    return cache.made("data", {"steps": STEPS, **work.identity.of(part)}, fill)
