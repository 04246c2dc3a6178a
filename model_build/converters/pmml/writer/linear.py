"""Sums of products in ONNX: regressions and networks of neurons."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from model_build.converters.pmml import document, grammar
from model_build.converters.pmml.document import Document
from model_build.converters.pmml.interpreter import general as parameters
from model_build.converters.pmml.interpreter.sums import two_of
from model_build.converters.pmml.reading import Element
from model_build.converters.pmml.writer.graph import Graph, Scope

Found = str | tuple[list[str], str]
"""A number [rows, 1], or names of classes and their shares."""


def regression(graph: Graph, element: Element, scope: Scope, found: Document) -> Found:
    tables = element.all("RegressionTable")
    terms: dict[str, dict[int, float]] = {}
    """What is multiplied, by name, with its weights by table."""

    def add(name: str, table: int, weight: float) -> None:
        weights = terms.setdefault(graph.rows(name), {})
        weights[table] = weights.get(table, 0.0) + weight

    for number, table in enumerate(tables):
        for each in table.all("NumericPredictor"):
            name = scope.get(each.get("name"), each).name
            exponent = each.number("exponent", 1.0)
            add(
                name if exponent == 1 else graph.op("Pow", name, graph.number(exponent)),
                number,
                each.number("coefficient"),
            )
        for each in table.all("CategoricalPredictor"):
            value = scope.get(each.get("name"), each)
            same = graph.double(graph.one_of(value, [document.parse(value.kind, each.get("value"), each)]))
            add(same, number, each.number("coefficient"))
        for each in table.all("PredictorTerm"):
            names = [scope.get(one.get("field"), one).name for one in each.all("FieldRef")]
            add(_product(graph, names), number, each.number("coefficient"))
    sums = _weighed(graph, terms, [each.number("intercept") for each in tables])
    how = element.get("normalizationMethod", "none")
    if element.get("functionName") == "regression":
        return link(graph, "logit" if how == "softmax" else how, sums)
    names = [found.label(each.get("targetCategory")) for each in tables]
    if two_of(element):
        first = graph.op("Gather", sums, graph.constant(np.asarray([0])), axis=1)
        if how == "none":
            first = graph.where(graph.op("Less", first, graph.number(0)), graph.number(0), first)
            first = graph.where(graph.op("Greater", first, graph.number(1)), graph.number(1), first)
        else:
            first = link(graph, "logit" if how == "softmax" else how, first)
        # A row that lacks what the other table takes has no answer either.
        other = graph.op("Mul", graph.op("Gather", sums, graph.constant(np.asarray([1])), axis=1), graph.number(0))
        second = graph.op("Add", graph.op("Sub", graph.number(1), first), other)
        return names, graph.side_by_side([graph.op("Add", first, other), second])
    return names, normal(graph, how, sums, len(tables))


def general(graph: Graph, element: Element, scope: Scope, found: Document) -> Found:
    names = document.Names()
    for each in element.within("PPMatrix", "PPCell"):
        names.kinds[each.get("predictorName")] = scope.get(each.get("predictorName"), each).kind
    factors = parameters.cells(element, names)
    weights = parameters.betas(element, found, factors)
    classes = parameters.shape(element, found, weights)
    terms: dict[str, dict[int, float]] = {}
    for number, name in enumerate(classes):
        for parameter, beta in weights.get(name, weights.get("", [])):
            numbers: list[str] = []
            held: list[str] = []
            for predictor, wanted, exponent in factors[parameter]:
                value = scope.get(predictor, element)
                if wanted is None:
                    numbers.append(value.name if exponent == 1 else graph.op("Pow", value.name, graph.number(exponent)))
                else:
                    same = graph.double(graph.one_of(value, [wanted]))
                    held.append(graph.where(graph.missing(value), graph.number(math.nan), same))
            product = _product(graph, [*held, *numbers]) if factors[parameter] else graph.number(1)
            if numbers and held:
                # Where a factor is none of its value, numbers beside it do not count, missing or not.
                factor = _product(graph, held)
                product = graph.where(graph.op("Equal", factor, graph.number(0)), factor, product)
            row = terms.setdefault(graph.rows(product), {})
            row[number] = row.get(number, 0.0) + beta
    sums = _weighed(graph, terms, [0.0] * len(classes))
    how = element.get("linkFunction", "identity") if element.get("modelType") == "generalizedLinear" else "identity"
    if classes == [""]:
        return link(graph, how, sums)
    last = next(each for each in found.classes if each not in classes)
    if element.get("modelType") == "generalizedLinear":
        first = link(graph, how, sums)
        return [*classes, last], graph.side_by_side([first, graph.op("Sub", graph.number(1), first)])
    zero = graph.op("Mul", graph.op("Gather", sums, graph.constant(np.asarray([0])), axis=1), graph.number(0))
    return [*classes, last], graph.op("Softmax", graph.side_by_side([sums, zero]), axis=1)


def network(graph: Graph, element: Element, inputs: Sequence[tuple[str, str]], found: Document) -> Found:
    places = {name: place for place, (name, _) in enumerate(inputs)}
    values = graph.side_by_side([name for _, name in inputs])
    for layer in element.all("NeuralLayer"):
        neurons = layer.all("Neuron")
        weights = np.zeros((len(places), len(neurons)))
        for place, neuron in enumerate(neurons):
            for each in neuron.all("Con"):
                weights[places[each.get("from")], place] += each.number("weight")
        sums = graph.op("MatMul", values, graph.constant(weights))
        sums = graph.op("Add", sums, graph.constant(np.asarray([[each.number("bias") for each in neurons]])))
        values = activated(graph, layer.get("activationFunction", element.get("activationFunction")), sums)
        how = layer.get("normalizationMethod", element.get("normalizationMethod", "none"))
        values = values if how == "none" else normal(graph, how, values, len(neurons))
        places = {each.get("id"): place for place, each in enumerate(neurons)}
    outputs = list(element.within("NeuralOutputs", "NeuralOutput"))
    told = [each.only("DerivedField").only(*grammar.EXPRESSIONS) for each in outputs]
    chosen = graph.constant(np.asarray([places[each.get("outputNeuron")] for each in outputs]))
    values = graph.op("Gather", values, chosen, axis=1)
    if element.get("functionName") == "classification":
        return [found.label(each.get("value")) for each in told], values
    norms = [(each.number("orig"), each.number("norm")) for each in told[0].all("LinearNorm")]
    if norms:
        (low, at_low), (high, at_high) = norms
        moved = graph.op("Div", graph.op("Sub", values, graph.number(at_low)), graph.number(at_high - at_low))
        values = graph.op("Add", graph.op("Mul", moved, graph.number(high - low)), graph.number(low))
    return values


def link(graph: Graph, how: str, value: str) -> str:
    """What a sum becomes."""
    one = graph.number(1)
    if how in ("none", "identity"):
        return value
    if how == "logit":
        return graph.op("Sigmoid", value)
    if how in ("exp", "log"):
        return graph.op("Exp", value)
    if how == "logc":
        return graph.op("Sub", one, graph.op("Exp", value))
    if how == "cloglog":
        return graph.op("Sub", one, graph.op("Exp", graph.op("Neg", graph.op("Exp", value))))
    if how == "loglog":
        return graph.op("Exp", graph.op("Neg", graph.op("Exp", graph.op("Neg", value))))
    if how == "cauchit":
        return graph.op("Add", graph.number(0.5), graph.op("Div", graph.floats("Atan", value), graph.number(math.pi)))
    curve = graph.floats("Erf", graph.op("Div", value, graph.number(math.sqrt(2))))
    return graph.op("Div", graph.op("Add", one, curve), graph.number(2))


def activated(graph: Graph, how: str, value: str) -> str:
    if how in ("logistic", "identity", "exponential"):
        return link(graph, {"logistic": "logit", "exponential": "exp"}.get(how, how), value)
    if how in ("tanh", "sine", "cosine", "rectifier", "reciprocal"):
        return graph.op({"sine": "Sin", "cosine": "Cos", "rectifier": "Relu"}.get(how, how.capitalize()), value)
    if how == "square":
        return graph.op("Mul", value, value)
    if how == "Gauss":
        return graph.op("Exp", graph.op("Neg", graph.op("Mul", value, value)))
    if how == "Elliott":
        return graph.op("Div", value, graph.op("Add", graph.number(1), graph.op("Abs", value)))
    return graph.op("Div", graph.floats("Atan", value), graph.number(math.pi / 2))


def normal(graph: Graph, how: str, values: str, count: int) -> str:
    """Shares of several sums."""
    if how == "softmax":
        return graph.op("Softmax", values, axis=1)
    if how == "none":
        kept = graph.op("Gather", values, graph.constant(np.arange(count - 1)), axis=1)
        # The last one is what is left; NaN times 0 keeps what is missing missing.
        gone = graph.op(
            "Mul", graph.op("Gather", values, graph.constant(np.asarray([count - 1])), axis=1), graph.number(0)
        )
        rest = graph.op(
            "Sub", graph.number(1), graph.op("ReduceSum", kept, graph.constant(np.asarray([1])), keepdims=1)
        )
        return graph.op("Concat", graph.op("Add", kept, gone), graph.op("Add", rest, gone), axis=1)
    values = graph.op("Sigmoid", values) if how == "logit" else values
    return graph.op("Div", values, graph.op("ReduceSum", values, graph.constant(np.asarray([1])), keepdims=1))


def _product(graph: Graph, names: Sequence[str]) -> str:
    found = names[0]
    for each in names[1:]:
        found = graph.op("Mul", found, each)
    return found


def _weighed(graph: Graph, terms: dict[str, dict[int, float]], intercepts: Sequence[float]) -> str:
    """[rows, tables]"""
    start = graph.constant(np.asarray([list(intercepts)], np.float64))
    if not terms:
        return graph.op("Add", graph.rows(graph.number(0)), start)
    weights: Any = np.zeros((len(terms), len(intercepts)))
    for row, each in enumerate(terms.values()):
        for column, weight in each.items():
            weights[row, column] = weight
    return graph.op("Add", graph.op("MatMul", graph.side_by_side(list(terms)), graph.constant(weights)), start)
