"""One function of TensorFlow as ONNX: variables become constants, tf2onnx writes it, onnx itself brings it further."""

import contextlib
import os
import re
import sys
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_build import graphs, runtime
from model_build.converters import onnx, tf_faults, tf_operators
from model_build.errors import SourceError

ROWS = 256
"""Rows per call of the source framework."""
_WRITTEN_OPSET = 18
"""The highest that tf2onnx writes; the step to ours is onnx's own."""
_TRIED = (1, 7)
"""Numbers of rows that tell which outputs have one for each row."""
_LOOSE = ("merge_duplication", "remove_identity")
"""Steps of tf2onnx whose outcome is by chance: ONNX Runtime does the first anyway, the second is done here."""
_FIRST = 1 << 40
"""Where the numbers of objects begin: tf2onnx tells them from indices by their type alone."""
_OPEN = 8
"""Length of another open axis while that is tried."""


@dataclass(frozen=True)
class Called:
    """A concrete function, its inputs and outputs by name, in order."""

    function: Any
    inputs: dict[str, Any]
    """Name to tensor of the function's graph."""
    keywords: dict[str, str]
    """Name of an input to what the function itself calls it."""
    outputs: dict[str, Any]
    """In the order of the function's own names, as TensorFlow sorts them."""
    holder: Any
    """What owns its variables and tables."""

    @property
    def rows(self) -> int | None:
        """How many rows it always takes; None for any number."""
        first = [tensor.shape[0] for tensor in self.inputs.values() if tensor.shape.rank]
        return next((size for size in first if size is not None), None)


def tensorflow() -> Any:
    """TensorFlow, for Keras too, on the CPU and without its own messages. Raises SourceError where it is missing."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # a model that was saved under another one loads under this, too
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    try:
        with quiet():
            made = runtime.untyped("tensorflow")
            runtime.untyped("tf2onnx")
    except ImportError as error:
        raise SourceError(
            f"{error.name} is not installed, models of Keras and TensorFlow need it; pip install 'modelport[tf]'"
        ) from None
    return made


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """What TensorFlow's C++ prints of itself is no progress, and no variable turns all of it off."""
    sys.stderr.flush()
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        kept = os.dup(2)
        try:
            os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


def answer(called: Called, inputs: Mapping[str, Any], output: str) -> Any:
    """The function's own answer to all rows; None where it has no such output."""
    if output not in called.outputs:
        return None
    tf = tensorflow()
    length, step = len(next(iter(inputs.values()))), called.rows or ROWS
    found: list[Any] = []
    with quiet():
        for start in range(0, length, step):
            part = {
                called.keywords[name]: fitted(tf, inputs[name][start : start + step], each)
                for name, each in called.inputs.items()
            }
            given = dict(zip(called.outputs, tf.nest.flatten(called.function(**part)), strict=True))
            found.append(given[output].numpy())
    return np.concatenate(found)


def fitted(tf: Any, values: Any, wanted: Any) -> Any:
    """Rows in the type of an input; [rows] where it wants [rows, 1]."""
    array = np.asarray(values)
    if wanted.dtype == tf.string:
        array = array.astype(object)
    elif array.dtype.kind in "iufb":
        array = array.astype(wanted.dtype.as_numpy_dtype)
    if wanted.shape.rank == array.ndim + 1 and wanted.shape[-1] in (1, None):
        array = array[..., None]
    return tf.constant(array, dtype=wanted.dtype)


def write(function: Called, called: str) -> bytes:
    """The function as ONNX of our opset. Raises SourceError for what has no place in it."""
    model = _converted(function, called)
    _bypass(model.graph, {})
    model = _upgraded(model, called)
    _name(model, function)
    del model.graph.value_info[:]
    session = onnx.opened(model, called)
    _name_axes(model, session)
    return graphs.serialise(model)


def _converted(function: Called, called: str) -> Any:
    loader = runtime.untyped("tf2onnx.tf_loader")
    inputs = [tensor.name for tensor in function.inputs.values()]
    outputs = list(dict.fromkeys(tensor.name for tensor in function.outputs.values()))
    tf_operators.teach()
    with tf_faults.heard() as said, quiet(), _counted():
        try:
            frozen = loader.from_trackable(function.holder, function.function, inputs, outputs, False)
            made = _written(frozen, inputs, outputs, said, called)
            try:
                return _shortened(made).make_model("model")
            except Exception:  # one of many steps that only make it smaller
                return _written(frozen, inputs, outputs, said, called).make_model("model")
        except SourceError:
            raise
        except Exception as error:
            raise tf_faults.fault(error, said, called) from None


def _written(frozen: Any, inputs: list[str], outputs: list[str], said: tf_faults.Said, called: str) -> Any:
    tf, writer = tensorflow(), runtime.untyped("tf2onnx.tfonnx")
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(frozen[0], name="")
        made = writer.process_tf_graph(
            graph,
            opset=_WRITTEN_OPSET,
            input_names=inputs,
            output_names=outputs,
            initialized_tables=frozen[1],
        )
    if said.missing:
        raise tf_faults.unsupported(said, called)
    return made


def _shortened(made: Any) -> Any:
    """tf2onnx's own steps, each once and in order.

    Run in turns until nothing changes, as tf2onnx does, they come to other graphs at other times, as _LOOSE does.
    """
    optimizer = runtime.untyped("tf2onnx.optimizer")
    for name, step in optimizer._get_optimizers().items():
        if name not in _LOOSE:
            made = optimizer.optimize_graph(made, False, {name: step})
    return made


def _bypass(graph: Any, known: Mapping[str, str]) -> None:
    """Take out what hands on its input, but for what has to have the name of an output."""
    outputs = {value.name for value in graph.output}
    found, kept = dict(known), list[Any]()
    for node in graph.node:
        node.input[:] = [found.get(name, name) for name in node.input]
        if node.op_type == "Identity" and not node.domain and node.output[0] not in outputs:
            found[node.output[0]] = node.input[0]
            continue
        for attribute in node.attribute:
            for inner in [attribute.g] if attribute.HasField("g") else list(attribute.graphs):
                _bypass(inner, found)
        kept.append(_copy(node))
    for value in graph.output:
        if value.name in known:  # of a branch that only hands on what is outside of it
            kept.append(runtime.untyped("onnx").helper.make_node("Identity", [known[value.name]], [value.name]))
    del graph.node[:]
    graph.node.extend(kept)


@contextlib.contextmanager
def _counted() -> Generator[None]:
    """Names that tf2onnx makes of a count begin at its beginning, and those that it makes of addresses are counted too.

    With that, one process after the other writes the same bytes, as long as Python's hashes are the same.
    """
    utils, einsum = runtime.untyped("tf2onnx.utils"), runtime.untyped("tf2onnx.optimizer.einsum_optimizer")
    known: dict[int, tuple[int, object]] = {}  # objects are kept: another one may get the address of one that has gone

    def number(thing: object) -> int:
        return known.setdefault(id(thing), (_FIRST + len(known), thing))[0]

    utils.INTERNAL_NAME = 1
    einsum.id = number
    try:
        yield
    finally:
        del einsum.id


def _upgraded(model: Any, called: str) -> Any:
    try:
        made = runtime.untyped("onnx.version_converter").convert_version(model, graphs.OPSET)
        runtime.untyped("onnx.checker").check_model(made)
        return made
    except Exception as error:
        raise tf_faults.fault(error, tf_faults.Said(), called) from None


def _name(model: Any, function: Called) -> None:
    """Inputs and outputs as the model calls them, all else without the numbers that tf2onnx counts on with."""
    names = {tensor.name: name for name, tensor in function.inputs.items()}
    first: dict[str, str] = {}
    repeated: list[tuple[str, str]] = []
    for name, tensor in function.outputs.items():
        if tensor.name in first or tensor.name in names:
            repeated.append((name, tensor.name))
        else:
            first[tensor.name] = name
    names |= first
    taken = {"", *names.values(), *function.outputs}

    def new(old: str) -> str:
        if old not in names:
            plain = re.sub(r"__\d+", "", old) or "value"
            name, number = plain, 1
            while name in taken:
                number += 1
                name = f"{plain}_{number}"
            taken.add(name)
            names[old] = name
        return names[old]

    names[""] = ""
    _rename(model.graph, new)
    helper = runtime.untyped("onnx").helper
    given = {value.name: value for value in (*model.graph.input, *model.graph.output)}
    for name, tensor in repeated:
        value = given[names[tensor]]
        model.graph.node.append(helper.make_node("Identity", [value.name], [name], name=new(f"{name}_copy")))
        copy = model.graph.output.add()
        copy.CopyFrom(value)
        copy.name = name
    order = {name: at for at, name in enumerate(function.outputs)}
    kept = {value.name: value for value in model.graph.output}
    ordered: list[Any] = [_copy(value) for value in kept.values() if value.name in order]
    del model.graph.output[:]
    model.graph.output.extend(sorted(ordered, key=lambda value: order[value.name]))


def _copy(message: Any) -> Any:
    """Of a part of a graph, to keep while the graph's own are cleared."""
    made: Any = type(message)()
    made.CopyFrom(message)
    return made


def _rename(graph: Any, new: Any) -> None:
    graph.name = new(graph.name) if graph.name else ""
    for value in (*graph.input, *graph.initializer, *graph.output, *graph.value_info):
        value.name = new(value.name)
    for node in graph.node:
        node.name = new(node.name) if node.name else ""
        for values in (node.input, node.output):
            values[:] = [new(each) for each in values]
        for attribute in node.attribute:
            if attribute.HasField("t"):
                attribute.t.name = ""
            for inner in [attribute.g] if attribute.HasField("g") else list(attribute.graphs):
                _rename(inner, new)


def _name_axes(model: Any, session: Any) -> None:
    """The open first axis of inputs is `batch`, and so is that of outputs that follow it; others by place."""
    for value in (*model.graph.input, *model.graph.output):
        for position, dim in enumerate(value.type.tensor_type.shape.dim):
            if not dim.HasField("dim_value"):
                dim.dim_param = f"{value.name}_{position}"
    inputs = [value for value in model.graph.input if value.type.tensor_type.shape.dim]
    opened = [value for value in inputs if value.type.tensor_type.shape.dim[0].dim_param]
    for value in opened:
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    following = _following(session, [value.name for value in opened])
    for value in model.graph.output:
        shape = value.type.tensor_type.shape
        if len(shape.dim) and shape.dim[0].dim_param and (following is None or value.name in following):
            shape.dim[0].dim_param = "batch"


_KINDS = {"float": np.float32, "double": np.float64, "float16": np.float16, "bool": np.bool_, "string": object}


def _following(session: Any, opened: Sequence[str]) -> set[str] | None:
    """Outputs that have as many rows as are asked; None where it cannot be tried."""
    names = [str(value.name) for value in session.get_outputs()]
    options = runtime.onnxruntime().RunOptions()
    options.log_severity_level = 4
    found: list[set[str]] = []
    for count in _TRIED:
        feeds: dict[str, Any] = {}
        for value in session.get_inputs():
            sizes = [size if isinstance(size, int) else _OPEN for size in value.shape]
            if value.name in opened:
                sizes[0] = count
            kind = value.type.removeprefix("tensor(").removesuffix(")")
            feeds[value.name] = np.zeros(sizes, _KINDS.get(kind) or np.dtype(kind))
        try:
            answers = session.run(names, feeds, options)
        except Exception:
            return None
        found.append({n for n, each in zip(names, answers, strict=True) if np.ndim(each) and len(each) == count})
    return found[0] & found[1]
