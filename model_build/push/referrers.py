"""What is attached to an image in a registry: sent, listed and fetched. Whoever may push there may attach something."""

import hashlib
import json
import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urljoin, urlsplit

from model_build.bake.attachments import (
    ATTESTATION,
    BELOW,
    SIGNATURE,
    attestation_tag,
    described,
    formed,
    referrers,
    signature_tag,
)
from model_build.bake.cache import cache_dir, file_lock
from model_build.bake.layout import CONFIG, INDEX, MANIFEST, Json, Layout, canonical, sha256
from model_build.push import manifests
from model_build.push.client import Registry
from model_build.push.errors import DeniedError, DestinationError, LoginError, RegistryDown, RegistryError
from model_build.push.reference import Reference, parse
from model_build.push.upload import has_blob, send_blob

SILENT = (RegistryDown, LoginError, DeniedError)
"""What says nothing about what is attached, but of whoever asks."""
_TAGS: dict[str, Callable[[str], str]] = {SIGNATURE: signature_tag, ATTESTATION: attestation_tag}
_PAGES = 20
_MOST_REMOVED = 256
_TRIES = 8
_MOST_LAYERS = 500
_MOST_LISTED = 3 << 20

Sent = list[tuple[str, int, bool]]


def send(registry: Registry, store: Layout, image: str, *, below: bool = True) -> Sent:
    """Push all that the layout has attached to `image`: each blob, its size, and whether it was sent.

    below: and what is attached to a modelcar or another format among it, which has signatures of its own.

    A registry without the referrers API finds it by the tag that the specification names for that.
    """
    sent: Sent = []
    unnoted: list[Json] = []
    tagged: dict[str, list[bytes]] = {}
    for attached in referrers(store.path, image):
        data = store.read(attached["digest"])
        manifest: Json = json.loads(data)
        sent += manifests.send_blobs(registry, store, manifest, lambda _: None)
        if not manifests.put(registry, manifest, data, attached["digest"]):
            unnoted.append(attached)
        tagged.setdefault(attached["artifactType"], []).append(data)
        if below and attached["artifactType"] in BELOW:
            sent += send(registry, store, attached["digest"], below=False)
    if unnoted:
        _list(registry, image, unnoted)
    for kind, tag in _TAGS.items():
        if kind in tagged:
            # As cosign looks for it, where it is not told to ask for referrers. A repository whose tags do not move
            # keeps what is there; the referrers are there all the same.
            try:
                _tag(registry, store, tag(image), tagged[kind])
            except SILENT:
                raise
            except RegistryError:
                pass
    return sent


def _fallback_tag(digest: str) -> str:
    return digest.replace(":", "-")


def _list(registry: Registry, image: str, ours: list[Json]) -> None:
    """Have `ours` in the list of a registry that keeps none itself.

    Such a registry does not keep two writers of a tag apart, nor has it conditions for a write. Those of this machine
    take turns. Of others, whoever finds after a while that another has written over his adds it again, and what was
    there with it. Raises RegistryError where that does not come to rest.
    """
    path = f"{registry.reference.repository}/manifests/{_fallback_tag(image)}"
    written: list[Json] = []
    with _in_turn(registry, image):
        for attempt in range(_TRIES + 1):
            before = time.monotonic()
            answer = registry.request("GET", path, expect=(200, 404), headers={"accept": INDEX})
            index, good = _listed(answer.content) if answer.status_code == 200 else (_empty(), False)
            known = {entry["digest"] for entry in index["manifests"]}
            missing = [each for each in ours if each["digest"] not in known]
            if good and not missing:
                return
            if attempt == _TRIES:
                break
            # Whoever wrote over ours has written over what we had left there of others.
            lost = [each for each in written if each["digest"] not in known] if missing else []
            index["manifests"] = [*index["manifests"], *(lost or missing)]
            if len(data := canonical(index)) > _MOST_LISTED:
                index["manifests"] = ours
                data = canonical(index)
            written = index["manifests"]
            manifests.put(registry, index, data, _fallback_tag(image))
            _wait(before, attempt)
    raise RegistryError(
        f"{registry.reference.at(image)}: the list of what is attached to it was written by others {_TRIES} times "
        "while this push wrote it, expected it to come to rest; push again"
    )


def _in_turn(registry: Registry, image: str) -> AbstractContextManager[None]:
    """Alone among this machine's pushes with the tags that tell of an image, or of a few others."""
    place = f"{registry.reference.api_host}/{registry.reference.repository}@{image}"
    return file_lock(cache_dir() / "pushed" / f"{hashlib.sha256(place.encode()).hexdigest()[:2]}.lock")


def _wait(before: float, attempt: int) -> None:
    """As long as another may need between the reading of a tag and the writing, and longer where many write."""
    time.sleep(2 * (time.monotonic() - before) + random.uniform(0, 0.03 * 2**attempt))


def _empty() -> Json:
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}


def _listed(data: bytes) -> tuple[Json, bool]:
    """The list, and whether it is whole by its form: what is not goes with the next that is written."""
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        return _empty(), False
    entries: Any = cast("Json", found).get("manifests") if isinstance(found, dict) else None
    if not isinstance(entries, list):
        return _empty(), False
    given = cast("list[object]", entries)
    kept = [cast("Json", each) for each in given if formed({"config": each, "layers": []})]
    return _empty() | {"manifests": kept}, len(kept) == len(given)


def _tag(registry: Registry, store: Layout, tag: str, ours: list[bytes]) -> None:
    """Have the layers of all of `ours` at cosign's tag, beside those that others have put there.

    Cosign looks at every layer of that one manifest, and is content when one is by the key that it is given.
    """
    path = f"{registry.reference.repository}/manifests/{tag}"
    with _in_turn(registry, tag):
        for attempt in range(_TRIES):
            before = time.monotonic()
            answer = registry.request("GET", path, expect=(200, 404), headers=manifests.ACCEPT)
            there = _layers(answer.content) if answer.status_code == 200 else []
            layers = there if len(there) <= _MOST_LAYERS else []
            wanted = _distinct([*layers, *(layer for data in ours for layer in _layers(data))])
            if there and wanted == layers:
                return
            whole = next((data for data in ours if _same(_layers(data), wanted)), None)
            made = whole or _merged(registry, store, wanted)
            manifests.put(registry, json.loads(made), made, tag)
            _wait(before, attempt)


def _layers(data: bytes) -> list[Json]:
    """The layers of a manifest, with what cosign reads of them; none of what is no manifest."""
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError):
        return []
    if not formed(found):
        return []
    kept = ("mediaType", "digest", "size", "annotations")
    return _distinct([{key: layer[key] for key in kept if layer.get(key) is not None} for layer in found["layers"]])


def _distinct(layers: list[Json]) -> list[Json]:
    found: list[Json] = []
    for layer in layers:
        if layer not in found:
            found.append(layer)
    return found


def _same(some: list[Json], others: list[Json]) -> bool:
    return len(some) == len(others) and all(each in others for each in some)


def _merged(registry: Registry, store: Layout, layers: list[Json]) -> bytes:
    """One manifest of all the layers, as cosign writes it: without a subject, so that it is no referrer itself."""
    diff_ids = [layer["digest"] for layer in layers]
    config = canonical({"architecture": "", "os": "", "config": {}, "rootfs": {"type": "layers", "diff_ids": diff_ids}})
    digest = sha256(config)
    if not has_blob(registry, digest):
        with store.work() as folder:
            place = folder / "config"
            place.write_bytes(config)
            send_blob(registry, digest, place, len(config))
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest, "size": len(config)},
            "layers": layers,
        }
    )


def list_referrers(reference: str, kind: str = "") -> list[Json]:
    """Descriptors of what is attached to the image host/repository@digest, by the referrers API or the fallback tag.

    kind: only those that are said to be of this artifact type.
    """
    wanted = with_digest(reference)
    with Registry(wanted) as registry:
        found = _pages(registry, wanted.digest, kind)
    return [each for each in found if not kind or each.get("artifactType") == kind]


def _pages(registry: Registry, image: str, kind: str) -> list[Json]:
    wanted = registry.reference
    path, how = f"{wanted.repository}/referrers/{image}", {"accept": INDEX}
    asked = {"artifactType": kind} if kind else None
    found: list[Json] = []
    for page in range(_PAGES):
        answer = registry.request("GET", path, expect=(200, 404), headers=how, params=asked)
        if answer.status_code == 404 and page == 0:
            path = f"{wanted.repository}/manifests/{_fallback_tag(image)}"
            answer = registry.request("GET", path, expect=(200, 404), headers=how)
        if answer.status_code != 200:
            break
        found += _entries(answer.content, wanted.at(image))
        following = answer.links.get("next", {}).get("url", "")
        if not following:
            break
        path = urljoin(path if "://" in path else f"{registry.base}/v2/{path}", following)
        asked = None  # the address has them
        if urlsplit(path)[:2] != urlsplit(registry.base)[:2]:
            break
    return found


def _entries(data: bytes, image: str) -> list[Json]:
    try:
        listed: Any = json.loads(data)["manifests"]
        return [each for each in listed if isinstance(each["digest"], str)]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RegistryError(
            f"{image}: the registry answers what is attached to it with no list, expected an "
            "index of an image layout; ask who runs it"
        ) from None


def pull_attached(name: str, digest: str, image: str, layout: Path, *, most: int, kind: str = "") -> Json:
    """Bring what `name` (host/repository) has attached to `image` as `digest` into `layout`; its descriptor, by itself.

    most: bytes of its blobs that the layout has not. kind: the artifact type that it must have. As blobs alone: the
    index of the layout stays. Raises RegistryError, or DestinationError for what is no digest.
    """
    wanted, store = with_digest(f"{name}@{digest}"), Layout(layout)
    with Registry(wanted) as registry:
        _, data = manifests.get(registry, wanted.digest)
        found = described(data, image)
        if found is None:
            raise RegistryError(f"{wanted.at(digest)}: is not attached to {image[:19]}, though it is listed as that")
        if kind and found["artifactType"] != kind:
            raise RegistryError(f"{wanted.at(digest)}: is of the type {found['artifactType'][:80]}, expected {kind}")
        manifest: Json = json.loads(data)
        blobs = {each["digest"]: each["size"] for each in [manifest["config"], *manifest["layers"]]}
        size = sum(each for blob, each in blobs.items() if not store.has(blob, each))
        if size > most:
            raise RegistryError(f"{wanted.at(digest)}: has {size:,} bytes, expected at most {most:,}")
        manifests.fetch_blobs(registry, store, manifest)
    store.add(data)
    return found


def remove(registry: Registry, image: str, *, below: bool = True) -> None:
    """Take away what is attached to `image`, and the tags made of its digest, as far as the registry lets one.

    Only what is that by its content: whoever may push may list another image, or put such a tag to it.
    """
    path = f"{registry.reference.repository}/manifests/"
    try:
        listed = _pages(registry, image, "")
    except SILENT:
        raise
    except RegistryError:
        listed = []
    for digest in dict.fromkeys(each["digest"] for each in listed[:_MOST_REMOVED]):
        found = described(_there(registry, digest), image) if digest.startswith("sha256:") else None
        if found is not None and found["digest"] == digest:
            if below and found["artifactType"] in BELOW:
                remove(registry, digest, below=False)
            _delete(registry, path + digest)
    for tag in (signature_tag(image), attestation_tag(image)):
        data = _there(registry, tag)
        if (layers := _layers(data)) and all(_of_cosign(layer) for layer in layers):
            _delete(registry, path + sha256(data))
    data = _there(registry, _fallback_tag(image))
    index, good = _listed(data)
    if good and all(entry.get("artifactType") for entry in index["manifests"]):
        _delete(registry, path + sha256(data))


def _there(registry: Registry, name: str) -> bytes:
    try:
        return manifests.get(registry, name)[1]
    except SILENT:
        raise
    except RegistryError:
        return b""


def _of_cosign(layer: Json) -> bool:
    return any(name.startswith("dev.cosignproject.") for name in layer.get("annotations", {}))


def _delete(registry: Registry, path: str) -> None:
    # A registry that does not delete says so of the image.
    registry.request("DELETE", path, expect=(200, 202, 204, 404, 405))


def with_digest(reference: str) -> Reference:
    """The reference read. Raises DestinationError for one without a digest."""
    found = parse(reference)
    if not found.digest:
        raise DestinationError(
            f"{reference!r} names no digest, expected host/repository@sha256:...; copy it from the build's output"
        )
    return found
