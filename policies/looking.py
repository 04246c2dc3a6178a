"""What a rule reads of a resource, where a preview may not know everything yet.

Pulumi hands a policy the inputs of a resource with marks in place of what is known only after another resource is made.
A rule that took such a mark for a value would pass what it has not seen. So a rule reads by paths: what is not known
yet raises NotKnown, and the pack says so.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from pulumi_policy import PolicyResourceOptions
from pulumi_policy.proxy import UnknownValueError

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class NotKnown(Exception):
    """A rule asked for what is known only during an update. `path`: where that stands in the resource's inputs."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(path)


@dataclass(frozen=True)
class Look:
    """A resource, or a part of one, as a rule sees it."""

    type: str
    """The type's token, as `aws:eks/cluster:Cluster`."""
    name: str
    urn: str
    props: Any
    """Inputs in the provider's own words (`vpcConfig`), or in a rule of the whole stack the outputs."""
    path: str = ""
    """Where the part stands in the resource; "" for the whole."""
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Settings of the policy."""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tags of the stack."""
    options: PolicyResourceOptions | None = None

    def at(self, path: str, default: Any = None) -> Any:
        """What stands at a path, as `spec.containers[0].image`; `default` where nothing does.

        Raises NotKnown where that, or something on the way to it, is known only during an update.
        """
        found, walked = self.props, self.path
        if isinstance(found, _Late):
            raise NotKnown(found.path)
        for part in _PART.finditer(path):
            key: Any = part[1] if part[1] is not None else int(part[2])
            walked = _joined(walked, key)
            found = _item(found, key, walked)
            if found is None:
                return default
        return found

    def told(self, path: str) -> bool:
        """Whether anything stands there, known or not; providers read empty text as nothing."""
        try:
            return self.at(path) not in (None, "")
        except NotKnown:
            return True

    def part(self, path: str) -> "Look":
        """What stands there as a thing to look at itself."""
        return self._with(self.at(path), _joined(self.path, path))

    def each(self, path: str) -> Iterator["Look"]:
        """The items of the list there, or of a single object where a provider takes one in place of a list."""
        found = self.at(path)
        if found is None:
            return
        if isinstance(found, Mapping) or not isinstance(found, Sequence) or isinstance(found, str):
            yield self._with(found, _joined(self.path, path))
            return
        for number in range(len(_list(found))):
            walked = f"{_joined(self.path, path)}[{number}]"
            yield self._with(_item(found, number, walked, marked=True), walked)

    def keyed(self, path: str, key: str, default: Any = None) -> Any:
        """The entry of the mapping there, by a key that may have dots in it, as `nvidia.com/gpu`; `default` without."""
        found = _item(self.at(path), key, _joined(_joined(self.path, path), key))
        return default if found is None else found

    def values(self, path: str) -> list[Any]:
        """The items of the list there, each known; a single value where one stands in place of a list."""
        found = self.at(path)
        if found is None:
            return []
        if isinstance(found, Mapping) or not isinstance(found, Sequence) or isinstance(found, str):
            return [found]
        return [self.at(f"{path}[{number}]") for number in range(len(_list(found)))]

    def keys(self, path: str) -> list[str]:
        """The keys of the mapping there, whose values need not be known."""
        found = self.at(path)
        return [*_mapping(found)] if isinstance(found, Mapping) else []

    def parsed(self, path: str) -> Any:
        """The JSON that stands there as text; None where there is none, or where it is no JSON."""
        text = self.at(path)
        if not isinstance(text, str):
            return text
        try:
            return json.loads(text)
        except ValueError:
            return None

    def _with(self, props: Any, path: str) -> "Look":
        return Look(self.type, self.name, self.urn, props, path, self.config, self.tags, self.options)


@dataclass(frozen=True)
class _Late:
    """In place of an item that is not known yet, which raises once it is read."""

    path: str


def _item(found: Any, key: str | int, path: str, *, marked: bool = False) -> Any:
    if isinstance(found, _Late):
        raise NotKnown(found.path)
    try:
        if isinstance(found, Mapping):
            return _mapping(found).get(key)
        if isinstance(found, Sequence) and not isinstance(found, str) and isinstance(key, int):
            items = _list(found)
            return items[key] if key < len(items) else None
    except UnknownValueError:
        if marked:
            return _Late(path)
        raise NotKnown(path) from None
    return None


def _list(found: Any) -> Sequence[Any]:
    return cast("Sequence[Any]", found)


def _mapping(found: Any) -> Mapping[Any, Any]:
    return cast("Mapping[Any, Any]", found)


def _joined(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key
