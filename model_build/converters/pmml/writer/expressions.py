"""Predicates and expressions of PMML in ONNX."""

import math
from collections.abc import Sequence

import numpy as np

from model_build.converters.pmml import document, grammar
from model_build.converters.pmml.document import BOOLEAN, DOUBLE, FLOAT, INTEGER, TEXT
from model_build.converters.pmml.reading import Element, wrong
from model_build.converters.pmml.writer.graph import UNKNOWN, Field, Graph, Scope

_COMPARISONS = {
    "equal": ("Equal", False),
    "notEqual": ("Equal", True),
    "lessThan": ("Less", False),
    "lessOrEqual": ("LessOrEqual", False),
    "greaterThan": ("Greater", False),
    "greaterOrEqual": ("GreaterOrEqual", False),
}
_PAIRS = {"+": "Add", "-": "Sub", "*": "Mul", "/": "Div", "pow": "Pow"}
_SINGLES = {
    "exp": "Exp",
    "ln": "Log",
    "sqrt": "Sqrt",
    "abs": "Abs",
    "floor": "Floor",
    "ceil": "Ceil",
    "sin": "Sin",
    "cos": "Cos",
    "tanh": "Tanh",
}


def predicate(graph: Graph, element: Element, scope: Scope) -> str:
    """0, 1 or UNKNOWN."""
    tag = element.tag
    if tag in ("True", "False"):
        return graph.number(float(tag == "True"))
    if tag == "CompoundPredicate":
        return _compound(graph, element, [predicate(graph, each, scope) for each in element.all(*grammar.PREDICATES)])
    value = scope.get(element.get("field"), element)
    missing = graph.missing(value)
    if tag == "SimpleSetPredicate":
        array = element.only("Array")
        found = graph.one_of(value, [document.parse(value.kind, each, array) for each in document.array(array)])
        negated = element.get("booleanOperator") == "isNotIn"
    elif element.get("operator") in ("isMissing", "isNotMissing"):
        known = graph.double(missing)
        return known if element.get("operator") == "isMissing" else graph.op("Sub", graph.number(1), known)
    else:
        kind, negated = _COMPARISONS[element.get("operator")]
        wanted = document.parse(value.kind, element.get("value"), element)
        found = graph.op(kind, value.name, graph.literal(wanted))
    found = graph.op("Not", found) if negated else found
    return graph.where(missing, graph.number(UNKNOWN), graph.double(found))


def _compound(graph: Graph, element: Element, parts: Sequence[str]) -> str:
    how = element.get("booleanOperator")
    if how in ("and", "or"):
        return graph.op("Min" if how == "and" else "Max", *parts)
    if how == "xor":
        unknown = graph.any([graph.op("Equal", each, graph.number(UNKNOWN)) for each in parts])
        odd = graph.op("Mod", graph.op("Sum", *parts), graph.number(2), fmod=1)
        return graph.where(unknown, graph.number(UNKNOWN), odd)
    found = parts[-1]
    for each in reversed(parts[:-1]):
        found = graph.where(graph.op("Equal", each, graph.number(UNKNOWN)), found, each)
    return found


def cast(graph: Graph, kind: str, value: Field, element: Element) -> Field:
    if kind == value.kind:
        return value
    if TEXT in (kind, value.kind):
        raise wrong(element, f"makes {kind} of {value.kind}", f"expected {value.kind}; export the model again")
    if kind == FLOAT:
        return Field(graph.double(graph.op("Cast", value.name, to=1)), kind)
    return Field(value.name, kind)


class Expressions:
    def __init__(self, graph: Graph, functions: dict[str, Element]) -> None:
        self._graph = graph
        self._functions = functions

    def derived(self, element: Element, scope: Scope) -> Field:
        """Of an element that says what type its expression comes to."""
        inner = element.only(*grammar.EXPRESSIONS)
        wanted = element.get("dataType")
        # A table or a constant may say in text what the field says is a number.
        found = self.make(inner, scope, wanted)
        return cast(self._graph, wanted or found.kind, found, element)

    def make(self, element: Element, scope: Scope, wanted: str = "") -> Field:
        """wanted: the type that is asked for, which counts where the file's own constants can have it."""
        graph = self._graph
        if element.tag == "Constant":
            kind = document.constant_kind(element)
            text = element.text if kind == TEXT else element.text.strip()
            if element.get("missing") == "true" or (kind != TEXT and not text):
                return Field(graph.nothing(kind), kind)
            return Field(graph.literal(document.parse(kind, text, element)), kind)
        if element.tag == "Apply":
            return self._apply(element, scope)
        if element.tag == "MapValues":
            return self._mapped(element, scope, wanted)
        value = scope.get(element.get("field"), element)
        if element.tag == "FieldRef":
            return self._replaced(element, "mapMissingTo", value, value)
        if element.tag == "NormDiscrete":
            same = graph.one_of(value, [document.parse(value.kind, element.get("value"), element)])
            found = graph.where(graph.missing(value), graph.number(math.nan), graph.double(same))
            return self._replaced(element, "mapMissingTo", value, Field(found, DOUBLE))
        if element.tag == "NormContinuous":
            return self._replaced(element, "mapMissingTo", value, Field(self._scaled(element, value), DOUBLE))
        return self._discretized(element, value, wanted)

    def _replaced(self, element: Element, name: str, asked: Field, value: Field) -> Field:
        """With a constant where the field `asked` is missing."""
        if name not in element.attributes:
            return value
        constant = self._graph.literal(document.parse(value.kind, element.get(name), element))
        return Field(self._graph.where(self._graph.missing(asked), constant, value.name), value.kind)

    def _scaled(self, element: Element, value: Field) -> str:
        graph, norms = self._graph, [(each.number("orig"), each.number("norm")) for each in element.all("LinearNorm")]

        def line(place: int) -> str:
            (low, at_low), (high, at_high) = norms[place], norms[place + 1]
            moved = graph.op("Div", graph.op("Sub", value.name, graph.number(low)), graph.number(high - low))
            return graph.op("Add", graph.number(at_low), graph.op("Mul", moved, graph.number(at_high - at_low)))

        found = line(len(norms) - 2)
        for place in reversed(range(len(norms) - 2)):
            found = graph.where(
                graph.op("LessOrEqual", value.name, graph.number(norms[place + 1][0])), line(place), found
            )
        if (outliers := element.get("outliers", "asIs")) != "asIs":
            ends = [graph.number(norms[0][1]), graph.number(norms[-1][1])]
            ends = [graph.number(math.nan)] * 2 if outliers == "asMissingValues" else ends
            found = graph.where(graph.op("Less", value.name, graph.number(norms[0][0])), ends[0], found)
            found = graph.where(graph.op("Greater", value.name, graph.number(norms[-1][0])), ends[1], found)
        return found

    def _discretized(self, element: Element, value: Field, wanted: str) -> Field:
        graph, kind = self._graph, element.get("dataType") or wanted or TEXT
        found = graph.nothing(kind)
        if "defaultValue" in element.attributes:
            found = graph.literal(document.parse(kind, element.get("defaultValue"), element))
        for each in reversed(element.all("DiscretizeBin")):
            inside = within(graph, value, document.interval(each.only("Interval")))
            found = graph.where(inside, graph.literal(document.parse(kind, each.get("binValue"), each)), found)
        found = graph.where(graph.missing(value), graph.nothing(kind), found)
        return self._replaced(element, "mapMissingTo", value, Field(found, kind))

    def _mapped(self, element: Element, scope: Scope, wanted: str) -> Field:
        graph, kind = self._graph, element.get("dataType") or wanted or TEXT
        pairs = [
            (scope.get(each.get("field"), each), document.column(each.get("column")))
            for each in element.all("FieldColumnPair")
        ]
        output = document.column(element.get("outputColumn"))
        table = document.table(element)
        # The number of the row: values are numbered column by column, and these numbers are those of a number.
        place, size = graph.constant(np.int64(0)), 1
        numbered: list[dict[float | str, int]] = []
        for value, column in pairs:
            known = list(dict.fromkeys(document.parse(value.kind, each.get(column, ""), element) for each in table))
            numbered.append({each: number for number, each in enumerate(known)})
            place = graph.op(
                "Add", graph.op("Mul", place, graph.constant(np.int64(len(known) + 1))), self._place(value, known)
            )
            size *= len(known) + 1
            if size > 2**20:
                raise wrong(element, "has a table of too many values", "expected fewer columns; export the model again")
        otherwise: float | str = "" if kind == TEXT else math.nan
        if "defaultValue" in element.attributes:
            otherwise = document.parse(kind, element.get("defaultValue"), element)
        values: list[float | str] = [otherwise] * size
        for each in reversed(table):
            at = 0
            for (value, column), numbers in zip(pairs, numbered, strict=True):
                at = at * (len(numbers) + 1) + numbers[document.parse(value.kind, each.get(column, ""), element)]
            values[at] = document.parse(kind, each[output], element)
        held = np.asarray(values, object if kind == TEXT else np.float64)
        found = graph.op("Gather", graph.constant(held), place, axis=0)
        absent = graph.nothing(kind)
        if "mapMissingTo" in element.attributes:
            absent = graph.literal(document.parse(kind, element.get("mapMissingTo"), element))
        return Field(graph.where(graph.any([graph.missing(value) for value, _ in pairs]), absent, found), kind)

    def _place(self, value: Field, known: Sequence[float | str]) -> str:
        """Which of `known` a value is, int64; their number where it is none."""
        graph = self._graph
        if value.kind == TEXT:
            codes = {str(each): float(number) for number, each in enumerate(known)}
            return graph.op("Cast", graph.codes(value, codes, float(len(known))), to=7)
        found = graph.constant(np.int64(len(known)))
        for number, each in enumerate(known):
            found = graph.where(
                graph.op("Equal", value.name, graph.number(float(each))), graph.constant(np.int64(number)), found
            )
        return found

    def _apply(self, element: Element, scope: Scope) -> Field:
        graph, name = self._graph, element.get("function")
        parts = [self.make(each, scope) for each in document.children(element)]
        if name in self._functions:
            defined = self._functions[name]
            inner = Scope()
            for parameter, part in zip(defined.all("ParameterField"), parts, strict=True):
                inner.fields[parameter.get("name")] = cast(
                    graph, parameter.get("dataType") or part.kind, part, parameter
                )
            found = self.make(defined.only(*grammar.EXPRESSIONS), inner)
            found = cast(graph, defined.get("dataType") or found.kind, found, defined)
        else:
            found = self._function(element, name, parts)
        if "mapMissingTo" in element.attributes:
            absent = graph.literal(document.parse(found.kind, element.get("mapMissingTo"), element))
            found = Field(graph.where(self._lacking(name, parts), absent, found.name), found.kind)
        if "defaultValue" in element.attributes:
            otherwise = graph.literal(document.parse(found.kind, element.get("defaultValue"), element))
            # What mapMissingTo put there is never missing.
            found = Field(graph.where(graph.missing(found), otherwise, found.name), found.kind)
        return found

    def _lacking(self, name: str, parts: Sequence[Field]) -> str:
        """bool: whether an argument that counts is missing."""
        graph = self._graph
        missing = [graph.missing(each) for each in parts]
        if name != "if":
            return graph.any(missing)
        held = graph.holds(graph.truth(parts[0]))
        found = graph.op("Or", missing[0], graph.op("And", held, missing[1]))
        if len(parts) > 2:
            found = graph.op("Or", found, graph.op("And", graph.op("Not", held), missing[2]))
        return found

    def _function(self, element: Element, name: str, parts: Sequence[Field]) -> Field:
        graph, kinds = self._graph, [each.kind for each in parts]
        if name in _COMPARISONS:
            kind, negated = _COMPARISONS[name]
            found = graph.op(kind, parts[0].name, parts[1].name)
            found = graph.double(graph.op("Not", found) if negated else found)
            missing = graph.any([graph.missing(each) for each in parts])
            return Field(graph.where(missing, graph.number(math.nan), found), BOOLEAN)
        if name == "if":
            kind = kinds[1] if len(set(kinds[1:])) == 1 else DOUBLE
            truth = graph.truth(parts[0])
            other = parts[2].name if len(parts) > 2 else graph.nothing(kind)
            found = graph.where(graph.holds(truth), parts[1].name, other)
            return Field(graph.where(graph.missing(parts[0]), graph.nothing(kind), found), kind)
        if name in ("isMissing", "isNotMissing"):
            missing = graph.double(graph.missing(parts[0]))
            return Field(missing if name == "isMissing" else graph.op("Sub", graph.number(1), missing), BOOLEAN)
        if name in ("isIn", "isNotIn"):
            found = graph.any([graph.op("Equal", parts[0].name, each.name) for each in parts[1:]])
            found = graph.op("And", graph.op("Not", graph.missing(parts[0])), found)
            return Field(graph.double(found if name == "isIn" else graph.op("Not", found)), BOOLEAN)
        if name in ("and", "or"):
            truths = [graph.truth(each) for each in parts]
            return Field(graph.told(graph.op("Min" if name == "and" else "Max", *truths)), BOOLEAN)
        if name == "not":
            return Field(graph.told(graph.op("Sub", graph.number(1), graph.truth(parts[0]))), BOOLEAN)
        whole = all(each in (INTEGER, BOOLEAN) for each in kinds)
        stays = whole and name in ("+", "-", "*", "min", "max", "sum", "abs")
        return Field(self._number(name, [each.name for each in parts]), INTEGER if stays else DOUBLE)

    def _number(self, name: str, parts: Sequence[str]) -> str:
        graph = self._graph
        if name in _PAIRS:
            found = graph.op(_PAIRS[name], *parts)
            # To the power of 0 all is 1, and 1 to any power: what is missing too.
            return found if name != "pow" else graph.where(self._lost(parts), graph.number(math.nan), found)
        if name == "threshold":
            over = graph.double(graph.op("Greater", *parts))
            return graph.where(self._lost(parts), graph.number(math.nan), over)
        if name in _SINGLES:
            return graph.op(_SINGLES[name], parts[0])
        if name == "tan":
            return graph.op("Div", graph.op("Sin", parts[0]), graph.op("Cos", parts[0]))
        if name == "round":
            return graph.op("Floor", graph.op("Add", parts[0], graph.number(0.5)))
        if name == "log10":
            return graph.op("Div", graph.op("Log", parts[0]), graph.number(math.log(10)))
        if name == "ln1p":
            return graph.op("Log", graph.op("Add", parts[0], graph.number(1)))
        if name == "expm1":
            return graph.op("Sub", graph.op("Exp", parts[0]), graph.number(1))
        return self._summary(name, parts)

    def _lost(self, parts: Sequence[str]) -> str:
        return self._graph.any([self._graph.op("IsNaN", each) for each in parts])

    def _summary(self, name: str, parts: Sequence[str]) -> str:
        """What leaves out the missing."""
        graph = self._graph
        lost = [graph.op("IsNaN", each) for each in parts]
        neutral = {"min": math.inf, "max": -math.inf, "product": 1.0}.get(name, 0.0)
        kept = [graph.where(gone, graph.number(neutral), each) for gone, each in zip(lost, parts, strict=True)]
        if name == "product":
            found = kept[0]
            for each in kept[1:]:
                found = graph.op("Mul", found, each)
        else:
            found = graph.op({"min": "Min", "max": "Max"}.get(name, "Sum"), *kept)
        there = graph.op("Sum", *[graph.double(graph.op("Not", each)) for each in lost])
        if name == "avg":
            return graph.op("Div", found, there)  # none is 0 by 0, which is missing
        return graph.where(graph.op("Equal", there, graph.number(0)), graph.number(math.nan), found)


def within(graph: Graph, value: Field, ends: tuple[float, bool, float, bool]) -> str:
    """bool"""
    left, with_left, right, with_right = ends
    found: list[str] = []
    if left > -math.inf:
        found.append(graph.op("GreaterOrEqual" if with_left else "Greater", value.name, graph.number(left)))
    if right < math.inf:
        found.append(graph.op("LessOrEqual" if with_right else "Less", value.name, graph.number(right)))
    return graph.op("And", *found) if len(found) == 2 else found[0]


def treated(graph: Graph, field: Element, mined: Element, value: Field) -> Field:
    """What becomes of a field's value before a model sees it; rows that have no answer then go into graph.invalid."""
    kind = value.kind
    listed: dict[str, list[float | str]] = {"valid": [], "invalid": [], "missing": []}
    for each in field.all("Value"):
        if kind == TEXT or not document.missing_text(each.get("value")):
            listed[each.get("property", "valid")].append(document.parse(kind, each.get("value"), each))
    missing = graph.missing(value)
    if listed["missing"]:
        missing = graph.op("Or", missing, graph.one_of(value, listed["missing"]))
    wrongs: list[str] = []
    if listed["invalid"]:
        wrongs.append(graph.one_of(value, listed["invalid"]))
    if listed["valid"]:
        wrongs.append(graph.op("Not", graph.one_of(value, listed["valid"])))
    if kind == INTEGER:
        wrongs.append(graph.op("Not", graph.op("Equal", value.name, graph.op("Floor", value.name))))
    if kind == BOOLEAN:
        wrongs.append(graph.op("Not", graph.one_of(value, [0.0, 1.0])))
    if field.all("Interval"):
        inside = [within(graph, value, document.interval(each)) for each in field.all("Interval")]
        wrongs.append(graph.op("Not", graph.any(inside)))
    instead = _constant(graph, mined, "missingValueReplacement", kind)
    found = value.name
    low, high, outliers = (
        mined.attributes.get("lowValue"),
        mined.attributes.get("highValue"),
        mined.get("outliers", "asIs"),
    )
    if kind != TEXT and outliers != "asIs":
        for bound, beyond in ((low, "Less"), (high, "Greater")):
            if bound is not None:
                end = graph.number(float(bound)) if outliers == "asExtremeValues" else instead
                found = graph.where(graph.op(beyond, value.name, graph.number(float(bound))), end, found)
    if wrongs:
        invalid = graph.op("And", graph.op("Not", missing), graph.any(wrongs))
        how = mined.get("invalidValueTreatment", "returnInvalid")
        if how == "returnInvalid":
            graph.invalid.append(invalid)
        else:
            corrected = value.name
            if "invalidValueReplacement" in mined.attributes:
                corrected = _constant(graph, mined, "invalidValueReplacement", kind)
            found = graph.where(invalid, instead if how == "asMissing" else corrected, found)
    if mined.get("missingValueTreatment") == "returnInvalid":
        graph.invalid.append(missing)
    elif listed["missing"] or "missingValueReplacement" in mined.attributes:
        found = graph.where(missing, instead, found)
    return Field(found, kind)


def _constant(graph: Graph, mined: Element, name: str, kind: str) -> str:
    if name not in mined.attributes:
        return graph.nothing(kind)
    return graph.literal(document.parse(kind, mined.get(name), mined))
