"""An image in a second registry: the same one, byte for byte, by its digest, without a build."""

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_build import cache, content, folders
from model_build.attached import LARGEST, MOST
from model_build.bake.attachments import BELOW, FORMATS, OURS, referrers
from model_build.bake.layout import Json
from model_build.errors import ModelBuildError
from model_build.errors import line as told
from model_build.push.errors import DestinationError, MissingError
from model_build.push.reference import Reference, parse

if TYPE_CHECKING:
    from model_build.bake.layout import Layout

_LAYOUT = "oci:"
_OTHERS, _SMALL = 32, 1 << 20
"""Things attached to an image that no build of ours attaches, and bytes of each, that are copied with it."""
_CARS = 16
"""Modelcars and other formats of one image whose own attachments are looked for; a build makes one of each."""
_TIMES = 16
"""How much larger than the image's own model, which may be quantised, it may be in all other formats together."""
_ROOM = 256 << 20
"""Bytes of all that is attached to one image."""
_LIKE = "a registry's image by digest or one of this machine; pass the output `reference` of a ModelImage"


def check(source: str | None, destination: str | None) -> list[tuple[str, str]]:
    """What is wrong with either, as far as it is known: (property, one line)."""
    for key, value, rule in (("source", source, _source), ("destination", destination, _destination)):
        try:
            if value is not None:
                rule(value)
        except DestinationError as error:
            return [(key, told(error))]
    if source is not None and destination is not None and not source.startswith(_LAYOUT):
        there = parse(source).name
        if there == parse(destination).name:
            same = DestinationError(f"destination is {destination!r}, where the image is copied from; name another")
            return [("destination", told(same))]
    return []


def digest_of(source: str) -> str:
    """`sha256:...` of what is copied."""
    return source.rpartition("@")[2]


def copy(source: str, destination: str, progress: Callable[[str], None]) -> str:
    """Bring the image and what is attached to it to `destination`. Returns `host/repository@sha256:...` of it there.

    Of an index of images that is all of them, and what is attached to each.
    What this machine has is not fetched; what the registry has is not sent. Raises RegistryError: what either registry
    sends or stores is held to its digest.
    """
    from model_build import push

    digest, place = digest_of(source), parse(destination)
    with cache.in_use():
        if (layout := _here(source, digest)) is not None:
            progress(f"{digest[:19]} to {place.name}")
            return push.push(layout, digest, destination, progress).reference
        if source.startswith(_LAYOUT):
            raise _gone(source)
        root = folders.cache()
        # Beside the caches, where there is room for images, and where `gc` clears what a kill has left.
        with cache.disk_errors(root), tempfile.TemporaryDirectory(prefix="copy-", dir=root) as folder:
            progress(f"{digest[:19]} from {parse(source).name} to {place.name}")
            layout = _fetch(source, Path(folder) / "layout", progress)
            return push.push(layout, digest, destination, progress).reference


def bring(source: str, layout: Path, progress: Callable[[str], None]) -> None:
    """Bring the image and what is attached to it into the layout of this machine."""
    if source.startswith(_LAYOUT):
        raise _gone(source)
    with cache.disk_errors(folders.data(), "MODELPORT_DATA_DIR"):
        _fetch(source, layout, progress)


def _gone(source: str) -> MissingError:
    return MissingError(
        f"{source}: is not on this machine or not whole, expected an image that was built here; copy the one that was "
        "pushed, by the output `reference` of its ModelImage"
    )


def exists(outs: Mapping[str, Any]) -> bool:
    """Whether the image is where it was copied to. Raises RegistryError when its registry does not answer."""
    from model_build import push

    return push.exists(str(outs["reference"]))


def remove(outs: Mapping[str, Any]) -> None:
    """Take a copy away that is not to be kept; one that is gone already is no error."""
    if outs.get("keep", True):
        return
    from model_build import push

    with contextlib.suppress(MissingError):
        push.delete(str(outs["reference"]))


def _here(source: str, digest: str) -> Path | None:
    """The layout of this machine that has the image, whole."""
    own = source.startswith(_LAYOUT)
    layout = Path(source.removeprefix(_LAYOUT).rpartition("@")[0]) if own else folders.images()
    return layout if content.is_whole(layout, digest) else None


def _fetch(source: str, layout: Path, progress: Callable[[str], None]) -> Path:
    """Bring the image and what is attached to it into a layout, and return that."""
    from model_build import push
    from model_build.bake.layout import Layout

    digest, store = push.pull(source, layout, None), Layout(layout)
    images: list[Json] = store.manifest(digest).get("manifests", [])
    for each in dict.fromkeys([digest, *(str(image["digest"]) for image in images)]):
        _fetch_attached(f"{parse(source).name}@{each}", each, store, progress)
        cars = [str(car["digest"]) for car in referrers(layout, each) if car["artifactType"] in BELOW]
        for car in cars[:_CARS]:  # each an image itself, with signatures of its own
            _fetch_attached(f"{parse(source).name}@{car}", car, store, progress)
    return layout


def _fetch_attached(source: str, digest: str, store: "Layout", progress: Callable[[str], None]) -> None:
    """Bring what is attached to an image into the layout that has it.

    Whoever may push there may attach something: what cannot be read is no reason to copy nothing.
    """
    from model_build import push
    from model_build.push.referrers import SILENT

    try:
        listed = push.list_referrers(source)
    except SILENT:
        raise
    except ModelBuildError as error:
        progress(f"what is attached to {digest[:19]} is not copied: {error}")
        return
    # A modelcar's model is the image's own.
    room, own = _ROOM, {layer["digest"] for layer in store.manifest(digest).get("layers", [])}
    served: list[Json] = store.manifest(digest).get("layers", [])[-1:]
    formats = LARGEST + _TIMES * sum(layer["size"] for layer in served)
    for attached, most in _worth(listed, digest, progress):
        other = attached.get("artifactType") in FORMATS.values()
        try:
            kind = str(attached["artifactType"]) if most == LARGEST else ""
            most = formats if other else min(most, room)
            found = push.pull_attached(parse(source).name, attached["digest"], digest, store.path, most=most, kind=kind)
        except SILENT:
            raise
        except ModelBuildError as error:
            progress(f"{attached['digest'][:19]}, attached to {digest[:19]}, is not copied: {error}")
            continue
        layers = store.manifest(found["digest"])["layers"]
        taken = sum(layer["size"] for layer in layers if layer["digest"] not in own)
        formats, room = (formats - taken, room) if other else (formats, room - taken)
        # What is an image of this machine stays one.
        if not any(each["digest"] == found["digest"] for each in store.index()["manifests"]):
            store.add_to_index(found)


def _worth(listed: list[Json], digest: str, progress: Callable[[str], None]) -> list[tuple[Json, int]]:
    """What is copied of all that is attached, and how many bytes each may have: first what a build of ours attaches."""
    found: list[tuple[Json, int]] = []
    for kind in OURS:
        found += [(each, LARGEST) for each in listed if each.get("artifactType") == kind][:MOST]
    found += [(each, _SMALL) for each in listed if each.get("artifactType") not in OURS][:_OTHERS]
    if len(found) < len(listed):
        progress(
            f"{len(listed) - len(found)} of {len(listed)} things attached to {digest[:19]} are not copied: too many"
        )
    return found


def _source(text: str) -> None:
    if text.startswith(_LAYOUT):
        place, _, digest = text.removeprefix(_LAYOUT).rpartition("@")
        if not place or not digest.startswith("sha256:"):
            raise DestinationError(f"source is {text!r}, expected {_LIKE}")
        return
    if not _parsed("source", text).digest:
        raise DestinationError(f"source is {text!r}, which names no digest, expected {_LIKE}")


def _destination(text: str) -> None:
    if _parsed("destination", text).digest:
        raise DestinationError(
            f"destination is {text!r}, expected no digest, as the copy has the image's; leave it out"
        )


def _parsed(key: str, text: str) -> Reference:
    try:
        return parse(text)
    except DestinationError as error:
        raise DestinationError(f"{key}: {error}") from None
