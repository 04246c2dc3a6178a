"""MiningModel in ONNX: several models and how their answers become one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model_build.converters.pmml import document, grammar
from model_build.converters.pmml.document import Document
from model_build.converters.pmml.interpreter.models import changes
from model_build.converters.pmml.reading import Element, wrong
from model_build.converters.pmml.writer.expressions import predicate
from model_build.converters.pmml.writer.forest import Forest
from model_build.converters.pmml.writer.graph import Field, Graph, Scope
from model_build.converters.pmml.writer.models import Classes, Models, Result, scored

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SUMMED = ("sum", "weightedSum", "average", "weightedAverage", "majorityVote", "weightedMajorityVote")
_VOTES = ("majorityVote", "weightedMajorityVote")


@dataclass(frozen=True)
class _Segment:
    element: Element
    model: Element
    weight: float
    always: bool


class Segments:
    def __init__(self, graph: Graph, found: Document, models: Models) -> None:
        self._graph, self._document, self._models = graph, found, models

    def combined(self, element: Element, scope: Scope, active: str) -> Result:
        segmentation = element.only("Segmentation")
        method = segmentation.get("multipleModelMethod")
        strict = segmentation.get("missingPredictionTreatment") == "returnMissing"
        classifies = element.get("functionName") == "classification"
        segments = [
            _Segment(each, each.only(*grammar.MODELS), each.number("weight", 1.0), each.first("True") is not None)
            for each in segmentation.all("Segment")
        ]
        if method == "modelChain":
            return self._chain(segments, scope, active, strict)
        if method in _SUMMED and all(each.always and _is_plain(each.model) for each in segments):
            return self._forest(method, segments, scope, classifies, strict)
        held = [self._held(each, scope, active) for each in segments]
        results = [self._models.model(each.model, scope, on)[0] for each, on in zip(segments, held, strict=True)]
        weights = [each.weight if method.startswith("weighted") else 1.0 for each in segments]
        if method == "selectFirst":
            return self._first(results, held, classifies)
        if classifies:
            return self._voted(method, [each for each in results if isinstance(each, Classes)], held, weights, strict)
        numbers = [each for each in results if isinstance(each, str)]
        if method in ("median", "weightedMedian"):
            if any(held):
                raise wrong(
                    segmentation,
                    f"has {method} of segments that may be left out",
                    "expected all to be True; export it again",
                )
            return self._median(numbers, weights)
        return self._summed(method, numbers, held, weights)

    def _held(self, segment: _Segment, scope: Scope, active: str) -> str:
        """The condition under which a segment is asked, empty where there is none."""
        if segment.always:
            return active
        graph = self._graph
        here = graph.holds(predicate(graph, segment.element.only(*grammar.PREDICATES), scope))
        return graph.op("And", active, here) if active else here

    def _chain(self, segments: Sequence[_Segment], scope: Scope, active: str, strict: bool) -> Result:
        graph, lost = self._graph, list[str]()
        final: Result | None = None
        for each in segments:
            held = self._held(each, scope, active)
            result, inner = self._models.model(each.model, scope, held)
            lost.append(self._lost(result))
            if held:
                lost[-1] = graph.op("And", held, lost[-1])
            for name, value in self._models.outputs(each.model, inner, result).items():
                if held:
                    value = Field(graph.where(held, value.name, graph.nothing(value.kind)), value.kind)
                scope.fields[name] = value
            # What is not asked leaves the answer of those before it.
            if not each.always:
                result = self._chosen(each, held, result, final)
            final = result
        assert final is not None
        return self._models.without(graph.any(lost), final) if strict else final

    def _chosen(self, segment: _Segment, held: str, result: Result, before: Result | None) -> Result:
        graph = self._graph
        if isinstance(result, str) and (before is None or isinstance(before, str)):
            return graph.where(held, result, graph.number(math.nan) if before is None else before)
        if isinstance(result, Classes) and (before is None or isinstance(before, Classes)):
            return self._first([result, *([before] if before else [])], [held, ""], True)
        raise wrong(
            segment.element, "answers otherwise than those before it", "expected all of a chain to be of one kind"
        )

    def _lost(self, result: Result) -> str:
        return self._graph.op("IsNaN", result if isinstance(result, str) else result.place)

    def _forest(
        self, method: str, segments: Sequence[_Segment], scope: Scope, classifies: bool, strict: bool
    ) -> Result:
        """All trees at once, whose sums are worked out by the one operator."""
        graph, weights = self._graph, [each.weight if method.startswith("weighted") else 1.0 for each in segments]
        names = list(self._document.classes) if classifies else [""]
        for node in (one for each in segments for one in _nodes(each.model) if classifies):
            found = scored(self._document, node)
            names.extend(name for name in ([*found[1], found[0]] if found else []) if name not in names)
        lost = len(names)
        forest = Forest(graph, len(names) + 1)
        for segment, weight in zip(segments, weights, strict=True):

            def payload(node: Element | None, weight: float = weight) -> list[tuple[int, float]]:
                if not classifies:
                    return (
                        [(lost, weight)]
                        if node is None or "score" not in node.attributes
                        else [(0, node.number("score") * weight)]
                    )
                found = None if node is None else scored(self._document, node)
                if found is None:
                    return [(lost, weight)]
                shares = {found[0]: 1.0} if method in _VOTES else found[1]
                return [(names.index(name), share * weight) for name, share in shares.items()] or [(lost, 0.0)]

            inner = Scope(scope)
            for each in document.derived(segment.model):
                inner.fields[each.get("name")] = self._models.expressions.derived(each, inner)
            forest.add(segment.model, inner, payload)
        sums = forest.sums()
        missing = graph.op("Gather", sums, graph.constant(np.asarray([lost])), axis=1)
        values = graph.op("Gather", sums, graph.constant(np.arange(lost)), axis=1)
        total = sum(weights) if "verage" in method else 1.0
        values = graph.op("Div", values, graph.number(total)) if total != 1 else values
        if method in _VOTES:
            return self._counted(names, values, missing, strict)
        values = graph.where(graph.op("Greater", missing, graph.number(0)), graph.number(math.nan), values)
        return self._models.classes(names, values) if classifies else values

    def _counted(self, names: Sequence[str], votes: str, missing: str, strict: bool) -> Classes:
        graph, axis = self._graph, self._graph.constant(np.asarray([1]))
        most = graph.number(0) if strict else graph.op("ReduceMax", votes, axis, keepdims=1)
        total = graph.op("ReduceSum", votes, axis, keepdims=1)
        lost = graph.op("Or", graph.op("Greater", missing, most), graph.op("Equal", total, graph.number(0)))
        return self._models.classes(names, graph.where(lost, graph.number(math.nan), graph.op("Div", votes, total)))

    def _first(self, results: Sequence[Result], held: Sequence[str], classifies: bool) -> Result:
        graph, nothing = self._graph, self._graph.number(math.nan)
        if not classifies:
            found = nothing
            for each, on in reversed(list(zip(results, held, strict=True))):
                assert isinstance(each, str)
                found = graph.where(on, each, found) if on else each
            return found
        classes = [each for each in results if isinstance(each, Classes)]
        names = self._all(classes)
        shares = place = nothing
        for each, on in reversed(list(zip(classes, held, strict=True))):
            own, at = self._aligned(each, names), self._moved(each, names)
            shares, place = (graph.where(on, own, shares), graph.where(on, at, place)) if on else (own, at)
        return Classes(tuple(names), shares, place)

    def _all(self, classes: Sequence[Classes]) -> list[str]:
        found = list(self._document.classes)
        found.extend(name for each in classes for name in each.names if name not in found)
        return found

    def _aligned(self, result: Classes, names: Sequence[str]) -> str:
        """Its shares as columns of `names`."""
        graph = self._graph
        if list(result.names) == list(names):
            return result.shares
        # Not by a product with zeros and ones, in which what is missing would spread to the columns that it has not.
        first = graph.op("Gather", result.shares, graph.constant(np.asarray([0])), axis=1)
        padded = graph.op("Concat", result.shares, graph.op("Mul", first, graph.number(0)), axis=1)
        places = [result.names.index(name) if name in result.names else len(result.names) for name in names]
        return graph.op("Gather", padded, graph.constant(np.asarray(places)), axis=1)

    def _moved(self, result: Classes, names: Sequence[str]) -> str:
        """Which of `names` it decides for."""
        graph = self._graph
        if list(result.names) == list(names)[: len(result.names)]:
            return result.place
        numbers: NDArray[np.float64] = np.asarray([float(list(names).index(name)) for name in result.names])
        filled = graph.where(graph.op("IsNaN", result.place), graph.number(0), result.place)
        found = graph.op("Gather", graph.constant(numbers), graph.op("Cast", filled, to=7), axis=0)
        return graph.where(graph.op("IsNaN", result.place), graph.number(math.nan), found)

    def _voted(
        self, method: str, results: Sequence[Classes], held: Sequence[str], weights: Sequence[float], strict: bool
    ) -> Classes:
        graph, zero = self._graph, self._graph.number(0)
        names = self._all(results)
        sums, missing, total = "", zero, zero
        for each, on, weight in zip(results, held, weights, strict=True):
            if method in _VOTES:
                part = graph.op(
                    "Equal", self._moved(each, names), graph.constant(np.arange(len(names), dtype=np.float64)[None])
                )
                part = graph.double(part)
            else:
                part = self._aligned(each, names)
            part = graph.op("Mul", part, graph.number(weight))
            lost = graph.op("Mul", graph.double(self._lost(each)), graph.number(weight))
            asked = graph.number(weight)
            if on:
                part, lost, asked = (
                    graph.where(on, part, zero),
                    graph.where(on, lost, zero),
                    graph.where(on, asked, zero),
                )
            sums = graph.op("Add", sums, part) if sums else part
            missing, total = graph.op("Add", missing, lost), graph.op("Add", total, asked)
        if method in _VOTES:
            return self._counted(names, sums, missing, strict)
        return self._models.classes(names, graph.op("Div", sums, total))

    def _summed(self, method: str, numbers: Sequence[str], held: Sequence[str], weights: Sequence[float]) -> str:
        graph, zero = self._graph, self._graph.number(0)
        found, total = zero, zero
        for each, on, weight in zip(numbers, held, weights, strict=True):
            part, asked = graph.op("Mul", each, graph.number(weight)), graph.number(weight)
            if on:
                part, asked = graph.where(on, part, zero), graph.where(on, asked, zero)
            found, total = graph.op("Add", found, part), graph.op("Add", total, asked)
        if "verage" in method:
            return graph.op("Div", found, total)
        return graph.where(graph.op("Equal", total, zero), graph.number(math.nan), found) if any(held) else found

    def _median(self, numbers: Sequence[str], weights: Sequence[float]) -> str:
        graph, count = self._graph, len(numbers)
        one = graph.constant(np.asarray([1]))
        values = graph.side_by_side(numbers)
        gone = graph.op("ReduceSum", values, one, keepdims=1)  # NaN where one is
        ordered, order = self._sorted(values, count)
        if len(set(weights)) > 1:
            heavy = graph.op("Gather", graph.constant(np.asarray(weights)), order, axis=0)
            reached = graph.op("CumSum", heavy, graph.constant(np.int64(1)))
            half = graph.op("GreaterOrEqual", reached, graph.number(math.fsum(weights) / 2))
            place = graph.op("ArgMax", graph.op("Cast", half, to=6), axis=1, keepdims=1)
            found = graph.op("GatherElements", ordered, place, axis=1)
        else:
            lower = graph.op("Gather", ordered, graph.constant(np.asarray([(count - 1) // 2])), axis=1)
            upper = graph.op("Gather", ordered, graph.constant(np.asarray([count // 2])), axis=1)
            found = graph.op("Div", graph.op("Add", lower, upper), graph.number(2))
        return graph.where(graph.op("IsNaN", gone), graph.number(math.nan), found)

    def _sorted(self, values: str, count: int) -> tuple[str, str]:
        import onnx

        graph = self._graph
        # The places in order of the values, without an operator of two outputs, which the graph has no word for.
        ordered = graph.fresh()
        order = f"{ordered}.places"
        size = graph.constant(np.asarray([count]))
        graph.nodes.append(onnx.helper.make_node("TopK", [values, size], [ordered, order], axis=1, largest=0))
        return ordered, order


def _is_plain(model: Element) -> bool:
    """Whether it is a tree whose leaves are all that there is to it."""
    unchanged = not any(changes(each) for each in document.mining(model))
    return model.tag == "TreeModel" and not model.all("Targets") and unchanged


def _nodes(model: Element) -> list[Element]:
    found, waiting = list[Element](), [model.only("Node")]
    while waiting:
        found.append(waiting.pop())
        waiting.extend(found[-1].all("Node"))
    return found
