"""Kubernetes' own types, as far as they drop or respell what they are given (`scripts/kubernetes_shapes.py`).

A field's word begins with a letter: `s` text, `b` truth, `n` whole number, `f` number, `q` quantity, `i` whole
number or text, `l` list of what follows, `m` map to what follows, `o` object of the type numbered so, `x` anything.
A capital is left out where it holds nothing (false, 0, an empty text or list).
"""

import functools
import json
from pathlib import Path
from typing import Any, Final

from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.quantities import canonical
from engine.values import is_dict, is_list

_TABLE: Final = Path(__file__).with_name("shapes.json")


class Misfit(Exception):
    """A value is none that Kubernetes' type could hold; the server will say so."""


@functools.cache
def _table() -> Obj:
    found: Obj = json.loads(_TABLE.read_text())
    return found


def lives(version: str, kind: str) -> tuple[tuple[int, int] | None, tuple[int, int] | None, str]:
    """The releases that brought and took a version of a kind, and what took its place (VERSION/KIND), if known."""
    since, until, successor = _table()["lives"].get(version, {}).get(kind, (None, None, None))
    return _release(since), _release(until), str(successor or "").removeprefix("/")


def _release(found: Any) -> tuple[int, int] | None:
    return (int(found[0]), int(found[1])) if found else None


def shaped(obj: Obj) -> Obj:
    """The object as Kubernetes' types give it back; unchanged where its kind is not theirs or a value does not fit."""
    number = _table()["kinds"].get(obj.get("apiVersion"), {}).get(obj.get("kind"))
    if number is None:
        return obj
    try:
        return _object(obj, _table()["types"][number])
    except Misfit:
        return obj


def _object(value: Any, fields: dict[str, str]) -> Obj:
    if not is_dict(value):
        raise Misfit
    out: Obj = {}
    for key, item in value.items():
        word = fields.get(key)
        if word is None or item is None:
            continue
        # most of an object is text where text belongs
        made = item if type(item) is str and word in _TEXT else _value(item, word)
        if made or not word[0].isupper():
            out[key] = made
    return out


_TEXT: Final = ("s", "S")
_NOTHING: Final = {"s": "", "b": False, "n": 0, "f": 0, "i": 0, "q": "0"}
"""What Kubernetes' types make of null."""


def _value(value: Any, word: str) -> Any:
    kind, rest = word[0].lower(), word[1:]
    if kind == "x":
        return value
    if value is None:  # in a list or a map, where a field would be left out
        return {} if kind == "o" else _NOTHING.get(kind)
    if kind == "o":
        return _object(value, _table()["types"][int(rest)])
    if kind == "l":
        if not is_list(value):
            raise Misfit
        return [_value(item, rest) for item in value]
    if kind == "m":
        if not is_dict(value):
            raise Misfit
        return {key: _value(item, rest) for key, item in value.items()}
    return _scalar(value, kind)


def _scalar(value: Any, kind: str) -> Any:
    truth = isinstance(value, bool)
    if kind == "s" and isinstance(value, str):
        return value
    if kind == "b" and truth:
        return value
    if truth:
        raise Misfit
    if kind == "n" and isinstance(value, (int, float)) and value == int(value):
        return int(value)
    if kind == "f" and isinstance(value, (int, float)):
        return value
    if kind == "i" and isinstance(value, (int, str)):
        return value
    if kind == "q" and isinstance(value, (int, float, str)):
        try:
            return canonical(value if isinstance(value, str) else json.dumps(value))
        except ValueError:
            raise Misfit from None
    raise Misfit
