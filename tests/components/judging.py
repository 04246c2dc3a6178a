"""What judges of plans on any cloud share: what a made resource is taken to tell, and how its words are read."""

import hashlib
import importlib
import re
from collections.abc import Callable
from typing import Any, cast

from tests.components.planned import ASSET, SECRET, Planned


class Told(dict[str, Callable[[Planned], dict[str, Any]]]):
    """One answer for every type: what `planned.plan` asks what a made resource tells."""

    def __init__(self, answer: Callable[[Planned], dict[str, Any]]) -> None:
        super().__init__()
        self._answer = answer

    def get(self, key: str, default: Any = None) -> Any:
        return self._answer


def opened(value: Any) -> Any:
    """What a secret holds, where an asset lies, or the value itself."""
    if isinstance(value, dict) and ASSET in cast("dict[str, Any]", value).values():
        return cast("Any", value)["path"]
    return opened(cast("Any", value)[SECRET]) if isinstance(value, dict) and SECRET in value else cast("Any", value)


def many(value: Any) -> list[Any]:
    """A list as it is, and what is alone as one."""
    return list(cast("Any", value)) if isinstance(value, list) else [value]


def put(there: Any, path: list[str], value: Any) -> Any:
    """`there` with `value` at a path of names and numbers."""
    if not path:
        return value
    if path[0].isdigit():
        at, items = int(path[0]), [*cast("list[Any]", there or [])]
        items += [None] * (at + 1 - len(items))
        return [*items[:at], put(items[at], path[1:], value), *items[at + 1 :]]
    known = cast("dict[str, Any]", there or {})
    return {**known, path[0]: put(known.get(path[0]), path[1:], value)}


def digits(each: Planned) -> str:
    """Hexadecimal digits that are this resource's alone, 64 of them."""
    return hashlib.sha256(each.urn.encode()).hexdigest()


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def module(sdk: str, place: str) -> Any:
    """The module of a Pulumi SDK that a token's `place` is in, `ec2/vpc` in `aws:ec2/vpc:Vpc`."""
    # A word of Python's own is another module.
    parts = [snake(part) for part in place.replace("lambda/", "lambda_/").split("/")]
    return importlib.import_module(f"{sdk}.{'.'.join(parts)}")


def takes(loaded: Any, name: str, word: str) -> bool:
    """Whether the resource `name` of a module takes `word`."""
    # Where something else is called so already, Pulumi calls them InitArgs.
    args = getattr(loaded, f"{name}Args", None) or getattr(loaded, f"{name}InitArgs")
    return hasattr(args, snake(word))
