"""Evaluation data: real inputs and what is expected for them.

In memory it is inputs (one array, or name to array, all with the same number of rows) and labels [rows]. A table (a CSV
file, a DataFrame) is a [rows] array for each of its columns, of numbers or text. On disk it is data.npz, with inputs
under `input.NAME` (NAME is empty for data that names no input) and labels under `labels`.
"""

import contextlib
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from model_build.errors import DataError

UNNAMED = ""
"""The name of an input that the data does not name; it goes to a model's only input."""

_LABELS = ("y", "labels", "label", "target")
_KINDS = "biufUS"
"""Of numpy's kinds those that are numbers or text: the others would be made numbers of, a date its days since 1970."""
_LONGEST_REASON = 200
"""Characters of what a library says."""

Array = np.ndarray[Any, np.dtype[Any]]
Inputs = dict[str, Array]


def pair(made: object, label: str) -> tuple[Inputs, Array]:
    """What a callable returned, as inputs and labels. Raises DataError when it is anything else."""
    expected = "expected (inputs, labels), inputs an array [rows, ...], a dict of arrays or a DataFrame"
    if not isinstance(made, tuple | list) or len(cast("Sequence[object]", made)) != 2:
        got = f"{len(cast('Sequence[object]', made))} values" if isinstance(made, tuple | list) else type(made).__name__
        raise DataError(f"evaluate.data {label} returned {got}, {expected}; return X, y")
    given, labels = cast("tuple[object, object]", tuple(cast("Sequence[object]", made)))
    if not isinstance(given, Mapping) and hasattr(given, "columns") and hasattr(given, "__getitem__"):
        items = _columns(given)
    elif isinstance(given, Mapping):
        items = {str(name): value for name, value in cast("Mapping[object, object]", given).items()}
    else:
        items = {UNNAMED: given}
    return check(
        {name: _array(v, f"input {name}".strip(), label) for name, v in items.items()},
        _array(labels, "labels", label),
        label,
    )


def read(path: Path, label: str) -> tuple[Inputs, Array]:
    """A .npz file (arrays by input name, or `X`; labels as `y`), or a .csv file with a header.

    A CSV column called y, label, labels or target holds the labels. A column is numbers where all that it holds are
    numbers or nothing, which is NaN; else it is text. Raises DataError.
    """
    try:
        if path.suffix == ".npz":
            return _read_npz(path, label)
        if path.suffix == ".csv":
            return _read_csv(path, label)
    except DataError:
        raise
    except Exception as error:  # of what is damaged, or made to be, numpy, zipfile and csv raise all kinds of things
        what = "is not a whole .npz file" if type(error).__name__ == "BadZipFile" else "cannot be read"
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:_LONGEST_REASON]
        raise DataError(f"evaluate.data {label} {what}: {why}; write it again") from None
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
        _known(values, called, label)
        _finite(values, called, label, missing=True)
    _known(labels, "labels", label)
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


def load(
    path: Path, columns: Sequence[str] | None = None, beside: Sequence[str] = (), wanted: Sequence[str] = ()
) -> tuple[Inputs, Array]:
    """What `save` wrote, as a model takes it.

    columns: those of the model's one matrix, where it has names for them: of a table that has these they are taken, in
    that order. beside: what is no input, unless it is in `wanted`, the names of the model's inputs.
    """
    with np.load(path, allow_pickle=False) as stored:
        names = [name for name in stored.files if name.startswith("input.")]
        inputs = {name.removeprefix("input."): stored[name] for name in names}
        if columns and _is_table(inputs) and set(columns) <= set(inputs):
            inputs = {name: inputs[name] for name in columns}
        else:
            inputs = {name: each for name, each in inputs.items() if name not in beside or name in wanted}
        whole = [name for name, values in inputs.items() if values.ndim > 1]
        if whole in (["X"], ["x"]) and len(wanted) == 1 and wanted[0] not in inputs:
            inputs = {UNNAMED: inputs[whole[0]]}
        return inputs, stored["labels"]


def named(inputs: Inputs, wanted: Sequence[str], label: str) -> Inputs:
    """The inputs under the model's names. Raises DataError when the data names others, or none where it must."""
    if list(inputs) == [UNNAMED]:
        if len(wanted) != 1:
            raise DataError(
                f"evaluate.data {label} returned one array, but the model has {len(wanted)} inputs "
                f"({', '.join(wanted)}); return a dict of input name to array"
            )
        return {wanted[0]: inputs[UNNAMED]}
    more = [values for name, values in inputs.items() if name not in wanted]
    if set(wanted) <= set(inputs) and all(values.ndim == 1 for values in more):
        return {name: inputs[name] for name in wanted}  # a table may hold more than the model takes
    if _is_table(inputs) and len(wanted) == 1:
        return {wanted[0]: _matrix(inputs, label)}
    if sorted(inputs) != sorted(wanted):
        raise DataError(
            f"evaluate.data {label} has inputs {', '.join(sorted(inputs))}, but the model takes "
            f"{', '.join(wanted)}; use the model's names"
        )
    return {name: inputs[name] for name in wanted}


def _is_table(inputs: Inputs) -> bool:
    return UNNAMED not in inputs and all(values.ndim == 1 for values in inputs.values())


def _matrix(table: Inputs, label: str) -> Array:
    """The columns of a table side by side."""
    text = [name for name, values in table.items() if values.dtype.kind in "US"]
    if len(text) not in (0, len(table)):
        name = text[0]
        row = next(index for index, value in enumerate(table[name]) if not _is_number(value))
        raise DataError(
            f"evaluate.data {label}: column {name!r} holds text ({str(table[name][row])[:40]!r} in row {row}), but the "
            "model takes one matrix of numbers; correct it, or leave the column out"
        )
    columns = list(table.values())
    return np.stack(columns if text else [values.astype(np.float32) for values in columns], axis=1)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return not text
    return "_" not in text


def _columns(frame: Any) -> dict[str, object]:
    """A DataFrame's columns as arrays, whichever library it is of."""
    found: dict[str, object] = {}
    for name in frame.columns:
        column = frame[name]
        array = column.to_numpy() if hasattr(column, "to_numpy") else np.asarray(column)
        if array.dtype.hasobject and not any(isinstance(value, str) for value in array):
            with contextlib.suppress(TypeError, ValueError):  # numbers with holes, which are objects in some libraries
                array = np.asarray([np.nan if value is None or value != value else float(value) for value in array])
        found[str(name)] = array
    return found


def _known(values: Array, called: str, label: str) -> None:
    if values.dtype.kind not in _KINDS:
        raise DataError(
            f"evaluate.data {label}: {called} is {values.dtype}, expected numbers or text; convert it with astype"
        )


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
    if isinstance(value, np.ma.MaskedArray) and (hidden := int(np.ma.getmaskarray(cast("Any", value)).sum())):
        raise DataError(
            f"evaluate.data {label}: {called} has {hidden} masked values, expected what is there; fill them, or drop "
            "those rows"
        )
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(f"evaluate.data {label}: {called} is not an array: {error}") from None
    if array.dtype.hasobject:
        if all(isinstance(v, str) for v in array.ravel()):
            return array.astype(str)
        holes = sum(value is None or value != value for value in array.ravel())
        if holes and all(isinstance(v, str) or v is None or v != v for v in array.ravel()):
            raise DataError(
                f"evaluate.data {label}: {called} is text with nothing in {holes} places, expected text everywhere; "
                "fill them with a text, as the model was trained"
            )
        raise DataError(
            f"evaluate.data {label}: {called} is an array of Python objects, expected numbers or text; "
            "convert it with astype"
        )
    return array


def _read_npz(path: Path, label: str) -> tuple[Inputs, Array]:
    with path.open("rb") as file:
        opened: Any = np.load(file, allow_pickle=False)
        if not hasattr(opened, "files"):
            raise DataError(
                f"evaluate.data {label} holds one array, as numpy.save writes it, expected inputs and the labels as y; "
                "write it by numpy.savez"
            )
        stored: Any = opened
        arrays = {name: np.asarray(stored[name]) for name in stored.files}
    key = next((name for name in _LABELS if name in arrays), None)
    if key is None:
        raise DataError(f"evaluate.data {label} has arrays {', '.join(arrays)}, expected one called y with the labels")
    labels = arrays.pop(key)
    inputs = {(UNNAMED if name in ("X", "x") and len(arrays) == 1 else name): v for name, v in arrays.items()}
    return check(inputs, labels, label)


def _read_csv(path: Path, label: str) -> tuple[Inputs, Array]:
    with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin with a mark that is no text
        rows = [row for row in csv.reader(file) if row]
    if any("\0" in value for row in rows for value in row):
        raise ValueError("it has a NUL in it, which no text has")
    if len(rows) < 2:
        raise DataError(f"evaluate.data {label} is empty, expected a header and at least one row")
    header, body = [name.strip() for name in rows[0]], rows[1:]
    column = next((i for i, name in enumerate(header) if name.lower() in _LABELS), None)
    if column is None:
        raise DataError(f"evaluate.data {label} has columns {', '.join(header)}, expected one called y with the labels")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise DataError(f"evaluate.data {label} has two columns {twice[0]!r}, expected each name once; rename one")
    for number, row in enumerate(body, 2):
        if len(row) != len(header):
            raise DataError(f"evaluate.data {label} line {number} has {len(row)} values, expected {len(header)}")
    table = {name: _feature([row[i] for row in body]) for i, name in enumerate(header) if i != column}
    return check(table, _numbers([row[column] for row in body]), label)


def _feature(values: list[str]) -> Array:
    """Numbers, with NaN for nothing, or text."""
    given = [value.strip() for value in values]
    numbers = _numbers([value for value in given if value])
    if numbers.dtype.kind == "i" and all(given):
        return numbers
    if numbers.dtype.kind in "US" and any(given):
        return np.asarray(values)
    return np.asarray([float(value) if value else np.nan for value in given], np.float32)


def _numbers(values: list[str]) -> Array:
    if any("_" in value for value in values):
        return np.asarray(values)  # which Python would read as 202401 where 2024_01 stands
    for kind in (np.int64, np.float64):
        try:
            return np.asarray([kind(v) for v in values])
        except (ValueError, OverflowError):
            continue
    return np.asarray(values)
