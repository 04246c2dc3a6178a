"""Images unpacked: each layer once in the cache, an image as hard links into it."""

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from model_build.bake.cache import cache_dir, publish_folder, work_folder
from model_build.bake.errors import BakeError, disk_errors
from model_build.bake.layers import Layer, listed, tree
from model_build.bake.layout import LAYER_GZIP, Json, Layout
from model_build.bake.unpack import unpack_tar

MARKER = ".modelport-image.json"
_HINT = "free some, or set MODELPORT_CACHE_DIR and MODELPORT_STATE_DIR to folders on a larger disk"


def chain(diff_ids: Sequence[str]) -> str:
    """One name for layers that lie on each other; a single layer's is its own."""
    if len(diff_ids) == 1:
        return diff_ids[0].removeprefix("sha256:")
    return hashlib.sha256(" ".join(diff_ids).encode()).hexdigest()


def unpacked(layout: Layout, layers: Sequence[Layer]) -> Path:
    """A folder with `layers` unpacked on each other, made once."""
    place = tree(chain([layer.diff_id for layer in layers]))
    if place.is_dir():
        return place
    with disk_errors(cache_dir(), _HINT), work_folder(cache_dir() / "work") as folder:
        root = folder / "root"
        root.mkdir()
        for layer in layers:
            unpack_layer(layout.blob(layer.digest), layer, root)
        publish_folder(root, place)
    return place


class _Hashing:
    """A stream that hashes what is read from it, so that a blob is read once."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.digest.update(data)
        return data


def unpack_layer(
    blob: Path, layer: Layer, root: Path, seen: Callable[[tarfile.TarFile], tarfile.TarFile] = lambda whole: whole
) -> None:
    """Unpack one layer over `root`. Raises BakeError when its content is not what the diff id says.

    seen: given the archive, what of it is unpacked; all is read in any case.
    """
    try:
        with blob.open("rb") as raw:
            plain = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if layer.media_type == LAYER_GZIP else raw
            stream = _Hashing(plain)
            with tarfile.open(fileobj=cast(BinaryIO, stream), mode="r|", bufsize=1 << 20) as archive:
                unpack_tar(seen(archive), root, whiteouts=True)
            while stream.read(1 << 20):
                pass
    except FileNotFoundError as error:
        raise BakeError(
            f"{blob.parent.parent.parent}: has no layer {layer.digest}; build the image again, or pull it"
        ) from error
    except (tarfile.TarError, EOFError, gzip.BadGzipFile) as error:
        raise BakeError(f"{blob}: damaged ({error}); remove it and build or pull the image again") from error
    if "sha256:" + stream.digest.hexdigest() != layer.diff_id:
        raise BakeError(
            f"{blob}: damaged, its content is not {layer.diff_id}; remove it and build or pull the image again"
        )


def extract(layout: Path, digest: str, into: Path) -> Path:
    """Unpack the image `digest` of `layout` to the folder `into`, which appears whole or not at all; returns it.

    Files are hard links into the cache, so treat them as read-only. An `into` that already holds this image is left as
    it is. Raises BakeError when it holds anything else.
    """
    into = into.absolute()
    if _holds(into, digest):
        return into
    store = Layout(layout)
    manifest = store.manifest(digest)
    config: Json = json.loads(store.read(manifest["config"]["digest"]))
    layers = listed(manifest, config)
    # Layers of a foreign base may hide each other's files, so those are one tree; ours, at the top, never do.
    ours = int(manifest.get("annotations", {}).get("io.modelport.layers", "0"))
    groups = [layers[: len(layers) - ours], *([layer] for layer in layers[len(layers) - ours :])]
    with disk_errors(into.parent, _HINT), work_folder(into.parent) as folder:
        root = folder / "root"
        root.mkdir()
        for group in groups:
            if group:
                _link_tree(unpacked(store, group), root)
        (root / MARKER).write_text(json.dumps({"digest": digest, "config": config["config"]}))
        publish_folder(root, into)
    if not _holds(into, digest):
        raise BakeError(
            f"{into}: holds something else, expected an empty place for the image; remove it or name another folder"
        )
    return into


def _holds(into: Path, digest: str) -> bool:
    try:
        found = json.loads((into / MARKER).read_bytes())["digest"]
    except (OSError, ValueError, KeyError):
        return False
    return bool(found == digest)


def _link_tree(source: Path, target: Path) -> None:
    with os.scandir(source) as found:
        children = list(found)
    for child in children:
        place = target / child.name
        if child.is_symlink():
            with contextlib.suppress(FileExistsError):
                place.symlink_to(Path(child.path).readlink())
        elif child.is_dir():
            if not place.is_dir():
                place.unlink(missing_ok=True)
                place.mkdir()
            _link_tree(Path(child.path), place)
        else:
            _link_file(child.path, place)


def _link_file(source: str, place: Path) -> None:
    try:
        os.link(source, place)
    except FileExistsError:
        place.unlink()
        _link_file(source, place)
    except OSError:
        shutil.copy(source, place)
