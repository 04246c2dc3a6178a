"""The XML of PMML: read with limits and without entities, and held to what is known of PMML element by element."""

import gzip
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from model_build.converters.pmml import grammar
from model_build.errors import SourceError

MOST_BYTES = 256 * 2**20
"""Of XML, unpacked. Elements take some times as much in memory."""
MOST_LEVELS = 1000
"""How deep elements may stand in each other: a tree of decisions has one for each of its levels."""
VERSIONS = ("3.0", "3.1", "3.2", "4.0", "4.1", "4.2", "4.2.1", "4.3", "4.4", "4.4.1")
_PIECE = 2**20
_ROW = "row"


@dataclass(slots=True)
class Element:
    tag: str
    attributes: dict[str, str]
    line: int
    children: "list[Element]" = field(default_factory=list["Element"])
    text: str = ""

    def get(self, name: str, otherwise: str = "") -> str:
        return self.attributes.get(name, otherwise)

    def number(self, name: str, otherwise: float = 0.0) -> float:
        return float(self.attributes[name]) if name in self.attributes else otherwise

    def all(self, *tags: str) -> "list[Element]":
        return [each for each in self.children if each.tag in tags]

    def first(self, *tags: str) -> "Element | None":
        return next((each for each in self.children if each.tag in tags), None)

    def only(self, *tags: str) -> "Element":
        """The one child of these. Raises SourceError where there is none or another."""
        found = self.all(*tags)
        if len(found) != 1:
            raise wrong(self, f"has {len(found)} of {', '.join(tags)}", "expected one; export the model again")
        return found[0]

    def within(self, *path: str) -> "Iterator[Element]":
        """The elements that `path` leads to."""
        for each in self.all(path[0]):
            if len(path) == 1:
                yield each
            else:
                yield from each.within(*path[1:])


def wrong(element: Element, what: str, expected: str) -> SourceError:
    """Why a file is refused, for what is in one of its elements."""
    named = next(
        (f" {element.attributes[each]!r}" for each in ("name", "field", "id") if each in element.attributes), ""
    )
    return SourceError(f"source LABEL line {element.line}: {element.tag}{named} {what}, {expected}")


def read(path: Path, label: str) -> Element:
    """The element PMML of a file. Raises SourceError for what is no PMML and for all that is not known."""
    try:
        return _Reader().read(path)
    except SourceError as error:
        raise said(error, label) from None
    except expat.ExpatError as error:
        text = expat.errors.messages[error.code]
        why = "is not whole" if text == expat.errors.XML_ERROR_NO_ELEMENTS else "is not XML"
        raise SourceError(
            f"source {label!r} {why}: {text} in line {error.lineno}, expected a file of PMML; export it again"
        ) from None
    except (LookupError, ValueError) as error:  # an encoding that is none, or none that is read here
        raise SourceError(
            f"source {label!r} is not XML that is read here: {str(error)[:100]}, expected UTF-8; export it again"
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error):
        raise SourceError(f"source {label!r} is not a whole file of gzip; pack it again") from None


def said(error: SourceError, label: str) -> SourceError:
    """The error, with the name of the source in it."""
    return SourceError(str(error).replace("source LABEL", f"source {label!r}", 1))


class _Reader:
    def __init__(self) -> None:
        self._open: list[Element] = []
        self._root: Element | None = None
        self._passed = 0
        """How many levels deep in what is not looked at."""
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.EntityDeclHandler = self._doctype
        self._parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)

    def read(self, path: Path) -> Element:
        size = 0
        with gzip.open(path) if path.name.endswith(".gz") else path.open("rb") as file:
            while piece := file.read(_PIECE):
                size += len(piece)
                if size > MOST_BYTES:
                    raise SourceError(
                        f"source LABEL has more than {MOST_BYTES:,} bytes of XML, expected fewer; "
                        "export a smaller model"
                    )
                self._parser.Parse(piece)
        self._parser.Parse(b"", True)
        assert self._root is not None
        return self._root

    def _doctype(self, *_: object) -> None:
        raise SourceError(
            f"source LABEL line {self._parser.CurrentLineNumber}: has a document type, which may name other files and "
            "entities, expected none in PMML; take the DOCTYPE out"
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, tag = name.rpartition(" ")
        if self._passed or (self._open and tag in grammar.IGNORED):
            self._passed += 1
            if self._passed + len(self._open) > MOST_LEVELS:
                self._too_deep()
            return
        here = Element(tag, attributes, self._parser.CurrentLineNumber)
        if not self._open:
            _is_pmml(here, namespace)
            self._root = here
        elif self._in_row():
            pass  # whatever the columns of a table are called
        else:
            parent = self._open[-1]
            if tag not in grammar.RULES[parent.tag].children and not (tag == _ROW and parent.tag == "InlineTable"):
                known = ", ".join(grammar.RULES[parent.tag].children) or "nothing"
                raise wrong(here, f"in {parent.tag} is not known", f"expected {known}; export the model without it")
        if not self._in_row() and tag != _ROW:
            _hold(here)
        if self._open:
            self._open[-1].children.append(here)
        self._open.append(here)
        if len(self._open) > MOST_LEVELS:
            self._too_deep()

    def _end(self, _: str) -> None:
        if self._passed:
            self._passed -= 1
        else:
            self._open.pop()

    def _characters(self, text: str) -> None:
        if self._passed or not self._open:
            return
        here = self._open[-1]
        if self._in_row() or grammar.RULES[here.tag].text if here.tag in grammar.RULES else self._in_row():
            here.text += text
        elif text.strip():
            raise wrong(here, f"holds the text {text.strip()[:40]!r}", "expected none there; export the model again")

    def _in_row(self) -> bool:
        return any(each.tag == _ROW for each in self._open[-2:])

    def _too_deep(self) -> NoReturn:
        raise SourceError(
            f"source LABEL line {self._parser.CurrentLineNumber}: has elements {MOST_LEVELS} deep in each other, "
            "expected fewer; export a model whose trees are less deep"
        )


def _is_pmml(root: Element, namespace: str) -> None:
    if root.tag != "PMML" or (namespace and not namespace.startswith("http://www.dmg.org/PMML-")):
        raise SourceError(f"source LABEL is XML whose first element is {root.tag}, expected PMML; name a file of PMML")
    version = root.get("version")
    if version not in VERSIONS:
        raise SourceError(
            f"source LABEL is PMML of version {version or 'none'}, expected one of {', '.join(VERSIONS)}; "
            "export it in 4.4"
        )


def _hold(element: Element) -> None:
    """Raise SourceError for an attribute that is not known, and for one that is missing."""
    rule = grammar.RULES[element.tag]
    for name, value in element.attributes.items():
        if " " in name:
            continue  # of another namespace, such as xsi:schemaLocation
        if name not in rule.attributes:
            known = ", ".join(rule.attributes) or "none"
            raise wrong(
                element, f"has {name}={value[:40]!r}, which is not known", f"expected {known}; export it without"
            )
        values = rule.attributes[name]
        if values is grammar.NUMBER:
            if not _is_number(value):
                raise wrong(element, f"has {name}={value[:40]!r}", "expected a number; correct it")
        elif values is not None and value not in values:
            raise wrong(
                element, f"has {name}={value[:40]!r}", f"expected {' or '.join(values)}; export it with one of these"
            )
    for name in rule.required:
        if name not in element.attributes:
            raise wrong(element, f"has no {name}", "expected one; export the model again")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
