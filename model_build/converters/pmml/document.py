"""A file of PMML as both the interpreter and the writer of ONNX ask for it: fields, their types, what is answered."""

import math
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from model_build.converters.pmml import grammar
from model_build.converters.pmml.reading import Element, wrong

TEXT, INTEGER, FLOAT, DOUBLE, BOOLEAN = "string", "integer", "float", "double", "boolean"
"""Types of values. All but text are numbers; those of float are rounded to 32 bits, as what they are compared with."""
RESULTS = ("label", "probabilities", "prediction")

Value = float | str | None
"""What a field holds; None where that is missing."""


@dataclass
class Names:
    """What fields are called in one place of a file, and their types."""

    outer: "Names | None" = None
    kinds: dict[str, str] = field(default_factory=dict[str, str])

    def kind(self, name: str, element: Element) -> str:
        """Raises SourceError where no field is called so."""
        here: Names | None = self
        while here is not None:
            if name in here.kinds:
                return here.kinds[name]
            here = here.outer
        raise wrong(
            element, f"names the field {name!r}, which is not there", "expected one that is declared; export it again"
        )


class Document:
    """What the root of a file says. Raises SourceError for what contradicts itself."""

    def __init__(self, root: Element) -> None:
        dictionary = root.only("DataDictionary")
        self.fields = {each.get("name"): each for each in dictionary.all("DataField")}
        self.model = root.only(*grammar.MODELS)
        transformations = root.first("TransformationDictionary")
        self.derived = transformations.all("DerivedField") if transformations else []
        functions = transformations.all("DefineFunction") if transformations else []
        self.functions = {each.get("name"): each for each in functions}
        self.classifies = self.model.get("functionName") == "classification"
        self.names = Names()
        self.inputs = [each for each in mining(self.model) if each.get("usageType", "active") == "active"]
        for each in self.inputs:
            self.names.kinds[each.get("name")] = self.kind(each)
            if each.get("name") in RESULTS:
                raise wrong(each, "is called as an output of the model is", "expected another name; rename it")
        self.target = target(self.model)
        self.label_kind = self.fields[self.target].get("dataType") if self.target in self.fields else TEXT
        self.classes = list(dict.fromkeys(map(self.label, self._labels()))) if self.classifies else []
        if self.classifies and len(self.classes) < 2:
            raise wrong(
                self.model, f"knows {len(self.classes)} classes", "expected two or more; export the model again"
            )

    def kind(self, mined: Element) -> str:
        """The type of a field of the dictionary."""
        if mined.get("name") not in self.fields:
            raise wrong(
                mined, "is not in the DataDictionary", "expected a DataField of that name; export the model again"
            )
        return self.fields[mined.get("name")].get("dataType")

    def label(self, text: str) -> str:
        """The one way in which the class is written that `text` says."""
        if self.label_kind == TEXT or self.label_kind == BOOLEAN:
            return text
        try:
            number = float(text)
        except ValueError:
            return text
        return str(int(number)) if number.is_integer() else str(number)

    def answered(self) -> list[Any]:
        """The classes as answers have them: whole numbers where all are, else text."""
        if self.label_kind in (TEXT, BOOLEAN) or not all(re.fullmatch(r"-?\d{1,18}", each) for each in self.classes):
            return list(self.classes)
        return [int(each) for each in self.classes]

    def _labels(self) -> list[str]:
        known = self.fields[self.target].all("Value") if self.target in self.fields else []
        known = [each for each in known if each.get("property", "valid") == "valid"]
        if known:
            return [each.get("value") for each in known]
        return list(_labels(self.model))


def mining(model: Element) -> list[Element]:
    """The fields of a model's schema."""
    return list(model.within("MiningSchema", "MiningField"))


def target(model: Element) -> str:
    found = [each.get("name") for each in mining(model) if each.get("usageType") in ("target", "predicted")]
    if len(found) > 1:
        raise wrong(model, f"has the targets {', '.join(found)}", "expected one; export a model for each")
    return found[0] if found else ""


def derived(model: Element) -> list[Element]:
    return list(model.within("LocalTransformations", "DerivedField"))


def parse(kind: str, text: str, element: Element) -> float | str:
    """What a constant of the file says for a field of that type."""
    if kind == TEXT:
        return text
    if text in ("true", "false"):
        return float(text == "true")
    try:
        number = float(text)
    except ValueError:
        raise wrong(element, f"has {text[:40]!r} for a field of type {kind}", "expected a number; correct it") from None
    return single(number) if kind == FLOAT else number


def missing_text(text: str) -> bool:
    return text.lower() == "nan"


def single(number: float) -> float:
    """Rounded to 32 bits."""
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return math.copysign(math.inf, number)


def array(element: Element) -> list[str]:
    """The values of an Array, which quotes may hold together."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', element.text)
    values = [plain or quoted.replace('\\"', '"') for quoted, plain in found]
    if element.get("n") and int(element.number("n")) != len(values):
        raise wrong(
            element, f"has {len(values)} values", f"expected {element.get('n')}, as its n says; export it again"
        )
    return values


def interval(element: Element) -> tuple[float, bool, float, bool]:
    """Left end, whether it is in, right end, whether it is in."""
    closure = element.get("closure")
    if "leftMargin" not in element.attributes and "rightMargin" not in element.attributes:
        raise wrong(element, "has no end", "expected leftMargin, rightMargin or both; export the model again")
    return (
        element.number("leftMargin", -math.inf),
        closure.startswith("closed"),
        element.number("rightMargin", math.inf),
        closure.endswith("Closed"),
    )


def inside(value: float, ends: tuple[float, bool, float, bool]) -> bool:
    left, with_left, right, with_right = ends
    return (left < value or (with_left and left == value)) and (value < right or (with_right and value == right))


def table(element: Element) -> list[dict[str, str]]:
    """The rows of the InlineTable of MapValues."""
    return [{cell.tag: cell.text for cell in row.children} for row in element.only("InlineTable").all("row")]


def column(name: str) -> str:
    """What a column is called, without the prefix of a namespace."""
    return name.rpartition(":")[2]


def constant_kind(element: Element) -> str:
    """The type of a Constant."""
    if given := element.get("dataType"):
        return given
    try:
        return INTEGER if re.fullmatch(r"[-+]?\d+", element.text.strip()) else (float(element.text), DOUBLE)[1]
    except ValueError:
        return TEXT


def children(element: Element) -> list[Element]:
    """The expressions in an element."""
    return element.all(*grammar.EXPRESSIONS)


def _labels(model: Element) -> Iterator[str]:
    """The classes that a model itself names, in order."""
    waiting = [model]
    while waiting:
        here = waiting.pop(0)
        if here.tag == "ScoreDistribution":
            yield here.get("value")
        elif here.tag == "Node" and "score" in here.attributes:
            yield here.get("score")
        elif here.tag in ("RegressionTable", "PCell") and "targetCategory" in here.attributes:
            yield here.get("targetCategory")
        segments = here.all("Segment")
        if here.tag == "Segmentation" and here.get("multipleModelMethod") == "modelChain":
            segments = segments[-1:]
        waiting = [each for each in (segments or here.children) if each.tag not in ("MiningSchema", "Output")] + waiting
