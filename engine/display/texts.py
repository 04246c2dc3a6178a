"""Text inside property values: JSON and YAML shown as what they say, and long text compared line by line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

from engine.values import is_dict, is_list

Kind = Literal["same", "create", "delete"]
CONTEXT = 2
"""Lines that are shown before and after a change."""


@dataclass(frozen=True)
class Decoded:
    """What a text says, and in which notation."""

    value: Any
    notation: str


def decode(text: str) -> Decoded | None:
    """The list or object that a text holds as JSON, or over several lines as YAML; None where it holds neither."""
    text = text.strip()
    if text[:1] in ("{", "["):
        try:
            found = json.loads(text)
        except ValueError:
            pass
        else:
            return Decoded(found, "json") if is_dict(found) or is_list(found) else None
    if "\n" not in text and "\r" not in text:
        return None
    found = _yaml(text)
    if not (is_dict(found) or is_list(found)):
        return None
    try:
        return Decoded(_plain(found), "yaml")
    except TypeError:
        return None


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return None


def _plain(value: Any) -> Any:
    """A YAML value with keys of text; raises TypeError where a key is neither text nor a number."""
    if is_list(value):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
    out: dict[str, Any] = {}
    for key, item in value.items():  # pyright: ignore[reportUnknownVariableType]
        if isinstance(key, bool) or not isinstance(key, (str, int, float)):
            raise TypeError
        out[str(key)] = _plain(item)
    return out


def quoted(text: str) -> str:
    """A text in double quotes, what cannot be seen written out."""
    out: list[str] = []
    for char in text:
        code = ord(char)
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif code < 0x20 or code == 0x7F:
            out.append(f"\\x{code:02x}")
        elif char.isprintable() or char == " ":
            out.append(char)
        elif code < 0x10000:
            out.append(f"\\u{code:04x}")
        else:
            out.append(f"\\U{code:08x}")
    return '"' + "".join(out) + '"'


_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def shorten(text: str) -> str:
    """At most three lines of at most 150 characters each."""
    lines = text.split("\n")
    cut = [line[:150] + "..." if len(line) > 150 else line for line in lines[:3]]
    if len(lines) > 3:
        cut.append("...")
    return "\n".join(cut)


def pieces(old: str, new: str) -> tuple[list[tuple[Kind, str]], list[tuple[Kind, str]]]:
    """Two lines cut up where they differ: the old one and the new one, each piece with what became of it."""
    before: list[tuple[Kind, str]] = []
    after: list[tuple[Kind, str]] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            before.append(("same", old[a:b]))
            after.append(("same", new[c:d]))
            continue
        if b > a:
            before.append(("delete", old[a:b]))
        if d > c:
            after.append(("create", new[c:d]))
    return before, after


def changed_lines(old: str, new: str) -> Iterator[tuple[Kind, str]]:
    """The lines of two texts that differ, with a few around them; blank ones are left out."""
    before, after = old.splitlines(), new.splitlines()
    steps = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    for place, (tag, a, b, c, d) in enumerate(steps):
        if tag != "equal":
            yield from _each("delete", before[a:b])
            yield from _each("create", after[c:d])
            continue
        lines = [line for line in before[a:b] if line.strip()]
        first, last = place == 0, place == len(steps) - 1
        room = CONTEXT + 1 if first or last else 2 * CONTEXT + 1
        if len(lines) <= room:
            yield from _each("same", lines)
            continue
        if not first:
            yield from _each("same", lines[:CONTEXT])
        yield "same", "..."
        if not last:
            yield from _each("same", lines[-CONTEXT:])


def _each(kind: Kind, lines: list[str]) -> Iterator[tuple[Kind, str]]:
    return ((kind, line) for line in lines if line.strip())
