"""What differs between the live object, as far as the program set it, and what the program wants now."""

from typing import Any, Final

from engine.diff import Change
from engine.providers.kubernetes.api import Obj
from engine.providers.kubernetes.forcing import touches
from engine.values import Unknown, is_dict, is_list

Path = list[str | int]


class _Missing:
    """Not there, which is not the same as null."""


MISSING: Final = _Missing()


def merge_patch(old: Obj, new: Obj) -> Obj:
    """The JSON merge patch (RFC 7386) that makes `new` of `old`.

    A value that is not known yet is an object with a field of its own in it, as the official provider has it: where an
    object was, each of its fields is therefore taken away.
    """
    out: Obj = {}
    for key, value in new.items():
        if key not in old:
            out[key] = _written(value)
            continue
        before = old[key]
        wanted = value if is_dict(value) and is_dict(before) else _written(value)
        if is_dict(before) and is_dict(wanted):
            inner = merge_patch(before, wanted)
            if inner:
                out[key] = inner
        elif not same(before, wanted):
            out[key] = wanted
    for key in old:
        if key not in new:
            out[key] = None
    return out


def _written(value: Any) -> Any:
    if isinstance(value, Unknown):
        return {"Element": {"V": ""}}
    if is_dict(value):
        return {key: _written(item) for key, item in value.items()}
    if is_list(value):
        return [_written(item) for item in value]
    return value


def same(a: Any, b: Any) -> bool:
    """Equal as JSON: true is not 1, but 1.0 is 1."""
    if is_dict(a) and is_dict(b):
        return a.keys() == b.keys() and all(same(item, b[key]) for key, item in a.items())
    if is_list(a) and is_list(b):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    return bool(a == b)


def detailed(patch: Obj, old: Obj, new: Obj, forcing: tuple[str, ...]) -> dict[str, Change]:
    """The patch as changed places with their kinds; those at a field of `forcing` replace the object."""
    out: dict[str, Change] = {}
    _Details(old, forcing, out).object([], patch, old, new, old, in_list=False)
    return out


class _Details:
    def __init__(self, old: Obj, forcing: tuple[str, ...], out: dict[str, Change]) -> None:
        self._forcing = forcing
        self._out = out

    def object(self, at: Path, patch: Obj, old: Obj, new: Obj, before: Obj, *, in_list: bool) -> None:
        for key, value in patch.items():
            self._value(
                [*at, key], value, old.get(key, MISSING), new.get(key, MISSING), before.get(key, MISSING), in_list
            )
        if in_list:  # a patch replaces a list whole, so what its objects lost is not in the patch
            for key, value in old.items():
                if key not in patch:
                    self._value([*at, key], None, value, new.get(key, MISSING), before.get(key, MISSING), in_list)

    def _list(self, at: Path, patch: list[Any], old: list[Any], new: list[Any], before: list[Any]) -> None:
        def item(values: list[Any], place: int) -> Any:
            return values[place] if place < len(values) else None

        for place in range(max(len(patch), len(old))):
            self._value(
                [*at, place],
                item(patch, place),
                old[place] if place < len(old) else MISSING,
                item(new, place),
                item(before, place),
                True,
            )

    def _value(self, at: Path, value: Any, old: Any, new: Any, before: Any, in_list: bool) -> None:
        if new is MISSING and (value is not None or before is MISSING):
            return  # the server's own: the program set it neither before nor now
        kind, of_inputs = "update", False
        if value is None:
            kind, of_inputs = "delete", True
        elif old is MISSING:
            kind = "add"
        elif is_dict(value) and is_dict(old):
            self.object(at, value, old, new if is_dict(new) else {}, before if is_dict(before) else {}, in_list=in_list)
            return
        elif is_list(value) and is_list(old):
            self._list(at, value, old, new if is_list(new) else [], before if is_list(before) else [])
            return
        elif same(value, old):
            return
        if touches(at, value, self._forcing):
            kind += "-replace"
        self._out[shown(at)] = Change(kind, of_inputs)


def shown(path: Path) -> str:
    """A path as a person reads it: `spec.containers[0].image`, `metadata.labels["a.b/c"]`."""
    out = ""
    for step in path:
        if isinstance(step, int):
            out += f"[{step}]"
        elif any(c in step for c in '."[]'):
            escaped = step.replace('"', '\\"')
            out += f'["{escaped}"]'
        else:
            out += f".{step}" if out else step
    return out
