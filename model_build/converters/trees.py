"""Ensembles of decision trees as ONNX has them: one TreeEnsembleRegressor and what makes answers of its sums.

The frameworks' converters read their own formats into an `Ensemble`. onnxmltools is not used: 1.16 turns forests,
linear trees and zeros as missing values of LightGBM and reg:logistic of XGBoost into graphs that answer something else,
without a word, and does not know dart, rankers and names of features of XGBoost.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from model_build import graphs, runtime
from model_build.converters.sklearn import LABEL, PREDICTION, PROBABILITIES

if TYPE_CHECKING:
    import onnx

LESS, AT_MOST, EQUAL = "BRANCH_LT", "BRANCH_LEQ", "BRANCH_EQ"
IDENTITY, SIGMOID, SOFTMAX, EXP = "identity", "sigmoid", "softmax", "exp"
STEP, SQUARE, SOFTPLUS = "step", "square", "softplus"
"""What makes an answer of the sum of leaves. STEP: 1 above 0. SQUARE: with the sign of the sum."""


_BRANCHES = (
    "nodes_treeids",
    "nodes_nodeids",
    "nodes_featureids",
    "nodes_modes",
    "nodes_values",
    "nodes_truenodeids",
    "nodes_falsenodeids",
    "nodes_missing_value_tracks_true",
)
_LEAVES = ("target_treeids", "target_nodeids", "target_ids", "target_weights")


@dataclass
class Ensemble:
    """Trees, node by node. Numbers of nodes are unique in their tree; a tree's first node is its root."""

    features: int
    targets: int
    """Sums that the trees give, one per class or number that is answered."""
    base: list[float]
    """What each sum begins with."""
    link: str
    scale: float = 1.0
    """What a sum is multiplied with before its sigmoid is taken."""
    classes: list[Any] | None = None
    """Label values in order; None for models that answer with numbers. One sum and two classes: that of the second."""
    missing: float = math.nan
    """What stands for a missing value."""
    names: list[str] = field(default_factory=list[str])
    """What the features are called, where the model knows."""
    wide: bool = False
    """Whether features, thresholds and weights are of 64 bits. The sums are of 32 in any case."""
    _nodes: dict[str, list[Any]] = field(
        default_factory=lambda: {name: [] for name in (*_BRANCHES, *_LEAVES)}, repr=False
    )

    def branch(self, tree: int, node: int, feature: int, mode: str, value: float, ways: tuple[int, int, bool]) -> None:
        """ways: the nodes to go to if it holds and if not, and whether it holds for a missing value."""
        there, else_there, missing = ways
        row = (tree, node, feature, mode, float(value), there, else_there, int(missing))
        for name, each in zip(_BRANCHES, row, strict=True):
            self._nodes[name].append(each)

    def member(
        self, tree: int, nodes: Sequence[int], feature: int, values: Sequence[float], ways: tuple[int, int, bool]
    ) -> None:
        """Whether a feature is one of `values`: as many nodes as there are values, that share where they lead."""
        for place, (node, value) in enumerate(zip(nodes, values, strict=True)):
            other = nodes[place + 1] if place + 1 < len(nodes) else ways[1]
            self.branch(tree, node, feature, EQUAL, value, (ways[0], other, ways[2]))

    def leaf(self, tree: int, node: int, target: int, weight: float) -> None:
        self.branch(tree, node, 0, "LEAF", 0.0, (0, 0, False))
        self.weigh(tree, node, target, weight)

    def weigh(self, tree: int, node: int, target: int, weight: float) -> None:
        """What a leaf gives to another sum besides."""
        for name, each in zip(_LEAVES, (tree, node, target, float(weight)), strict=True):
            self._nodes[name].append(each)

    def nodes(self, source: str, outputs: Sequence[str]) -> "tuple[list[onnx.NodeProto], list[onnx.TensorProto]]":
        """Nodes and constants from the matrix `source` to `outputs`: labels and probabilities, or numbers."""
        import onnx

        build = _Build(outputs[-1])
        if not math.isnan(self.missing):
            hole = build.constant(np.float32(math.nan))
            marked = build.node("Equal", source, build.constant(np.float32(self.missing)))
            source = build.node("Where", marked, hole, source)
        single = self.classes is None and self.link == IDENTITY
        sums = outputs[0] if single else build.name()
        attributes: dict[str, Any] = {
            "n_targets": self.targets,
            "base_values": [float(value if self.wide else np.float32(value)) for value in self.base],
            **self._nodes,
        }
        if self.wide:
            for name in ("base_values", "nodes_values", "target_weights"):
                values = np.asarray(attributes.pop(name), np.float64)
                attributes[f"{name}_as_tensor"] = onnx.numpy_helper.from_array(values, name)
        build.nodes.append(
            onnx.helper.make_node("TreeEnsembleRegressor", [source], [sums], domain="ai.onnx.ml", **attributes)
        )
        if not single:
            self._answer(build, sums, outputs)
        return build.nodes, build.constants

    def _answer(self, build: "_Build", sums: str, outputs: Sequence[str]) -> None:
        if self.classes is None:
            _link(build, self.link, self.scale, sums, outputs[0])
            return
        label, shares = outputs
        if self.targets == 1:
            second = _link(build, self.link, self.scale, sums, build.name())
            first = build.node("Sub", build.constant(np.float32(1)), second)
            build.node("Concat", first, second, to=shares, axis=1)
        else:
            _link(build, self.link, self.scale, sums, shares)
        position = build.node("ArgMax", shares, axis=1, keepdims=0)
        build.node("Gather", build.constant(np.asarray(self.classes)), position, to=label, axis=0)


def write(ensemble: Ensemble, target: Path, settings: Mapping[str, Any], library: Any) -> dict[str, Any]:
    """What `convert` of a format of trees does once it has read them: see `Converter`. library: the format's module."""
    target.write_bytes(graphs.serialise(model(ensemble, settings["input"])))
    try:
        runtime.session(target)
    except Exception as error:
        raise runtime.refusal(error, repr(settings["label"])) from None
    return {
        "framework": f"{library.__name__} {library.__version__}",
        "classes": ensemble.classes,
        "missing": True,
        "columns": ensemble.names or None,
    }


def model(ensemble: Ensemble, name: str) -> "onnx.ModelProto":
    """The whole model; its one input is the matrix `name`, float32 [batch, features]."""
    import onnx

    kind = onnx.TensorProto
    outputs: list[tuple[str, int, list[str | int | None]]]
    if ensemble.classes is None:
        outputs = [(PREDICTION, kind.FLOAT, ["batch", ensemble.targets])]
    else:
        text = isinstance(ensemble.classes[0], str)
        outputs = [
            (LABEL, kind.STRING if text else kind.INT64, ["batch"]),
            (PROBABILITIES, kind.FLOAT, ["batch", len(ensemble.classes)]),
        ]
    nodes, constants = ensemble.nodes(name, [each[0] for each in outputs])
    shape: list[str | int | None] = ["batch", ensemble.features]
    graph = onnx.helper.make_graph(
        nodes,
        "model",
        [onnx.helper.make_tensor_value_info(name, kind.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info(*each) for each in outputs],
        constants,
    )
    opsets = [("", graphs.OPSET), ("ai.onnx.ml", graphs.ML_OPSET)]
    made = onnx.helper.make_model(
        graph,
        opset_imports=[onnx.helper.make_opsetid(domain, version) for domain, version in opsets],
        ir_version=graphs.IR_VERSION,
    )
    graphs.normalise(made, name="model")
    return made


def rounded_down(value: float) -> float:
    """The largest float32 that is not above `value`: for numbers in float32 "at most" means the same with either."""
    with np.errstate(over="ignore"):  # 1e300 stands for all that is not missing
        near = np.float32(value)
    return float(near if float(near) <= value else np.nextafter(near, np.float32(-math.inf)))


class _Build:
    """Nodes one after the other, with names that nobody else has."""

    def __init__(self, prefix: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._prefix = prefix
        self._names = 0

    def name(self) -> str:
        self._names += 1
        return f"{self._prefix}.{self._names}"

    def constant(self, value: Any) -> str:
        import onnx

        array = np.asarray(value)
        array = array.astype(object) if array.dtype.kind in "US" else array
        array = array.astype(np.int64) if array.dtype.kind in "iub" else array
        self.constants.append(onnx.numpy_helper.from_array(array, self.name()))
        return self.constants[-1].name

    def node(self, kind: str, *sources: str, to: str = "", **attributes: Any) -> str:
        import onnx

        to = to or self.name()
        self.nodes.append(onnx.helper.make_node(kind, list(sources), [to], **attributes))
        return to

    def cast(self, source: str, to: str) -> str:
        import onnx

        self.nodes.append(onnx.helper.make_node("Cast", [source], [to], to=onnx.TensorProto.FLOAT))
        return to


def _link(build: _Build, link: str, scale: float, sums: str, to: str) -> str:
    if link == SIGMOID and scale != 1:
        sums = build.node("Mul", sums, build.constant(np.float32(scale)))
    if link == STEP:
        return build.cast(build.node("Greater", sums, build.constant(np.float32(0))), to)
    if link == SQUARE:
        return build.node("Mul", sums, build.node("Abs", sums), to=to)
    if link == SOFTMAX:
        return build.node("Softmax", sums, to=to, axis=1)
    return build.node({SIGMOID: "Sigmoid", EXP: "Exp", SOFTPLUS: "Softplus", IDENTITY: "Identity"}[link], sums, to=to)
