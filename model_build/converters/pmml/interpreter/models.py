"""Models of PMML as functions of a row."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from model_build.converters.pmml import document, grammar
from model_build.converters.pmml.document import DOUBLE, TEXT, Document, Names, Value
from model_build.converters.pmml.interpreter.combining import Result, Shares, check_method, combined, votes
from model_build.converters.pmml.interpreter.expressions import Expression, Expressions, Predicate, Row, cast, predicate
from model_build.converters.pmml.interpreter.fields import treatment
from model_build.converters.pmml.interpreter.sums import LINKS, binary, network, normal, safe, table, two_of, unscaled
from model_build.converters.pmml.reading import Element, wrong

Run = Callable[[Row], Result]
Output = tuple[str, str, Callable[[Row, Result], Value]]
"""Name, type and value of an OutputField."""


@dataclass(frozen=True)
class _Model:
    run: Callable[[Row], tuple[Result, Row]]
    outputs: list[Output]


@dataclass
class _Node:
    holds: Predicate
    children: "list[_Node]"
    default: "_Node | None"
    result: Result
    scored: bool


class Models:
    def __init__(self, found: Document) -> None:
        self._document = found
        self._expressions = Expressions(found.functions)

    def model(self, element: Element, names: Names, *, top: bool = False) -> Run:
        made = self._made(element, names, top=top)
        return lambda row: made.run(row)[0]

    def _made(self, element: Element, outer: Names, *, top: bool = False) -> _Model:
        names = Names(outer)
        treated: list[tuple[str, Callable[[Value], Value]]] = []
        for each in document.mining(element):
            if top or each.get("usageType", "active") != "active":
                continue
            kind = names.kind(each.get("name"), each)
            if changes(each):
                if each.get("name") not in self._document.fields:
                    raise wrong(
                        each,
                        "changes a field that is worked out",
                        "expected one of the DataDictionary; export it again",
                    )
                names.kinds[each.get("name")] = kind
                treated.append((each.get("name"), treatment(self._document.fields[each.get("name")], each)))
        lazy: dict[str, Expression] = {}
        for each in [*(self._document.derived if top else []), *document.derived(element)]:
            kind, value = self._expressions.derived(each, names)
            names.kinds[each.get("name")] = kind
            lazy[each.get("name")] = value
        body: Run = getattr(self, f"_{element.tag}")(element, names)
        corrected = _targeted(element)

        def run(outer_row: Row) -> tuple[Result, Row]:
            row = Row(outer_row)
            row.lazy = lazy
            for name, treat in treated:
                row.values[name] = treat(outer_row.get(name))
            result = body(row)
            return (corrected(result) if isinstance(result, float) else result), row

        return _Model(run, self._outputs(element, names, top=top))

    def _outputs(self, element: Element, names: Names, *, top: bool) -> list[Output]:
        found: list[Output] = []
        for each in element.within("Output", "OutputField"):
            feature = each.get("feature", "predictedValue")
            if feature == "transformedValue":
                if top:
                    raise wrong(
                        each,
                        "is an answer worked out of others",
                        "expected predictedValue or probability; export it without",
                    )
                kind, value = self._expressions.derived(each, names)
                found.append((each.get("name"), kind, _of_row(value)))
            else:
                plain = (
                    TEXT if element.get("functionName") == "classification" and feature == "predictedValue" else DOUBLE
                )
                kind = each.get("dataType", plain)
                found.append((each.get("name"), kind, self._answered(each, feature, kind)))
            names.kinds[each.get("name")] = kind
        return found

    def _answered(self, element: Element, feature: str, kind: str) -> Callable[[Row, Result], Value]:
        wanted = self._document.label(element.get("value"))

        def answer(_: Row, result: Result) -> Value:
            if result is None:
                return None
            if not isinstance(result, tuple):
                return cast(kind, result)
            if feature == "probability":
                return cast(kind, result[1].get(wanted, 0.0) if wanted else result[1].get(result[0], 0.0))
            return cast(kind, result[0])

        return answer

    def _best(self, shares: Shares) -> tuple[str, Shares]:
        """With the class that has most; of several that which comes first."""
        known = [each for each in self._document.classes if each in shares] or list(shares)
        return max(known, key=lambda each: shares[each]), shares

    def _TreeModel(self, element: Element, names: Names) -> Run:
        strategy = element.get("missingValueStrategy", "none")
        last = element.get("noTrueChildStrategy", "returnNullPrediction") == "returnLastPrediction"
        root = self._nodes(element.only("Node"), names, element.get("functionName") == "classification", strategy)

        def run(row: Row) -> Result:
            if root.holds(row) is not True:
                return None
            here = root
            while here.children:
                for child in here.children:
                    held = child.holds(row)
                    if held:
                        here = child
                        break
                    if held is None and strategy == "nullPrediction":
                        return None
                    if held is None and strategy == "lastPrediction":
                        return here.result
                    if held is None and strategy == "defaultChild":
                        assert here.default is not None
                        here = here.default
                        break
                else:
                    return here.result if last and here.scored else None
            return here.result

        return run

    def _nodes(self, root: Element, names: Names, classifies: bool, strategy: str) -> _Node:
        made: dict[int, _Node] = {}
        order, waiting = list[Element](), [root]
        while waiting:
            order.append(waiting.pop())
            waiting.extend(order[-1].all("Node"))
        for each in reversed(order):
            inner = each.all("Node")
            default = next(
                (made[id(child)] for child in inner if child.get("id", " ") == each.get("defaultChild")), None
            )
            if inner and default is None and strategy == "defaultChild":
                raise wrong(
                    each,
                    f"has the defaultChild {each.get('defaultChild')!r}",
                    "expected the id of a child; export it again",
                )
            made[id(each)] = _Node(
                predicate(each.only(*grammar.PREDICATES), names),
                [made[id(child)] for child in inner],
                default,
                self._scored(each) if classifies else each.number("score") if _numeric(each) else None,
                "score" in each.attributes,
            )
        return made[id(root)]

    def _scored(self, node: Element) -> Result:
        told = node.all("ScoreDistribution")
        score = self._document.label(node.get("score"))
        if not told:
            return (score, {score: 1.0}) if score else None
        by = "probability" if "probability" in told[0].attributes else "recordCount"
        shares = {self._document.label(each.get("value")): each.number(by) for each in told}
        total = math.fsum(shares.values())
        if total <= 0:
            return None
        shares = {name: share / total for name, share in shares.items()} if abs(total - 1) > 1e-15 else shares
        return (score, shares) if score else self._best(shares)

    def _RegressionModel(self, element: Element, names: Names) -> Run:
        tables = [
            (self._document.label(each.get("targetCategory")), table(each, names))
            for each in element.all("RegressionTable")
        ]
        how = element.get("normalizationMethod", "none")
        if element.get("functionName") == "regression":
            if len(tables) != 1 or how == "simplemax":
                raise wrong(
                    element,
                    f"has {len(tables)} tables and {how}",
                    "expected one table, and no simplemax; export it again",
                )
            link, only = LINKS["logit" if how == "softmax" else how], tables[0][1]

            def one(row: Row) -> Result:
                value: Any = only(row)
                return None if value is None else safe(link, value)

            return one
        alone = two_of(element)
        if len(tables) < 2 or how == "exp" or (not alone and how not in ("none", "simplemax", "softmax", "logit")):
            raise wrong(
                element, f"has {len(tables)} tables and {how}", "expected two or more and softmax; export it again"
            )

        def run(row: Row) -> Result:
            values: list[float] = []
            for _, asked in tables:
                value: Any = asked(row)
                if value is None:
                    return None
                values.append(value)
            shares = binary(how, values[0]) if alone else normal(how, values)
            return None if shares is None else self._best(dict(zip([name for name, _ in tables], shares, strict=True)))

        return run

    def _GeneralRegressionModel(self, element: Element, names: Names) -> Run:
        from model_build.converters.pmml.interpreter.general import run

        return run(element, names, self._document, self._best, LINKS)

    def _NeuralNetwork(self, element: Element, names: Names) -> Run:
        inputs = [
            (each.get("id"), self._expressions.derived(each.only("DerivedField"), names)[1])
            for each in element.within("NeuralInputs", "NeuralInput")
        ]
        layers, outputs = network(element, [name for name, _ in inputs])
        classifies = element.get("functionName") == "classification"
        scaled = None if classifies else unscaled(outputs[0][1])
        if not classifies and len(outputs) != 1:
            raise wrong(element, f"has {len(outputs)} outputs", "expected one; export a model for each")

        def run(row: Row) -> Result:
            known: dict[str, float] = {}
            for name, value in inputs:
                found: Any = value(row)
                if found is None:
                    return None
                known[name] = found
            for activate, how, neurons in layers:
                values: Sequence[float | None] = [
                    safe(activate, bias + math.fsum(known[name] * weight for name, weight in cons))
                    for _, bias, cons in neurons
                ]
                if how != "none":
                    values = normal(how, [math.nan if each is None else each for each in values]) or []
                for (name, _, _), each in zip(neurons, values, strict=False):
                    known[name] = math.nan if each is None else each
            if any(math.isnan(known[name]) for name, _ in outputs):
                return None
            if scaled is None:
                return self._best({self._document.label(each.get("value")): known[name] for name, each in outputs})
            return scaled(known[outputs[0][0]])

        return run

    def _Scorecard(self, element: Element, names: Names) -> Run:
        parts = [
            [
                (predicate(one.only(*grammar.PREDICATES), names), one.number("partialScore"))
                for one in each.all("Attribute")
            ]
            for each in element.within("Characteristics", "Characteristic")
        ]
        initial = element.number("initialScore")

        def run(row: Row) -> Result:
            total = initial
            for attributes in parts:
                found = next((score for holds, score in attributes if holds(row)), None)
                if found is None:
                    return None
                total += found
            return total

        return run

    def _MiningModel(self, element: Element, names: Names) -> Run:
        segmentation = element.only("Segmentation")
        method = segmentation.get("multipleModelMethod")
        strict = segmentation.get("missingPredictionTreatment") == "returnMissing"
        classifies = element.get("functionName") == "classification"
        check_method(segmentation, classifies)
        segments: list[tuple[Predicate, _Model, float]] = []
        for each in segmentation.all("Segment"):
            holds = predicate(each.only(*grammar.PREDICATES), names)
            made = self._made(each.only(*grammar.MODELS), names)
            segments.append((holds, made, each.number("weight", 1.0)))
            if method == "modelChain":
                names.kinds |= {name: kind for name, kind, _ in made.outputs}

        def run(row: Row) -> Result:
            results: list[tuple[Result, float]] = []
            for holds, made, weight in segments:
                if not holds(row):
                    continue
                result, inner = made.run(row)
                if result is None and strict:
                    return None
                if method == "selectFirst":
                    return result
                if method == "modelChain":
                    for name, _, value in made.outputs:
                        inner.values[name] = row.values[name] = value(inner, result)
                results.append((result, weight))
            if not results:
                return None
            if method == "modelChain":
                return results[-1][0]
            if not classifies:
                return combined(method, results)
            shares = votes(method, results)
            return None if shares is None else self._best(shares)

        return run


def _of_row(value: Expression) -> Callable[[Row, Result], Value]:
    return lambda row, _: value(row)


def changes(mined: Element) -> bool:
    """Whether a MiningField of a model in another does anything to the value that it is handed."""
    return (
        "missingValueReplacement" in mined.attributes
        or "invalidValueReplacement" in mined.attributes
        or mined.get("outliers", "asIs") != "asIs"
        or mined.get("missingValueTreatment") == "returnInvalid"
        or mined.get("invalidValueTreatment", "asIs") in ("asMissing", "asValue")
    )


def _numeric(node: Element) -> bool:
    if "score" in node.attributes:
        document.parse(DOUBLE, node.get("score"), node)
    return "score" in node.attributes


def _targeted(element: Element) -> Callable[[float], float]:
    targets = list(element.within("Targets", "Target"))
    if len(targets) > 1:
        raise wrong(targets[1], "is a second one", "expected one; export a model for each")
    if not targets:
        return lambda value: value
    (found,) = targets
    low, high = found.number("min", -math.inf), found.number("max", math.inf)
    factor, constant = found.number("rescaleFactor", 1.0), found.number("rescaleConstant")
    rounding: dict[str, Callable[[float], int]] = {
        "round": lambda x: math.floor(x + 0.5),
        "ceiling": lambda x: math.ceil(x),
        "floor": lambda x: math.floor(x),
    }
    rounded = rounding.get(found.get("castInteger"))

    def correct(value: float) -> float:
        value = min(max(value, low), high) * factor + constant
        return float(rounded(value)) if rounded and math.isfinite(value) else value

    return correct
