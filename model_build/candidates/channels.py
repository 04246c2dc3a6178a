"""Channels of convolutions and neurons of matrix products, taken out of a graph with all that depends on them.

What has to be cut in one is a group: the layers that make the channels, the layers that read them, and whatever lies
between. It is found by walking from a layer through operators that keep channels apart, forwards to all that read a
value and backwards to all that make it, so that two branches that are added are cut alike. A walk that comes to an
answer of the model, or to an operator that mixes channels, finds that they cannot be cut.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from model_build import graphs

if TYPE_CHECKING:
    import onnx

Array = np.ndarray[Any, np.dtype[Any]]

_LAYERS = ("Conv", "Gemm", "MatMul")
_POINTWISE = {
    *("Relu", "LeakyRelu", "PRelu", "Clip", "Elu", "Selu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Softplus"),
    *("Softsign", "Gelu", "Mish", "Erf", "Exp", "Log", "Sqrt", "Neg", "Abs", "Identity", "Dropout", "Cast"),
    *("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum"),
}
_POOLS = {"MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LpPool"}
_REDUCTIONS = {"ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceL2", "Squeeze"}

_SHAPELESS = {"Scaler", "Imputer", "Normalizer"}


class _Stays(Exception):
    """The channels cannot be cut."""


@dataclass
class Group:
    """What is cut in one."""

    width: int
    """Channels."""
    made: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    """Weights that make the channels, and the axis that has these."""
    cut: set[tuple[str, int, int]] = field(default_factory=set[tuple[str, int, int]])
    """All tensors to be cut, the axis, and how many places on it each channel has."""
    depthwise: list["onnx.NodeProto"] = field(default_factory=list["onnx.NodeProto"])
    shapes: list[tuple["onnx.NodeProto", int]] = field(default_factory=list[tuple["onnx.NodeProto", int]])
    """Reshapes that say how long their last axis is, and how many places on it each channel has."""


def narrow(model: "onnx.ModelProto", share: float) -> tuple[int, int]:
    """Take `share` of the channels of each group out of `model`, those of the smallest weights.

    model: with all constants as initializers. Returns how many layers make fewer channels, and how many there are.
    """
    from onnx import numpy_helper

    _tell_shapes(model)
    graph = _Graph(graphs.typed(model))
    layers = [node for node in model.graph.node if node.op_type in _LAYERS and graph.weight(node) is not None]
    narrowed: set[str] = set()
    tried: set[str] = set()
    for group in graph.groups(layers, tried):
        fewer = int(share * group.width)
        if not fewer:
            continue
        strength = sum(_strength(graph.constants[name], axis) for name, axis in sorted(group.made))
        kept = np.sort(np.argsort(-np.asarray(strength), kind="stable")[: group.width - fewer])
        for name, axis, places in sorted(group.cut):
            at = (kept[:, None] * places + np.arange(places)).ravel()
            graph.constants[name] = np.ascontiguousarray(np.take(graph.constants[name], at, axis))
        _resize(model, group, len(kept))
        narrowed |= {name for name, _ in group.made}
    for tensor in model.graph.initializer:
        if tensor.name in graph.constants and list(graph.constants[tensor.name].shape) != list(tensor.dims):
            tensor.CopyFrom(numpy_helper.from_array(graph.constants[tensor.name], tensor.name))
    del model.graph.value_info[:]  # lengths of before
    return len(narrowed), len(layers)


def _tell_shapes(model: "onnx.ModelProto") -> None:
    """Say what onnx's inference does not know: operators of tables that leave a matrix in its form."""
    known = {value.name: value.type for value in model.graph.input}
    for node in model.graph.node:
        if node.domain == "ai.onnx.ml" and node.op_type in _SHAPELESS and node.input[0] in known:
            told = model.graph.value_info.add(name=node.output[0])
            told.type.CopyFrom(known[node.input[0]])
            told.type.tensor_type.elem_type = 1  # float
            known[node.output[0]] = told.type


def _strength(weights: Array, axis: int) -> Array:
    """Of each channel: the sum of the squares of what makes it."""
    squares = np.square(np.moveaxis(weights, axis, 0).reshape(weights.shape[axis], -1).astype(np.float64))
    total: Array = squares.sum(axis=1)
    return total


def _resize(model: "onnx.ModelProto", group: Group, kept: int) -> None:
    """The numbers of channels that are in the graph beside its weights."""
    from onnx import numpy_helper

    made = {node.output[0]: node for node in model.graph.node if node.output}
    for known in group.depthwise:
        next(a for a in made[known.output[0]].attribute if a.name == "group").i = kept
    for known, places in group.shapes:
        node = made[known.output[0]]
        name = f"{node.output[0]}_shape"
        old = next(tensor for tensor in model.graph.initializer if tensor.name == node.input[1])
        shape = numpy_helper.to_array(old).copy()
        shape[-1] = kept * places
        node.input[1] = name
        for tensor in [each for each in model.graph.initializer if each.name == name]:
            model.graph.initializer.remove(tensor)
        model.graph.initializer.append(numpy_helper.from_array(shape, name))


class _Graph:
    """What walks ask of a graph."""

    def __init__(self, model: "onnx.ModelProto") -> None:
        from onnx import numpy_helper

        graph = model.graph
        self.constants: dict[str, Array] = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self.makers = {name: node for node in graph.node for name in node.output if name}
        self.readers: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in dict.fromkeys(node.input):
                self.readers.setdefault(name, []).append(node)
        self.uses = Counter(name for node in graphs.nodes(graph) for name in node.input)
        own = Counter(name for node in graph.node for name in node.input)
        inner = {name for name, count in self.uses.items() if count != own[name]}
        self.outside = {value.name for value in graph.output} | inner
        """Values that are read by something that is no operator of the graph itself."""
        self.sizes: dict[str, list[int | None]] = {
            value.name: [d.dim_value or None for d in value.type.tensor_type.shape.dim]
            for value in (*graph.value_info, *graph.input, *graph.output)
            if value.type.tensor_type.HasField("shape")
        }

    def weight(self, node: "onnx.NodeProto") -> Array | None:
        return self.constants.get(node.input[1]) if len(node.input) > 1 else None

    def groups(self, layers: list["onnx.NodeProto"], tried: set[str]) -> Iterator[Group]:
        """The groups of all layers that have one; weights are looked at as they are when each is asked for."""
        for layer in layers:
            if layer.output[0] in tried:
                continue
            walk = _Walk(self)
            try:
                walk.begin(layer)
            except _Stays:
                continue
            finally:
                tried |= {layer.output[0], *walk.began}
            yield walk.group


class _Walk:
    def __init__(self, graph: _Graph) -> None:
        self.graph = graph
        self.group = Group(0)
        self.began: set[str] = set()
        """Values that layers of the group make."""
        self._seen: dict[str, tuple[int, int]] = {}

    def begin(self, layer: "onnx.NodeProto") -> None:
        weight = self.graph.weight(layer)
        assert weight is not None
        self.group.width = int(weight.shape[_made_axis(layer)])
        rank = len(self._sizes(layer.output[0]))
        self._visit(layer.output[0], 1 if layer.op_type == "Conv" else rank - 1, 1)

    def _visit(self, value: str, axis: int, places: int) -> None:
        """value: has channels on `axis`, each with so many places beside each other."""
        if not 0 < axis < len(self._sizes(value)) or value in self.graph.outside:
            raise _Stays  # the first axis is that of rows
        if value in self._seen:
            if self._seen[value] != (axis, places):
                raise _Stays
            return
        self._seen[value] = (axis, places)
        maker = self.graph.makers.get(value)
        if maker is None:
            raise _Stays  # an input of the model
        self._made(maker, axis, places)
        for reader in self.graph.readers.get(value, ()):
            self._read(reader, value, axis, places)

    def _made(self, node: "onnx.NodeProto", axis: int, places: int) -> None:
        weight = self.graph.weight(node)
        if node.op_type not in _LAYERS or _is_depthwise(node, weight):
            self._pass(node, axis, places, node.output[0])
            return
        last = len(self._sizes(node.output[0])) - 1
        fits = axis == (1 if node.op_type == "Conv" else last) and places == 1
        if weight is None or not fits or not _is_plain(node, weight):
            raise _Stays
        self._cut(node.input[1], _made_axis(node), 1)
        self.group.made.add((node.input[1], _made_axis(node)))
        self.began.add(node.output[0])
        if len(node.input) > 2 and node.input[2]:
            self._broadcast(node.input[2], -1, 1)

    def _read(self, node: "onnx.NodeProto", value: str, axis: int, places: int) -> None:
        weight = self.graph.weight(node)
        if node.op_type not in _LAYERS or _is_depthwise(node, weight):
            self._pass(node, axis, places, value)
            return
        last = len(self._sizes(value)) - 1
        fits = (axis == 1 and places == 1) if node.op_type == "Conv" else axis == last
        if weight is None or list(node.input).count(value) != 1 or node.input[0] != value:
            raise _Stays
        if not fits or not _is_plain(node, weight):
            raise _Stays
        self._cut(node.input[1], 1 if node.op_type == "Conv" else 1 - _made_axis(node), places)

    def _pass(self, node: "onnx.NodeProto", axis: int, places: int, value: str) -> None:
        """Go on through an operator that keeps channels apart, from `value`, one of its inputs or its output."""
        kind, output, forwards = node.op_type, node.output[0], value != node.output[0]
        if node.domain not in ("", "ai.onnx") or any(node.output[1:]):
            raise _Stays
        if kind == "Conv":
            if axis != 1 or places != 1:
                raise _Stays
            self._cut(node.input[1], 0, 1)
            if len(node.input) > 2 and node.input[2]:
                self._cut(node.input[2], 0, 1)
            if node not in self.group.depthwise:
                self.group.depthwise.append(node)
            self._visit(output if forwards else node.input[0], 1, 1)
        elif kind in _POINTWISE:
            behind = axis - len(self._sizes(value))
            for name in (*node.input, output):
                if name and name != value:
                    self._broadcast(name, behind, places)
        elif kind in _POOLS and axis == 1:
            self._visit(output if forwards else node.input[0], 1, places)
        elif kind == "BatchNormalization" and axis == 1 and places == 1:
            for name in node.input[1:]:
                self._cut(name, 0, 1)
            self._visit(output if forwards else node.input[0], 1, 1)
        elif kind == "Transpose":
            order = [*next(a for a in node.attribute if a.name == "perm").ints]
            self._visit(output if forwards else node.input[0], order.index(axis) if forwards else order[axis], places)
        elif kind in _REDUCTIONS and forwards:
            gone = self._axes(node, len(self._sizes(value)))
            if axis in gone:
                raise _Stays
            keeps = kind != "Squeeze" and _number(node, "keepdims", 1)
            self._visit(output, axis if keeps else axis - sum(each < axis for each in gone), places)
        elif kind in ("Flatten", "Reshape") and forwards:
            self._flat(node, value, axis, places)
        elif forwards or node.input[0] not in self._seen:
            raise _Stays

    def _flat(self, node: "onnx.NodeProto", value: str, axis: int, places: int) -> None:
        """[rows, channels, ...] to [rows, channels * ...]: so many places of each channel beside each other."""
        beyond = self._sizes(value)[2:]
        if axis != 1 or None in beyond:
            raise _Stays
        each = places * prod(size for size in beyond if size)
        if node.op_type == "Flatten":
            if _number(node, "axis", 1) != 1:
                raise _Stays
        else:
            shape = self.graph.weight(node)
            if shape is None or shape.size != 2 or shape[1] not in (-1, self.group.width * each):
                raise _Stays
            if shape[1] != -1:
                self.group.shapes.append((node, each))
        self._visit(node.output[0], 1, each)

    def _broadcast(self, name: str, behind: int, places: int) -> None:
        """A value beside others: its axis is counted from the end, and may be missing or of one place."""
        constant = self.graph.constants.get(name)
        sizes = list(constant.shape) if constant is not None else self._sizes(name)
        at = len(sizes) + behind
        if at < 0 or sizes[at] == 1:
            return
        if sizes[at] != self.group.width * places:
            raise _Stays
        if constant is None:
            self._visit(name, at, places)
        else:
            self._cut(name, at, places)

    def _cut(self, name: str, axis: int, places: int) -> None:
        constant = self.graph.constants.get(name)
        alone = self.graph.uses[name] == 1 and name not in self.graph.outside
        if constant is None or not alone or constant.shape[axis] != self.group.width * places:
            raise _Stays
        self.group.cut.add((name, axis, places))

    def _axes(self, node: "onnx.NodeProto", rank: int) -> set[int]:
        given = self.graph.constants.get(node.input[1]) if len(node.input) > 1 else None
        found = (
            [*given.ravel()] if given is not None else [i for a in node.attribute if a.name == "axes" for i in a.ints]
        )
        if not found:
            raise _Stays  # all of them
        return {int(each) % rank for each in found}

    def _sizes(self, name: str) -> list[int | None]:
        if name not in self.graph.sizes:
            raise _Stays
        return self.graph.sizes[name]


def _made_axis(node: "onnx.NodeProto") -> int:
    """The axis of a layer's weights that has what it makes."""
    return 0 if node.op_type == "Conv" or (node.op_type == "Gemm" and _number(node, "transB", 0)) else 1


def _is_plain(node: "onnx.NodeProto", weight: Array) -> bool:
    if node.op_type == "Conv":
        return _number(node, "group", 1) == 1
    return weight.ndim == 2 and not _number(node, "transA", 0)


def _is_depthwise(node: "onnx.NodeProto", weight: Array | None) -> bool:
    if node.op_type != "Conv" or weight is None:
        return False
    return bool(_number(node, "group", 1) == weight.shape[0] > 1 and weight.shape[1] == 1)


def _number(node: "onnx.NodeProto", name: str, default: int) -> int:
    return next((a.i for a in node.attribute if a.name == name), default)
