"""Manifests and their blobs, one at a time, to a registry and from it."""

import hashlib
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, cast

from model_build.bake.attachments import formed
from model_build.bake.inputs import NATIVE
from model_build.bake.layout import DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, Json, Layout, sha256
from model_build.push.client import Registry
from model_build.push.errors import MissingError, RegistryError
from model_build.push.neighbours import known
from model_build.push.upload import has_blob, send_blob

ACCEPT = {"accept": ", ".join((MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST))}
LARGEST = 4 << 20
"""Bytes of a manifest; the specification wants a registry to take no more, and most do not."""
MOST_IMAGES = 32
"""Images of one index that are brought or taken away with it."""
_AT_ONCE = 4
_MEGA = 1_000_000


def send_blobs(
    registry: Registry, store: Layout, manifest: Json, say: Callable[[str], None]
) -> list[tuple[str, int, bool]]:
    """Bring every blob of `manifest` to the registry: (digest, size, whether it was sent)."""
    mounts, wanted = known(registry.reference), complete(store, manifest)

    def one(item: tuple[str, int]) -> tuple[str, int, bool]:
        digest, size = item
        if has_blob(registry, digest):
            return digest, size, False
        if size > _MEGA:
            say(f"sending {digest[:19]} ({size / _MEGA:.1f} MB)")
        return digest, size, send_blob(registry, digest, store.blob(digest), size, mounts.get(digest, ""))

    # The first alone: it settles address and login, which the others then share.
    first, *others = wanted.items()
    done = [one(first)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        done += pool.map(one, others)
    return done


def complete(store: Layout, manifest: Json) -> dict[str, int]:
    """The blobs of an image by digest, with their sizes. Raises MissingError where the layout lacks one."""
    wanted: dict[str, int] = {entry["digest"]: entry["size"] for entry in [manifest["config"], *manifest["layers"]]}
    for digest, size in wanted.items():
        if not store.has(digest, size):
            raise MissingError(f"{store.path}: lacks {digest}, expected {size} bytes; build the image again")
    return wanted


def put(registry: Registry, manifest: Json, data: bytes, name: str) -> bool:
    """PUT a manifest; whether the registry took note of its subject."""
    kind = manifest.get("mediaType", MANIFEST)
    path = f"{registry.reference.repository}/manifests/{name}"
    try:
        answer = registry.request("PUT", path, expect=(201, 202), push=True, body=data, headers={"content-type": kind})
    except RegistryError:
        if not _is_there(registry, path, data):
            raise
        # A repository whose tags do not move refuses the very image that the tag is at, too.
        return True
    given = answer.headers.get("docker-content-digest", "")
    if given and given != sha256(data):
        raise RegistryError(
            f"{registry.reference.name}: stored the image as {given}, expected {sha256(data)}; the registry rewrites "
            f"manifests, use another"
        )
    return "oci-subject" in answer.headers


def _is_there(registry: Registry, path: str, data: bytes) -> bool:
    answer = registry.request("HEAD", path, expect=(200, 404), headers=ACCEPT)
    return bool(answer.headers.get("docker-content-digest") == sha256(data))


def get(registry: Registry, name: str) -> tuple[str, bytes]:
    """The digest and the bytes of a manifest, by its tag or digest."""
    path = f"{registry.reference.repository}/manifests/{name}"
    data = registry.request("GET", path, expect=(200,), headers=ACCEPT).content
    if len(data) > LARGEST:
        raise RegistryError(
            f"{registry.reference.name}: the manifest {name[:80]} has {len(data):,} bytes, expected at most "
            f"{LARGEST:,}; name the digest of an image"
        )
    digest = sha256(data)
    if name.startswith("sha256:") and digest != name:
        raise RegistryError(
            f"{registry.reference.at(name)}: the registry sent {digest} instead; do not use this registry"
        )
    return digest, data


def read(data: bytes, reference: str) -> Json:
    """A manifest, or an index of such. Raises RegistryError for what is neither, by its form."""
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and (_is_index(cast("Json", found)) if "manifests" in found else formed(found)):
        return cast("Json", found)
    raise RegistryError(
        f"{reference}: what the registry has there is no manifest of an image, expected one with config and "
        "layers; name the digest of an image"
    )


def _is_index(found: Json) -> bool:
    entries: Any = found["manifests"]
    if not isinstance(entries, list) or not isinstance(found.get("mediaType", ""), str):
        return False
    each = cast("list[object]", entries)
    return all(isinstance(entry, dict) and isinstance(cast("Json", entry).get("digest"), str) for entry in each)


def choose(entries: list[Json], reference: str, wanted: str = NATIVE) -> str:
    """The digest of the image for the platform `wanted`."""
    for entry in entries:
        platform: Any = entry.get("platform")
        if isinstance(platform, dict):
            here = cast("Json", platform)
            if f"{here.get('os')}/{here.get('architecture')}" == wanted:
                if not entry["digest"].startswith("sha256:"):
                    break  # what is fetched by another name is held to nothing
                return str(entry["digest"])
    raise MissingError(f"{reference}: has no image for {wanted}; name another digest")


def all_of(entries: list[Json], reference: str) -> list[Json]:
    """What an index lists, each by a digest. Raises RegistryError for an index of nothing, of names or of too much."""
    if not 0 < len(entries) <= MOST_IMAGES or not all(each["digest"].startswith("sha256:") for each in entries):
        raise RegistryError(
            f"{reference}: is an index of {len(entries)} things, expected 1 to {MOST_IMAGES} images by their digests; "
            "name the digest of an image"
        )
    return entries


def fetch_blobs(registry: Registry, store: Layout, manifest: Json) -> None:
    """Bring every blob of `manifest` into the layout."""
    for entry in [manifest["config"], *manifest["layers"]]:
        digest, size = str(entry["digest"]), int(entry["size"])
        if store.has(digest, size):
            continue
        with store.work() as folder:
            place = folder / "blob"
            registry.stream(f"{registry.reference.repository}/blobs/{digest}", partial(_write, place))
            with place.open("rb") as file:
                got = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
            if got != digest:
                raise RegistryError(
                    f"{registry.reference.at(digest)}: the registry sent {got} instead; pull again or look at its disk"
                )
            store.take(place, digest, size)


def _write(place: Path, blocks: Iterable[bytes]) -> None:
    with place.open("wb") as out:
        for block in blocks:
            out.write(block)
