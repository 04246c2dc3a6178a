"""What is known about an image and is not in it: report, SBOM, signature, attached as OCI referrers."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from model_build.bake.layout import CONFIG, EMPTY, MANIFEST, Json, Layout, canonical, sha256

SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"
"""Artifact type of a signature as cosign makes it."""
ATTESTATION = "application/vnd.dev.cosign.artifact.att.v1+json"
"""Artifact type of what is said of an image and signed."""
MODELCAR = "application/vnd.modelport.modelcar.v1"
"""Artifact type of the model's files as an image of their own."""
FORMATS = {
    name: f"application/vnd.modelport.format.{name}.v1"
    for name in ("ort", "openvino", "torchscript", "savedmodel", "tensorrt")
}
"""Artifact types of the model in formats of other runtimes, by format."""
BELOW = (MODELCAR, *FORMATS.values())
"""Artifact types of what is used by itself, and so has signatures of its own."""
OURS = (
    SIGNATURE,
    ATTESTATION,
    "application/vnd.modelport.report.v1",
    "application/vnd.cyclonedx+json",
    "application/vnd.in-toto+json",
    MODELCAR,
    *FORMATS.values(),
)
"""Artifact types of all that a build attaches."""
_LARGE = 8 << 20
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

    A push takes it along. An image can have several of one type: the image stays, reports come and go. The same files
    are the same artifact, so that attaching them again changes nothing.
    """
    store = Layout(layout)
    config_digest, config_size = store.add(b"{}")
    blobs: list[Json] = []
    for title, place in sorted(files.items()):
        blob, size = _stored(store, place)
        kind = next((kind for end, kind in _TYPES.items() if title.endswith(end)), "application/octet-stream")
        blobs.append(
            {"mediaType": kind, "digest": blob, "size": size, "annotations": {"org.opencontainers.image.title": title}}
        )
    empty = {"mediaType": EMPTY, "digest": config_digest, "size": config_size}
    return _attached(store, digest, artifact_type, empty, blobs or [empty])


def _stored(store: Layout, place: Path) -> tuple[str, int]:
    """The digest and size of a file that is a blob now: a large one is not read into memory for that."""
    size = place.stat().st_size
    if size < _LARGE:
        return store.add(place.read_bytes())
    with place.open("rb") as file:
        digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    store.link(place, digest, size)
    return digest, size


def attach_as_cosign(
    layout: Path, digest: str, artifact_type: str, body: bytes, media_type: str, annotations: Mapping[str, str]
) -> str:
    """Attach `body` to the image `digest` in the form that cosign gives what is signed; the artifact's digest."""
    store = Layout(layout)
    held, size = store.add(body)
    config, config_size = store.add(
        canonical({"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": [held]}})
    )
    layer: Json = {"mediaType": media_type, "digest": held, "size": size, "annotations": dict(annotations)}
    return _attached(
        store, digest, artifact_type, {"mediaType": CONFIG, "digest": config, "size": config_size}, [layer]
    )


def attach_image(layout: Path, digest: str, artifact_type: str, config: bytes, layers: list[Json]) -> str:
    """Attach an image, whose layers the layout has, to the image `digest`; the digest of what is attached."""
    store = Layout(layout)
    made, size = store.add(config)
    return _attached(store, digest, artifact_type, {"mediaType": CONFIG, "digest": made, "size": size}, layers)


def _attached(store: Layout, digest: str, artifact_type: str, config: Json, layers: list[Json]) -> str:
    subject = store.descriptor(digest)
    manifest: Json = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": config,
        "layers": layers,
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


def formed(found: Any) -> bool:
    """Whether it is a manifest by its form: a config and layers, each with its digest and size.

    Anybody may have pushed it, and Python raises what it likes where a text stands for a list.
    """
    if not isinstance(found, dict):
        return False
    manifest = cast("Json", found)
    layers: Any = manifest.get("layers")
    if not isinstance(layers, list) or not isinstance(manifest.get("mediaType", ""), str):
        return False
    blobs = cast("list[object]", layers)
    return all(_is_blob(each) for each in [manifest.get("config"), *blobs])


def _is_blob(found: Any) -> bool:
    if not isinstance(found, dict):
        return False
    blob = cast("Json", found)
    digest, size, notes = blob.get("digest"), blob.get("size"), blob.get("annotations")
    good = isinstance(digest, str) and digest != "" and type(size) is int and size >= 0
    return good and isinstance(blob.get("mediaType", ""), str) and (notes is None or isinstance(notes, dict))


def subject_of(manifest: Json) -> str:
    """The digest of the image that a manifest says it is attached to; empty where it says none."""
    subject: Any = manifest.get("subject")
    digest: Any = cast("Json", subject).get("digest") if isinstance(subject, dict) else None
    return digest if isinstance(digest, str) else ""


def described(data: bytes, image: str) -> Json | None:
    """The descriptor of a manifest that is attached to `image`, made of its bytes; None for any other."""
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not formed(found) or subject_of(found) != image:
        return None
    # As the specification has it for one without a type of its own.
    kind = found.get("artifactType") or found["config"].get("mediaType")
    if not kind or not isinstance(kind, str):
        return None
    return {
        "mediaType": found.get("mediaType") or MANIFEST,
        "digest": sha256(data),
        "size": len(data),
        "artifactType": kind,
    }


def referrers(layout: Path, digest: str) -> list[Json]:
    """Descriptors of everything attached to the image `digest`."""
    store = Layout(layout)
    listed = [entry["digest"] for entry in store.index()["manifests"] if entry.get("artifactType")]
    return [found for each in listed if (found := described(store.read(each), digest)) is not None]
