"""The components as programs, each as it is made by default and in its other kinds: what the judges judge.

They stand beside this in `judging_programs_PART.py`, each in its `PROGRAMS`. Where checkov asks for what is not wanted
of one of their resources, `TOO_MUCH` there says so: `{"CKV_GCP_12 google_container_cluster.shop": "why not", ...}`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any, Final

import tests.components.gcp

_PREFIX: Final = "judging_programs_"


def _parts() -> Iterator[tuple[str, Any]]:
    for each in pkgutil.iter_modules(tests.components.gcp.__path__):
        if each.name.startswith(_PREFIX):
            part = each.name.removeprefix(_PREFIX).replace("_", "-")
            yield part, importlib.import_module(f"tests.components.gcp.{each.name}")


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    f"{part}.{name}": program for part, module in _parts() for name, program in module.PROGRAMS.items()
}
TOO_MUCH: Final[dict[str, str]] = {
    check: why for _, module in _parts() for check, why in getattr(module, "TOO_MUCH", {}).items()
}
"""What checkov asks of some resources that is not wanted of them, and why not."""
