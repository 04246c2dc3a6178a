"""Settings that rules of several clouds take alike, as JSON schemas by name."""

from collections.abc import Mapping
from typing import Any, Final

Schemas = Mapping[str, Mapping[str, Any]]

PORTS: Final[Schemas] = {
    "ports": {
        "type": "array",
        "items": {"type": "integer", "minimum": 1, "maximum": 65535},
        "default": [22, 3389],
        "description": "Ports that nobody offers to the internet.",
    }
}


def days(usual: int, what: str) -> Schemas:
    """A number of days. usual: the default. what: what they are."""
    return {"days": {"type": "integer", "minimum": 1, "default": usual, "description": what}}
