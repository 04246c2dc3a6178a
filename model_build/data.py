"""Evaluation data: real inputs and what is expected for them.

In memory it is inputs (one array, or name to array, all with the same number of rows) and labels [rows]. On disk it is
data.npz, with inputs under `input.NAME` (NAME is empty for data that names no input) and labels under `labels`.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from model_build.errors import DataError

UNNAMED = ""
"""The name of an input that the data does not name; it goes to a model's only input."""

_LABELS = ("y", "labels", "label", "target")

Array = np.ndarray[Any, np.dtype[Any]]
Inputs = dict[str, Array]


def pair(made: object, label: str) -> tuple[Inputs, Array]:
    """What a callable returned, as inputs and labels. Raises DataError when it is anything else."""
    expected = "expected (inputs, labels), inputs an array [rows, ...] or a dict of arrays"
    if not isinstance(made, tuple | list) or len(cast("Sequence[object]", made)) != 2:
        got = f"{len(cast('Sequence[object]', made))} values" if isinstance(made, tuple | list) else type(made).__name__
        raise DataError(f"evaluate.data {label} returned {got}, {expected}; return X, y")
    given, labels = cast("tuple[object, object]", tuple(cast("Sequence[object]", made)))
    if isinstance(given, Mapping):
        items = {str(name): value for name, value in cast("Mapping[object, object]", given).items()}
    else:
        items = {UNNAMED: given}
    return check(
        {name: _array(v, f"input {name}".strip(), label) for name, v in items.items()},
        _array(labels, "labels", label),
        label,
    )


def read(path: Path, label: str) -> tuple[Inputs, Array]:
    """A .npz file (arrays by input name, or `X`; labels as `y`), or a .csv file of numbers with a header.

    A CSV column called y, label, labels or target holds the labels. Raises DataError.
    """
    try:
        if path.suffix == ".npz":
            return _read_npz(path, label)
        if path.suffix == ".csv":
            return _read_csv(path, label)
    except (OSError, ValueError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"evaluate.data {label} cannot be read: {error}; write it again") from None
    except Exception as error:
        if type(error).__name__ == "BadZipFile":
            raise DataError(f"evaluate.data {label} is not a whole .npz file: {error}; write it again") from None
        raise
    raise DataError(f"evaluate.data is {label!r}, expected module:function, a .npz or a .csv file")


def check(inputs: Inputs, labels: Array, label: str) -> tuple[Inputs, Array]:
    """Raise DataError for data that nothing can be measured on: none, rows that do not pair, infinities, NaN in labels.

    NaN in inputs stands for what is missing, which some models take: `whole` is for those that do not.
    """
    if not inputs:
        raise DataError(f"evaluate.data {label} has no input, expected at least one array")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise DataError(f"evaluate.data {label}: labels have shape {list(labels.shape)}, expected [rows]")
    if not len(labels):
        raise DataError(f"evaluate.data {label} is empty, expected at least one row")
    for name, values in inputs.items():
        called = f"input {name!r}" if name else "the input"
        if not values.ndim or len(values) != len(labels):
            rows = len(values) if values.ndim else 0
            raise DataError(
                f"evaluate.data {label}: {called} has {rows} rows but there are {len(labels)} labels, "
                "expected one label for each row"
            )
        _finite(values, called, label, missing=True)
    _finite(labels, "labels", label)
    return inputs, labels


def whole(inputs: Inputs, label: str) -> None:
    """Raise DataError for inputs with NaN in them."""
    for name, values in inputs.items():
        _finite(values, f"input {name!r}" if name else "the input", label)


def save(inputs: Inputs, labels: Array, folder: Path) -> dict[str, Any]:
    arrays = {f"input.{name}": values for name, values in inputs.items()} | {"labels": labels}
    np.savez(folder / "data.npz", allow_pickle=False, **cast("dict[str, Any]", arrays))
    return {"rows": len(labels), "inputs": sorted(inputs)}


def load(path: Path) -> tuple[Inputs, Array]:
    with np.load(path, allow_pickle=False) as stored:
        names = [name for name in stored.files if name.startswith("input.")]
        return {name.removeprefix("input."): stored[name] for name in names}, stored["labels"]


def named(inputs: Inputs, wanted: Sequence[str], label: str) -> Inputs:
    """The inputs under the model's names. Raises DataError when the data names others, or none where it must."""
    if list(inputs) == [UNNAMED]:
        if len(wanted) != 1:
            raise DataError(
                f"evaluate.data {label} returned one array, but the model has {len(wanted)} inputs "
                f"({', '.join(wanted)}); return a dict of input name to array"
            )
        return {wanted[0]: inputs[UNNAMED]}
    if sorted(inputs) != sorted(wanted):
        raise DataError(
            f"evaluate.data {label} has inputs {', '.join(sorted(inputs))}, but the model takes "
            f"{', '.join(wanted)}; use the model's names"
        )
    return {name: inputs[name] for name in wanted}


def _finite(values: Array, called: str, label: str, *, missing: bool = False) -> None:
    if values.dtype.kind not in "fc":
        return
    bad = np.isinf(values) if missing else ~np.isfinite(values)
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        kind = "infinite" if missing or not np.isnan(values).any() else "NaN"
        raise DataError(
            f"evaluate.data {label}: {called} has {int(bad.sum())} {kind} values, the first in row {row}, "
            "expected finite numbers; drop or fill those rows"
        )


def _array(value: object, called: str, label: str) -> Array:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"evaluate.data {label}: {called} is not an array: {error}") from None
    if array.dtype.hasobject:
        if all(isinstance(v, str) for v in array.ravel()):
            return array.astype(str)
        raise DataError(
            f"evaluate.data {label}: {called} is an array of Python objects, expected numbers or text; "
            "convert it with astype"
        )
    return array


def _read_npz(path: Path, label: str) -> tuple[Inputs, Array]:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    key = next((name for name in _LABELS if name in arrays), None)
    if key is None:
        raise DataError(f"evaluate.data {label} has arrays {', '.join(arrays)}, expected one called y with the labels")
    labels = arrays.pop(key)
    inputs = {(UNNAMED if name in ("X", "x") and len(arrays) == 1 else name): v for name, v in arrays.items()}
    return check(inputs, labels, label)


def _read_csv(path: Path, label: str) -> tuple[Inputs, Array]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.reader(file) if row]
    if len(rows) < 2:
        raise DataError(f"evaluate.data {label} is empty, expected a header and at least one row")
    header, body = [name.strip() for name in rows[0]], rows[1:]
    column = next((i for i, name in enumerate(header) if name.lower() in _LABELS), None)
    if column is None:
        raise DataError(f"evaluate.data {label} has columns {', '.join(header)}, expected one called y with the labels")
    features: list[list[float]] = []
    for number, row in enumerate(body, 2):
        if len(row) != len(header):
            raise DataError(f"evaluate.data {label} line {number} has {len(row)} values, expected {len(header)}")
        try:
            features.append([float(v) for i, v in enumerate(row) if i != column])
        except ValueError as error:
            raise DataError(f"evaluate.data {label} line {number}: {error}, expected numbers") from None
    return check({UNNAMED: np.asarray(features, np.float32)}, _numbers([row[column] for row in body]), label)


def _numbers(values: list[str]) -> Array:
    for kind in (np.int64, np.float64):
        try:
            return np.asarray([kind(v) for v in values])
        except ValueError:
            continue
    return np.asarray(values)
