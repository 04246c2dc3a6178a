"""Inputs put right: what is changed is new, and what is not known yet passes through as it came."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

Step = str | int


def put(props: Any, path: Sequence[Step], value: Any) -> Any:
    """The same inputs with `value` at a path, as ("spec", "containers", 0, "image"); what is missing on it is made."""
    if not path:
        return value
    key, rest = path[0], path[1:]
    found = _opened(props)
    if isinstance(key, int):
        items = list(cast("Sequence[Any]", found))
        items[key] = put(items[key], rest, value)
        return items
    mapping: dict[str, Any] = dict(cast("Mapping[str, Any]", found)) if isinstance(found, Mapping) else {}
    mapping[key] = put(mapping.get(key), rest, value)
    return mapping


def steps(path: str) -> tuple[Step, ...]:
    """`spec.containers[0].image` as `put` takes it."""
    parts = path.replace("[", ".[").split(".")
    return tuple(int(each[1:-1]) if each.startswith("[") else each for each in parts if each)


def _opened(props: Any) -> Any:
    """What stands behind the SDK's guard against reading what is not known, with the marks for that."""
    guarded = type(props).__module__ == "pulumi_policy.proxy" or type(props).__module__ == "pulumi_policy.secret"
    return props["__target"] if guarded else props
