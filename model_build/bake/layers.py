"""Layers: what is in an image, made once a content and kept in the cache."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from model_build import content
from model_build.bake import python, tar
from model_build.bake.cache import cache_dir, file_lock, publish_folder, work_folder
from model_build.bake.layout import LAYER_GZIP, Json, Layout, in_oci_words
from model_build.bake.stored import Behind, Stored


@dataclass(frozen=True)
class Layer:
    """One layer: `digest` and `size` (bytes) of the blob, `diff_id` of the tar in it, `unpacked` bytes of files."""

    digest: str
    diff_id: str
    size: int
    unpacked: int
    kind: str  # base, wheels, code or model
    media_type: str


def listed(manifest: Json, config: Json) -> list[Layer]:
    """The layers of an image, the lowest first; of what is in them nothing is known."""
    return [
        Layer(entry["digest"], diff_id, entry["size"], 0, "", in_oci_words(entry["mediaType"]))
        for entry, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True)
    ]


def blob(layer: Layer) -> Path:
    """Where the cache has the layer's blob."""
    return cache_dir() / "blobs" / layer.digest.removeprefix("sha256:")


def tree(diff_id: str) -> Path:
    """Where the cache has, or would have, the layer unpacked."""
    return cache_dir() / "trees" / diff_id.removeprefix("sha256:")


def cached(
    name: str,
    kind: str,
    make: Callable[[Path], None],
    *,
    base: Path | None,
    special: Mapping[str, tar.Special] | None = None,
    say: Callable[[str], None],
    text: str,
) -> Layer:
    """The layer of cache key `name`: from the cache, else made by `make`, which fills an empty root folder.

    base: the unpacked base whose zlib compresses; None when the layer is the base (then it is what `make` made).
    """
    record = cache_dir() / "layers" / f"{name}.json"
    found = _read(record)
    if found:
        return found
    with file_lock(record.with_suffix(".lock")):
        found = _read(record)
        if found:
            return found
        say(text)
        with work_folder(cache_dir() / "work") as folder:
            root = folder / "root"
            root.mkdir()
            make(root)
            with (folder / "tar").open("wb") as out:
                written = tar.write(tar.entries(root, special=special), out)
            made = folder / "gz"
            python.compress(base or root, folder / "tar", made)
            digest, size = content.hashed(made), made.stat().st_size
            layer = Layer(
                "sha256:" + digest,
                "sha256:" + written.sha256,
                size,
                written.unpacked,
                kind,
                LAYER_GZIP,
            )
            publish_folder(root, tree(layer.diff_id))
            blob(layer).parent.mkdir(parents=True, exist_ok=True)
            made.replace(blob(layer))
            (folder / "record").write_text(json.dumps(asdict(layer)))
            record.parent.mkdir(parents=True, exist_ok=True)
            (folder / "record").replace(record)
    return layer


def wrapped(store: Layout, items: Iterator[tar.Entry], kind: str) -> Layer:
    """A layer that is wrapped as gzip and not compressed, straight into `store`."""
    with store.work() as folder:
        with (folder / "layer").open("wb") as file:
            behind = Behind(file)
            try:
                out = Stored(behind)
                written = tar.write(items, out)
                out.close()
                behind.close()
            except BaseException:
                behind.abandon()
                raise
        digest = "sha256:" + out.sha256
        store.take(folder / "layer", digest, out.size)
    return Layer(digest, "sha256:" + written.sha256, out.size, written.unpacked, kind, LAYER_GZIP)


def _read(record: Path) -> Layer | None:
    try:
        layer = Layer(**json.loads(record.read_bytes()))
        whole = blob(layer).stat().st_size == layer.size and tree(layer.diff_id).is_dir()
    except (OSError, ValueError, TypeError):
        return None
    return layer if whole else None
