"""Between convert and optimise, where the recipe asks: a model that takes a fixed number of rows is made to take any.

The first axis of inputs and outputs is opened, and constant shapes that name the number. Whether that is the same model
is not for the graph to say: it has to answer the evaluation data, all rows in one call and one row in a call, as the
original does.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model_build import cache, content, graphs, measure, runtime
from model_build.convert import Converted
from model_build.errors import SourceError
from model_build.evaluation import evaluation, inputs_and_labels
from model_build.identity import STEPS
from model_build.work import Work

if TYPE_CHECKING:
    import onnx

_CALLS = 4
"""Calls of the original that answers are compared on."""
_KEEP, _FILL = 0, -1
"""What a Reshape takes for the size that its input has there, and for what is left over."""


def opened(work: Work, converted: Converted) -> Converted:
    """`converted`, or the same model for any number of rows.

    Raises SourceError when the model cannot be opened, DataError for data that does not fit it.
    """
    if not work.recipe.optimize.open_batch:
        return converted
    stored = evaluation(work)

    def fill(folder: Path) -> None:
        work.progress("batch", "opening the first axis")
        note = _open(work, converted, folder / "model.onnx", stored)
        cache.write_note(folder, {"rows": note, "digest": content.of_file(folder / "model.onnx")})

    key = {"steps": STEPS, "model": converted.digest, "data": stored.note()["digest"]}
    entry = cache.made("batch", {**key, **work.identity.of("tool.onnxruntime")}, fill)
    work.did("batch", entry)
    return replace(converted, model=entry.folder / "model.onnx", digest=entry.note()["digest"])


def _open(work: Work, converted: Converted, target: Path, stored: cache.Entry) -> int:
    original = runtime.session(converted.model)
    first = {value.shape[0] if value.shape else None for value in original.get_inputs()}
    rows = {axis for axis in first if isinstance(axis, int)}
    if not rows:
        target.write_bytes(converted.model.read_bytes())
        return 0
    if len(first) > 1 or rows == {0}:
        told = ", ".join(f"{value.name} {value.shape}" for value in original.get_inputs())
        raise SourceError(f"optimize.open_batch: inputs do not have one first axis ({told}); set it to false")
    (size,) = rows
    given, _ = inputs_and_labels(work, converted, stored, original)
    given = measure.fit(original, given, work.recipe.evaluate.data)
    count = min(len(next(iter(given.values()))) // size, _CALLS) * size
    if not count:
        raise SourceError(f"optimize.open_batch: evaluate.data has no {size} rows to compare on; give more")
    given = {name: values[:count] for name, values in given.items()}
    names = [value.name for value in original.get_outputs()]
    want = _joined(
        [original.run(names, {n: v[start : start + size] for n, v in given.items()}) for start in range(0, count, size)]
    )
    why = ""
    for model in _variants(converted.model, size):
        target.write_bytes(graphs.serialise(model))
        try:
            session = runtime.session(target)
            single = [session.run(names, {n: v[row : row + 1] for n, v in given.items()}) for row in range(count)]
            if _same(session.run(names, given), want) and _same(_joined(single), want):
                return size
            why = "its answers are not those of the original"
        except Exception as error:
            why = runtime.first_line(error)
    raise SourceError(
        f"optimize.open_batch: the model takes {size} rows, and for any number {why}; export it with an open first "
        "axis, or set it to false"
    )


def _variants(path: Path, size: int) -> Iterator["onnx.ModelProto"]:
    for instead, multiples in ((_KEEP, False), (_FILL, False), (_FILL, True)):
        model = graphs.load(path)
        graph = model.graph
        del graph.value_info[:]
        for value in (*graph.input, *graph.output):
            shape = value.type.tensor_type.shape
            if len(shape.dim) and shape.dim[0].dim_value == size:
                shape.dim[0].dim_param = "batch"
        _reshapes(graph, size, instead, multiples)
        yield model


def _reshapes(graph: "onnx.GraphProto", size: int, instead: int, multiples: bool) -> None:
    """Constant shapes that begin with the number of rows, or a multiple; each use gets a constant of its own."""
    from onnx import numpy_helper

    known = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            known[node.output[0]] = node.attribute[0].t
    for index, node in enumerate(graph.node):
        if node.op_type != "Reshape" or node.input[1] not in known:
            continue
        shape = [int(n) for n in numpy_helper.to_array(known[node.input[1]])]
        fits = bool(shape) and shape[0] > 0 and (shape[0] % size == 0 if multiples else shape[0] == size)
        if not fits or (instead == _FILL and _FILL in shape):
            continue
        name = f"{node.input[1]}_open_{index}"
        graph.initializer.append(numpy_helper.from_array(np.asarray([instead, *shape[1:]], np.int64), name))
        node.input[1] = name


def _joined(calls: list[list[Any]]) -> list[Any]:
    return [np.concatenate(parts) for parts in zip(*calls, strict=True)]


def _same(got: list[Any], want: list[Any]) -> bool:
    return all(
        g.shape == w.shape and (np.allclose(g, w, 1e-3, 1e-5) if w.dtype.kind == "f" else bool((g == w).all()))
        for g, w in zip(got, want, strict=True)
    )
