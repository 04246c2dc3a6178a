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


TOO_MUCH: Final[dict[str, str]] = {
    f"{check} {kind}.models": f"as of the component: {why}"
    for check, kind, why in (
        ("CKV_GCP_12", "google_container_cluster", "Dataplane V2 enforces network policies"),
        ("CKV_GCP_61", "google_container_cluster", "Autopilot has intranode visibility, and takes no such argument"),
        ("CKV_GCP_65", "google_container_cluster", "groups are for who has a Workspace"),
        ("CKV_GCP_69", "google_container_cluster", "Autopilot has the metadata server, and no pool to say so"),
        ("CKV_GCP_73", "google_compute_security_policy", "nothing of Java answers"),
    )
}
"""What checkov asks of the stacks and need not."""


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "stack gcp-gke": stack_gcp_gke,
    "stack gcp-gke on Autopilot": stack_gcp_gke_on_autopilot,
}
