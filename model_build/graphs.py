"""ONNX graphs in their one form: the same model is the same bytes, whoever wrote it and when."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from model_build import external, runtime

if TYPE_CHECKING:
    import onnx

OPSET = 21
ML_OPSET = 3
IR_VERSION = 10
"""Pinned: what the tools write by default is newer than what runtimes take."""


def load(path: Path, *, weights: bool = True) -> "onnx.ModelProto":
    """Read a model, and the weights in files beside it.

    Raises SourceError for weights that are to be anywhere else; protobuf's DecodeError, ValueError or OSError.
    """
    package = runtime.untyped("onnx")
    model = cast("onnx.ModelProto", package.load_model(str(path), load_external_data=False))
    if external.check(model, path.parent, repr(path.name)) and weights:
        package.load_external_data_for_model(model, str(path.parent))
    return model


def serialise(model: "onnx.ModelProto") -> bytes:
    return bytes(model.SerializeToString(deterministic=True))


def normalise(model: "onnx.ModelProto", *, name: str) -> None:
    """Take out of `model` what says who made it and when, and opsets that no node uses.

    name: of the graph; tools put random or machine-dependent ones there.
    """
    model.producer_name = "modelport"
    model.producer_version = ""
    model.domain = ""
    model.model_version = 0
    model.doc_string = ""
    model.graph.name = name
    model.graph.doc_string = ""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for node in nodes(model.graph):
        node.doc_string = ""
        del node.metadata_props[:]
    used = {node.domain for node in nodes(model.graph)} | {""}
    used |= {node.domain for function in model.functions for node in function.node}
    opsets = {("" if o.domain == "ai.onnx" else o.domain): o.version for o in model.opset_import}
    del model.opset_import[:]
    for domain in sorted(opsets):
        if domain in used:
            model.opset_import.add(domain=domain, version=opsets[domain])


def name_batch(model: "onnx.ModelProto") -> None:
    """Call the open first axis of inputs and outputs `batch`, so that the server can tell that they go together."""
    for value in (*model.graph.input, *model.graph.output):
        shape = value.type.tensor_type.shape
        if len(shape.dim) and not shape.dim[0].HasField("dim_value"):
            shape.dim[0].dim_param = "batch"


def typed(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """A copy that says of every value what it is, as ONNX Runtime knows it.

    onnx's own inference stops at operators of other domains, of which it knows nothing.
    """
    import onnx

    found = onnx.shape_inference.infer_shapes(model)
    known = {value.name for value in (*found.graph.value_info, *found.graph.output)}
    missing = [name for node in found.graph.node for name in node.output if name and name not in known]
    if not missing:
        return found
    asked = onnx.ModelProto()
    asked.CopyFrom(found)
    del asked.metadata_props[:]  # the graph is asked, and not what is around it
    asked.graph.output.extend(onnx.ValueInfoProto(name=name) for name in missing)
    kinds = {"tensor(float)": 1, "tensor(int64)": 7, "tensor(int32)": 6, "tensor(bool)": 9, "tensor(double)": 11}
    for value in runtime.session(serialise(asked), plain=True).get_outputs():
        if value.name in missing and value.type in kinds:
            shape = value.shape or None
            found.graph.value_info.append(onnx.helper.make_tensor_value_info(value.name, kinds[value.type], shape))
    return found


def rename(model: "onnx.ModelProto", names: Mapping[str, str]) -> None:
    """Rename values (old to new) wherever the main graph uses them."""
    for node in model.graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(value, value) for value in values]
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        value.name = names.get(value.name, value.name)
    for tensor in model.graph.initializer:
        tensor.name = names.get(tensor.name, tensor.name)


def nodes(graph: "onnx.GraphProto") -> Iterator["onnx.NodeProto"]:
    """All nodes, those in branches and loops too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from nodes(inner)


def tensors(model: "onnx.ModelProto") -> Iterator["onnx.TensorProto"]:
    """All weights, those in nodes' attributes too."""
    yield from model.graph.initializer
    for node in nodes(model.graph):
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for inner in (attribute.g, *attribute.graphs):
                yield from inner.initializer
