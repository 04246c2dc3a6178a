"""GeneralRegressionModel: numbers and factors by the table of its parameters."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from model_build.converters.pmml import document
from model_build.converters.pmml.document import TEXT, Document, Names
from model_build.converters.pmml.interpreter.expressions import Row
from model_build.converters.pmml.reading import Element, wrong

Cell = tuple[str, float | str | None, float]
"""A predictor, the value that it has to have (None for a number), and the exponent of a number."""


def cells(element: Element, names: Names) -> dict[str, list[Cell]]:
    """What each parameter is multiplied with."""
    factors = {each.get("name") for each in element.within("FactorList", "Predictor")}
    covariates = {each.get("name") for each in element.within("CovariateList", "Predictor")}
    known = {each.get("name") for each in element.within("ParameterList", "Parameter")}
    found: dict[str, list[Cell]] = {name: [] for name in known}
    for each in element.within("PPMatrix", "PPCell"):
        name, kind = each.get("predictorName"), names.kind(each.get("predictorName"), each)
        if "targetCategory" in each.attributes:
            raise wrong(each, "is of one class alone", "expected none of targetCategory; export the model again")
        if each.get("parameterName") not in known or name not in factors | covariates:
            raise wrong(
                each,
                f"pairs {name!r} with {each.get('parameterName')!r}",
                "expected a predictor and a parameter of the lists",
            )
        if name in factors:
            found[each.get("parameterName")].append((name, document.parse(kind, each.get("value"), each), 1.0))
        else:
            if kind == TEXT:
                raise wrong(
                    each, f"has the covariate {name!r}, which is text", "expected a number; export the model again"
                )
            found[each.get("parameterName")].append((name, None, float(each.number("value"))))
    return found


def betas(element: Element, found: Document, known: Mapping[str, Any]) -> dict[str, list[tuple[str, float]]]:
    """Parameters and their weights by class; those of no class under an empty name."""
    made: dict[str, list[tuple[str, float]]] = {}
    for each in element.within("ParamMatrix", "PCell"):
        if each.get("parameterName") not in known:
            raise wrong(
                each,
                f"is of {each.get('parameterName')!r}",
                "expected a parameter of the ParameterList; export it again",
            )
        name = found.label(each.get("targetCategory")) if "targetCategory" in each.attributes else ""
        made.setdefault(name, []).append((each.get("parameterName"), each.number("beta")))
    if not made:
        raise wrong(element, "has no PCell", "expected one or more; export the model again")
    return made


def shape(element: Element, found: Document, made: Mapping[str, Any]) -> list[str]:
    """The classes whose sums are worked out, the last left out; an empty name for the one sum of a regression."""
    how, classifies = element.get("modelType"), element.get("functionName") == "classification"
    if not classifies:
        if how == "multinomialLogistic" or set(made) != {""}:
            raise wrong(
                element, f"is of {how} with parameters by class", "expected a regression; export the model again"
            )
        return [""]
    reference = found.label(element.get("targetReferenceCategory"))
    classes = (
        [each for each in found.classes if each != reference] if reference in found.classes else found.classes[:-1]
    )
    fits = set(made) == set(classes) or (set(made) == {""} and len(classes) == 1)
    if (
        how not in ("multinomialLogistic", "generalizedLinear")
        or not fits
        or (len(classes) > 1 and how == "generalizedLinear")
    ):
        raise wrong(
            element, f"is of {how} with parameters for {len(made)} classes", f"expected them for {', '.join(classes)}"
        )
    return classes


def run(
    element: Element,
    names: Names,
    found: Document,
    best: Callable[[dict[str, float]], tuple[str, dict[str, float]]],
    links: Mapping[str, Callable[[float], float]],
) -> Callable[[Row], Any]:
    factors = cells(element, names)
    weights = betas(element, found, factors)
    classes = shape(element, found, weights)
    link = links[
        element.get("linkFunction", "identity") if element.get("modelType") == "generalizedLinear" else "identity"
    ]

    def total(parameters: Sequence[tuple[str, float]], row: Row) -> float | None:
        result = 0.0
        for name, beta in parameters:
            product = 1.0
            # Factors come first: where one is none of its value, numbers beside it do not count, missing or not.
            for field, wanted, exponent in sorted(factors[name], key=lambda each: each[1] is None):
                if wanted is None and product == 0:
                    break
                value: Any = row.get(field)
                if value is None:
                    return None
                product *= value**exponent if wanted is None else float(value == wanted)
            result += beta * product
        return result

    def answer(row: Row) -> Any:
        sums = [total(weights.get(each, weights.get("", [])), row) for each in classes]
        known = [each for each in sums if each is not None]
        if len(known) < len(sums):
            return None
        if classes == [""]:
            return link(known[0])
        if element.get("modelType") == "generalizedLinear":
            values = [link(known[0])]
            shares = dict(zip(classes, values, strict=True))
            last = 1 - values[0]
        else:
            values = [math.exp(each) for each in known]
            shares = {name: each / (1 + sum(values)) for name, each in zip(classes, values, strict=True)}
            last = 1 / (1 + sum(values))
        return best({each: shares.get(each, last) for each in found.classes})

    return answer
