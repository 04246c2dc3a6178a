"""Bills of materials as they are attached to images. Whoever may push can attach one: ours is known by its content."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from model_build import bake, cache, sbom
from model_build.bake.errors import BakeError
from model_build.bake.layout import Layout


def attach(layout: Path, digest: str) -> str:
    """Describe the image of a layout; the digest of what holds the document."""

    def fill(folder: Path) -> None:
        (folder / sbom.FILE).write_bytes(sbom.describe(layout, digest))

    file = cache.made("sbom", {"image": digest, "format": sbom.FORMAT}, fill).folder / sbom.FILE
    return bake.attach(layout, digest, sbom.TYPE, {sbom.FILE: file})


def speaks_of(store: Layout, holder: str, image: str) -> bool:
    """Whether what is attached says to be of the image."""
    for text in _documents(store, holder):
        try:
            if json.loads(text)["metadata"]["component"]["version"] == image:
                return True
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return False


def _documents(store: Layout, holder: str) -> Iterator[bytes]:
    try:
        layers: Any = store.manifest(holder)["layers"]
        for layer in layers:
            if layer["mediaType"] == sbom.TYPE:
                yield store.read(str(layer["digest"]))
    except (BakeError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
