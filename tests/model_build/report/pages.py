"""Reading a page back: a strict parser of what render writes."""

import json
from html.parser import HTMLParser
from typing import Any

VOID = {"meta", "br"}


class Page(HTMLParser):
    """Elements must nest and close; collects what tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.data: list[tuple[str, str, str]] = []  # key, exact value, text on the page
        self.tables: list[dict[str, int]] = []
        self._datum: tuple[str, str] | None = None
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append({"columns": 0, "heads": 0, "rows": 0})
        if tag == "th" and self.tables:
            scope = found.get("scope")
            assert scope in ("col", "row"), found
            self.tables[-1]["columns" if scope == "col" else "heads"] += 1
        if tag == "data":
            self._datum = (str(found["data-key"]), str(found["value"]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._datum is not None:
            self.data.append((*self._datum, data))
            self._datum = None

    def said(self) -> str:
        return " ".join("".join(self.text).split())


def lookup(report: str, key: str) -> Any:
    """The value in a report's JSON at `candidates.0.parity.max_abs`."""
    found: Any = json.loads(report)
    for part in key.split("."):
        found = found[int(part)] if isinstance(found, list) else found[part]
    return found
