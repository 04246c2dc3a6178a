"""TorchScript: PyTorch's program in one file, for libtorch in C++ and for servers that load it.

A module is compiled from its code where that can be, so that its branches stay; else it is run on example inputs and
what it does is written down, which the gate then finds right for other rows and other numbers of them, or not: a
program of torch.export that asks how long its inputs are has those lengths in it for good.
"""

import contextlib
import tempfile
import warnings
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model_build import data, runtime
from model_build.converters import torch as converter
from model_build.converters import torch_calls, torch_files
from model_build.formats import Arrays, As, Runs, Unsupported

MODEL = "model.pt"
_WRITTEN = ("version", ".data/serialization_id")
"""Parts that PyTorch's writer of such files adds by itself."""


def write(source: Path, folder: Path, settings: Mapping[str, Any]) -> None:
    called = f"source {settings['label']!r}"
    loaded = converter.read(source, called)
    torch = runtime.untyped("torch")
    with converter.quiet(), _deprecations_known():
        script = loaded.model if loaded.scripted else _compiled(loaded, settings, called)
        try:
            script = torch.jit.freeze(script.eval())
        except Exception as error:
            raise _unwritten(error, settings) from None
        with tempfile.TemporaryDirectory() as between:
            script.save(str(Path(between, MODEL)))
            _without_places(Path(between, MODEL), folder / MODEL)


def opened(folder: Path, like: Runs, settings: Mapping[str, Any]) -> Runs:
    torch = runtime.untyped("torch")
    torch.set_num_threads(runtime.THREADS)
    with _deprecations_known():
        loaded = torch_files.Loaded(torch.jit.load(str(folder / MODEL), map_location="cpu"))
    names = [value.name for value in like.get_outputs()]

    def answer(inputs: Arrays, outputs: list[str]) -> Arrays:
        given = {name: torch_calls.tensor(loaded, np.asarray(values)) for name, values in inputs.items()}
        found = torch_calls.call(loaded, given)
        if set(names) - set(found) and len(found) == len(names):
            found = dict(zip(names, found.values(), strict=True))  # a tuple has no names for its fields any more
        return {name: found[name].detach().numpy() for name in outputs}

    return As(like, answer)


def _compiled(loaded: torch_files.Loaded, settings: Mapping[str, Any], called: str) -> Any:
    torch = runtime.untyped("torch")
    if not loaded.exported:
        with contextlib.suppress(Exception):  # most of Python has no place in it, and then it is written down
            return torch.jit.script(loaded.model)
    module, given = loaded.model, dict[str, Any]()
    if loaded.exported:
        # A program is called as it was in its example: by position, or by keywords.
        positional, keywords = loaded.model.example_inputs
        module = loaded.model.module()
        given = {"example_kwarg_inputs": dict(keywords)} if keywords else {"example_inputs": tuple(positional)}
    else:
        given["example_kwarg_inputs"] = _example(loaded, settings, called)
    try:
        with torch.no_grad():
            return torch.jit.trace(module, **given, strict=False, check_trace=False)
    except Exception as error:
        raise _unwritten(error, settings) from None


def _without_places(made: Path, target: Path) -> None:
    """Copy a file of TorchScript but for what says where the code was on this machine."""
    torch = runtime.untyped("torch")
    reader, writer = torch._C.PyTorchFileReader(str(made)), torch._C.PyTorchFileWriter(str(target))
    for name in reader.get_all_records():
        if not name.endswith(".debug_pkl") and name not in _WRITTEN:
            record = reader.get_record(name)
            writer.write_record(name, record, len(record))
    writer.write_end_of_file()


def _example(loaded: torch_files.Loaded, settings: Mapping[str, Any], called: str) -> dict[str, Any]:
    """Rows by the names of forward's parameters, as an export takes them."""
    given = loaded.example or data.load(Path(settings["data"]), settings["columns"], settings["beside"])[0]
    return torch_calls.rows(loaded, given, settings.get("axes"), called)


def _unwritten(error: Exception, settings: Mapping[str, Any]) -> Unsupported:
    return Unsupported(
        f"formats names torchscript, but torch does not write {settings['label']!r} so: {type(error).__name__}: "
        f"{runtime.first_line(error)}; leave it out"
    )


@contextlib.contextmanager
def _deprecations_known() -> Generator[None]:
    """TorchScript is on its way out of PyTorch; what reads its files goes on doing so."""
    with warnings.catch_warnings(action="ignore"):
        yield
