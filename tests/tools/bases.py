"""Bases for images, as small OCI layouts of a few files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model_build.bake import layers, tar
from model_build.bake.layers import Layer
from model_build.bake.layout import CONFIG, MANIFEST, Layout, canonical


def files(root: Path, given: Mapping[str, str]) -> Path:
    """Write files below `root`, programs where they begin as scripts do."""
    for name, text in given.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        place.chmod(0o755 if text.startswith("#!") else 0o644)
    return root


def base(
    layout: Path,
    root: Path,
    config: Mapping[str, Any],
    below: Sequence[tuple[Layer, Path]] = (),
) -> str:
    """An image with the files of `root` over the layers `below`, each with its blob; `oci:PATH@sha256:...`."""
    store = Layout(layout)
    for layer, blob in below:
        store.link(blob, layer.digest, layer.size)
    every = [*(layer for layer, _ in below), layers.wrapped(store, tar.entries(root), "base")]
    told = {
        "architecture": "amd64",
        "os": "linux",
        "config": {**config},
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in every]},
    }
    held, size = store.add(canonical(told))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": held, "size": size},
        "layers": [{"mediaType": each.media_type, "digest": each.digest, "size": each.size} for each in every],
    }
    digest, size = store.add(canonical(manifest))
    store.add_to_index({"mediaType": MANIFEST, "digest": digest, "size": size})
    return f"oci:{layout}@{digest}"
