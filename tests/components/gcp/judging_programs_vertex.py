"""Endpoints of Vertex AI that the judges judge: by default, and in their other kinds."""

from collections.abc import Callable, Mapping
from typing import Final

from components.gcp.gpus import GkeAttachedGpu
from components.gcp.vertex import VertexEndpoint, VertexEndpointArgs, VertexStrategy
from tests.components.gcp.judging import NUMBER, PROJECT, REGION

_HERE: Final[VertexEndpointArgs] = {
    "project": PROJECT,
    "project_number": NUMBER,
    "region": REGION,
    "image": f"{REGION}-docker.pkg.dev/{PROJECT}/models/digits@sha256:{'a' * 64}",
}


def vertex() -> None:
    VertexEndpoint("digits", _HERE)


def vertex_with_everything() -> None:
    VertexEndpoint(
        "whole",
        {
            **_HERE,
            "machine_type": "g2-standard-8",
            "spot": True,
            "min": 1,
            "max": 4,
            "cpu_target": 70,
            "gpu_target": 80,
            "workers": 2,
            "startup_seconds": 900,
            "private": {
                "network_id": f"projects/{PROJECT}/global/networks/shop",
                "subnetwork_id": f"projects/{PROJECT}/regions/{REGION}/subnetworks/shop",
                "global_access": True,
                "projects": ["shop-tests"],
            },
            "invokers": {"shop": f"serviceAccount:shop@{PROJECT}.iam.gserviceaccount.com"},
            "release": {
                "strategy": VertexStrategy.CANARY,
                "steps": [{"weight": 10, "pause": 600}, {"weight": 50}],
                "pause": 600,
            },
            "error_percent": 0.5,
            "latency_seconds": 0.25,
            "alert_policies": [f"projects/{PROJECT}/alertPolicies/1234567890123456789"],
            "service_account": f"server@{PROJECT}.iam.gserviceaccount.com",
            "env": {"MODELPORT_QUEUE": "8"},
            "logging": {"percent": 10},
            "access_logs": False,
            "labels": {"team": "ml"},
        },
    )


def vertex_of_ones_own() -> None:
    """With a key and a dataset that somebody else has made, by the region's own way in."""
    VertexEndpoint(
        "own",
        {
            **_HERE,
            "machine_type": "n1-standard-8",
            "gpu": GkeAttachedGpu.T4,
            "gpu_count": 2,
            "dedicated": False,
            "release": {"strategy": VertexStrategy.BLUE_GREEN},
            "logging": {"percent": 100, "dataset": "shop-data.models"},
            "key_name": f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys/models",
            "allow_deletion": True,
        },
    )


TOO_MUCH: Final[dict[str, str]] = {
    f"CKV2_GCP_33 google_vertex_ai_endpoint.{name}": why
    for name, why in (
        ("digits", "who reaches it is for IAM to say, as with every API of Google's"),
        ("whole", "it is private by Private Service Connect, and checkov knows VPC peering alone"),
        ("own", "as the first of them"),
    )
}
"""What checkov asks of these and need not: a peered network."""

PROGRAMS: Final[Mapping[str, Callable[[], object]]] = {
    "vertex": vertex,
    "vertex_with_everything": vertex_with_everything,
    "vertex_of_ones_own": vertex_of_ones_own,
}
