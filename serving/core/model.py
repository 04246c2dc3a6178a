"""The model: an ONNX Runtime session, what it takes and gives, and its first inference."""

import ctypes
import importlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serving.core import generation
from serving.core.datatypes import BY_ONNX, Datatype
from serving.core.manifest import Manifest
from serving.errors import BadInput, ModelFailed, Refused, StartError

Array = NDArray[Any]
BFLOAT16_IN_ONNX = 16
# A larger model is hardly one whose runs take microseconds, so it is not read for that question.
_LARGEST_READ = 16 * 2**20


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output. shape: -1 where any length goes; symbols: ONNX's own names of those axes, "" where none."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]
    symbols: tuple[str, ...]

    def check(self, shape: Sequence[int]) -> None:
        """Raise BadInput when a tensor of this shape does not fit. A spec without axes takes any (ONNX's 'unknown')."""
        if not self.shape:
            return
        fits = len(shape) == len(self.shape) and all(
            expected in (-1, got) for expected, got in zip(self.shape, shape, strict=True)
        )
        if not fits:
            raise BadInput(
                f"input '{self.name}': shape is {list(shape)}, expected {list(self.shape)}"
                f"{' (-1: any length)' if -1 in self.shape else ''}"
            )


@dataclass(frozen=True, slots=True)
class Inference:
    """What one run gave: arrays in the order asked for, the size of the batch, and the seconds it took.

    work is what it kept a core busy for, so that a machine with more to do makes no run look longer.
    """

    arrays: list[Array]
    batch: int
    seconds: float
    work: float


class Model:
    """A loaded model. `infer` may be called from several threads at once."""

    def __init__(self, manifest: Manifest, *, threads: int) -> None:
        """Load the ONNX file. threads: how many cores one inference may use.

        Raises StartError when ONNX Runtime refuses the file, or an input is no tensor of a datatype of the protocol.
        """
        self.name = manifest.name
        self.version = manifest.version
        self.manifest = manifest
        self._threads = threads
        self._session: Any = _session(manifest.onnx, threads)
        writes = generation.generates(self._session)
        if writes:
            self._session = _generator(self._session, manifest.onnx)
        self.inputs = {each.name: _spec(each, manifest.onnx) for each in self._session.get_inputs()}
        outputs = [each for each in self._session.get_outputs() if each.type in BY_ONNX]
        if not outputs:
            kinds = ", ".join(each.type for each in self._session.get_outputs())
            raise StartError(
                f"{manifest.onnx}: no output is a tensor (found {kinds}); convert without ZipMap (zipmap=False)"
            )
        self.outputs = {each.name: _spec(each, manifest.onnx) for each in outputs}
        self.steady = not writes and _steady(manifest.onnx)
        specs = (*self.inputs.values(), *self.outputs.values())
        self._bfloat16 = any(each.datatype.name == "BF16" for each in specs)

    def infer(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Inference:
        """Run the model.

        inputs: one array for each input, of its datatype and shape. outputs: names, at least one.
        Raises Refused, a BadInput, when the model refuses the input, ModelFailed when memory runs out.
        """
        self._check_batch(inputs)
        begun, worked = time.perf_counter(), time.thread_time()
        try:
            if self._bfloat16:
                arrays = self._run_values(inputs, outputs)
            else:
                arrays = self._session.run(list(outputs), dict(inputs))
        except MemoryError:
            raise ModelFailed("not enough memory for this request") from None
        except generation.TooLong as error:
            raise BadInput(str(error)) from None
        except Exception as error:
            text = _first_line(error)
            if "allocat" in text:
                raise ModelFailed(f"not enough memory for this request: {text}") from None
            raise Refused(f"the model refused this input: {text}") from None
        seconds = time.perf_counter() - begun
        # With threads of its own the runtime works elsewhere than in this one.
        work = time.thread_time() - worked if self._threads == 1 else seconds
        return Inference(arrays, self._batch(inputs), seconds, work)

    def warm_up(self) -> str | None:
        """Run once on zeros. Returns why that was not possible, for models that take no zeros of the least shape."""
        inputs: dict[str, Array] = {}
        for each in self.inputs.values():
            shape = [1 if axis < 0 else axis for axis in each.shape]
            fill: Any = "" if each.datatype.kind == "bytes" else 0
            inputs[each.name] = np.full(shape, fill, dtype=each.datatype.dtype)
        try:
            self.infer(inputs, list(self.outputs))
        except (BadInput, ModelFailed) as error:
            return str(error)
        return None

    def _check_batch(self, inputs: Mapping[str, Array]) -> None:
        """Axes of one symbol have one length: ONNX Runtime would fail deep inside the graph, in words of its own."""
        seen: dict[str, tuple[str, int]] = {}
        for name, array in inputs.items():
            for symbol, length in zip(self.inputs[name].symbols, array.shape, strict=False):
                if not symbol:
                    continue
                first, expected = seen.setdefault(symbol, (name, length))
                if expected != length:
                    raise BadInput(
                        f"input '{name}': axis '{symbol}' has length {length}, "
                        f"expected {expected} as in input '{first}'"
                    )

    def _batch(self, inputs: Mapping[str, Array]) -> int:
        for name, array in inputs.items():
            if self.inputs[name].shape[:1] == (-1,):
                return int(array.shape[0])
        return 1

    def _run_values(self, inputs: Mapping[str, Array], outputs: Sequence[str]) -> list[Array]:
        """As session.run, for models with bfloat16, which numpy has not: raw bits in and out."""
        value: Any = _runtime().OrtValue
        feeds = {
            name: value.ortvalue_from_numpy_with_onnx_type(np.ascontiguousarray(array), BFLOAT16_IN_ONNX)
            if self.inputs[name].datatype.name == "BF16"
            else value.ortvalue_from_numpy(np.ascontiguousarray(array))
            for name, array in inputs.items()
        }
        found: list[Array] = []
        for name, each in zip(outputs, self._session.run_with_ort_values(list(outputs), feeds), strict=True):
            if self.outputs[name].datatype.name == "BF16":
                raw = ctypes.string_at(each.data_ptr(), each.tensor_size_in_bytes())
                found.append(np.frombuffer(raw, dtype=np.uint16).reshape(each.shape()))
            else:
                found.append(each.numpy())
        return found


def _runtime() -> Any:
    """onnxruntime, which has no types. Its telemetry is off before it is first imported."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    return importlib.import_module("onnxruntime")


def _session(path: Path, threads: int) -> Any:
    runtime = _runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait would take the cores of the other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise StartError(
            f"{path}: onnxruntime {runtime.__version__} cannot load the model: {_first_line(error)}"
        ) from None


def _generator(session: Any, path: Path) -> generation.Generator:
    try:
        return generation.Generator(session)
    except (ValueError, TypeError) as error:
        raise StartError(f"{path}: the model cannot be asked token by token: {error}") from None


def _steady(path: Path) -> bool:
    """Whether shapes alone decide how long a run takes: no Loop, Scan or If in it. False where not known.

    Looks for those operators as the file spells them; a name that happens to look the same only makes it careful.
    """
    if path.stat().st_size > _LARGEST_READ:
        return False
    content = path.read_bytes()
    return not any(b"\x22" + bytes([len(each)]) + each in content for each in (b"Loop", b"Scan", b"If"))


def _spec(argument: Any, path: Path) -> TensorSpec:
    datatype = BY_ONNX.get(argument.type)
    if datatype is None:
        raise StartError(f"{path}: '{argument.name}' is {argument.type}, expected a tensor of {', '.join(BY_ONNX)}")
    axes: list[int | str | None] = list(argument.shape)
    return TensorSpec(
        name=argument.name,
        datatype=datatype,
        shape=tuple(axis if isinstance(axis, int) and axis >= 0 else -1 for axis in axes),
        symbols=tuple(axis if isinstance(axis, str) else "" for axis in axes),
    )


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:500]
