"""Clusters on GKE that the judges judge: by default, and in their other kinds."""

from collections.abc import Callable
from typing import Final

from components.gcp.cluster import GkeChannel, GkeCluster, GkeClusterArgs, GkeExclusionScope, GkeKind

PROJECT, NUMBER, REGION = "shop-prod", "123456789012", "europe-west4"
_KEYS: Final = f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys"
_HERE: Final[GkeClusterArgs] = {
    "project": PROJECT,
    "project_number": NUMBER,
    "region": REGION,
    "network_id": f"projects/{PROJECT}/global/networks/models",
    "subnetwork_id": f"projects/{PROJECT}/regions/{REGION}/subnetworks/models",
    "pods_range": "pods",
    "services_range": "services",
}
_REACHED: Final[GkeClusterArgs] = {
    **_HERE,
    "channel": GkeChannel.STABLE,
    "version": "1.35",
    "maintenance": {
        "days": ["TU", "WE", "TH"],
        "start": "22:30",
        "hours": 6,
        "exclusions": {
            "christmas": {"start": "2026-12-18T00:00:00Z", "end": "2027-01-04T00:00:00Z"},
            "this-minor": {
                "start": "2027-01-04T00:00:00Z",
                "scope": GkeExclusionScope.NO_MINOR_UPGRADES,
            },
        },
    },
    "public_access_cidrs": ["203.0.113.0/24"],
    "private_access_cidrs": ["10.8.0.0/16"],
    "dns_endpoint": True,
    "control_plane_cidr": "10.9.0.0/28",
    "key_name": f"{_KEYS}/secrets",
    "disk_key_name": f"{_KEYS}/disks",
    "binary_authorization": True,
    "security_group": "gke-security-groups@example.com",
    "allow_deletion": True,
    "labels": {"team": "ml"},
}


def cluster() -> None:
    GkeCluster("shop", _HERE)


def cluster_that_some_may_reach() -> None:
    GkeCluster(
        "shop",
        {
            **_REACHED,
            "zones": [f"{REGION}-a", f"{REGION}-c"],
            "system_machine_type": "n4-standard-4",
            "system_min": 2,
            "system_desired": 4,
            "system_max": 8,
            "system_disk_gib": 200,
        },
    )


def autopilot() -> None:
    GkeCluster("auto", {**_HERE, "kind": GkeKind.AUTOPILOT})


def autopilot_that_some_may_reach() -> None:
    GkeCluster("auto", {**_REACHED, "kind": GkeKind.AUTOPILOT})


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "cluster": cluster,
    "cluster-that-some-may-reach": cluster_that_some_may_reach,
    "autopilot": autopilot,
    "autopilot-that-some-may-reach": autopilot_that_some_may_reach,
}
_GROUPS: Final = "who has Google Groups names theirs; without them IAM says who may do what"
TOO_MUCH: Final[dict[str, str]] = {
    "CKV_GCP_12 google_container_cluster.shop": "Dataplane V2 enforces network policies; the block is for what was "
    "before it",
    "CKV_GCP_12 google_container_cluster.auto": "Dataplane V2, which Autopilot has, enforces network policies",
    "CKV_GCP_61 google_container_cluster.auto": "Autopilot has intranode visibility, and takes no such argument",
    "CKV_GCP_65 google_container_cluster.shop": _GROUPS,
    "CKV_GCP_65 google_container_cluster.auto": _GROUPS,
    "CKV_GCP_69 google_container_cluster.auto": "Autopilot has the metadata server on all nodes, and no pool to say so",
}
