"""What tf2onnx says when a graph does not become ONNX, in one line: what is at fault, and what has it."""

import contextlib
import logging
import re
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from model_build import graphs, runtime
from model_build.errors import SourceError

_CONTRIB = "ai.onnx.contrib"


@dataclass
class Said:
    """What tf2onnx logs while it works, which it does not always raise."""

    missing: dict[str, str] = field(default_factory=dict[str, str])
    """Operators that it has no word for, and the first node of each."""
    failed: list[str] = field(default_factory=list[str])
    """Nodes that it could not write."""


class _Listener(logging.Handler):
    def __init__(self, said: Said) -> None:
        super().__init__(logging.ERROR)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        given: Any = record.args
        if record.msg.startswith("Tensorflow op ["):
            self._said.missing.setdefault(str(given[1]), str(given[0]))
        elif record.msg.startswith("Failed to convert node"):
            self._said.failed.append(str(given[0]))


@contextlib.contextmanager
def heard() -> Generator[Said]:
    """Listen to tf2onnx, and let nobody else hear it."""
    said = Said()
    logger, listener = logging.getLogger("tf2onnx"), _Listener(said)
    before = logger.propagate, logger.level
    logger.addHandler(listener)
    logger.propagate, logger.level = False, logging.ERROR
    try:
        yield said
    finally:
        logger.removeHandler(listener)
        logger.propagate, logger.level = before


def unsupported(said: Said, called: str) -> SourceError:
    """Operators that have no place in ONNX, by name, with what has them."""
    names = sorted(said.missing)
    shown = ", ".join(f"{name} (at {said.missing[name]})" for name in names[:5])
    has = "; ".join(dict.fromkeys(_has(name) for name in names[:5]))
    return SourceError(
        f"{called} uses {shown}, which tf2onnx cannot write as ONNX of opset {graphs.OPSET}: {has}; use other "
        "operators, or take that part out of the model"
    )


def _has(name: str) -> str:
    known: Any = runtime.untyped("tf2onnx.handler").tf_op.get_opsets()
    if any(name in handlers for handlers in known.get(_CONTRIB, ())):
        return f"{_CONTRIB} has {name}, but images have no operators of others"
    schemas: Any = runtime.untyped("onnx").defs.get_all_schemas_with_history()
    later = [each.since_version for each in schemas if each.name.lower() == name.lower() and each.domain == ""]
    if later and min(later) > graphs.OPSET:
        return f"opset {min(later)} has {name}, but images are of opset {graphs.OPSET}"
    return f"no opset that it knows has {name}"


def fault(error: Exception, said: Said, called: str) -> SourceError:
    """The conversion raised."""
    if said.missing:
        return unsupported(said, called)
    text = runtime.first_line(error)
    if re.search(r"exceeds maximum protobuf size|string too long|larger than 2GB", str(error)):
        return SourceError(f"{called} has 2 GB of weights or more, expected less; make it smaller before it comes here")
    at = f" at {said.failed[0]}" if said.failed else ""
    return SourceError(
        f"{called} does not become ONNX: {type(error).__name__}: {text}{at}; change that, or convert it yourself and "
        "name the ONNX file"
    )
