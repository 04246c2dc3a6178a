"""The stacks on Google Cloud, as the judges judge them."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from stacks import gcp_gke
from tests.stacks.gcp_plans import document, spec


def _gke(**changed: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        given = spec(Path(folder), document(**changed))
    gcp_gke.deploy(given)


def stack_gcp_gke() -> None:
    _gke()


def stack_gcp_gke_on_autopilot() -> None:
    _gke(cluster={"kind": "autopilot"}, gpu=None, load_balancer=None)


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "stack gcp-gke": stack_gcp_gke,
    "stack gcp-gke on Autopilot": stack_gcp_gke_on_autopilot,
}
