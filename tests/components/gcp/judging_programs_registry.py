"""Repositories of Artifact Registry that the judges judge: by default, and in their other kinds."""

from collections.abc import Callable
from typing import Final

from components.gcp.registry import ArtifactRegistry, ArtifactRegistryArgs

PROJECT, NUMBER, REGION = "shop-prod", "123456789012", "europe-west4"
_HERE: Final[ArtifactRegistryArgs] = {
    "project": PROJECT,
    "project_number": NUMBER,
    "region": REGION,
    "repository": "models",
    "image": "digits",
}


def registry() -> None:
    ArtifactRegistry("models", _HERE)


def registry_with_everything() -> None:
    ArtifactRegistry(
        "models",
        {
            **_HERE,
            "key_name": f"projects/{PROJECT}/locations/{REGION}/keyRings/models/cryptoKeys/models",
            "images_kept": 20,
            "untagged_days": 3,
            "pullers": {
                "nodes": f"serviceAccount:nodes@{PROJECT}.iam.gserviceaccount.com",
                "team": "group:ml@example.com",
            },
            "delete_images": True,
            "labels": {"team": "ml"},
        },
    )


PROGRAMS: Final[dict[str, Callable[[], object]]] = {
    "registry": registry,
    "registry-with-everything": registry_with_everything,
}
