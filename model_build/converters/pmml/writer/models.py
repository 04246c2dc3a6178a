"""Models of PMML in ONNX."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from model_build.converters.pmml import document, grammar
from model_build.converters.pmml.document import DOUBLE, TEXT, Document
from model_build.converters.pmml.interpreter.models import changes
from model_build.converters.pmml.reading import Element, wrong
from model_build.converters.pmml.writer import linear
from model_build.converters.pmml.writer.expressions import Expressions, cast, predicate, treated
from model_build.converters.pmml.writer.forest import Forest
from model_build.converters.pmml.writer.graph import Field, Graph, Scope


@dataclass(frozen=True)
class Classes:
    """What a classifier answers."""

    names: tuple[str, ...]
    shares: str
    """[rows, names], NaN where there is no answer."""
    place: str
    """[rows, 1]: which of names it decides for."""


Result = str | Classes
"""A number [rows, 1], NaN where there is none, or classes."""


class Models:
    def __init__(self, graph: Graph, found: Document) -> None:
        self._graph = graph
        self._document = found
        self.expressions = Expressions(graph, found.functions)

    def model(self, element: Element, outer: Scope, active: str = "", *, top: bool = False) -> tuple[Result, Scope]:
        """active: the condition under which it is asked at all, true where it is empty."""
        graph, scope = self._graph, Scope(outer)
        for each in document.mining(element):
            name = each.get("name")
            if not top and each.get("usageType", "active") == "active" and changes(each):
                before = len(graph.invalid)
                scope.fields[name] = treated(graph, self._document.fields[name], each, outer.get(name, each))
                if active:
                    graph.invalid[before:] = [graph.op("And", active, more) for more in graph.invalid[before:]]
        for each in [*(self._document.derived if top else []), *document.derived(element)]:
            scope.fields[each.get("name")] = self.expressions.derived(each, scope)
        result: Result = getattr(self, f"_{element.tag}")(element, scope, active)
        if isinstance(result, str):
            result = self._targeted(element, result)
        return result, scope

    def outputs(self, element: Element, scope: Scope, result: Result) -> dict[str, Field]:
        """The OutputFields of a model, which those after it in a chain take."""
        graph = self._graph
        for each in element.within("Output", "OutputField"):
            feature = each.get("feature", "predictedValue")
            if feature == "transformedValue":
                found = self.expressions.derived(each, scope)
            elif isinstance(result, str):
                found = Field(result, DOUBLE)
            elif feature == "probability":
                found = Field(self._share(each, result), DOUBLE)
            else:
                kind = each.get("dataType", TEXT)
                found = Field(self._label(result, kind, each), kind)
            wanted = each.get("dataType", found.kind)
            scope.fields[each.get("name")] = cast(graph, wanted, found, each)
        return {each.get("name"): scope.fields[each.get("name")] for each in element.within("Output", "OutputField")}

    def without(self, lost: str, result: Result) -> Result:
        """With no answer where `lost` holds."""
        graph, nothing = self._graph, self._graph.number(math.nan)
        if isinstance(result, str):
            return graph.where(lost, nothing, result)
        return Classes(
            result.names, graph.where(lost, nothing, result.shares), graph.where(lost, nothing, result.place)
        )

    def every(self, result: Classes) -> Classes:
        """With the classes of the document and no others."""
        names = self._document.classes
        graph, known = self._graph, [each for each in names if each in result.names]
        if list(result.names) == names:
            return result
        first = self._column(result.shares, 0)
        padded = graph.op("Concat", result.shares, graph.op("Mul", first, graph.number(0)), axis=1)
        places = [result.names.index(each) if each in known else len(result.names) for each in names]
        moved = np.asarray([float(names.index(each)) if each in names else math.nan for each in result.names])
        place = graph.op("Gather", graph.constant(moved), graph.op("Cast", self._filled(result.place), to=7), axis=0)
        return Classes(
            tuple(names),
            graph.op("Gather", padded, graph.constant(np.asarray(places)), axis=1),
            graph.where(graph.op("IsNaN", result.place), graph.number(math.nan), place),
        )

    def _share(self, element: Element, result: Classes) -> str:
        graph, wanted = self._graph, self._document.label(element.get("value"))
        if not wanted:
            return graph.op("GatherElements", result.shares, graph.op("Cast", self._filled(result.place), to=7), axis=1)
        if wanted not in result.names:
            return graph.number(0.0)
        return self._column(result.shares, result.names.index(wanted))

    def _column(self, matrix: str, place: int) -> str:
        return self._graph.op("Gather", matrix, self._graph.constant(np.asarray([place])), axis=1)

    def _filled(self, place: str) -> str:
        return self._graph.where(self._graph.op("IsNaN", place), self._graph.number(0), place)

    def _label(self, result: Classes, kind: str, element: Element) -> str:
        graph = self._graph
        values = [document.parse(kind, each, element) for each in result.names]
        table = graph.constant(np.asarray(values, object if kind == TEXT else np.float64))
        found = graph.op("Gather", table, graph.op("Cast", self._filled(result.place), to=7), axis=0)
        return graph.where(graph.op("IsNaN", result.place), graph.nothing(kind), found)

    def classes(self, names: Sequence[str], columns: str) -> Classes:
        """Of shares: decided for the class that has most, of several that which comes first."""
        graph = self._graph
        known = [each for each in self._document.classes if each in names]
        order = [*known, *(each for each in names if each not in known)]
        if list(names) != order:
            columns = graph.op(
                "Gather", columns, graph.constant(np.asarray([list(names).index(each) for each in order])), axis=1
            )
        asked = columns
        if known and len(known) < len(order):
            asked = graph.op("Gather", columns, graph.constant(np.arange(len(known))), axis=1)
        best = graph.double(graph.op("ArgMax", asked, axis=1, keepdims=1))
        lost = graph.op("IsNaN", self._column(columns, 0))
        return Classes(tuple(order), columns, graph.where(lost, graph.number(math.nan), best))

    def _targeted(self, element: Element, value: str) -> str:
        graph = self._graph
        for found in element.within("Targets", "Target"):
            for name, beyond in (("min", "Less"), ("max", "Greater")):
                if name in found.attributes:
                    end = graph.number(found.number(name))
                    value = graph.where(graph.op(beyond, value, end), end, value)
            if (factor := found.number("rescaleFactor", 1.0)) != 1:
                value = graph.op("Mul", value, graph.number(factor))
            if constant := found.number("rescaleConstant"):
                value = graph.op("Add", value, graph.number(constant))
            rounded = found.get("castInteger")
            if rounded == "round":
                value = graph.op("Floor", graph.op("Add", value, graph.number(0.5)))
            elif rounded:
                value = graph.op("Floor" if rounded == "floor" else "Ceil", value)
        return value

    def _TreeModel(self, element: Element, scope: Scope, _: str) -> Result:
        """One tree: it tells which node, and tables tell what that is."""
        graph = self._graph
        if element.get("functionName") == "regression":
            scores = [math.nan]

            def score(node: Element | None) -> list[tuple[int, float]]:
                if node is None or "score" not in node.attributes:
                    return [(0, 0.0)]
                scores.append(node.number("score"))
                return [(0, float(len(scores) - 1))]

            return self._looked_up(element, scope, score, lambda: graph.constant(np.asarray(scores)))[0]
        told: list[tuple[str, dict[str, float]] | None] = [None]

        def entry(node: Element | None) -> list[tuple[int, float]]:
            found = None if node is None else scored(self._document, node)
            if found is None:
                return [(0, 0.0)]
            told.append(found)
            return [(0, float(len(told) - 1))]

        def tables() -> tuple[list[str], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
            names = list(dict.fromkeys(name for each in told[1:] if each for name in (*each[1], each[0])))
            names = [
                *(each for each in self._document.classes if each in names),
                *(each for each in names if each not in self._document.classes),
            ]
            shares = np.full((len(told), len(names)), math.nan)
            places = np.full((len(told), 1), math.nan)
            for row, each in enumerate(told):
                if each is not None:
                    shares[row] = [each[1].get(name, 0.0) for name in names]
                    places[row] = names.index(each[0])
            return names, shares, places

        _, node = self._looked_up(element, scope, entry, None)
        names, shares, places = tables()
        if not names:
            raise wrong(
                element,
                "scores no class",
                "expected a score or a ScoreDistribution in its nodes; export the model again",
            )
        return Classes(
            tuple(names),
            graph.op(
                "Gather", graph.constant(shares), graph.op("Squeeze", node, graph.constant(np.asarray([1]))), axis=0
            ),
            graph.op(
                "Gather", graph.constant(places), graph.op("Squeeze", node, graph.constant(np.asarray([1]))), axis=0
            ),
        )

    def _looked_up(self, element: Element, scope: Scope, payload: Any, table: Any) -> tuple[str, str]:
        graph = self._graph
        forest = Forest(graph, 1)
        forest.add(element, scope, payload)
        node = graph.op("Cast", forest.sums(), to=7)
        return (graph.op("Gather", table(), node, axis=0) if table else ""), node

    def _RegressionModel(self, element: Element, scope: Scope, _: str) -> Result:
        found = linear.regression(self._graph, element, scope, self._document)
        return found if isinstance(found, str) else self.classes(*found)

    def _GeneralRegressionModel(self, element: Element, scope: Scope, _: str) -> Result:
        found = linear.general(self._graph, element, scope, self._document)
        return found if isinstance(found, str) else self.classes(*found)

    def _NeuralNetwork(self, element: Element, scope: Scope, _: str) -> Result:
        inputs = [
            (each.get("id"), self.expressions.derived(each.only("DerivedField"), scope).name)
            for each in element.within("NeuralInputs", "NeuralInput")
        ]
        found = linear.network(self._graph, element, inputs, self._document)
        return found if isinstance(found, str) else self.classes(*found)

    def _Scorecard(self, element: Element, scope: Scope, _: str) -> Result:
        graph, total = self._graph, self._graph.number(element.number("initialScore"))
        for each in element.within("Characteristics", "Characteristic"):
            part = graph.number(math.nan)
            for one in reversed(each.all("Attribute")):
                held = graph.holds(predicate(graph, one.only(*grammar.PREDICATES), scope))
                part = graph.where(held, graph.number(one.number("partialScore")), part)
            total = graph.op("Add", total, part)
        return total

    def _MiningModel(self, element: Element, scope: Scope, active: str) -> Result:
        from model_build.converters.pmml.writer.segments import Segments

        return Segments(self._graph, self._document, self).combined(element, scope, active)


def scored(found: Document, node: Element) -> tuple[str, dict[str, float]] | None:
    """The class of a node and what is given to each."""
    told, score = node.all("ScoreDistribution"), found.label(node.get("score"))
    if not told:
        return (score, {score: 1.0}) if score else None
    by = "probability" if "probability" in told[0].attributes else "recordCount"
    counts = {found.label(each.get("value")): each.number(by) for each in told}
    total = math.fsum(counts.values())
    if total <= 0:
        return None
    shares = {name: count / total for name, count in counts.items()}
    known = [each for each in found.classes if each in shares] or list(shares)
    return score or max(known, key=lambda each: shares[each]), shares
