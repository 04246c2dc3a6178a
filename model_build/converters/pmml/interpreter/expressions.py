"""Predicates and expressions of PMML as functions of a row."""

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from model_build.converters.pmml import document, grammar
from model_build.converters.pmml.document import BOOLEAN, DOUBLE, FLOAT, INTEGER, TEXT, Names, Value
from model_build.converters.pmml.reading import Element, wrong

Truth = bool | None
"""None is what the standard calls unknown."""
Predicate = Callable[["Row"], Truth]
Expression = Callable[["Row"], Value]
Parameters = dict[str, tuple[str, Expression]]
"""Within a DefineFunction: the types of what it is called with, and that."""


class Row:
    """The fields of one row in one place of a file."""

    __slots__ = ("lazy", "outer", "values")

    def __init__(self, outer: "Row | None") -> None:
        self.outer = outer
        self.values: dict[str, Value] = {}
        self.lazy: dict[str, Expression] = {}
        """Derived fields, each worked out when it is first asked for."""

    def get(self, name: str) -> Value:
        here: Row | None = self
        while here is not None:
            if name in here.values:
                return here.values[name]
            if name in here.lazy:
                here.values[name] = here.lazy[name](here)
                return here.values[name]
            here = here.outer
        raise KeyError(name)


def cast(kind: str, value: Value) -> Value:
    """A value in another type."""
    if value is None:
        return None
    if kind == TEXT or isinstance(value, str):
        return float(value) if kind != TEXT and isinstance(value, str) else value
    return document.single(value) if kind == FLOAT else value


def predicate(element: Element, names: Names) -> Predicate:
    tag = element.tag
    if tag in ("True", "False"):
        return lambda _: tag == "True"
    if tag == "SimplePredicate":
        return _simple(element, names)
    if tag == "SimpleSetPredicate":
        name = element.get("field")
        kind = names.kind(name, element)
        array = element.only("Array")
        values = {document.parse(kind, each, array) for each in document.array(array)}
        wanted = element.get("booleanOperator") == "isIn"

        def member(row: Row) -> Truth:
            value = row.get(name)
            return None if value is None else (value in values) == wanted

        return member
    parts = [predicate(each, names) for each in element.all(*grammar.PREDICATES)]
    if len(parts) < 2:
        raise wrong(element, f"holds {len(parts)} predicates", "expected two or more; export the model again")
    how = element.get("booleanOperator")

    def compound(row: Row) -> Truth:
        if how == "surrogate":
            return next((found for part in parts if (found := part(row)) is not None), None)
        held = [part(row) for part in parts]
        if how == "xor":
            return None if None in held else sum(map(bool, held)) % 2 == 1
        decides = how == "or"
        return decides if decides in held else None if None in held else not decides

    return compound


def _simple(element: Element, names: Names) -> Predicate:
    name, how = element.get("field"), element.get("operator")
    kind = names.kind(name, element)
    if how in ("isMissing", "isNotMissing"):
        return lambda row: (row.get(name) is None) == (how == "isMissing")
    if "value" not in element.attributes:
        raise wrong(element, "has no value", "expected one; export the model again")
    wanted: Any = document.parse(kind, element.get("value"), element)
    if kind == TEXT and how not in ("equal", "notEqual"):
        raise wrong(element, f"has {how} for text", "expected equal or notEqual; export it with numbers or sets")
    compare: Callable[[Any, Any], bool] = _COMPARISONS[how]

    def decide(row: Row) -> Truth:
        value = row.get(name)
        return None if value is None else compare(value, wanted)

    return decide


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "equal": lambda a, b: a == b,
    "notEqual": lambda a, b: a != b,
    "lessThan": lambda a, b: a < b,
    "lessOrEqual": lambda a, b: a <= b,
    "greaterThan": lambda a, b: a > b,
    "greaterOrEqual": lambda a, b: a >= b,
}


def _divided(a: float, b: float) -> float:
    if b == 0:
        return math.nan if a == 0 else math.copysign(math.inf, a) * math.copysign(1, b)
    return a / b


def _power(a: float, b: float) -> float:
    found: Any = a**b
    return math.nan if isinstance(found, complex) else float(found)


_SINGLES: dict[str, Callable[[float], float]] = {
    "exp": math.exp,
    "expm1": math.expm1,
    "ln": lambda a: -math.inf if a == 0 else math.log(a),
    "ln1p": lambda a: -math.inf if a == -1 else math.log1p(a),
    "log10": lambda a: -math.inf if a == 0 else math.log10(a),
    "sqrt": math.sqrt,
    "abs": math.fabs,
    "floor": lambda a: float(math.floor(a)),
    "ceil": lambda a: float(math.ceil(a)),
    "round": lambda a: float(math.floor(a + 0.5)),
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "tanh": math.tanh,
}
_PAIRS: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _divided,
    "pow": _power,
    "threshold": lambda a, b: float(a > b),
}
_ARITHMETIC: dict[str, tuple[int, Callable[..., float]]] = {
    **{name: (1, each) for name, each in _SINGLES.items()},
    **{name: (2, each) for name, each in _PAIRS.items()},
}
"""How many arguments they take; one that is missing makes the result missing."""
_SUMMARIES: dict[str, Callable[[Sequence[float]], float]] = {
    "min": min,
    "max": max,
    "sum": math.fsum,
    "avg": statistics.fmean,
    "product": math.prod,
}
"""What is missing is left out of these."""
FUNCTIONS = (
    *(*_ARITHMETIC, *_SUMMARIES, *_COMPARISONS),
    *("and", "or", "not", "isMissing", "isNotMissing", "isIn", "isNotIn", "if"),
)


class Expressions:
    """functions: those that the file defines."""

    def __init__(self, functions: dict[str, Element]) -> None:
        self._functions = functions
        self._called: list[str] = []

    def make(self, element: Element, names: Names, given: Parameters | None = None) -> tuple[str, Expression]:
        """The type of what an expression comes to, and a function of the row for it."""
        if element.tag == "Constant":
            kind = document.constant_kind(element)
            absent = element.get("missing") == "true" or (kind != TEXT and not element.text.strip())
            constant = (
                None
                if absent
                else document.parse(kind, element.text if kind == TEXT else element.text.strip(), element)
            )
            return kind, lambda _: constant
        if element.tag == "Apply":
            return self._apply(element, names, given or {})
        if element.tag == "MapValues":
            return self._mapped(element, names)
        name = element.get("field")
        kind, value = self._field(name, element, names, given or {})
        if element.tag == "FieldRef":
            return kind, _replaced(element, kind, "mapMissingTo", value)
        if element.tag == "NormDiscrete":
            wanted = document.parse(kind, element.get("value"), element)
            return DOUBLE, _replaced(
                element, DOUBLE, "mapMissingTo", lambda row: None if (v := value(row)) is None else float(v == wanted)
            )
        if kind == TEXT:
            raise wrong(element, "is given text", "expected a number; export the model again")
        if element.tag == "NormContinuous":
            scale = _scaled(element)
            return DOUBLE, _replaced(
                element, DOUBLE, "mapMissingTo", lambda row: None if (v := value(row)) is None else scale(v), once=value
            )
        return self._discretized(element, value)

    def derived(self, element: Element, names: Names) -> tuple[str, Expression]:
        """Of an element that says what type its expression comes to."""
        expressions = document.children(element)
        if len(expressions) != 1:
            raise wrong(element, f"holds {len(expressions)} expressions", "expected one; export the model again")
        kind, value = self.make(expressions[0], names)
        wanted = element.get("dataType", kind)
        return wanted, lambda row: cast(wanted, value(row))

    def _field(self, name: str, element: Element, names: Names, given: Parameters) -> tuple[str, Expression]:
        if name in given:
            return given[name]
        return names.kind(name, element), lambda row: row.get(name)

    def _discretized(self, element: Element, value: Expression) -> tuple[str, Expression]:
        kind = element.get("dataType", TEXT)
        bins = [
            (document.interval(each.only("Interval")), document.parse(kind, each.get("binValue"), each))
            for each in element.all("DiscretizeBin")
        ]
        otherwise = (
            document.parse(kind, element.get("defaultValue"), element) if "defaultValue" in element.attributes else None
        )

        def find(row: Row) -> Value:
            number: Any = value(row)
            if number is None:
                return None
            return next((bin_value for ends, bin_value in bins if document.inside(number, ends)), otherwise)

        return kind, _replaced(element, kind, "mapMissingTo", find, once=value)

    def _mapped(self, element: Element, names: Names) -> tuple[str, Expression]:
        kind = element.get("dataType", TEXT)
        pairs = [
            (each.get("field"), document.column(each.get("column")), each) for each in element.all("FieldColumnPair")
        ]
        kinds = [names.kind(name, each) for name, _, each in pairs]
        output = document.column(element.get("outputColumn"))
        rows: dict[tuple[Value, ...], Value] = {}
        for each in document.table(element):
            if output not in each:
                raise wrong(element, f"has a row without {output!r}", "expected it in each; export the model again")
            keys = [
                document.parse(known, each.get(column, ""), element)
                for (_, column, _), known in zip(pairs, kinds, strict=True)
            ]
            rows.setdefault(tuple(keys), document.parse(kind, each[output], element))

        def constant(name: str) -> Value:
            return document.parse(kind, element.get(name), element) if name in element.attributes else None

        otherwise, absent = constant("defaultValue"), constant("mapMissingTo")

        def find(row: Row) -> Value:
            given = tuple(row.get(name) for name, _, _ in pairs)
            return absent if None in given else rows.get(given, otherwise)

        return kind, find

    def _apply(self, element: Element, names: Names, given: Parameters) -> tuple[str, Expression]:
        name = element.get("function")
        made = [self.make(each, names, given) for each in document.children(element)]
        kinds, parts = [each[0] for each in made], [each[1] for each in made]
        if name in self._functions:
            kind, value = self._defined(element, list(zip(kinds, parts, strict=True)))
        else:
            kind, value = function(element, kinds, parts)

        def constant(attribute: str) -> Value:
            if attribute not in element.attributes:
                return None
            return document.parse(kind, element.get(attribute), element)

        absent, otherwise = constant("mapMissingTo"), constant("defaultValue")
        if absent is None and otherwise is None:
            return kind, value

        def apply(row: Row) -> Value:
            if absent is not None and any(part(row) is None for part in _needed(name, parts, row)):
                return absent
            found = value(row)
            return otherwise if found is None else found

        return kind, apply

    def _defined(self, element: Element, arguments: list[tuple[str, Expression]]) -> tuple[str, Expression]:
        name = element.get("function")
        if name in self._called:
            raise wrong(
                element, f"calls {name!r}, which calls itself", "expected functions that end; export the model again"
            )
        defined = self._functions[name]
        parameters = defined.all("ParameterField")
        if len(parameters) != len(arguments):
            raise wrong(
                element, f"gives {name!r} {len(arguments)} arguments", f"expected {len(parameters)}; export it again"
            )
        given: Parameters = {}
        for parameter, (kind, value) in zip(parameters, arguments, strict=True):
            wanted = parameter.get("dataType", kind)
            given[parameter.get("name")] = (wanted, _casting(wanted, value))
        self._called.append(name)
        kind, value = self.make(defined.only(*grammar.EXPRESSIONS), Names(), given)
        self._called.pop()
        wanted = defined.get("dataType", kind)
        return wanted, _casting(wanted, value)


def _casting(kind: str, value: Expression) -> Expression:
    return lambda row: cast(kind, value(row))


def function(element: Element, kinds: Sequence[str], parts: Sequence[Expression]) -> tuple[str, Expression]:
    """One of the standard's own functions."""
    name = element.get("function")
    if name not in FUNCTIONS:
        raise wrong(
            element, f"calls {name!r}, which is not known", f"expected one of {', '.join(FUNCTIONS)}; export it without"
        )
    least = {"isIn": 2, "isNotIn": 2, "and": 2, "or": 2, "if": 2}.get(name, 1)
    exactly = {**dict.fromkeys(_COMPARISONS, 2), "not": 1, "isMissing": 1, "isNotMissing": 1}.get(name)
    exactly = _ARITHMETIC[name][0] if name in _ARITHMETIC else exactly
    if len(parts) != exactly if exactly else len(parts) < least or (name == "if" and len(parts) > 3):
        raise wrong(
            element, f"gives {name!r} {len(parts)} arguments", f"expected {exactly or least}; export the model again"
        )
    if name in _ARITHMETIC or name in _SUMMARIES:
        if TEXT in kinds:
            raise wrong(element, f"gives text to {name!r}", "expected numbers; export the model again")
        whole = all(kind in (INTEGER, BOOLEAN) for kind in kinds)
        if whole and name == "/":
            raise wrong(
                element, "divides a whole number by another", "expected one of type double; export the model again"
            )
        stays = whole and name in ("+", "-", "*", "min", "max", "sum", "abs")
        return INTEGER if stays else DOUBLE, _number(name, parts)
    if name in _COMPARISONS:
        return BOOLEAN, _compared(element, name, kinds, parts)
    if name == "if":
        chosen = list(kinds[1:])
        kind = chosen[0] if len(set(chosen)) == 1 else DOUBLE
        if TEXT in chosen and kind != TEXT:
            raise wrong(element, "comes to text or to a number", "expected one of both; export the model again")
        return kind, _either(parts)
    return BOOLEAN, _logical(element, name, kinds, parts)


def _number(name: str, parts: Sequence[Expression]) -> Expression:
    def work(row: Row) -> Value:
        values: list[Any] = [part(row) for part in parts]
        if name in _SUMMARIES:
            values = [each for each in values if each is not None]
            return _SUMMARIES[name](values) if values else None
        if None in values:
            return None
        try:
            found = _ARITHMETIC[name][1](*values)
        except OverflowError:
            return math.inf
        except (ValueError, ZeroDivisionError):
            return None
        return None if math.isnan(found) else found

    return work


def _compared(element: Element, name: str, kinds: Sequence[str], parts: Sequence[Expression]) -> Expression:
    same = _alike(element, kinds, name)
    if same == TEXT and name not in ("equal", "notEqual"):
        raise wrong(element, f"has {name} for text", "expected equal or notEqual; export the model again")

    def work(row: Row) -> Value:
        left, right = parts[0](row), parts[1](row)
        if left is None or right is None:
            return None
        return float(_COMPARISONS[name](cast(same, left), cast(same, right)))

    return work


def _alike(element: Element, kinds: Sequence[str], name: str) -> str:
    if TEXT in kinds and set(kinds) != {TEXT}:
        raise wrong(
            element, f"gives text and numbers to {name!r}", "expected values of one type; export the model again"
        )
    return TEXT if TEXT in kinds else DOUBLE


def _either(parts: Sequence[Expression]) -> Expression:
    def work(row: Row) -> Value:
        held = parts[0](row)
        if held is None:
            return None
        if held:
            return parts[1](row)
        return parts[2](row) if len(parts) > 2 else None

    return work


def _logical(element: Element, name: str, kinds: Sequence[str], parts: Sequence[Expression]) -> Expression:
    if name in ("isIn", "isNotIn"):
        _alike(element, kinds, name)
    elif name not in ("isMissing", "isNotMissing") and TEXT in kinds:
        raise wrong(element, f"gives text to {name!r}", "expected what is true or false; export the model again")

    def work(row: Row) -> Value:
        values: list[Any] = [part(row) for part in parts]
        if name in ("isMissing", "isNotMissing"):
            return float((values[0] is None) == (name == "isMissing"))
        if name in ("isIn", "isNotIn"):
            return float((values[0] is not None and values[0] in values[1:]) == (name == "isIn"))
        if name == "not":
            return None if values[0] is None else float(not values[0])
        decides = name == "or"
        truths = [None if each is None else bool(each) for each in values]
        return float(decides) if decides in truths else None if None in truths else float(not decides)

    return work


def _needed(name: str, parts: Sequence[Expression], row: Row) -> Sequence[Expression]:
    """The arguments that count: of `if` those of the branch that is taken."""
    if name != "if":
        return parts
    held = parts[0](row)
    return [parts[0]] if held is None else [parts[0], *(parts[1:2] if held else parts[2:3])]


def _replaced(element: Element, kind: str, name: str, value: Expression, once: Expression | None = None) -> Expression:
    """With a constant where a field is missing. once: the field's own value, where `value` may be missing besides."""
    if name not in element.attributes:
        return value
    absent = document.parse(kind, element.get(name), element)
    asked = once or value
    return lambda row: absent if asked(row) is None else value(row)


def _scaled(element: Element) -> Callable[[Any], Value]:
    norms = [(each.number("orig"), each.number("norm")) for each in element.all("LinearNorm")]
    if len(norms) < 2 or any(low[0] >= high[0] for low, high in itertools.pairwise(norms)):
        raise wrong(element, "has no two LinearNorm in rising order", "expected two or more; export the model again")
    outliers = element.get("outliers", "asIs")

    def scale(value: float) -> Value:
        if not norms[0][0] <= value <= norms[-1][0]:
            if outliers == "asMissingValues":
                return None
            if outliers == "asExtremeValues":
                return norms[0][1] if value < norms[0][0] else norms[-1][1]
        place = next((i for i in range(len(norms) - 1) if value <= norms[i + 1][0]), len(norms) - 2)
        (low, at_low), (high, at_high) = norms[place], norms[place + 1]
        return at_low + (value - low) / (high - low) * (at_high - at_low)

    return scale
