"""A document of PMML as a model of ONNX: an input for each field, [batch, 1], of numbers or text."""

from pathlib import Path
from typing import Any

import numpy as np

from model_build import graphs, runtime
from model_build.converters.pmml.document import TEXT, Document
from model_build.converters.pmml.interpreter import NOBODY
from model_build.converters.pmml.writer.expressions import treated
from model_build.converters.pmml.writer.graph import Field, Graph, Scope
from model_build.converters.pmml.writer.models import Classes, Models
from model_build.converters.sklearn import LABEL, PREDICTION, PROBABILITIES


def write(found: Document, target: Path, label: str) -> None:
    """label: what messages call the source. Raises SourceError."""
    import onnx

    kind = onnx.TensorProto
    names = [each.get("name") for each in found.inputs]
    graph, scope = Graph("/"), Scope()
    graph.shape = graph.op("Shape", names[0])
    for each in found.inputs:
        name = each.get("name")
        value = Field(name, found.kind(each))
        if value.kind != TEXT:
            value = Field(graph.double(name), value.kind)
        scope.fields[name] = treated(graph, found.fields[name], each, value)
    models = Models(graph, found)
    result, _ = models.model(found.model, scope, top=True)
    if graph.invalid:
        result = models.without(graph.any(graph.invalid), result)
    outputs: list[tuple[str, int, list[str | int]]]
    if isinstance(result, Classes):
        _labelled(graph, found, models.every(result))
        text = isinstance(found.answered()[0], str)
        outputs = [
            (LABEL, kind.STRING if text else kind.INT64, ["batch"]),
            (PROBABILITIES, kind.FLOAT, ["batch", len(found.classes)]),
        ]
    else:
        _named(graph, "Cast", [graph.rows(result)], PREDICTION, to=1)
        outputs = [(PREDICTION, kind.FLOAT, ["batch", 1])]
    graph.prune([each[0] for each in outputs])
    types = {each.get("name"): kind.STRING if found.kind(each) == TEXT else kind.FLOAT for each in found.inputs}
    made: Any = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "model",
            [onnx.helper.make_tensor_value_info(name, each, ["batch", 1]) for name, each in types.items()],
            [onnx.helper.make_tensor_value_info(*each) for each in outputs],
            graph.constants,
        ),
        opset_imports=[
            onnx.helper.make_opsetid("", graphs.OPSET),
            onnx.helper.make_opsetid("ai.onnx.ml", graphs.ML_OPSET),
        ],
        ir_version=graphs.IR_VERSION,
    )
    graphs.normalise(made, name="model")
    target.write_bytes(graphs.serialise(made))
    try:
        runtime.session(target)
    except Exception as error:
        raise runtime.refusal(error, label) from None


def _labelled(graph: Graph, found: Document, result: Classes) -> None:
    classes = found.answered()
    nobody: Any = "" if isinstance(classes[0], str) else NOBODY
    table = graph.constant(np.asarray([*classes, nobody], object if isinstance(nobody, str) else np.int64))
    place = graph.where(graph.op("IsNaN", result.place), graph.number(len(classes)), result.place)
    at = graph.op("Squeeze", graph.op("Cast", graph.rows(place), to=7), graph.constant(np.asarray([1])))
    _named(graph, "Gather", [table, at], LABEL, axis=0)
    _named(graph, "Cast", [result.shares], PROBABILITIES, to=1)


def _named(graph: Graph, kind: str, sources: list[str], name: str, **attributes: Any) -> None:
    import onnx

    graph.nodes.append(onnx.helper.make_node(kind, sources, [name], **attributes))
