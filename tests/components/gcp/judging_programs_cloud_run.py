"""Services of Cloud Run that the judges judge: by default, and in their other kinds."""

from collections.abc import Callable, Mapping
from typing import Final

from components.gcp.cloud_run import (
    CloudRunEgress,
    CloudRunGpu,
    CloudRunIngress,
    CloudRunService,
    CloudRunServiceArgs,
    CloudRunStrategy,
)

PROJECT, NUMBER, REGION = "shop-prod", "123456789012", "europe-west4"

_HERE: Final[CloudRunServiceArgs] = {
    "project": PROJECT,
    "project_number": NUMBER,
    "region": REGION,
    "image": f"{REGION}-docker.pkg.dev/{PROJECT}/models/digits@sha256:{'a' * 64}",
}


def cloud_run() -> None:
    CloudRunService("digits", _HERE)


def cloud_run_with_everything() -> None:
    CloudRunService(
        "whole",
        {
            **_HERE,
            "cpu": 8,
            "memory": 32_768,
            "gpu": CloudRunGpu.L4,
            "gpu_zonal_redundancy": False,
            "workers": 2,
            "concurrency": 16,
            "timeout": 120,
            "min": 1,
            "max": 4,
            "startup_boost": False,
            "startup_seconds": 900,
            "ingress": CloudRunIngress.LOAD_BALANCER,
            "invokers": {"shop": f"serviceAccount:shop@{PROJECT}.iam.gserviceaccount.com"},
            "audiences": ["https://models.example.com"],
            "network": {
                "network_id": f"projects/{PROJECT}/global/networks/shop",
                "subnetwork_id": f"projects/{PROJECT}/regions/{REGION}/subnetworks/shop",
                "tags": ["models"],
                "egress": CloudRunEgress.PRIVATE_RANGES,
            },
            "release": {
                "strategy": CloudRunStrategy.CANARY,
                "steps": [{"weight": 10, "pause": 600}, {"weight": 50}],
                "pause": 600,
            },
            "error_percent": 0.5,
            "latency_seconds": 0.25,
            "alert_policies": [f"projects/{PROJECT}/alertPolicies/1234567890123456789"],
            "env": {"MODELPORT_QUEUE": "8"},
            "secrets": {"UPSTREAM_TOKEN": {"secret": f"projects/{PROJECT}/secrets/upstream", "version": "3"}},
            "binary_authorization": True,
            "labels": {"team": "ml"},
        },
    )


def cloud_run_of_ones_own() -> None:
    """With an account and a key that somebody else has made, for everybody behind a load balancer."""
    CloudRunService(
        "own",
        {
            **_HERE,
            "cpu": 2,
            "cpu_always": True,
            "ingress": CloudRunIngress.LOAD_BALANCER,
            "anonymous": True,
            "release": {"strategy": CloudRunStrategy.BLUE_GREEN},
            "service_account": f"server@{PROJECT}.iam.gserviceaccount.com",
            "key_name": f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys/models",
            "allow_deletion": True,
        },
    )


PROGRAMS: Final[Mapping[str, Callable[[], object]]] = {
    "cloud_run": cloud_run,
    "cloud_run_with_everything": cloud_run_with_everything,
    "cloud_run_of_ones_own": cloud_run_of_ones_own,
}
