"""A client of the OCI Distribution protocol: push, pull, exists, delete.

Logins come from Docker's config file; plain HTTP is spoken to this machine alone.
"""

from typing import TYPE_CHECKING

from model_build.push.errors import (
    DeniedError,
    DestinationError,
    LoginError,
    MissingError,
    RegistryDown,
    RegistryError,
    RegistryFullError,
)

if TYPE_CHECKING:
    from model_build.push.reference import Reference, parse
    from model_build.push.referrers import list_referrers, pull_attached
    from model_build.push.transfer import Pushed, delete, exists, pull, pull_top, push

__all__ = [
    "DeniedError",
    "DestinationError",
    "LoginError",
    "MissingError",
    "Pushed",
    "Reference",
    "RegistryDown",
    "RegistryError",
    "RegistryFullError",
    "delete",
    "exists",
    "list_referrers",
    "parse",
    "pull",
    "pull_attached",
    "pull_top",
    "push",
]

_HOMES: dict[str, str] = {
    "Pushed": "transfer",
    "Reference": "reference",
    "delete": "transfer",
    "exists": "transfer",
    "list_referrers": "referrers",
    "parse": "reference",
    "pull": "transfer",
    "pull_attached": "referrers",
    "pull_top": "transfer",
    "push": "transfer",
}


def __getattr__(name: str) -> object:
    """Load a part when it is first used: an HTTP client takes longer to import than a preview may last."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
