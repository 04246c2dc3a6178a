"""The forms that a model may take, each a function that writes one: the plan of the search, one line a candidate."""

from collections.abc import Callable
from dataclasses import dataclass

from model_build.candidates import floats, pruning, static, weights
from model_build.candidates.task import NotMade, Task

__all__ = ["PLAN", "Form", "NotMade", "Task"]


@dataclass(frozen=True)
class Form:
    dtype: str
    make: Callable[[Task], str]
    """Writes `Task.target`; the text says what is worth knowing of how it was made. Raises NotMade."""
    base: str | None = None
    """The candidate that it is made of; None: the converted model."""
    calibrated: bool = False
    peer: bool = False
    """Made to be compared with, never taken."""


_QDQ = "int8 (static)"

PLAN: dict[str, Form] = {
    "fp32": Form("float32", floats.fp32),
    "slim": Form("float32", floats.slim),
    "transformer": Form("float32", floats.transformer),
    "int8": Form("int8 weights", weights.int8),
    "transformer-int8": Form("int8 weights", weights.int8, base="transformer"),
    "int8-minmax": Form(_QDQ, static.minmax, calibrated=True),
    "int8-entropy": Form(_QDQ, static.entropy, calibrated=True),
    "int8-percentile": Form(_QDQ, static.percentile, calibrated=True),
    "int8-mixed": Form(f"{_QDQ}, float32", static.mixed, calibrated=True),
    "fp16": Form("float16", floats.fp16),
    "int4": Form("int4 weights", weights.int4),
    "pruned": Form("float32", pruning.pruned),
    "pruned-channels": Form("float32", pruning.pruned_channels),
    "distilled": Form("float32", floats.distilled),
    "int8-plain": Form("int8 weights", weights.plain, peer=True),
}
