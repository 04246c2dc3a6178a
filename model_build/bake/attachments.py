"""What is known about an image and is not in it: report, SBOM, signature, attached as OCI referrers."""

from collections.abc import Mapping
from pathlib import Path

from model_build.bake.layout import EMPTY, MANIFEST, Json, Layout, canonical

SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"
"""Artifact type of a signature as cosign makes it."""
ATTESTATION = "application/vnd.dev.cosign.artifact.att.v1+json"
"""Artifact type of what is said of an image and signed."""
_TYPES = {
    ".intoto.json": "application/vnd.in-toto+json",
    ".cdx.json": "application/vnd.cyclonedx+json",
    ".json": "application/json",
    ".html": "text/html",
    ".md": "text/markdown",
    ".txt": "text/plain",
}


def attach(layout: Path, digest: str, artifact_type: str, files: Mapping[str, Path]) -> str:
    """Attach `files` (title to place) to the image `digest`, as an artifact of `artifact_type`; the artifact's digest.

    A push takes it along. An image can have several of one type: the image stays, reports come and go.
    """
    store = Layout(layout)
    subject = store.descriptor(digest)
    config_digest, config_size = store.add(b"{}")
    blobs: list[Json] = []
    for title, place in sorted(files.items()):
        blob, size = store.add(place.read_bytes())
        kind = next((kind for end, kind in _TYPES.items() if title.endswith(end)), "application/octet-stream")
        blobs.append(
            {"mediaType": kind, "digest": blob, "size": size, "annotations": {"org.opencontainers.image.title": title}}
        )
    manifest: Json = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": {"mediaType": EMPTY, "digest": config_digest, "size": config_size},
        "layers": blobs or [{"mediaType": EMPTY, "digest": config_digest, "size": config_size}],
        "subject": {key: subject[key] for key in ("mediaType", "digest", "size")},
    }
    made, size = store.add(canonical(manifest))
    # An attached artifact is found by its subject and has no name of its own: the index entry only lists it.
    store.add_to_index({"mediaType": MANIFEST, "digest": made, "size": size, "artifactType": artifact_type})
    return made


def signature_tag(digest: str) -> str:
    """The tag under which cosign looks for the signatures of an image."""
    return f"{digest.replace(':', '-')}.sig"


def attestation_tag(digest: str) -> str:
    """The tag under which cosign looks for what is said of an image and signed."""
    return f"{digest.replace(':', '-')}.att"


def referrers(layout: Path, digest: str) -> list[Json]:
    """Descriptors of everything attached to the image `digest`."""
    store = Layout(layout)
    found: list[Json] = []
    for entry in store.index()["manifests"]:
        if entry.get("artifactType") and store.manifest(entry["digest"]).get("subject", {}).get("digest") == digest:
            found.append({key: entry[key] for key in ("mediaType", "digest", "size", "artifactType")})
    return found
