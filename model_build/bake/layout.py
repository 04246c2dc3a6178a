"""An OCI image layout folder: blobs by digest, an index, both whole at every moment."""

import hashlib
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from model_build.bake.cache import file_lock, work_folder
from model_build.bake.errors import BakeError, disk_errors

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYERS = {
    "application/vnd.docker.image.rootfs.diff.tar": LAYER,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER_GZIP,
}
"""Docker's words for layers, and OCI's for the same."""


def in_oci_words(media_type: str) -> str:
    """A layer's type in OCI's words."""
    return DOCKER_LAYERS.get(media_type, media_type)


Json = dict[str, Any]


def canonical(value: Json) -> bytes:
    """JSON in one form only: sorted keys, no blanks, no line end."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data: bytes) -> str:
    """`data`'s digest as OCI writes it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    """An OCI layout at `path`. Opening one makes nothing; the first write does."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def blob(self, digest: str) -> Path:
        """Where the blob of `digest` is or would be."""
        kind, _, value = digest.partition(":")
        if kind != "sha256" or len(value) != 64 or not all(c in "0123456789abcdef" for c in value):
            raise BakeError(
                f"{digest!r} is no digest, expected sha256: and 64 hexadecimal digits; copy it from the build's output"
            )
        return self.path / "blobs" / kind / value

    def has(self, digest: str, size: int) -> bool:
        """Whether the blob is here in full length: a crash of the machine can leave a file that is not."""
        place = self.blob(digest)
        return place.is_file() and place.stat().st_size == size

    @contextmanager
    def work(self) -> Generator[Path]:
        """A folder for files that `take` then publishes; a full disk becomes one clear error."""
        with disk_errors(
            self.path, "free some, or set MODELPORT_DATA_DIR and MODELPORT_CACHE_DIR to folders on a larger disk"
        ):
            self._prepare()
            with work_folder(self.path / ".work") as folder:
                yield folder

    def _prepare(self) -> None:
        (self.path / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        marker = self.path / "oci-layout"
        if not marker.exists():
            with file_lock(self.path / ".lock"), work_folder(self.path / ".work") as folder:
                if not (self.path / "index.json").exists():
                    empty: Json = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
                    (folder / "index").write_bytes(canonical(empty))
                    (folder / "index").replace(self.path / "index.json")
                (folder / "marker").write_bytes(canonical({"imageLayoutVersion": "1.0.0"}))
                (folder / "marker").replace(marker)

    def take(self, made: Path, digest: str, size: int) -> None:
        """Publish a file of `work()` as a blob."""
        if self.has(digest, size):
            made.unlink()
        else:
            made.replace(self.blob(digest))

    def link(self, source: Path, digest: str, size: int) -> None:
        """Publish a file that stays where it is (a cache's) as a blob, without a copy where that can be."""
        if self.has(digest, size):
            return
        with self.work() as folder:
            try:
                os.link(source, folder / "blob")
            except OSError:  # another file system, or one without hard links
                shutil.copyfile(source, folder / "blob")
            self.take(folder / "blob", digest, size)

    def add(self, data: bytes) -> tuple[str, int]:
        """Publish `data` as a blob; its digest and size."""
        digest = sha256(data)
        if not self.has(digest, len(data)):
            with self.work() as folder:
                (folder / "blob").write_bytes(data)
                self.take(folder / "blob", digest, len(data))
        return digest, len(data)

    def index(self) -> Json:
        """The layout's index. Raises BakeError when `path` is no layout."""
        try:
            found: Json = json.loads((self.path / "index.json").read_bytes())
            found["manifests"][:]
        except FileNotFoundError as error:
            raise BakeError(
                f"{self.path}: not an OCI layout (no index.json); name the folder that an image was baked to"
            ) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BakeError(f"{self.path}/index.json: damaged ({error}); remove the folder and build again") from error
        return found

    def add_to_index(self, descriptor: Json) -> None:
        """Add or replace the entry of one manifest, under a lock: builds of one machine share the layout."""
        with self.work() as folder, file_lock(self.path / ".lock"):
            index = self.index()
            others = [entry for entry in index["manifests"] if entry["digest"] != descriptor["digest"]]
            if len(others) < len(index["manifests"]) and descriptor in index["manifests"]:
                return
            index["manifests"] = [*others, descriptor]
            (folder / "index").write_bytes(canonical(index))
            (folder / "index").replace(self.path / "index.json")

    def read(self, digest: str) -> bytes:
        """A small blob, its digest checked."""
        place = self.blob(digest)
        try:
            data = place.read_bytes()
        except FileNotFoundError as error:
            raise BakeError(f"{self.path}: has no {digest}; build the image again, or pull it") from error
        if sha256(data) != digest:
            raise BakeError(f"{place}: damaged, its content is {sha256(data)}; remove it and build again")
        return data

    def manifest(self, digest: str) -> Json:
        """A manifest or index of this layout."""
        try:
            found: Json = json.loads(self.read(digest))
        except RecursionError as error:
            raise BakeError(f"{digest} is nested too deep for a manifest; do not use it") from error
        return found

    def descriptor(self, digest: str) -> Json:
        """The index's entry for a manifest, made from the blob when the index has none."""
        for entry in self.index()["manifests"]:
            if entry["digest"] == digest:
                return dict(entry)
        data = self.read(digest)
        return {"mediaType": json.loads(data).get("mediaType", MANIFEST), "digest": digest, "size": len(data)}
