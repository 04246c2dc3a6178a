"""push, pull, exists and delete."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from model_build.bake.attachments import ATTESTATION, SIGNATURE, attestation_tag, referrers, signature_tag
from model_build.bake.layout import DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, Json, Layout, canonical, sha256
from model_build.push import ecr
from model_build.push.client import Registry
from model_build.push.errors import (
    DeniedError,
    DestinationError,
    LoginError,
    MissingError,
    RegistryDown,
    RegistryError,
)
from model_build.push.neighbours import known, remember
from model_build.push.reference import Reference, parse
from model_build.push.upload import has_blob, send_blob

_ACCEPT = {"accept": ", ".join((MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST))}
_AT_ONCE = 4
_MEGA = 1_000_000


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
        sent = _blobs(registry, store, manifest, say)
        _put_manifest(
            registry, manifest, data, reference.tag or (ecr.tag(digest) if ecr.place(reference.host) else digest)
        )
        for attached in referrers(store.path, digest):
            sent += _attach(registry, store, attached)
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


def _blobs(
    registry: Registry, store: Layout, manifest: Json, say: Callable[[str], None]
) -> list[tuple[str, int, bool]]:
    """Bring every blob of `manifest` to the registry: (digest, size, whether it was sent)."""
    mounts = known(registry.reference)
    wanted: dict[str, int] = {entry["digest"]: entry["size"] for entry in [manifest["config"], *manifest["layers"]]}
    for digest, size in wanted.items():
        if not store.has(digest, size):
            raise MissingError(f"{store.path}: lacks {digest}, expected {size} bytes; build the image again")

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


def _put_manifest(registry: Registry, manifest: Json, data: bytes, name: str) -> bool:
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
    answer = registry.request("HEAD", path, expect=(200, 404), headers=_ACCEPT)
    return bool(answer.headers.get("docker-content-digest") == sha256(data))


def _attach(registry: Registry, store: Layout, attached: Json) -> list[tuple[str, int, bool]]:
    """Push one referrer. A registry without the referrers API finds it by the tag that the specification names for "
    "that."""
    data = store.read(attached["digest"])
    manifest: Json = json.loads(data)
    sent = _blobs(registry, store, manifest, _silent)
    if not _put_manifest(registry, manifest, data, attached["digest"]):
        _add_to_fallback(registry, manifest["subject"]["digest"], attached)
    tags = {SIGNATURE: signature_tag, ATTESTATION: attestation_tag}
    if (tag := tags.get(str(manifest.get("artifactType")))) is not None:
        # As cosign looks for it, where it is not told to ask for referrers. A repository whose tags do not move keeps
        # an older signature there, by another key; the referrer is there all the same.
        try:
            _put_manifest(registry, manifest, data, tag(manifest["subject"]["digest"]))
        except (RegistryDown, LoginError, DeniedError):
            raise
        except RegistryError:
            pass
    return sent


def _fallback_tag(digest: str) -> str:
    return digest.replace(":", "-")


def _add_to_fallback(registry: Registry, subject: str, attached: Json) -> None:
    path = f"{registry.reference.repository}/manifests/{_fallback_tag(subject)}"
    answer = registry.request("GET", path, expect=(200, 404), headers={"accept": INDEX})
    index: Json = {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    if answer.status_code == 200:
        index = answer.json()
    if any(entry["digest"] == attached["digest"] for entry in index["manifests"]):
        return
    index["manifests"] = [*index["manifests"], attached]
    _put_manifest(registry, index, canonical(index), _fallback_tag(subject))


def list_referrers(reference: str) -> list[Json]:
    """Descriptors of what is attached to the image host/repository@digest, by the referrers API or the fallback tag."""
    wanted = _with_digest(reference)
    with Registry(wanted) as registry:
        repository = wanted.repository
        answer = registry.request(
            "GET", f"{repository}/referrers/{wanted.digest}", expect=(200, 404), headers={"accept": INDEX}
        )
        if answer.status_code == 404:
            path = f"{repository}/manifests/{_fallback_tag(wanted.digest)}"
            answer = registry.request("GET", path, expect=(200, 404), headers={"accept": INDEX})
        if answer.status_code != 200:
            return []
        try:
            listed: Any = answer.json()["manifests"]
            return [each for each in listed if isinstance(each["digest"], str)]
        except (ValueError, KeyError, TypeError):
            raise RegistryError(
                f"{wanted.at(wanted.digest)}: the registry answers what is attached to it with no list, expected an "
                "index of an image layout; ask who runs it"
            ) from None


def exists(reference: str) -> bool:
    """Whether the registry has the image host/repository with this tag or digest."""
    wanted = _with_name(reference)
    with Registry(wanted) as registry:
        path = f"{wanted.repository}/manifests/{wanted.digest or wanted.tag}"
        return registry.request("HEAD", path, expect=(200, 404), headers=_ACCEPT).status_code == 200


def pull(reference: str, layout: Path) -> str:
    """Bring an image into `layout`; of an index, the one for linux/amd64. Returns the digest of what was named."""
    wanted = _with_name(reference)
    store = Layout(layout)
    if wanted.digest and _is_whole(store, wanted.digest):
        return wanted.digest
    with Registry(wanted) as registry:
        digest, data = _get_manifest(registry, wanted.digest or wanted.tag)
        manifest = _read(data, reference)
        if "manifests" in manifest:
            chosen = _choose(manifest["manifests"], reference)
            _, inner = _get_manifest(registry, chosen)
            _fetch_blobs(registry, store, _read(inner, reference))
            store.add(inner)
        else:
            _fetch_blobs(registry, store, manifest)
    store.add(data)
    store.add_to_index({"mediaType": manifest.get("mediaType", MANIFEST), "digest": digest, "size": len(data)})
    return digest


def pull_top(reference: str, layout: Path, layers: int) -> None:
    """Bring manifest, config and the last `layers` layers of the image host/repository@digest into `layout`.

    As blobs alone: the index of a layout lists what is whole.
    """
    wanted = _with_digest(reference)
    store = Layout(layout)
    with Registry(wanted) as registry:
        _, data = _get_manifest(registry, wanted.digest)
        manifest = _read(data, reference)
        if "manifests" in manifest:
            raise MissingError(f"{reference}: is no image, expected one of linux/amd64; name that one's digest")
        _fetch_blobs(registry, store, {**manifest, "layers": manifest["layers"][-layers:]})
    store.add(data)


def _read(data: bytes, reference: str) -> Json:
    """A manifest, or an index of such. Raises RegistryError for what is neither, by its form."""
    try:
        found: Any = json.loads(data)
        entries = found["manifests"] if "manifests" in found else [found["config"], *found["layers"]]
        read = [(str(entry["digest"]), int(entry.get("size", 0))) for entry in entries]
        if not all(digest for digest, _ in read):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError):
        raise RegistryError(
            f"{reference}: what the registry has there is no manifest of an image, expected one with config and "
            "layers; name the digest of an image"
        ) from None
    return cast("Json", found)


def _is_whole(store: Layout, digest: str) -> bool:
    """Whether `digest` was pulled to the end before: the index is written last."""
    if not (store.path / "index.json").is_file():
        return False
    return any(entry["digest"] == digest for entry in store.index()["manifests"])


def _choose(entries: list[dict[str, Any]], reference: str) -> str:
    for entry in entries:
        platform = entry.get("platform", {})
        if (platform.get("os"), platform.get("architecture")) == ("linux", "amd64"):
            return str(entry["digest"])
    raise MissingError(f"{reference}: has no image for linux/amd64; name another digest")


def _get_manifest(registry: Registry, name: str) -> tuple[str, bytes]:
    path = f"{registry.reference.repository}/manifests/{name}"
    data = registry.request("GET", path, expect=(200,), headers=_ACCEPT).content
    digest = sha256(data)
    if name.startswith("sha256:") and digest != name:
        raise RegistryError(
            f"{registry.reference.at(name)}: the registry sent {digest} instead; do not use this registry"
        )
    return digest, data


def _fetch_blobs(registry: Registry, store: Layout, manifest: Json) -> None:
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


def delete(reference: str) -> None:
    """Take the image host/repository@digest (or :tag) out of the registry; one that is not there is no error."""
    wanted = _with_name(reference)
    with Registry(wanted) as registry:
        repository, digest = wanted.repository, wanted.digest
        if not digest:
            answer = registry.request(
                "HEAD", f"{repository}/manifests/{wanted.tag}", expect=(200, 404), headers=_ACCEPT
            )
            if answer.status_code == 404:
                return
            digest = answer.headers.get("docker-content-digest", "") or _get_manifest(registry, wanted.tag)[0]
        answer = registry.request("DELETE", f"{repository}/manifests/{digest}", expect=(202, 200, 204, 404, 405))
        if answer.status_code == 405:
            raise RegistryError(
                f"{wanted.at(digest)}: the registry does not delete, expected deletion to be enabled; enable it there "
                "(storage.delete.enabled), or keep the image"
            )


def _with_name(reference: str) -> Reference:
    found = parse(reference)
    return found if found.tag or found.digest else replace(found, tag="latest")


def _with_digest(reference: str) -> Reference:
    found = parse(reference)
    if not found.digest:
        raise DestinationError(
            f"{reference!r} names no digest, expected host/repository@sha256:...; copy it from the build's output"
        )
    return found
