"""push, pull, exists and delete."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from model_build.bake.inputs import NATIVE
from model_build.bake.layout import MANIFEST, Json, Layout
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

    Blobs that the registry has are not sent. The image appears there last and whole. Raises RegistryError or
    DestinationError; a second push goes on where a broken one stopped.
    """
    reference = parse(destination)
    if reference.digest and reference.digest != digest:
        raise DestinationError(f"{destination!r} names another digest than the image's, {digest}; leave the digest out")
    store = Layout(layout)
    data = store.read(digest)
    manifest: Json = json.loads(data)
    say = progress or _silent
    with Registry(reference) as registry:
        sent = manifests.send_blobs(registry, store, manifest, say)
        manifests.put(
            registry, manifest, data, reference.tag or (ecr.tag(digest) if ecr.place(reference.host) else digest)
        )
        sent += referrers.send(registry, store, digest)
    with contextlib.suppress(OSError):  # a note spares a later push some bytes; this one is done
        remember(reference, [entry["digest"] for entry in manifest["layers"]])
    return Pushed(
        reference.at(digest),
        [name for name, _, new in sent if new],
        [name for name, _, new in sent if not new],
        sum(size for _, size, new in sent if new),
    )


def _silent(_: str) -> None:
    pass


def exists(reference: str) -> bool:
    """Whether the registry has the image host/repository with this tag or digest."""
    wanted = _with_name(reference)
    with Registry(wanted) as registry:
        path = f"{wanted.repository}/manifests/{wanted.digest or wanted.tag}"
        return registry.request("HEAD", path, expect=(200, 404), headers=manifests.ACCEPT).status_code == 200


def pull(reference: str, layout: Path, platform: str = NATIVE) -> str:
    """Bring an image into `layout`; of an index, the one for `platform`. Returns the digest of what was named."""
    wanted = _with_name(reference)
    store = Layout(layout)
    if wanted.digest and _is_whole(store, wanted.digest, platform):
        return wanted.digest
    with Registry(wanted) as registry:
        digest, data = manifests.get(registry, wanted.digest or wanted.tag)
        manifest = manifests.read(data, reference)
        if "manifests" in manifest:
            chosen = manifests.choose(manifest["manifests"], reference, platform)
            _, inner = manifests.get(registry, chosen)
            if "manifests" in (image := manifests.read(inner, reference)):
                raise RegistryError(
                    f"{reference}: {chosen[:19]}, which it has for {platform}, is an index too, expected an image; "
                    "name the digest of an image"
                )
            manifests.fetch_blobs(registry, store, image)
            store.add(inner)
        else:
            manifests.fetch_blobs(registry, store, manifest)
    store.add(data)
    store.add_to_index({"mediaType": manifest.get("mediaType", MANIFEST), "digest": digest, "size": len(data)})
    return digest


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


def _is_whole(store: Layout, digest: str, platform: str) -> bool:
    """Whether `digest` was pulled to the end before: the index is written last."""
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

    What is not there is no error.
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
        # The image last: as long as it is there, somebody may ask again.
        referrers.remove(registry, digest)
        answer = registry.request("DELETE", f"{repository}/manifests/{digest}", expect=(202, 200, 204, 404, 405))
        if answer.status_code == 405:
            raise RegistryError(
                f"{wanted.at(digest)}: the registry does not delete, expected deletion to be enabled; enable it there "
                "(storage.delete.enabled), or keep the image"
            )


def _with_name(reference: str) -> Reference:
    found = parse(reference)
    return found if found.tag or found.digest else replace(found, tag="latest")
