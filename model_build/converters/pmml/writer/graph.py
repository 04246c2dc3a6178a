"""A graph of ONNX under way: numbers of 64 bits and text, each [rows, 1], the same thing worked out once."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from model_build.converters.pmml.document import TEXT
from model_build.converters.pmml.reading import Element, wrong

if TYPE_CHECKING:
    import onnx

ML = "ai.onnx.ml"
UNKNOWN = 0.5
"""What is neither true, 1, nor false, 0: so `and` is the least of some, and `or` the greatest."""


@dataclass(frozen=True)
class Field:
    """A value in the graph. A number that is missing is NaN, a text that is missing is empty."""

    name: str
    kind: str


class Graph:
    def __init__(self, prefix: str = "/") -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.shape = ""
        """The name of what holds [rows, 1]."""
        self.invalid: list[str] = []
        """Conditions under which a row has no answer."""
        self._prefix = prefix
        self._single: set[str] = set()
        """Constants, and what is worked out of nothing else."""
        self._known: dict[Any, str] = {}
        self._names = 0

    def fresh(self) -> str:
        self._names += 1
        return f"{self._prefix}{self._names}"

    def prune(self, outputs: Sequence[str]) -> None:
        """Take out what none of `outputs` is made of."""
        needed, kept = set(outputs), list["onnx.NodeProto"]()
        for node in reversed(self.nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                kept.append(node)
        self.nodes = kept[::-1]
        self.constants = [each for each in self.constants if each.name in needed]

    def constant(self, value: Any) -> str:
        import onnx

        array = np.asarray(value)
        array = array.astype(object) if array.dtype.kind in "US" else array
        key = ("constant", str(array.dtype), array.shape, repr(array.tolist()))
        if key not in self._known:
            self._known[key] = self.fresh()
            self.constants.append(onnx.numpy_helper.from_array(array, self._known[key]))
            self._single.add(self._known[key])
        return self._known[key]

    def number(self, value: float) -> str:
        return self.constant(np.float64(value))

    def op(self, kind: str, *sources: str, domain: str = "", **attributes: Any) -> str:
        import onnx

        key = (kind, sources, repr(sorted(attributes.items())))
        if key not in self._known:
            to = self._known[key] = self.fresh()
            self.nodes.append(onnx.helper.make_node(kind, list(sources), [to], domain=domain, **attributes))
            if sources and all(each in self._single for each in sources):
                self._single.add(to)
        return self._known[key]

    def rows(self, name: str) -> str:
        """[rows, 1], a constant too."""
        return self.op("Expand", name, self.shape) if name in self._single else name

    def side_by_side(self, names: Sequence[str]) -> str:
        return self.op("Concat", *[self.rows(each) for each in names], axis=1)

    def double(self, name: str) -> str:
        return self.op("Cast", name, to=11)

    def floats(self, kind: str, name: str) -> str:
        """An operator that ONNX Runtime has for 32 bits alone."""
        return self.double(self.op(kind, self.op("Cast", name, to=1)))

    def where(self, condition: str, yes: str, no: str) -> str:
        return yes if yes == no else self.op("Where", condition, yes, no)

    def any(self, conditions: Sequence[str]) -> str:
        found = conditions[0]
        for each in conditions[1:]:
            found = self.op("Or", found, each)
        return found

    def missing(self, value: Field) -> str:
        """bool"""
        if value.kind == TEXT:
            return self.op("Equal", value.name, self.constant([""]))
        return self.op("IsNaN", value.name)

    def nothing(self, kind: str) -> str:
        return self.constant([""]) if kind == TEXT else self.number(math.nan)

    def literal(self, value: float | str) -> str:
        return self.constant([value]) if isinstance(value, str) else self.number(value)

    def one_of(self, value: Field, values: Sequence[float | str]) -> str:
        """bool: whether a value is one of some, false for a missing one."""
        if value.kind == TEXT:
            found = self.codes(value, {str(each): 1.0 for each in values}, 0.0)
            return self.op("Greater", found, self.number(0.5))
        if len(values) == 1:
            return self.op("Equal", value.name, self.number(float(values[0])))
        same = self.op("Equal", self.rows(value.name), self.constant(np.asarray([list(map(float, values))])))
        return self.op(
            "Cast", self.op("ReduceMax", self.op("Cast", same, to=6), self.constant(np.asarray([1])), keepdims=1), to=9
        )

    def codes(self, value: Field, known: dict[str, float], otherwise: float) -> str:
        """Numbers for texts; values have to be those that 32 bits hold."""
        return self.double(
            self.op(
                "LabelEncoder",
                value.name,
                domain=ML,
                keys_strings=list(known),
                values_floats=list(known.values()),
                default_float=otherwise,
            )
        )

    def truth(self, value: Field) -> str:
        """0, 1 or UNKNOWN, of a value that is true or false."""
        decided = self.double(self.op("Not", self.op("Equal", value.name, self.number(0))))
        return self.where(self.missing(value), self.number(UNKNOWN), decided)

    def told(self, truth: str) -> str:
        """A truth as a value: missing where it is unknown."""
        return self.where(self.op("Equal", truth, self.number(UNKNOWN)), self.number(math.nan), truth)

    def holds(self, truth: str) -> str:
        """bool: whether it is true, and not unknown."""
        return self.op("Greater", truth, self.number(0.75))


@dataclass
class Scope:
    """The fields that can be named in one place of a file."""

    outer: "Scope | None" = None
    fields: dict[str, Field] = field(default_factory=dict[str, Field])

    def get(self, name: str, element: Element) -> Field:
        here: Scope | None = self
        while here is not None:
            if name in here.fields:
                return here.fields[name]
            here = here.outer
        raise wrong(
            element, f"names the field {name!r}, which is not there", "expected one that is declared; export it again"
        )
