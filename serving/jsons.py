"""JSON values of unknown kind, narrowed."""

from typing import Any


def as_list(value: object) -> list[Any] | None:
    """The value, if it is a list."""
    # Each type checker wants what the other finds too much: the value goes by way of Any.
    unknown: Any = value
    return unknown if isinstance(value, list) else None


def as_object(value: object) -> dict[str, Any] | None:
    """The value, if it is an object."""
    unknown: Any = value
    return unknown if isinstance(value, dict) else None
