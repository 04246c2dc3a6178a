"""What torch says when a model does not export, in one line: what is at fault, where in the code, and the fix."""

import contextlib
import os
import re
import traceback
from collections.abc import Iterator
from pathlib import Path

from model_build import graphs, runtime
from model_build.errors import DataError, ModelBuildError, SourceError

_OURS = str(Path(__file__).resolve().parent.parent)
_NEWEST = 26
"""The highest opset that is asked whether it has what ours has not."""
_OPERATOR = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)', overload='(\w+)'\)>")
_LEGACY = re.compile(r"operator '(\S+)' to ONNX opset version \d+ is not supported(?:.*in version (\d+))?", re.DOTALL)
_FILE = re.compile(r'File "([^"]+)", line (\d+)')


def misfit(error: Exception, called: str) -> ModelBuildError:
    """The model's own forward raised on the example inputs."""
    text = f"{type(error).__name__}: {runtime.first_line(error)}{_at(_place(error))}"
    if re.search(r"\bcuda|nvidia|same device", str(error), re.IGNORECASE):
        return SourceError(
            f"{called} computes on a device of its own: {text}; images compute on CPUs: let forward make its tensors "
            "where its input is (device=x.device)"
        )
    return DataError(f"the example inputs do not fit {called}: {text}; give inputs shaped as those it was trained on")


def fault(error: Exception, called: str) -> ModelBuildError:
    """The export raised."""
    text = "\n".join(str(each) for each in _chain(error))
    if found := _OPERATOR.search(text):
        name = found[1].replace(".", "::", 1)
        return _unsupported(name, _has(found[1], found[2]), _node_place(error), called)
    if found := _LEGACY.search(text):
        return _unsupported(found[1], int(found[2]) if found[2] else None, _place(error), called)
    if found := re.search(r"your code specialized it to be a constant \((\d+)\)", text):
        return fixed(int(found[1]), called)
    if any(type(each).__name__ == "GuardOnDataDependentSymNode" for each in _chain(error)):
        return SourceError(
            f"{called} decides by what is in a tensor{_at(_place(error))}, which has no place in a graph; "
            "use torch.where or torch.cond, or take the decision out of forward"
        )
    return SourceError(
        f"{called} does not export to ONNX: {type(error).__name__}: {runtime.first_line(error)}"
        f"{_at(_place(error))}; change that, or convert it yourself and name the ONNX file"
    )


def fixed(length: int, called: str, why: str = "its code depends on it") -> SourceError:
    return SourceError(
        f"{called} takes {length} rows and no other number, expected any: {why}; take sizes from inputs (x.shape[0], "
        f"or -1 in view and reshape), or say that it is so with axes: {{INPUT: [{length}, ...]}}"
    )


def _unsupported(name: str, opset: int | None, place: str, called: str) -> SourceError:
    has = (
        f"opset {opset} has it, but images are of opset {graphs.OPSET}" if opset else "no opset that torch knows has it"
    )
    return SourceError(
        f"{called} uses {name}{_at(place)}, which torch cannot write as ONNX of opset {graphs.OPSET}: {has}; "
        "use other operators, or take that part out of the model"
    )


def _has(name: str, overload: str) -> int | None:
    """The first opset above ours in which torch can write an operator."""
    with contextlib.suppress(Exception):  # insides of torch, which may be others in its next version
        torch, registration = runtime.untyped("torch"), runtime.untyped("torch.onnx._internal.exporter._registration")
        space, _, operator = name.partition(".")
        target = getattr(getattr(getattr(torch.ops, space), operator), overload)
        known = registration.ONNXRegistry.from_torchlib(opset_version=_NEWEST).get_decomps(target)
        return min((each.opset_introduced for each in known if each.opset_introduced > graphs.OPSET), default=None)
    return None


def _node_place(error: BaseException) -> str:
    """Where the model's code asks for what cannot be written: torch keeps a traceback at the node it was at."""
    for each in _chain(error):
        for frame, _ in traceback.walk_tb(each.__traceback__):
            with contextlib.suppress(Exception):
                stack = str(frame.f_locals["node"].meta["stack_trace"])
                return _last((file, int(line)) for file, line in _FILE.findall(stack))
    return ""


def _place(error: BaseException) -> str:
    """The last place in the traceback that is not of a library."""
    frames = [(frame.filename, frame.lineno or 0) for each in _chain(error) for frame in _frames(each)]
    return _last(iter(frames))


def _frames(error: BaseException) -> traceback.StackSummary:
    return traceback.extract_tb(error.__traceback__)


def _last(places: Iterator[tuple[str, int]]) -> str:
    own = [
        p for p in places if not p[0].startswith((_OURS, "<")) and "-packages" not in p[0] and "/lib/python" not in p[0]
    ]
    if not own:
        return ""
    file, line = own[-1]
    shown = os.path.relpath(file)
    return f"{Path(file).name if shown.startswith('..') else shown}:{line}"


def _at(place: str) -> str:
    return f" at {place}" if place else ""


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came of."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__
