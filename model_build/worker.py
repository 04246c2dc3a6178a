"""The other side of `isolate`: loads and calls what others wrote, in a process that may come to harm.

Operations, each with a folder to write into and a request:
    fetch    call `module:function`, save the model that it returns
    data     call `module:function`, or read a file; save inputs and labels as data.npz
    convert  load a saved model, write it as model.onnx
    predict  load a saved model and data.npz, save its own answers as reference.npz
    prune    load a saved model, prune it, call `module:function` with it, write it as model.onnx
    teach    call `module:function`, train what it returns on another model's answers, write it as model.onnx
    export   write a model in another format, save its answers in its own runtime as answer.npz
"""

import errno
import functools
import importlib
import json
import os
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from model_build import cache, extras, folders, pickles, sandbox
from model_build.errors import DataError, InputError, ModelBuildError, SourceError

if TYPE_CHECKING:
    from model_build.converters import Converter

_OURS = str(Path(__file__).resolve().parent)


def main(arguments: list[str]) -> None:
    operation, folder, request = arguments[0], Path(arguments[1]), json.loads(arguments[2])
    if held := request.pop("sandbox", None):
        # First of all, while there is one thread and nothing of others: each thread to come is in it too.
        _confine(sandbox.Sandbox(**held), folder)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    warnings.showwarning = _show_warning
    try:
        with cache.disk_errors(folders.cache()):
            answer: dict[str, Any] = OPERATIONS[operation](request, folder)
    except ModelBuildError as error:
        kinds = {SourceError: "source", DataError: "data", InputError: "input"}
        kind = next((name for known, name in kinds.items() if isinstance(error, known)), "failed")
        answer = {"kind": kind, "message": _in_sandbox(str(error), request, held) if held else str(error)}
    code = _tell(answer, folder / ".answer.json")
    # Threads and exit handlers of what was loaded shall not keep the build waiting.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


_tried: list[str] = []
"""What was asked of Python that the sandbox refuses, in words."""
_EVENTS = {
    "socket.__new__": "use the network",
    "os.system": "start a program",
    "subprocess.Popen": "start a program",
    "os.posix_spawn": "start a program",
    "os.exec": "start a program",
    "os.fork": "start a process",
    "os.kill": "send a signal",
    "os.chmod": "change the rights of a file",
}


@functools.cache
def _refused(module: str, name: str) -> bool:
    return bool(pickles.refused([(module, name)]))


def _confine(held: sandbox.Sandbox, folder: Path) -> None:
    importlib.import_module("picklescan.scanner")
    try:
        sandbox.enter(held, folder)
    except OSError as error:
        print(f"{error.strerror or error}, so nothing was loaded", flush=True)
        os._exit(1)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "pickle.find_class":
            # The pickle was looked at before; one inside of what it makes was not.
            if _refused(str(arguments[0]), str(arguments[1])):
                raise SourceError(f"a pickle inside would call {arguments[0]}.{arguments[1]}, which no model needs")
        elif event in _EVENTS:
            _tried.append(_EVENTS[event])
        elif event == "open" and not isinstance(arguments[0], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            path = os.fsdecode(arguments[0])
            if not Path(path).absolute().is_relative_to(folder.absolute()) and path != os.devnull:
                _tried.append(f"write {path}")

    sys.addaudithook(watch)


def _in_sandbox(message: str, request: dict[str, Any], held: dict[str, Any]) -> str:
    """What failed, where the sandbox is the reason."""
    label = f"source {request.get('label') or Path(request['file']).name!r}"
    if "MemoryError" in message or "bad_alloc" in message:
        return (
            f"{label} wants more than the {held['memory']:,} bytes of memory that its sandbox gives it; set "
            f"{sandbox.MEMORY} to more if that is no surprise"
        )
    if any(sign in message for sign in ("PermissionError", "not permitted", "Permission denied")):
        what = f"tried to {_tried[0]}" if _tried else "wants what is not its own"
        return (
            f"{label} {what} when it was loaded, which its sandbox refuses ({message[:300]}); do not use it, or, if "
            "it is yours, name a function that loads it as the source"
        )
    return message


def _tell(answer: dict[str, Any], file: Path) -> int:
    """Write the answer; on a disk that is too full for it the message becomes the last words."""
    try:
        with cache.disk_errors(folders.cache()):
            file.write_text(json.dumps(answer), "utf-8")
    except ModelBuildError as error:
        file.unlink(missing_ok=True)
        print(answer.get("message", error))
        return errno.ENOSPC
    return 0


def _fetch(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    from model_build.converters import FORMATS, converter, recognise

    label = request["label"]
    made = _call(request["module"], request["function"], label, "source", SourceError)
    if made is None:
        raise SourceError(f"source {label} returned nothing, expected a model; add a return")
    wanted = request["format"]
    if wanted is not None and not converter(wanted).takes(made):
        kind = type(made).__name__
        others = next((name for name in FORMATS if converter(name).takes(made)), "auto")
        raise SourceError(f"source {label} returned {kind}, which is not of format {wanted}; set format: {others}")
    name = wanted or recognise(made, repr(label))
    return {"file": converter(name).save(made, folder), "format": name}


def _data(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    from model_build import data

    label = request["label"]
    made = _call(request["module"], request["function"], label, "evaluate.data", DataError)
    inputs, labels = data.pair(made, label)
    return data.save(inputs, labels, folder)


def _converter(name: str) -> "Converter":
    """The module of a format; its framework is loaded, where it is one that tries much as it starts."""
    from model_build.converters import converter

    found = converter(name)
    if (ready := getattr(found, "ready", None)) is not None:
        ready()
        _tried.clear()  # which was not the model's doing
    return found


def _convert(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    return _converter(request["format"]).convert(Path(request["file"]), folder / "model.onnx", request)


def _predict(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    import numpy as np

    from model_build import data

    inputs, _ = data.load(Path(request["data"]), request.get("columns"), request.get("beside", ()), request["inputs"])
    named = data.named(inputs, request["inputs"], request["data_label"])
    try:
        predict: Callable[..., Any] = _converter(request["format"]).predict
        answer: Any = predict(Path(request["file"]), named, request["output"], **request.get("said", {}))
    except ModelBuildError:
        raise
    except Exception as error:
        raise DataError(
            f"evaluate.data {request['data_label']} does not fit the model: {type(error).__name__}: {error}; "
            "return inputs shaped as those it was trained on"
        ) from None
    if answer is None:
        return {"predicts": False}
    array: data.Array = np.asarray(answer)
    if array.dtype.hasobject:
        array = np.asarray([str(v) for v in array.ravel()])
    np.savez(folder / "reference.npz", answer=array)
    return {"predicts": True}


def _prune(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    from model_build import learning
    from model_build.converters import converter

    tuner, form = request["tuner"], request["format"]

    def tune(model: object) -> object:
        key, _, label = tuner.partition(" ")
        return _call(request["module"], request["function"], label, key, SourceError, model)

    asked = learning.Prune(
        request["what"], request["share"], request["rounds"], request["label"], tuner, settings=request
    )
    file = folder / _learning(form).prune(Path(request["file"]), asked, tune, folder)
    converter(form).convert(file, folder / "model.onnx", request)
    return {}


def _teach(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    import dataclasses

    from model_build import learning
    from model_build.converters import converter

    key, _, label = str(request["student"]).partition(" ")
    learning.begin()  # of its first weights, too
    made = _call(request["module"], request["function"], label, key, SourceError)
    form = next((name for name in learning.PRUNES if converter(name).takes(made)), None)
    if form is None:
        raise SourceError(
            f"{key} {label} returned {type(made).__name__}, expected a PyTorch module or a scikit-learn estimator, "
            "neither trained yet; return one"
        )
    asked = learning.Teach(**{field.name: request[field.name] for field in dataclasses.fields(learning.Teach)})
    lesson = Path(request["lesson"])
    file = folder / _learning(form).teach(made, learning.Lesson.load(lesson), asked, folder)
    converter(form).convert(file, folder / "model.onnx", {**request, "data": str(lesson)})
    if form == "sklearn":
        _rename_answer(folder / "model.onnx", asked.output)
    return {}


def _rename_answer(file: Path, name: str) -> None:
    """What an estimator answers has names that it did not choose: it is called what the teacher calls it."""
    from model_build import graphs
    from model_build.converters import sklearn

    model = graphs.load(file)
    outputs = [value.name for value in model.graph.output]
    own = sklearn.PROBABILITIES if sklearn.PROBABILITIES in outputs else sklearn.PREDICTION
    if name not in outputs and own in outputs:
        graphs.rename(model, {own: name})
        file.write_bytes(graphs.serialise(model))


def _export(request: dict[str, Any], folder: Path) -> dict[str, Any]:
    from model_build.formats import Unsupported
    from model_build.formats.proving import prove

    try:
        return prove(request, folder)
    except Unsupported as error:
        # A word on this form of the model, which another one may not deserve; it is kept, as a form is.
        return {"lacks": str(error)}


def _learning(form: str) -> Any:
    return importlib.import_module(f"model_build.learning.{form}")


OPERATIONS: dict[str, Callable[[dict[str, Any], Path], dict[str, Any]]] = {
    "fetch": _fetch,
    "data": _data,
    "convert": _convert,
    "predict": _predict,
    "prune": _prune,
    "teach": _teach,
    "export": _export,
}


def _call(module: str, function: str, label: str, key: str, failed: type[InputError], *arguments: object) -> object:
    try:
        found: object = getattr(importlib.import_module(module), function)
        if not callable(found):
            raise failed(f"{key} {label} is {type(found).__name__}, expected a function")
        return found(*arguments)
    except ModelBuildError:
        raise
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: code that was not written to be called
        brings = extras.install(error.name or "") if isinstance(error, ModuleNotFoundError) else None
        fix = brings or "run it by itself to see the whole traceback"
        raise failed(f"{key} {label} raised {_told(error)}; {fix}") from None


def _told(error: BaseException) -> str:
    """Type, text and the last line of the traceback that is not of a library."""
    text = str(error).strip().splitlines()
    told = f"{type(error).__name__}{f': {text[0]}' if text else ''}"
    place = _place(error.__traceback__)
    return f"{told}, at {place}" if place else told


def _place(trace: TracebackType | None) -> str:
    frames = [f for f in traceback.extract_tb(trace) if not f.filename.startswith((_OURS, "<frozen"))]
    own = [f for f in frames if "site-packages" not in f.filename and "/lib/python" not in f.filename] or frames
    if not own:
        return ""
    last = own[-1]
    file = os.path.relpath(last.filename)
    return f"{Path(file).name if file.startswith('..') else file}:{last.lineno}{f' ({last.line})' if last.line else ''}"


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    print(f"{category.__name__}: {str(message).strip().splitlines()[0]}", flush=True)
