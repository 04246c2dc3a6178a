"""Trees of PMML as those of ONNX, whose nodes compare one number with another and go one of two ways.

A node of PMML goes to the first of its children whose predicate is true, and what is missing goes its own ways. Where
that can be said by comparing, it is; else the number of the child is worked out beside the tree, which compares that.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from model_build.converters import trees
from model_build.converters.pmml import document, grammar
from model_build.converters.pmml.document import TEXT
from model_build.converters.pmml.reading import Element
from model_build.converters.pmml.writer.expressions import predicate
from model_build.converters.pmml.writer.graph import UNKNOWN, Field, Graph, Scope

if TYPE_CHECKING:
    pass

Payload = Callable[[Element | None], list[tuple[int, float]]]
"""What a node of PMML gives to which sums, where it is the one that is answered with; None where none is."""

_NUMBERS = {
    "lessThan": (trees.LESS, False),
    "lessOrEqual": (trees.AT_MOST, False),
    "greaterThan": (trees.AT_MOST, True),
    "greaterOrEqual": (trees.LESS, True),
    "equal": (trees.EQUAL, False),
    "notEqual": (trees.EQUAL, True),
}
_ANY = "any"
"""A test that holds for whatever is not missing."""


@dataclass(frozen=True)
class _Test:
    """Whether a feature compares with a number, or is one of some, or is there (_ANY); negated: whether it does not."""

    feature: int
    mode: str
    values: tuple[float, ...]
    negated: bool

    def opposite(self, other: "_Test") -> bool:
        return replace(self, negated=not self.negated) == other


_Link = tuple[_Test | bool, Element]
"""A child and what has to hold for it: a test, or always or never."""


class Forest:
    """Trees that share a matrix of features."""

    def __init__(self, graph: Graph, targets: int) -> None:
        self._graph = graph
        self._made = trees.Ensemble(features=0, targets=targets, base=[0.0] * targets, link=trees.IDENTITY, wide=True)
        self._features: dict[str, int] = {}
        self._values: list[Field] = []
        self._codes: dict[int, dict[str, float]] = {}
        """Of features that are text: the numbers that stand for their values."""
        self._trees = 0

    def add(self, model: Element, scope: Scope, payload: Payload) -> None:
        _Tree(self, self._graph, model, scope, self._made, self._trees, payload).make(model.only("Node"))
        self._trees += 1

    def sums(self) -> str:
        """[rows, targets] of 64 bits, which were of 32 when they were summed up."""
        graph = self._graph
        columns: list[str] = []
        for number, value in enumerate(self._values):
            if value.kind == TEXT:
                known = {"": math.nan, **self._codes[number]}
                columns.append(graph.codes(value, known, -1.0))
            else:
                columns.append(value.name)
        self._made.features = max(len(columns), 1)
        matrix = graph.side_by_side(columns or [graph.number(0.0)])
        to = graph.fresh()
        nodes, constants = self._made.nodes(matrix, [to])
        graph.nodes.extend(nodes)
        graph.constants.extend(constants)
        return graph.double(to)

    def feature(self, value: Field) -> int:
        if value.name not in self._features:
            self._features[value.name] = len(self._values)
            self._values.append(value)
            self._codes[self._features[value.name]] = {}
        return self._features[value.name]

    def code(self, feature: int, text: str) -> float:
        return self._codes[feature].setdefault(text, float(len(self._codes[feature]) + 1))


class _Tree:
    def __init__(
        self,
        forest: Forest,
        graph: Graph,
        model: Element,
        scope: Scope,
        made: trees.Ensemble,
        number: int,
        payload: Payload,
    ) -> None:
        self._forest, self._graph, self._scope, self._made, self._tree = forest, graph, scope, made, number
        self._strategy = model.get("missingValueStrategy", "none")
        self._last = model.get("noTrueChildStrategy", "returnNullPrediction") == "returnLastPrediction"
        self._payload = payload
        self._used = 1
        self._otherwise: dict[int, int] = {}
        """Nodes that come after one that asks for equality, and the feature of that."""

    def make(self, root: Element) -> None:
        waiting: list[tuple[int, Element]] = []
        if root.first("True") is None:  # what decides whether there is an answer at all
            truth = predicate(self._graph, root.only(*grammar.PREDICATES), self._scope)
            chosen = self._forest.feature(Field(truth, document.DOUBLE))
            inner, none = self._ids(2)
            self._branch(0, _Test(chosen, trees.EQUAL, (1.0,), False), inner, none, False)
            self._leaf(none, None)
            waiting.append((inner, root))
        else:
            waiting.append((0, root))
        while waiting:
            here, node = waiting.pop()
            children = node.all("Node")
            if not children:
                self._leaf(here, node)
                continue
            links = self._links(children)
            plan = self._compared(links, node) if links is not None else None
            waiting.extend(self._counted(here, node, children) if plan is None else self._emit(here, node, plan))

    def _links(self, children: Sequence[Element]) -> list[_Link] | None:
        """The children with their tests; None where one has a predicate that is more than a test."""
        found: list[_Link] = []
        for child in children:
            element = child.only(*grammar.PREDICATES)
            if element.tag in ("True", "False"):
                found.append((element.tag == "True", child))
            elif element.tag == "CompoundPredicate":
                return None
            else:
                found.append((self._test(element), child))
        return found

    def _test(self, element: Element) -> _Test:
        value = self._scope.get(element.get("field"), element)
        feature = self._forest.feature(value)
        if element.tag == "SimpleSetPredicate":
            array = element.only("Array")
            values = tuple(self._value(feature, value, each, array) for each in document.array(array))
            return _Test(
                feature, trees.EQUAL, tuple(dict.fromkeys(values)), element.get("booleanOperator") == "isNotIn"
            )
        how = element.get("operator")
        if how in ("isMissing", "isNotMissing"):
            return _Test(feature, _ANY, (), how == "isMissing")
        mode, negated = _NUMBERS[how]
        return _Test(feature, mode, (self._value(feature, value, element.get("value"), element),), negated)

    def _value(self, feature: int, value: Field, text: str, element: Element) -> float:
        found = document.parse(value.kind, text, element)
        return self._forest.code(feature, found) if isinstance(found, str) else found

    def _compared(self, links: list[_Link], node: Element) -> list[tuple[_Test | bool, Element, str]] | None:
        """The children, and where what is missing goes: "yes", "no", or no further, "stop"; None if that is no way."""
        default = node.get("defaultChild")
        wanted = next((place for place, (_, child) in enumerate(links) if child.get("id", " ") == default), -1)
        plan: list[tuple[_Test | bool, Element, str]] = []
        known: set[int] = set()
        for place, (test, child) in enumerate(links):
            if isinstance(test, bool) or test.feature in known:
                plan.append((test, child, "no"))
                continue
            if not test.values and test.mode != _ANY:
                return None  # one of no values at all
            if test.mode == _ANY:
                if not test.negated and place + 1 < len(links):
                    return None  # whether there is a value is then asked of those that have none
                plan.append((test, child, "yes" if test.negated else "no"))
            elif self._strategy == "none":
                plan.append((test, child, "no"))
                continue  # what is missing comes to the next child too
            elif self._strategy in ("nullPrediction", "lastPrediction"):
                plan.append((test, child, "stop"))
            elif place == wanted:
                plan.append((test, child, "yes"))
            elif place < wanted and all(
                isinstance(each, _Test) and each.feature == test.feature and each.mode != _ANY
                for each, _ in links[place : wanted + 1]
            ):
                plan.append((test, child, "no"))
                continue
            else:
                return None
            known.add(test.feature)
        return plan

    def _emit(
        self, here: int, node: Element, plan: Sequence[tuple[_Test | bool, Element, str]]
    ) -> list[tuple[int, Element]]:
        """Returns what is yet to be made: children at their places."""
        waiting: list[tuple[int, Element]] = []
        known: set[int] = set()
        for place, (test, child, missing) in enumerate(plan):
            if test is True:
                return [*waiting, (here, child)]
            if test is False:
                continue
            if missing == "stop" and test.feature not in known:
                there, gone = self._ids(2)
                self._branch(here, _Test(test.feature, _ANY, (), False), there, gone, False)
                self._leaf(gone, node if self._strategy == "lastPrediction" else None)
                known.add(test.feature)
                here = there
            yes, no = self._ids(2)
            self._branch(here, test, yes, no, missing == "yes")
            waiting.append((yes, child))
            here = no
            following = plan[place + 1 : place + 2]
            if (
                following
                and place + 2 == len(plan)
                and self._strategy != "none"
                and self._completes(test, following[0][0])
            ):
                return [*waiting, (here, following[0][1])]  # what does not hold for one holds for the other
        self._leaf(here, node if self._last and "score" in node.attributes else None)
        return waiting

    @staticmethod
    def _completes(test: _Test, other: _Test | bool) -> bool:
        return isinstance(other, _Test) and test.mode != _ANY and test.opposite(other)

    def _counted(self, here: int, node: Element, children: Sequence[Element]) -> list[tuple[int, Element]]:
        """By the number of the child that is worked out beside the tree."""
        graph, count = self._graph, len(children)
        nothing, last = count, count + 1
        end = last if self._last and "score" in node.attributes else nothing
        default = next(
            (place for place, each in enumerate(children) if each.get("id", " ") == node.get("defaultChild")), 0
        )
        found = graph.number(end)
        for place in reversed(range(count)):
            truth = predicate(graph, children[place].only(*grammar.PREDICATES), self._scope)
            unknown = {
                "none": found,
                "nullPrediction": graph.number(nothing),
                "lastPrediction": graph.number(last),
            }.get(self._strategy, graph.number(default))
            found = graph.where(graph.op("Equal", truth, graph.number(UNKNOWN)), unknown, found)
            found = graph.where(graph.holds(truth), graph.number(place), found)
        feature = self._forest.feature(Field(found, document.DOUBLE))
        waiting: list[tuple[int, Element]] = []
        for place, child in enumerate(children):
            yes, no = self._ids(2)
            self._branch(here, _Test(feature, trees.EQUAL, (float(place),), False), yes, no, False)
            waiting.append((yes, child))
            here = no
        yes, no = self._ids(2)
        self._branch(here, _Test(feature, trees.EQUAL, (float(last),), False), yes, no, False)
        self._leaf(yes, node)
        self._leaf(no, None)
        return waiting

    def _ids(self, count: int) -> range:
        self._used += count
        return range(self._used - count, self._used)

    def _branch(self, here: int, test: _Test, yes: int, no: int, missing: bool) -> None:
        """missing: whether what is missing goes to `yes`."""
        there, other, tracks = (no, yes, not missing) if test.negated else (yes, no, missing)
        if test.mode == _ANY:
            # Whatever there is is at most this; what is missing goes the other way.
            self._made.branch(self._tree, here, test.feature, trees.AT_MOST, math.inf, (there, other, False))
        elif test.mode == trees.EQUAL:
            if self._made.targets > 1 and self._otherwise.get(here) == test.feature:
                # ONNX Runtime 1.31 makes one node of neighbours that ask a feature for equality, even where these lead
                # to leaves of different sums, as long as their weights are the same: so they are kept apart.
                after, never = self._ids(2)
                self._made.branch(self._tree, here, test.feature, trees.AT_MOST, math.inf, (after, never, True))
                self._made.leaf(self._tree, never, 0, 0.0)
                here = after
            self._otherwise[other] = test.feature
            ids = [here, *self._ids(len(test.values) - 1)]
            self._made.member(self._tree, ids, test.feature, test.values, (there, other, tracks))
        else:
            self._made.branch(self._tree, here, test.feature, test.mode, test.values[0], (there, other, tracks))

    def _leaf(self, here: int, node: Element | None) -> None:
        first, *more = self._payload(node)
        self._made.leaf(self._tree, here, *first)
        for each in more:
            self._made.weigh(self._tree, here, *each)
