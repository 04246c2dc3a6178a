"""Which repositories of a registry hold a blob, as far as this machine's pushes know: a mount spares sending it again.

A note that is wrong costs nothing: the registry then opens an ordinary upload.
"""

import hashlib
import json
from pathlib import Path

from model_build.bake.cache import cache_dir, file_lock, work_folder
from model_build.push.reference import Reference

_MOST = 500


def _file(reference: Reference) -> Path:
    return cache_dir() / "pushed" / f"{hashlib.sha256(reference.api_host.encode()).hexdigest()[:16]}.json"


def _read(place: Path) -> dict[str, str]:
    try:
        return {str(digest): str(repository) for digest, repository in json.loads(place.read_bytes()).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def known(reference: Reference) -> dict[str, str]:
    """Another repository for each blob digest."""
    return {digest: name for digest, name in _read(_file(reference)).items() if name != reference.repository}


def remember(reference: Reference, digests: list[str]) -> None:
    """Note that the repository has these blobs."""
    place = _file(reference)
    found = _read(place)
    if all(digest in found for digest in digests):
        return
    with file_lock(place.with_suffix(".lock")), work_folder(place.parent) as folder:
        merged = {**_read(place), **dict.fromkeys(digests, reference.repository)}
        (folder / "notes").write_text(json.dumps(dict(list(merged.items())[-_MOST:])))
        (folder / "notes").replace(place)
