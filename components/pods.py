"""Whose rights a pod has: those of the service account that it runs as, by the name of that and of its namespace."""

from typing import Final

from components import checks

_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


def namespace(what: str, value: object) -> None:
    """The name of a namespace. Raises ArgsError."""
    checks.fits(what, value, _LABEL, "the name of a namespace", "models")


def service_account(what: str, value: object) -> None:
    """The name of a service account of Kubernetes. Raises ArgsError."""
    checks.fits(what, value, rf"{_LABEL}(\.{_LABEL})*", "the name of a service account", "digits")
