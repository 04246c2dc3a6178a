"""What an image of ours holds above its base, part by part: wheels, serving code and model, each in a folder.

An image that another's server answers from has the model alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from model_build.bake import servers
from model_build.bake.cache import cache_dir
from model_build.bake.errors import BakeError
from model_build.bake.inputs import APP, SITE
from model_build.bake.layers import listed
from model_build.bake.layout import Json, Layout
from model_build.bake.rootfs import unpacked
from model_build.recipe_server import OWN

OURS = 3
"""Layers of ours, the last ones of an image with our own server: wheels, code and model."""


@dataclass(frozen=True)
class Parts:
    """Folders in the cache, to be read alone. `digest` is the image's."""

    digest: str
    wheels: Path
    code: Path
    model: Path


def above(config: Json) -> int:
    """How many layers of an image with this config are ours."""
    return OURS if servers.told(config) == OWN else 1


def parts(reference: str, layout_image: str = "") -> Parts:
    """The parts of the image `reference`, by digest: from this machine, or else from its registry, without the base.

    layout_image: `oci:PATH@sha256:...`, where it may lie on this machine.
    Raises BakeError where it is in neither place or has no server of ours, RegistryError where its registry does not
    give it.
    """
    digest = reference.rpartition("@")[2]
    for place in (layout_image, reference):
        folder, _, of = place.removeprefix("oci:").rpartition("@")
        if place.startswith("oci:") and of == digest and _has(Layout(Path(folder)), digest):
            return _unpacked(Layout(Path(folder)), digest)
    if reference.startswith("oci:"):
        raise BakeError(
            f"image {digest} is not in {reference.removeprefix('oci:').rpartition('@')[0]} on this machine, nor in a "
            "registry, expected it in one of them; give the ModelImage a destination, or run this where it was built"
        )
    from model_build.push import pull_top

    store = Layout(cache_dir() / "parts")
    if not _has(store, digest):
        pull_top(reference, store.path, OURS)
    return _unpacked(store, digest)


def model(store: Layout, digest: str) -> Path:
    """The folder of the model in an image of ours, whatever server it has. Raises BakeError for any other image."""
    manifest = store.manifest(digest)
    config: Json = json.loads(store.read(manifest["config"]["digest"]))
    if servers.told(config) == OWN:
        return _unpacked(store, digest).model
    layers = listed(manifest, config)
    if len(layers) > 1:
        found = sorted((unpacked(store, layers[-1:]) / "models").glob("*/model.json"))
        if len(found) == 1:
            return found[0].parent
    raise _alien(digest)


def _has(store: Layout, digest: str) -> bool:
    try:
        manifest = store.manifest(digest)
        wanted = [manifest["config"], *manifest["layers"][-OURS:]]
    except (BakeError, KeyError, ValueError):
        return False
    return all(store.has(entry["digest"], entry["size"]) for entry in wanted)


def _unpacked(store: Layout, digest: str) -> Parts:
    manifest = store.manifest(digest)
    config: Json = json.loads(store.read(manifest["config"]["digest"]))
    if (server := servers.told(config)) != OWN:
        raise BakeError(
            f"image {digest} has the server {server}, expected one with the server {OWN}, whose parts these "
            f"are; build the model with server: {OWN}"
        )
    layers = listed(manifest, config)[-OURS:]
    if len(layers) == OURS:
        wheels, code, top = (unpacked(store, [layer]) for layer in layers)
        models = sorted((top / "models").glob("*/model.onnx"))
        if (wheels / SITE).is_dir() and (code / APP / "serving").is_dir() and len(models) == 1:
            return Parts(digest, wheels / SITE, code / APP, models[0].parent)
    raise _alien(digest)


def _alien(digest: str) -> BakeError:
    return BakeError(f"image {digest} is none that a ModelImage has made, expected one of those; pass its reference")
