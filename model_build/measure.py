"""Runs models on evaluation data: whether it fits, what they answer, how long they take."""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_build import data
from model_build.errors import DataError, SourceError

Array = np.ndarray[Any, np.dtype[Any]]

BATCH = 256
"""Rows per call where the model takes any number."""
WARM, SAMPLES, LEAST = 10, 200, 20
"""Latency: calls before it counts, calls that count, and the least of those for a model that takes its time."""
SECONDS, PATIENCE = 2.0, 20.0
"""Per model: the time after which the least will do, and that after which one call will."""

_KINDS = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int8)": np.int8,
    "tensor(int16)": np.int16,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(uint8)": np.uint8,
    "tensor(uint16)": np.uint16,
    "tensor(uint32)": np.uint32,
    "tensor(uint64)": np.uint64,
    "tensor(bool)": np.bool_,
    "tensor(string)": np.str_,
}


@dataclass(frozen=True)
class Timing:
    p50_ms: float
    p99_ms: float
    mean_ms: float
    samples_ms: list[float]

    def scaled(self, by: float) -> "Timing":
        return _timing([sample * by for sample in self.samples_ms])


def fit(session: Any, inputs: data.Inputs, label: str) -> data.Inputs:
    """The inputs by the model's names, in its types. Raises DataError when names, types or shapes do not fit."""
    wanted = {value.name: value for value in session.get_inputs()}
    given = data.named(inputs, list(wanted), label)
    return {name: _cast(values, wanted[name], label) for name, values in given.items()}


def pick(session: Any, asked: Sequence[str | None]) -> str:
    """The output to measure: the first of `asked` that is set, else `probabilities`, else the first.

    Raises SourceError when the model has no output of that name.
    """
    names = [value.name for value in session.get_outputs()]
    for name in asked:
        if name is not None:
            if name not in names:
                raise SourceError(f"the model has no output {name!r}, expected one of {', '.join(names)}; name it so")
            return name
    return "probabilities" if "probabilities" in names else names[0]


def run(session: Any, inputs: Mapping[str, Array], output: str) -> Array:
    """Answers for all rows, [rows, ...].

    inputs: as `fit` returns them. Raises DataError when the model refuses them.
    """
    rows = len(next(iter(inputs.values())))
    step = _batch(session)
    if rows % step and step != BATCH:
        raise DataError(f"evaluate.data has {rows} rows, but the model takes {step} at a time; give a multiple of that")
    found: list[Array] = []
    for start in range(0, rows, step):
        batch = {name: values[start : start + step] for name, values in inputs.items()}
        try:
            answer: Any = session.run([output], batch)[0]
        except Exception as error:
            from model_build.runtime import first_line

            raise DataError(
                f"evaluate.data does not fit the model: {first_line(error)}; return inputs as it was trained on"
            ) from None
        if type(answer) is not np.ndarray:
            raise SourceError(
                f"output {output!r} is no tensor; convert without ZipMap, or name another in evaluate.output"
            )
        size = len(batch[next(iter(batch))])
        found.append(answer if answer.ndim and len(answer) == size else answer.reshape(size, -1))
    return np.concatenate(found)


def latency(
    sessions: Mapping[str, Any], inputs: Mapping[str, Array], output: str, size: int | None = None
) -> dict[str, Timing]:
    """Time of one call with `size` rows, by default the least, for each session, in turns so that all see one machine.

    The order changes: where others want the processor too, what takes it away may keep step with a fixed order, and
    would always strike the same session.
    """
    order = list(sessions)
    mixed = random.Random(0)
    rows = len(next(iter(inputs.values())))
    step = {name: size or rows_per_call(session) for name, session in sessions.items()}
    taken: dict[str, list[float]] = {name: [] for name in sessions}
    began = time.monotonic()
    for turn in range(WARM + SAMPLES):
        passed = (time.monotonic() - began) / len(sessions)
        if (turn >= WARM + LEAST and passed > SECONDS) or (turn and passed > PATIENCE and all(taken.values())):
            break
        mixed.shuffle(order)
        for name in order:
            session = sessions[name]
            start = turn * step[name] % max(rows - step[name] + 1, 1)
            some = np.arange(start, start + step[name]) % rows  # from the beginning again where there are too few
            batch = {key: values[some] for key, values in inputs.items()}
            at = time.perf_counter()
            session.run([output], batch)
            if turn >= WARM or passed > PATIENCE:
                taken[name].append((time.perf_counter() - at) * 1000)
    return {name: _timing(values) for name, values in taken.items()}


def rows_per_call(session: Any) -> int:
    step = _batch(session)
    return 1 if step == BATCH else step


def takes_any(session: Any) -> bool:
    """Whether the number of rows is open."""
    return _batch(session) == BATCH


def _timing(samples: list[float]) -> Timing:
    p50, p99 = np.percentile(samples, [50, 99])
    return Timing(
        round(float(p50), 4), round(float(p99), 4), round(float(np.mean(samples)), 4), [round(s, 4) for s in samples]
    )


def _batch(session: Any) -> int:
    first = [value.shape[0] for value in session.get_inputs() if value.shape]
    fixed = [axis for axis in first if isinstance(axis, int) and axis > 0]
    return fixed[0] if fixed else BATCH


def _cast(values: Array, wanted: Any, label: str) -> Array:
    if values.ndim == 1 and len(wanted.shape) == 2 and wanted.shape[1] == 1:
        values = values[:, None]  # a column of a table
    elif values.ndim == 2 and values.shape[1] == 1 and len(wanted.shape) == 1:
        values = values[:, 0]
    kind = _KINDS.get(wanted.type)
    if kind is None:
        raise SourceError(f"input {wanted.name!r} is {wanted.type}, expected a tensor of numbers or text")
    shape = [axis if isinstance(axis, int) and axis > 0 else "any" for axis in wanted.shape]
    rank = len(shape) if shape else values.ndim
    fits = values.ndim == rank and all(
        axis == "any" or axis == size for axis, size in zip(shape[1:], values.shape[1:], strict=False)
    )
    if not fits:
        raise DataError(
            f"evaluate.data {label}: input {wanted.name!r} has shape {list(values.shape)}, but the model takes "
            f"[{', '.join(str(axis) for axis in shape)}]; return inputs of that shape"
        )
    target = np.dtype(kind)
    text = target.kind == "U"
    if text != (values.dtype.kind in "US") or (values.dtype.kind == "f" and target.kind in "iu"):
        raise DataError(
            f"evaluate.data {label}: input {wanted.name!r} is {values.dtype}, but the model takes "
            f"{wanted.type.removeprefix('tensor(').rstrip(')')}; convert it with astype"
        )
    if text:
        return values.astype(object)
    if values.dtype.kind in "iu" and target.kind in "iu" and values.size:
        span = np.iinfo(target.name)
        if int(values.min()) < span.min or int(values.max()) > span.max:
            raise DataError(
                f"evaluate.data {label}: input {wanted.name!r} goes from {values.min()} to {values.max()}, "
                f"which does not fit {target}; check the data"
            )
    return np.ascontiguousarray(values, dtype=target)
