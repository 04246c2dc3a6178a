"""What becomes of a field's value before a model sees it."""

import math
from collections.abc import Callable

from model_build.converters.pmml import document
from model_build.converters.pmml.document import TEXT, Value, inside
from model_build.converters.pmml.reading import Element


class InvalidError(Exception):
    """A value that the model does not take: it has no answer for the row."""


def treatment(field: Element, mined: Element) -> Callable[[Value], Value]:
    """A function of the value, for one field of a schema."""
    kind = field.get("dataType")
    listed: dict[str, set[Value]] = {"valid": set(), "invalid": set(), "missing": set()}
    for each in field.all("Value"):
        text = each.get("value")
        if kind == TEXT or not document.missing_text(text):
            listed[each.get("property", "valid")].add(document.parse(kind, text, each))
    intervals = [document.interval(each) for each in field.all("Interval")]

    def constant(name: str) -> Value:
        return document.parse(kind, mined.get(name), mined) if name in mined.attributes else None

    instead, corrected = constant("missingValueReplacement"), constant("invalidValueReplacement")
    on_missing, on_invalid = mined.get("missingValueTreatment"), mined.get("invalidValueTreatment", "returnInvalid")
    outliers = mined.get("outliers", "asIs")
    low, high = mined.number("lowValue", -math.inf), mined.number("highValue", math.inf)

    def missing() -> Value:
        if on_missing == "returnInvalid":
            raise InvalidError
        return instead

    def valid(value: float | str) -> bool:
        if value in listed["invalid"] or (listed["valid"] and value not in listed["valid"]):
            return False
        if isinstance(value, str):
            return True
        if (kind == document.INTEGER and not float(value).is_integer()) or (
            kind == document.BOOLEAN and value not in (0, 1)
        ):
            return False
        return not intervals or any(inside(value, each) for each in intervals)

    def treat(value: Value) -> Value:
        if value is None or value == "" or value in listed["missing"]:
            return missing()
        if isinstance(value, float) and kind == document.FLOAT:
            value = document.single(value)
        if not valid(value):
            if on_invalid == "returnInvalid":
                raise InvalidError
            if on_invalid == "asMissing":
                return instead
            return value if corrected is None else corrected
        if isinstance(value, float) and not low <= value <= high:
            if outliers == "asMissingValues":
                return instead
            if outliers == "asExtremeValues":
                return low if value < low else high
        return value

    return treat
