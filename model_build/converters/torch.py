"""PyTorch: modules, TorchScript and programs of torch.export, with any number of rows.

A module is exported by running it on example inputs: those that came with it, else rows of the evaluation data. Every
axis that is not said to be open is as long as it is there; the first one is open unless the recipe gives its length.
"""

import contextlib
import io
import logging
import os
import re
import sys
import warnings
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from model_build import data, graphs, runtime
from model_build.converters import Arrays, onnx, torch_calls, torch_faults, torch_files
from model_build.converters.torch_files import Loaded
from model_build.errors import ModelBuildError, SourceError

ROWS = 256
"""Rows per call of the source framework."""
_TRIED = (1, 7)
"""Numbers of rows that a model has to take that takes any."""
_SCRIPTED_OPSET = 20
"""The highest that torch writes from TorchScript; the step to ours is onnx's own."""


def takes(made: object) -> bool:
    torch: Any = sys.modules.get("torch")  # nobody makes a module of it without it
    if torch is None:
        return False
    pair = cast("Sequence[object]", made) if isinstance(made, tuple) else ()
    first: object = pair[0] if len(pair) == 2 else cast("Any", made)
    return isinstance(first, torch.nn.Module | torch.export.ExportedProgram)


def save(made: object, folder: Path) -> str:
    model, example = cast("tuple[Any, object]", made) if isinstance(made, tuple) else (made, None)
    if example is None:
        return torch_files.save(model, {}, folder)
    names, _ = torch_calls.parameters(Loaded(model), "source")
    return torch_files.save(model, torch_calls.bind(example, names), folder)


def convert(source: Path, target: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    called, axes = f"source {settings['label']!r}", cast("torch_calls.Axes | None", settings.get("axes"))
    loaded = _ready(torch_files.load(source, called), called)
    torch = runtime.untyped("torch")
    if loaded.exported:
        inputs = _own_example(loaded, called)
        opened = _open_axes(loaded, axes, called)
    else:
        takes, _ = torch_calls.parameters(loaded, called)
        rows = loaded.example or data.load(Path(settings["data"]), None, settings.get("beside", ()), takes)[0]
        inputs = torch_calls.rows(loaded, rows, axes, called)
        opened = torch_calls.named_axes({name: tuple(value.shape) for name, value in inputs.items()}, axes)
    try:
        answer = torch_calls.call(loaded, inputs)
    except ModelBuildError:
        raise
    except Exception as error:
        raise torch_faults.misfit(error, called) from None
    with quiet():
        model = (_from_script if loaded.scripted else _from_export)(loaded, inputs, opened, list(answer), called)
    drop_shapes_of_weights(model)
    name_axes(model, opened)
    session = onnx.opened(model, called)
    if torch_calls.BATCH in {axis for found in opened.values() for axis in found.values()}:
        lengths = {name: len(value) if value.ndim else 0 for name, value in answer.items()}
        followed = _follow(session, inputs, opened, lengths, called)
        for value in model.graph.output:
            if value.name in followed:
                value.type.tensor_type.shape.dim[0].dim_param = torch_calls.BATCH
    target.write_bytes(graphs.serialise(model))
    return {"framework": f"PyTorch {str(torch.__version__).partition('+')[0]}", "classes": None}


def predict(source: Path, inputs: Arrays, output: str) -> Any:
    called = f"source {source.name!r}"
    loaded = _ready(torch_files.load(source, called), called)
    length = len(next(iter(inputs.values())))
    step = ROWS
    if loaded.exported and (fixed := _program_rows(loaded)):
        step = fixed
    found: list[Any] = []
    for start in range(0, length, step):
        part = {name: torch_calls.tensor(loaded, values[start : start + step]) for name, values in inputs.items()}
        answer = torch_calls.call(loaded, part)
        if output not in answer:
            return None
        found.append(answer[output].detach().numpy())
    return np.concatenate(found)


def read(source: Path, called: str) -> Loaded:
    """The model of a file, ready to answer. Raises SourceError."""
    return _ready(torch_files.load(source, called), called)


def _ready(loaded: Loaded, called: str) -> Loaded:
    """The model on the CPU, dropout off, batch statistics as learnt, in a precision that a CPU computes in."""
    torch = runtime.untyped("torch")
    model = loaded.model
    held: list[Any] = [*model.parameters(), *model.buffers()]
    if any(value.device.type == "meta" for value in held):
        raise SourceError(f"{called} has parameters without values (device meta); load its weights first")
    if loaded.exported:
        training = [node for node in model.graph.nodes if _trains(node)]
        if training:
            raise SourceError(
                f"{called} was exported in training mode ({training[0].target} is on); "
                "call eval() on the module and export it again"
            )
        if any(value.device.type != "cpu" for value in held):
            passes = runtime.untyped("torch.export.passes")
            return Loaded(passes.move_to_device_pass(model, "cpu"))
        return loaded
    model = model.cpu().eval()
    if any(value.dtype in (torch.float16, torch.bfloat16) for value in held):
        model = model.float()
    return Loaded(model, loaded.example)


def _trains(node: Any) -> bool:
    name = str(node.target)
    return name.startswith(("aten.dropout", "aten.feature_dropout", "aten.alpha_dropout")) and node.args[2] is True


def _own_example(loaded: Loaded, called: str) -> dict[str, Any]:
    pair = loaded.model.example_inputs
    names = list(loaded.model.graph_signature.user_inputs)
    values = [*pair[0], *pair[1].values()] if pair else []
    if len(values) != len(names) or not all(hasattr(value, "shape") for value in values):
        raise SourceError(
            f"{called} was exported with inputs that are no tensors, or without any; export it again with one "
            "tensor for each of forward's parameters"
        )
    return {name: value.cpu() for name, value in zip(names, values, strict=True)}


def _sizes(loaded: Loaded) -> dict[str, tuple[Any, ...]]:
    """By input, its axes as the program has them: numbers, or torch's symbols."""
    names = list(loaded.model.graph_signature.user_inputs)
    nodes = {node.name: node for node in loaded.model.graph.nodes if node.op == "placeholder"}
    return {name: tuple(nodes[name].meta["val"].shape) for name in names}


def _program_rows(loaded: Loaded) -> int | None:
    first = [sizes[0] for sizes in _sizes(loaded).values() if sizes]
    return next((size for size in first if isinstance(size, int)), None)


def _open_axes(loaded: Loaded, axes: torch_calls.Axes | None, called: str) -> dict[str, dict[int, str]]:
    """The open axes of a program, by the recipe's names, else torch's symbols. Raises SourceError for a fixed batch."""
    asked = axes or {}
    length = _program_rows(loaded)
    if length is not None and torch_calls.fixed_rows(axes) != length:
        raise SourceError(
            f"{called} was exported for {length} rows and no other number, expected any; export it with "
            'dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}}, or say that it is so with '
            f"axes: {{INPUT: [{length}, ...]}}"
        )
    found: dict[str, dict[int, str]] = {}
    for name, sizes in _sizes(loaded).items():
        given = asked.get(name, ())
        found[name] = {
            position: str(given[position]) if position < len(given) else (str(size) if position else torch_calls.BATCH)
            for position, size in enumerate(sizes)
            if not isinstance(size, int)
        }
    return found


def _from_export(
    loaded: Loaded, inputs: Mapping[str, Any], opened: Mapping[str, Mapping[int, str]], names: list[str], called: str
) -> Any:
    torch = runtime.untyped("torch")
    program = loaded.model if loaded.exported else None
    try:
        if program is None:
            dynamic = torch.export.Dim.DYNAMIC
            shapes = {name: dict.fromkeys(opened[name], dynamic) for name in inputs}
            program = torch.export.export(loaded.model, (), dict(inputs), dynamic_shapes=shapes, strict=False)
        made = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=graphs.OPSET,
            verbose=False,
        )
        name_outputs(made.model.graph, names)
        return made.model_proto
    except Exception as error:
        raise torch_faults.fault(error, called) from None


def name_outputs(graph: Any, names: Sequence[str]) -> None:
    """Give the outputs their names, and other values that have one of these by chance another one."""
    last = list(graph.outputs)
    inner = [value for node in graph.all_nodes() for value in node.outputs if all(value is not each for each in last)]
    for value in inner:
        if value.name in names:
            value.name = f"{value.name}_inside"
    for name in set(names) & set(graph.initializers):
        value = graph.initializers.pop(name)
        value.name = f"{name}_inside"
        graph.register_initializer(value)
    for value, name in zip(last, names, strict=True):
        value.name = name


def _from_script(
    loaded: Loaded, inputs: Mapping[str, Any], opened: Mapping[str, Mapping[int, str]], names: list[str], called: str
) -> Any:
    """TorchScript has loops and branches of its own, which only torch's older exporter knows."""
    torch, onnx_package = runtime.untyped("torch"), runtime.untyped("onnx")
    written = io.BytesIO()
    try:
        with warnings.catch_warnings(action="ignore"):
            torch.onnx.export(
                _only(loaded.model, list(inputs)),
                tuple(inputs.values()),
                written,
                dynamo=False,
                opset_version=_SCRIPTED_OPSET,
                input_names=list(inputs),
                output_names=names,
                dynamic_axes={name: dict(found) for name, found in opened.items()},
            )
        model = onnx_package.load_model_from_string(written.getvalue())
        return runtime.untyped("onnx.version_converter").convert_version(model, graphs.OPSET)
    except Exception as error:
        raise torch_faults.fault(error, called) from None


def _only(script: Any, names: list[str]) -> Any:
    """A program that takes just these inputs; the others have defaults, which an export would make inputs of."""
    torch = runtime.untyped("torch")
    empty = torch.nn.Module()
    empty.inner = script
    around = torch.jit.script(empty)
    around.define(
        f"def forward(self, {', '.join(names)}):\n    return self.inner({', '.join(f'{n}={n}' for n in names)})\n"
    )
    return around.eval()


def drop_shapes_of_weights(model: Any) -> None:
    """Weights have their shapes themselves; said twice, they are wrong once a tool turns one, as int8 of Gemm does."""
    weights = {tensor.name for tensor in model.graph.initializer}
    kept = [value for value in model.graph.value_info if value.name not in weights]
    del model.graph.value_info[:]
    model.graph.value_info.extend(kept)


def name_axes(model: Any, opened: Mapping[str, Mapping[int, str]]) -> None:
    """Call the open axes what they are called, wherever torch has put a symbol of its own for them."""
    symbols: dict[str, str] = {}
    for value in model.graph.input:
        for position, axis in opened[value.name].items():
            dim = value.type.tensor_type.shape.dim[position]
            if dim.dim_param:
                symbols.setdefault(dim.dim_param, axis)
            dim.dim_param = axis
    for value in (*model.graph.output, *model.graph.value_info):
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_param = re.sub(r"[A-Za-z_]\w*", lambda found: symbols.get(found[0], found[0]), dim.dim_param)


def _follow(
    session: Any,
    inputs: Mapping[str, Any],
    opened: Mapping[str, Mapping[int, str]],
    lengths: Mapping[str, int],
    called: str,
) -> set[str]:
    """The outputs that have as many rows as the inputs have; tried, as an export may fix that number without a word.

    lengths: of the outputs in the example. Raises SourceError for one that does not follow.
    """
    length = len(next(iter(inputs.values())))
    followed = {name for name, size in lengths.items() if size == length}
    options = runtime.onnxruntime().RunOptions()
    options.log_severity_level = 4
    for count in _TRIED:
        feeds = {
            name: np.resize(value.numpy(), (count, *value.shape[1:])) if 0 in opened[name] else value.numpy()
            for name, value in inputs.items()
        }
        try:
            found = session.run(sorted(followed), feeds, options)
        except Exception:
            raise torch_faults.fixed(length, called, f"it fails on {count}") from None
        if any(len(answer) != count for answer in found):
            raise torch_faults.fixed(length, called, f"it gives other than {count} for {count}")
    return followed


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """What torch prints of its own insides as it exports, from Python and from C++, is no progress."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    sys.stdout.flush()
    sys.stderr.flush()
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        kept = [(stream, os.dup(stream)) for stream in (1, 2)]
        try:
            for stream, _ in kept:
                os.dup2(nowhere.fileno(), stream)
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for stream, copy in kept:
                os.dup2(copy, stream)
                os.close(copy)
            logging.disable(before)
