"""Resources as a plan or a state has them, read by path: what is not known raises, and is never taken for nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final, cast

from engine.values import TAG, UNKNOWN_TEXT, Unknown, is_list

MISSING: Final = object()
_UNKNOWN: Final = frozenset({UNKNOWN_TEXT, "(unknown)", "[unknown]"})


class NotKnown(Exception):
    """A price cannot be reckoned; the text says for want of what."""


@dataclass(frozen=True)
class Resource:
    """One resource: what its program asked for and, where it is made, what it is."""

    urn: str
    type: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    provider: str = ""

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]

    def at(self, path: str, default: object = MISSING) -> Any:
        """What is at a path as `nodeConfig.machineType`; `default` where nothing is there.

        Raises NotKnown for what a preview cannot know yet, and without a default for what is not there.
        """
        found = _at(self.inputs, path)
        if found is MISSING or _unknown(found):
            # What is made says more than its program did: a cloud's own defaults, and what a plan had not known.
            made = _at(self.outputs, path)
            found = found if made is MISSING or _unknown(made) else made
        if _unknown(found):
            raise NotKnown(f"{path} is not known before it is made")
        if found is MISSING or found is None:
            if default is MISSING:
                raise NotKnown(f"{path} is not said")
            return default
        return found

    def text(self, path: str, default: str | None = None) -> str:
        """A text at a path."""
        return str(self.at(path) if default is None else self.at(path, default))

    def number(self, path: str, default: int | None = None) -> Decimal:
        """A number at a path, which a state may have as text. Raises NotKnown."""
        return number(self.at(path) if default is None else self.at(path, default), path)

    def texts(self, path: str) -> tuple[str, ...]:
        """A list of texts at a path. Raises NotKnown where one of them is not known."""
        return tuple(str(each) for each in self._list(path))

    def parts(self, path: str) -> tuple["Resource", ...]:
        """The objects of a list at a path, or the one object there, each read as a resource is."""
        found = self.at(path, [])
        entries: list[Any] = found if is_list(found) else [found]
        if any(_unknown(each) for each in entries):
            raise NotKnown(f"{path} is not known before it is made")
        objects = [cast("Mapping[str, Any]", each) for each in entries if isinstance(each, Mapping)]
        return tuple(Resource(self.urn, self.type, each, {}) for each in objects)

    def _list(self, path: str) -> Sequence[Any]:
        found = self.at(path, [])
        entries: list[Any] = found if is_list(found) else [found]
        if any(_unknown(each) for each in entries):
            raise NotKnown(f"{path} is not known before it is made")
        return entries


def number(value: object, place: str) -> Decimal:
    """A number that a program wrote as one or as text. Raises NotKnown."""
    try:
        found = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite():
        raise NotKnown(f"{place} is no number")
    return found


def resource(given: Mapping[str, Any]) -> Resource:
    """A resource of a plan's or a state's JSON."""
    inputs, outputs = (_plain(given.get(key) or {}) for key in ("inputs", "outputs"))
    provider = str(given.get("provider") or "").rpartition("::")[0]
    return Resource(str(given["urn"]), str(given["type"]), inputs, outputs, provider)


def _at(properties: Mapping[str, Any], path: str) -> Any:
    """What is there; of a list with one entry, what that has."""
    found: Any = properties
    for part in path.split("."):
        if is_list(found) and len(found) == 1:
            found = found[0]
        if _unknown(found):
            return UNKNOWN_TEXT
        if not isinstance(found, Mapping):
            return MISSING
        found = cast("Mapping[str, Any]", found).get(part, MISSING)
    return found


def _unknown(value: object) -> bool:
    return isinstance(value, Unknown) or (isinstance(value, str) and (value in _UNKNOWN or UNKNOWN_TEXT in value))


def _plain(value: Any) -> Any:
    """Without the wrapping of secrets: what is encrypted or blotted out is not known."""
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value)
        if TAG in entries:
            if "value" in entries:
                return _plain(entries["value"])
            try:
                return json.loads(entries["plaintext"])
            except (KeyError, TypeError, ValueError):
                return UNKNOWN_TEXT
        return {key: _plain(each) for key, each in entries.items()}
    if is_list(value):
        return [_plain(each) for each in value]
    return UNKNOWN_TEXT if value == "[secret]" else value
