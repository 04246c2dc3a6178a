"""One small image for the room's tests: registries do not care what is in it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from model_build import bake
from model_build.bake.layout import CONFIG, LAYER, MANIFEST, Json, Layout, canonical


@dataclass(frozen=True)
class Small:
    """An image of three layers of random bytes in a layout."""

    layout: Path
    digest: str
    layers: list[str]
    config: str


def make(place: Path, sizes: tuple[int, ...] = (3000, 20000, 100), title: str = "small") -> Small:
    """Write an image with layers of `sizes` bytes to the layout `place`."""
    layout = Layout(place)
    layers: list[Json] = []
    for size in sizes:
        digest, length = layout.add(os.urandom(size))
        layers.append({"mediaType": LAYER, "digest": digest, "size": length})
    described: Json = {"os": "linux", "architecture": "amd64", "config": {"Labels": {"title": title}}}
    described["rootfs"] = {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}
    config, length = layout.add(canonical(described))
    manifest: Json = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": config, "size": length},
        "layers": layers,
    }
    digest, length = layout.add(canonical(manifest))
    layout.add_to_index({"mediaType": MANIFEST, "digest": digest, "size": length})
    return Small(place, digest, [layer["digest"] for layer in layers], config)


@pytest.fixture
def small(tmp_path: Path) -> Small:
    """A fresh image that no registry has."""
    return make(tmp_path / "images")


@pytest.fixture
def report(small: Small, tmp_path: Path) -> str:
    """The digest of a report attached to `small`."""
    (tmp_path / "report.json").write_text(json.dumps({"image": small.digest}))
    files = {"report.json": tmp_path / "report.json"}
    return bake.attach(small.layout, small.digest, "application/vnd.modelport.report", files)


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No login of the developer's plays a part, and no note of what other tests pushed."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("MODELPORT_CACHE_DIR", str(tmp_path / "cache"))
