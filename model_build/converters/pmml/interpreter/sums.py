"""What models have in common that are sums of products, and what becomes of a sum."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from model_build.converters.pmml import document, grammar
from model_build.converters.pmml.document import TEXT, Names, Value
from model_build.converters.pmml.interpreter.expressions import Expression, Row
from model_build.converters.pmml.reading import Element, wrong

LINKS: dict[str, Callable[[float], float]] = {
    "none": lambda x: x,
    "identity": lambda x: x,
    "logit": lambda x: 1 / (1 + math.exp(-x)) if x > -700 else 0.0,
    "probit": lambda x: math.erfc(-x / math.sqrt(2)) / 2,
    "cloglog": lambda x: -math.expm1(-math.exp(x)),
    "loglog": lambda x: math.exp(-math.exp(-x)),
    "cauchit": lambda x: 0.5 + math.atan(x) / math.pi,
    "exp": math.exp,
    "log": math.exp,
    "logc": lambda x: 1 - math.exp(x),
}
ACTIVATIONS: dict[str, Callable[[float], float]] = {
    "logistic": LINKS["logit"],
    "tanh": math.tanh,
    "identity": lambda x: x,
    "exponential": math.exp,
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "Gauss": lambda x: math.exp(-x * x),
    "sine": math.sin,
    "cosine": math.cos,
    "Elliott": lambda x: x / (1 + abs(x)),
    "arctan": lambda x: 2 * math.atan(x) / math.pi,
    "rectifier": lambda x: max(x, 0.0),
}


def table(element: Element, names: Names) -> Expression:
    numbers = [
        (each.get("name"), each.number("exponent", 1.0), each.number("coefficient"), each)
        for each in element.all("NumericPredictor")
    ]
    for name, _, _, each in numbers:
        if names.kind(name, each) == TEXT:
            raise wrong(each, "is text", "expected a number; export the model again")
    sets = [
        (
            each.get("name"),
            document.parse(names.kind(each.get("name"), each), each.get("value"), each),
            each.number("coefficient"),
        )
        for each in element.all("CategoricalPredictor")
    ]
    terms = [
        ([one.get("field") for one in each.all("FieldRef")], each.number("coefficient"))
        for each in element.all("PredictorTerm")
    ]
    for each in element.within("PredictorTerm", "FieldRef"):
        if names.kind(each.get("field"), each) == TEXT:
            raise wrong(each, "is text", "expected a number; export the model again")
    intercept = element.number("intercept")

    def value(row: Row) -> Value:
        total = intercept
        for name, exponent, coefficient, _ in numbers:
            found: Any = row.get(name)
            if found is None:
                return None
            total += coefficient * found**exponent
        for name, wanted, coefficient in sets:
            if row.get(name) == wanted:
                total += coefficient
        for fields, coefficient in terms:
            found = [row.get(name) for name in fields]
            if None in found:
                return None
            total += coefficient * math.prod(found)
        return total

    return value


def unscaled(element: Element) -> Callable[[float], float]:
    """What the output of a network's neuron stands for."""
    norms = element.all("LinearNorm")
    if element.tag == "FieldRef":
        return lambda value: value
    if element.tag != "NormContinuous" or len(norms) != 2:
        raise wrong(
            element,
            "is what an output is made of",
            "expected FieldRef, or NormContinuous with two LinearNorm; export it again",
        )
    (low, at_low), (high, at_high) = [(each.number("orig"), each.number("norm")) for each in norms]
    return lambda value: low + (value - at_low) / (at_high - at_low) * (high - low)


def binary(how: str, value: float) -> list[float] | None:
    link: Callable[[float], float] = LINKS["logit" if how == "softmax" else how]
    first = min(max(value, 0.0), 1.0) if how == "none" else safe(link, value)
    return None if first is None else [first, 1 - first]


def normal(how: str, values: Sequence[float]) -> list[float] | None:
    if how == "none":
        return [*values[:-1], 1 - math.fsum(values[:-1])]
    if how == "softmax":
        top = max(values)
        values = [math.exp(each - top) for each in values]
    if how == "logit":
        values = [LINKS["logit"](each) for each in values]
    total = math.fsum(values)
    return [each / total for each in values] if total else None


def safe(function: Callable[[float], float], value: float) -> float | None:
    try:
        found = function(value)
    except OverflowError:
        return math.inf
    except (ValueError, ZeroDivisionError):
        return None
    return None if math.isnan(found) else found


def two_of(element: Element) -> bool:
    """Whether a RegressionModel of two classes works out the first, to which the second is what is left."""
    tables, how = element.all("RegressionTable"), element.get("normalizationMethod", "none")
    if len(tables) != 2 or how == "simplemax":
        return False
    return how != "softmax" or (not tables[1].children and not tables[1].number("intercept"))


Layer = tuple[Callable[[float], float], str, list[tuple[str, float, list[tuple[str, float]]]]]
"""Activation, normalisation, and neurons: id, bias, and what comes in from which."""


def network(element: Element, inputs: Sequence[str]) -> tuple[list[Layer], list[tuple[str, Element]]]:
    """The layers of a network, and its outputs: a neuron, and the expression of what it stands for."""
    layers: list[Layer] = []
    before = set(inputs)
    if len(before) < len(inputs):
        raise wrong(element, "has two inputs of one id", "expected each once; export the model again")
    for each in element.all("NeuralLayer"):
        activation = each.get("activationFunction", element.get("activationFunction"))
        if activation not in ACTIVATIONS:
            raise wrong(each, "has no activationFunction", "expected one; export the model again")
        neurons: list[tuple[str, float, list[tuple[str, float]]]] = []
        for one in each.all("Neuron"):
            for con in one.all("Con"):
                if con.get("from") not in before:
                    raise wrong(
                        con, f"is from {con.get('from')!r}", "expected a neuron of the layer before; export again"
                    )
            cons = [(con.get("from"), con.number("weight")) for con in one.all("Con")]
            neurons.append((one.get("id"), one.number("bias"), cons))
        if len({name for name, _, _ in neurons}) < len(neurons):
            raise wrong(each, "has two neurons of one id", "expected each once; export the model again")
        before = {name for name, _, _ in neurons}
        layers.append(
            (
                ACTIVATIONS[activation],
                each.get("normalizationMethod", element.get("normalizationMethod", "none")),
                neurons,
            )
        )
    outputs: list[tuple[str, Element]] = []
    for each in element.within("NeuralOutputs", "NeuralOutput"):
        if each.get("outputNeuron") not in before:
            raise wrong(
                each, f"is of {each.get('outputNeuron')!r}", "expected a neuron of the last layer; export again"
            )
        outputs.append((each.get("outputNeuron"), each.only("DerivedField").only(*grammar.EXPRESSIONS)))
    if not outputs:
        raise wrong(element, "has no NeuralOutput", "expected one or more; export the model again")
    for _, each in outputs:
        if element.get("functionName") == "classification" and each.tag != "NormDiscrete":
            raise wrong(each, "is what an output is made of", "expected NormDiscrete; export the model again")
        if element.get("functionName") == "regression":
            unscaled(each)
    return layers, outputs
