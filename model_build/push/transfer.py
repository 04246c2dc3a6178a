"""push, pull, exists and delete."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from model_build import content
from model_build.bake.inputs import NATIVE
from model_build.bake.layout import MANIFEST, Json, Layout, sha256
from model_build.push import ecr, manifests, referrers
from model_build.push.client import Registry
from model_build.push.errors import DestinationError, MissingError, RegistryError
from model_build.push.neighbours import remember
from model_build.push.reference import Reference, parse


@dataclass(frozen=True)
class Pushed:
    """What a push did. `reference`: host/repository@digest; `uploaded` and `skipped`: blob digests; `bytes`: sent."""

    reference: str
    uploaded: list[str]
    skipped: list[str]
    bytes: int


def push(layout: Path, digest: str, destination: str, progress: Callable[[str], None] | None = None) -> Pushed:
    """Push the image `digest` of `layout`, and what is attached to it, to host[:port]/repository[:tag].

    Of an index its images go before it, by their digests. Blobs that the registry has are not sent. What has the tag
    appears there whole. Raises RegistryError or DestinationError; a second push goes on where a broken one stopped.
    """
    reference = parse(destination)
    if reference.digest and reference.digest != digest:
        raise DestinationError(f"{destination!r} names another digest than the image's, {digest}; leave the digest out")
    store = Layout(layout)
    data = store.read(digest)
    manifest: Json = json.loads(data)
    say = progress or _silent
    images: dict[str, Json] = {each: store.manifest(each) for each in _images(manifest)}
    layers = [each["digest"] for image in images.values() or [manifest] for each in image["layers"]]
    for image in images.values():
        manifests.complete(store, image)
    sent: list[tuple[str, int, bool]] = []
    with Registry(reference) as registry:
        for each, image in images.items():
            sent += manifests.send_blobs(registry, store, image, say)
            manifests.put(registry, image, store.read(each), _untagged(reference, each))
            sent += referrers.send(registry, store, each)
        if not images:
            sent += manifests.send_blobs(registry, store, manifest, say)
        manifests.put(registry, manifest, data, reference.tag or _untagged(reference, digest))
        sent += referrers.send(registry, store, digest)
    with contextlib.suppress(OSError):  # a note spares a later push some bytes; this one is done
        remember(reference, layers)
    return Pushed(
        reference.at(digest),
        [name for name, _, new in sent if new],
        [name for name, _, new in sent if not new],
        sum(size for _, size, new in sent if new),
    )


def _untagged(reference: Reference, digest: str) -> str:
    """What an image is put by that is given no tag."""
    return ecr.tag(digest) if ecr.place(reference.host) else digest


def _images(manifest: Json) -> list[str]:
    """The digests that an index lists; nothing for an image."""
    return list(dict.fromkeys(str(each["digest"]) for each in manifest.get("manifests", ())))


def _silent(_: str) -> None:
    pass


def exists(reference: str) -> bool:
    """Whether the registry has the image host/repository with this tag or digest."""
    wanted = _with_name(reference)
    with Registry(wanted) as registry:
        path = f"{wanted.repository}/manifests/{wanted.digest or wanted.tag}"
        return registry.request("HEAD", path, expect=(200, 404), headers=manifests.ACCEPT).status_code == 200


def pull(reference: str, layout: Path, platform: str | None = NATIVE) -> str:
    """Bring an image into `layout`; of an index, the one for `platform`. Returns the digest of what was named.

    platform: None brings all that an index lists, and the layout lists them too.
    """
    wanted = _with_name(reference)
    store = Layout(layout)
    if wanted.digest and _is_whole(store, wanted.digest, platform):
        return wanted.digest
    with Registry(wanted) as registry:
        digest, data = manifests.get(registry, wanted.digest or wanted.tag)
        manifest = manifests.read(data, reference)
        if "manifests" not in manifest:
            manifests.fetch_blobs(registry, store, manifest)
        elif platform is None:
            for entry in manifests.all_of(manifest["manifests"], reference):
                inner = _fetch(registry, store, entry["digest"], "", reference)
                where = {"platform": entry["platform"]} if isinstance(entry.get("platform"), dict) else {}
                store.add_to_index({**_described(inner), **where})
        else:
            _fetch(registry, store, manifests.choose(manifest["manifests"], reference, platform), platform, reference)
    store.add(data)
    store.add_to_index(_described(data))
    return digest


def _fetch(registry: Registry, store: Layout, digest: str, platform: str, reference: str) -> bytes:
    """Bring an image of an index; its manifest."""
    _, data = manifests.get(registry, digest)
    if "manifests" in (image := manifests.read(data, reference)):
        raise RegistryError(
            f"{reference}: {digest[:19]}, which it has{f' for {platform}' if platform else ''}, is an index too, "
            "expected an image; name the digest of an image"
        )
    manifests.fetch_blobs(registry, store, image)
    store.add(data)
    return data


def _described(data: bytes) -> Json:
    kind: str = json.loads(data).get("mediaType", MANIFEST)
    return {"mediaType": kind, "digest": sha256(data), "size": len(data)}


def pull_top(reference: str, layout: Path, layers: int) -> None:
    """Bring manifest, config and the last `layers` layers of the image host/repository@digest into `layout`.

    As blobs alone: the index of a layout lists what is whole.
    """
    wanted = referrers.with_digest(reference)
    store = Layout(layout)
    with Registry(wanted) as registry:
        _, data = manifests.get(registry, wanted.digest)
        manifest = manifests.read(data, reference)
        if "manifests" in manifest:
            raise MissingError(f"{reference}: is no image, expected one of linux/amd64; name that one's digest")
        manifests.fetch_blobs(registry, store, {**manifest, "layers": manifest["layers"][-layers:]})
    store.add(data)


def _is_whole(store: Layout, digest: str, platform: str | None) -> bool:
    """Whether `digest` was pulled to the end before: the index is written last."""
    if platform is None:
        return content.is_whole(store.path, digest)
    if not (store.path / "index.json").is_file():
        return False
    if not any(entry["digest"] == digest for entry in store.index()["manifests"]):
        return False
    if platform == NATIVE:
        return True
    found = store.manifest(digest)  # of an index the image for another platform may be here
    if "manifests" not in found:
        return True
    image = store.blob(manifests.choose(found["manifests"], digest, platform))
    try:
        blobs = [(each := json.loads(image.read_bytes()))["config"], *each["layers"]]
    except FileNotFoundError:
        return False
    return all(store.has(blob["digest"], blob["size"]) for blob in blobs)


def delete(reference: str) -> None:
    """Take the image host/repository@digest (or :tag) out of the registry, and what is attached to it.

    Of an index its images go too. What is not there is no error.
    """
    wanted = _with_name(reference)
    with Registry(wanted) as registry:
        repository, digest = wanted.repository, wanted.digest
        if not digest:
            answer = registry.request(
                "HEAD", f"{repository}/manifests/{wanted.tag}", expect=(200, 404), headers=manifests.ACCEPT
            )
            if answer.status_code == 404:
                return
            digest = answer.headers.get("docker-content-digest", "") or manifests.get(registry, wanted.tag)[0]
        images = _listed(registry, digest)
        # An image last: as long as it is there, somebody may ask again. But registries keep what an index leads to.
        for each in (digest, *images):
            referrers.remove(registry, each)
            answer = registry.request("DELETE", f"{repository}/manifests/{each}", expect=(202, 200, 204, 404, 405))
            if answer.status_code == 405:
                raise RegistryError(
                    f"{wanted.at(each)}: the registry does not delete, expected deletion to be enabled; enable it "
                    "there (storage.delete.enabled), or keep the image"
                )


def _listed(registry: Registry, digest: str) -> list[str]:
    """The images of an index that is there; nothing where there is none, or no index."""
    try:
        found = manifests.read(manifests.get(registry, digest)[1], registry.reference.at(digest))
    except referrers.SILENT:
        raise
    except RegistryError:
        return []
    return [each for each in _images(found) if each.startswith("sha256:")][: manifests.MOST_IMAGES]


def _with_name(reference: str) -> Reference:
    found = parse(reference)
    return found if found.tag or found.digest else replace(found, tag="latest")
