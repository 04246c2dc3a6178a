"""The stacks on Google Cloud, as the judges judge them."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from stacks import gcp_cloudrun, gcp_gke
from tests.stacks.gcp_plans import GcpFile, document, spec


def _gke(**changed: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        given = spec(Path(folder), document(**changed))
    gcp_gke.deploy(given)


def stack_gcp_gke() -> None:
    _gke()


def stack_gcp_gke_on_autopilot() -> None:
    _gke(cluster={"kind": "autopilot"}, gpu=None, load_balancer=None)


def _cloudrun(**sections: Any) -> None:
    file = GcpFile("gcp-cloudrun", gcp_cloudrun.deploy, {})
    with tempfile.TemporaryDirectory() as folder:
        given = file.spec(Path(folder), **sections)
    file.deploy(given)


def stack_gcp_cloudrun() -> None:
    _cloudrun()


def stack_gcp_cloudrun_for_everybody() -> None:
    """Whom the load balancer lets in, with a GPU and with all that the file may say of instances."""
    instance = {
        "concurrency": 8,
        "timeout": 30,
        "startup_seconds": 900,
        "env": {"MODELPORT_QUEUE": "9"},
        "secrets": {"UPSTREAM": {"secret": "upstream", "version": "3"}},
    }
    _cloudrun(
        cloudrun={
            "invokers": None,
            "anonymous": True,
            "instance": instance,
            "gpu": {"zonal_redundancy": False},
            "network": {"nat": "static", "egress": "private-ranges-only", "tags": ["models"]},
            "monitoring": {"uptime": True},
            "binary_authorization": True,
        },
        release={"strategy": "blue-green", "steps": None},
    )


def stack_gcp_cloudrun_alone() -> None:
    """Reached and called by nobody beyond who may in the whole project."""
    less = dict.fromkeys(("network", "load_balancer", "monitoring", "alarms", "invokers"))
    _cloudrun(cloudrun=less, release=None, autoscaling=None)


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
    "stack gcp-cloudrun": stack_gcp_cloudrun,
    "stack gcp-cloudrun for everybody": stack_gcp_cloudrun_for_everybody,
    "stack gcp-cloudrun alone": stack_gcp_cloudrun_alone,
    "stack gcp-gke": stack_gcp_gke,
    "stack gcp-gke on Autopilot": stack_gcp_gke_on_autopilot,
}
