"""Packages whose names are imported when they are asked for: a program pays for what it uses alone."""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def exported(
    package: str, modules: Mapping[str, Sequence[str]], *, sdk: str, extra: str, what: str
) -> Callable[[str], Any]:
    """A package's `__getattr__`.

    modules: the names that each of its modules has for the package.
    sdk, extra, what: the distribution that they need, the extra that brings it, and what for, should it be missing.
    """
    where = {name: module for module, names in modules.items() for name in names}

    def find(name: str) -> Any:
        if (module := where.get(name)) is None:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        try:
            return getattr(import_module(f"{package}.{module}"), name)
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != sdk:
                raise
            raise ModuleNotFoundError(
                f"{sdk} is not installed, expected it for {what}; install this library with its extra "
                f"{extra}, as pip install '/path/to/the/repository[{extra}]'",
                name=error.name,
            ) from None

    return find
