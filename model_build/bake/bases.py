"""What an image stands on: the locked Debian packages, an image in a registry or one in an OCI layout, by digest."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model_build.bake import debian, layers, python
from model_build.bake.cache import cache_dir
from model_build.bake.errors import BaseError
from model_build.bake.inputs import NATIVE, architecture, base_identity, read_base
from model_build.bake.layers import Layer
from model_build.bake.layout import DOCKER_LIST, INDEX, LAYER, LAYER_GZIP, Json, Layout, in_oci_words
from model_build.bake.rootfs import chain, unpacked

_OF_AN_INDEX = " of an index of images that has one for each of the recipe's platforms"


@dataclass(frozen=True)
class Base:
    """A base at hand: its layers with where their blobs are, its config, and the folder it is unpacked in.

    `tools` is the same base for the platform that bakes, whose Python compiles and whose zlib compresses.
    """

    layers: list[Layer]
    blobs: dict[str, Path]
    config: Json
    tree: Path
    tools: Path


def resolve(base: str, say: Callable[[str], None], platform: str = NATIVE) -> Base:
    """Bring `base` here and unpack it."""
    native = None if platform == NATIVE else resolve(base, say)
    kind, _, digest = read_base(base)
    if kind == "debian":
        return _debian(say, platform, native)
    found = _from_layout(brought(base, say, platform), digest, base, say, platform, native)
    if native is not None:
        alike(base, platform, python.find_interpreter(found.tree), python.find_interpreter(native.tree))
    return found


def alike(base: str, platform: str, here: str, there: str) -> None:
    """Refuse a base whose Python another one's cannot compile for."""
    other, one = Path(here).name, Path(there).name
    if other != one:
        raise BaseError(
            f"base {base} has {other} for {platform} and {one} for {NATIVE}, expected one Python for all platforms, as "
            "one compiles for all; name another base"
        )


def _debian(say: Callable[[str], None], platform: str, native: Base | None) -> Base:
    def make(root: Path) -> None:
        debian.build_tree(root, platform)
        python.compile_tree(native.tree if native else root, root, "usr/lib/python3.11")

    layer = layers.cached(
        base_identity("debian", platform),
        "base",
        make,
        base=native.tree if native else None,
        special=debian.SPECIAL,
        say=say,
        text="making the Debian base" if native is None else f"making the Debian base for {platform}",
    )
    tree = layers.tree(layer.diff_id)
    return Base([layer], {layer.digest: layers.blob(layer)}, {}, tree, native.tree if native else tree)


def _from_layout(
    layout: Layout, digest: str, base: str, say: Callable[[str], None], platform: str, native: Base | None
) -> Base:
    found, config = layers_of(layout, digest, base, platform, several=native is not None)
    blobs = {layer.digest: layout.blob(layer.digest) for layer in found}
    if not (cache_dir() / "trees" / chain([layer.diff_id for layer in found])).is_dir():
        say(f"unpacking the base {base}")
    tree = unpacked(layout, found)
    size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    counted = [replace(layer, unpacked=size if layer is found[-1] else 0) for layer in found]
    return Base(counted, blobs, config, tree, native.tree if native else tree)


def brought(base: str, say: Callable[[str], None], platform: str) -> Layout:
    """The layout with the image `base`, which is not debian, out of its registry where it is in one."""
    kind, place, _ = read_base(base)
    if kind == "oci":
        return Layout(Path(place))
    from model_build.push import pull

    say(f"fetching the base {base}")
    pull(base, cache_dir() / "bases", platform)
    return Layout(cache_dir() / "bases")


def layers_of(
    layout: Layout, digest: str, base: str, platform: str, *, several: bool = False
) -> tuple[list[Layer], Json]:
    """Layers and config of the image `base`, which lies in `layout` as `digest`.

    several: it is one of those that a recipe's platforms have. Raises BaseError for what is no base of `platform`.
    """
    manifest = choose_platform(layout, digest, base, platform)
    config: Json = json.loads(layout.read(manifest["config"]["digest"]))
    if f"{config.get('os')}/{config.get('architecture')}" != platform:
        raise BaseError(
            f"base {base} is for {config.get('os')}/{config.get('architecture')}, expected {platform}; name another "
            f"digest{_OF_AN_INDEX if several else ''}"
        )
    diff_ids = config["rootfs"]["diff_ids"]
    found: list[Layer] = []
    for entry, diff_id in zip(manifest["layers"], diff_ids, strict=True):
        kind = in_oci_words(entry["mediaType"])
        if kind not in (LAYER, LAYER_GZIP):
            raise BaseError(
                f"base {base} has a layer of type {entry['mediaType']}, expected tar or tar+gzip; name another base"
            )
        found.append(Layer(entry["digest"], diff_id, entry["size"], 0, "base", kind))
    return found, config


def choose_platform(layout: Layout, digest: str, name: str, wanted: str = NATIVE) -> Json:
    """The manifest at `digest`, or the one for the platform `wanted` of the index there."""
    manifest = layout.manifest(digest)
    if manifest.get("mediaType") in (INDEX, DOCKER_LIST) or "manifests" in manifest:
        entries: list[dict[str, Any]] = manifest["manifests"]
        for entry in entries:
            platform = entry.get("platform", {})
            if (platform.get("os"), platform.get("architecture")) == ("linux", architecture(wanted)):
                return layout.manifest(entry["digest"])
        raise BaseError(f"base {name} has no image for {wanted}; name another base")
    if "layers" not in manifest or "config" not in manifest:
        raise BaseError(f"base {name} is no image, expected an OCI or Docker image manifest; copy its digest anew")
    return manifest
