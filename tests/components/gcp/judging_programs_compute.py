"""Services on Compute Engine that the judges judge: by default, and in their other kinds."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from components.gcp.compute_service import ComputeMetricKind, ComputeService, ComputeSpread, ComputeStrategy
from components.gcp.gpus import GkeAttachedGpu
from tests.components.gcp.judging import PROJECT, REGION

_HERE: Final[dict[str, Any]] = {
    "project": PROJECT,
    "region": REGION,
    "image": f"{REGION}-docker.pkg.dev/{PROJECT}/models/digits@sha256:{'a' * 64}",
    "network_id": f"projects/{PROJECT}/global/networks/shop",
    "subnetwork_id": f"projects/{PROJECT}/regions/{REGION}/subnetworks/shop",
}


def compute() -> None:
    given: Any = _HERE
    ComputeService("digits", given)


def compute_with_everything() -> None:
    given: Any = {
        **_HERE,
        "load_balanced": True,
        "allowed_service_accounts": [f"callers@{PROJECT}.iam.gserviceaccount.com"],
        "machine_type": "n1-standard-8",
        "gpu": GkeAttachedGpu.T4,
        "gpu_count": 2,
        "spot": True,
        "machine_image": "projects/shop-images/global/images/hardened-cos-1",
        "disk_gib": 200,
        "disk_key_name": f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys/models",
        "zones": [f"{REGION}-a", f"{REGION}-b"],
        "spread": ComputeSpread.ANY,
        "min": 2,
        "desired": 3,
        "max": 8,
        "predictive": True,
        "requests_target": 600,
        "metrics": [
            {"name": "custom.googleapis.com/waiting", "target": 4.5, "kind": ComputeMetricKind.DELTA_PER_SECOND},
            {
                "name": "pubsub.googleapis.com/subscription/num_undelivered_messages",
                "of_each": 10,
                "filter": 'resource.type = "pubsub_subscription"',
            },
        ],
        "release": {
            "strategy": ComputeStrategy.CANARY,
            "steps": [{"weight": 10, "pause": 600}, {"weight": 50}],
            "max_surge": 0,
        },
        "latency_seconds": 0.25,
        "alert_policies": [f"projects/{PROJECT}/alertPolicies/1234567890123456789"],
        "startup_seconds": 1200,
        "workers": 2,
        "env": {"MODELPORT_QUEUE": "64"},
        "allow_sessions": True,
        "labels": {"team": "ml"},
    }
    ComputeService("whole", given)


def compute_with_gpus_of_its_own() -> None:
    given: Any = {**_HERE, "machine_type": "g2-standard-8", "max": 4, "spread": ComputeSpread.BALANCED}
    ComputeService("large", given)


PROGRAMS: Final[Mapping[str, Callable[[], object]]] = {
    "compute": compute,
    "compute_with_everything": compute_with_everything,
    "compute_with_gpus_of_its_own": compute_with_gpus_of_its_own,
}
