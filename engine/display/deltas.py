"""What differs between two values, and between two states as the provider told it."""

from dataclasses import dataclass, field
from typing import Any

from engine.display.facts import Step, internal, is_object, is_secret, is_unknown
from engine.paths import parse
from engine.values import UNKNOWN_TEXT, is_dict, is_list, part

ADDING = ("add", "add-replace")
DELETING = ("delete", "delete-replace")


@dataclass
class Delta:
    """One value that changed; `inner` holds the elements of an array or the properties of an object."""

    old: Any = None
    new: Any = None
    inner: "Deltas | None" = None


@dataclass
class Deltas:
    """The parts of an array (by index) or of an object (by name), each in one of four places."""

    array: bool = False
    adds: dict[Any, Any] = field(default_factory=dict[Any, Any])
    deletes: dict[Any, Any] = field(default_factory=dict[Any, Any])
    sames: dict[Any, Any] = field(default_factory=dict[Any, Any])
    updates: dict[Any, Delta] = field(default_factory=dict[Any, Delta])

    def keys(self) -> list[Any]:
        return sorted({*self.adds, *self.deletes, *self.sames, *self.updates})

    def same(self, key: Any) -> bool:
        return key not in self.adds and key not in self.deletes and key not in self.updates

    def __bool__(self) -> bool:
        return bool(self.adds or self.deletes or self.updates)


def _nothing(value: Any) -> bool:
    return value is None


def compare(old: Any, new: Any, *, bare: bool = True) -> Delta | None:
    """The difference of two values; None where there is none. bare: internal properties do not count."""
    if is_list(old) and is_list(new):
        found = Deltas(array=True)
        for index in range(max(len(old), len(new))):
            if index >= len(old):
                found.adds[index] = new[index]
            elif index >= len(new):
                found.deletes[index] = old[index]
            elif (delta := compare(old[index], new[index], bare=bare)) is not None:
                found.updates[index] = delta
            else:
                found.sames[index] = old[index]
        return Delta(old, new, found) if found else None
    if is_object(old) and is_object(new):
        inner = compare_objects(old, new, bare=bare)
        return Delta(old, new, inner) if inner else None
    if type(old) is bool or type(new) is bool:
        return None if old is new else Delta(old, new)
    return None if old == new else Delta(old, new)


def compare_objects(old: dict[str, Any], new: dict[str, Any], *, bare: bool = True) -> Deltas | None:
    """The same for the properties of two objects."""
    found = Deltas()
    for key in {*old, *new}:
        if bare and internal(key):
            continue
        if key not in new:
            if not _nothing(old[key]):
                found.deletes[key] = old[key]
        elif key not in old:
            if not _nothing(new[key]):
                found.adds[key] = new[key]
        elif (delta := compare(old[key], new[key], bare=bare)) is None:
            found.sames[key] = old[key]
        elif _nothing(old[key]):
            found.adds[key] = new[key]
        elif _nothing(new[key]):
            found.deletes[key] = old[key]
        else:
            found.updates[key] = delta
    return found or None


def from_detailed(step: Step, *, refresh: bool = False) -> Deltas | None:
    """The difference as the provider told it, path by path."""
    top = Delta()
    old, new = step.old or {}, step.new or {}
    for path, change in (step.detailed or {}).items():
        by_inputs = bool(change.get("inputDiff"))
        before = part(old, "inputs" if by_inputs else "outputs")
        after = part(new, "outputs" if refresh and not by_inputs else "inputs")
        names: list[str | int] = parse(path) or [path]
        _insert(top, names, str(change.get("diffKind", change.get("kind", "update"))), before, after)
    return top.inner


_MISSING = object()


def _child(value: Any, key: str | int) -> Any:
    if is_list(value) and isinstance(key, int):
        return value[key] if 0 <= key < len(value) else _MISSING
    if is_secret(value) or is_unknown(value):
        return value
    if is_dict(value) and isinstance(key, str):
        return value.get(key, _MISSING)
    return _MISSING


def _insert(parent: Delta, path: list[str | int], kind: str, before: Any, after: Any) -> None:
    key = path[0]
    old, new = _child(before, key), _child(after, key)
    inner = parent.inner
    if inner is None:
        inner = parent.inner = Deltas(array=isinstance(key, int))
    if len(path) == 1:
        if kind in ADDING:
            inner.adds[key] = UNKNOWN_TEXT if new is _MISSING else new
        elif kind in DELETING:
            inner.deletes[key] = UNKNOWN_TEXT if old is _MISSING else old
        else:
            old, new = _value(old), _value(new)
            inner.updates[key] = compare(old, new, bare=False) or Delta(old, new)
        return
    old, new = _value(old), _value(new)
    if old is None and new is not None:
        inner.adds[key] = new
    elif old is not None and new is None:
        inner.deletes[key] = old
    else:
        _insert(inner.updates.setdefault(key, Delta()), path[1:], kind, old, new)


def _value(value: Any) -> Any:
    return None if value is _MISSING else value
