"""Gets the model in another format out of what is attached to an image, here or in a registry.

Whoever may push to a registry may attach something there. A signature says whose it is; without a key what is there is
taken only where there is no doubt which.
"""

import os
import shutil
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from model_build import copying, signing
from model_build.attached import LARGEST, MOST
from model_build.bake.attachments import FORMATS, SIGNATURE, referrers
from model_build.bake.layout import EMPTY, Json, Layout
from model_build.errors import InputError, ModelBuildError

_TITLE = "org.opencontainers.image.title"
_LONGEST, _DEEPEST = 512, 16
"""Characters of a file's name, and folders in it: no format has more, and no file system is asked for more."""


@dataclass(frozen=True)
class Taken:
    name: str
    digest: str
    """Of what held it."""
    files: dict[str, int]
    """Name, relative to the folder, and bytes."""
    signed: bool
    """By the key that was given; False where none was."""


def check(name: str, output: Path) -> None:
    """Raise InputError for a format that is none and for a folder that has something in it."""
    if name not in FORMATS:
        raise InputError(f"--format is {name!r}, expected one of {', '.join(FORMATS)}; write one of them")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"--output is {str(output)!r}, which has something in it, expected a new folder; name another")


def take(image: str, name: str, output: Path, key: str | None = None) -> Taken:
    """Write the model of `image` in the format `name` into the folder `output`, which is not there yet, or empty.

    image: `oci:PATH@sha256:...` or `host/repository@sha256:...`. key: the public key, as PEM, that it is signed by.
    Raises InputError for what names none, ModelBuildError for what is not there, is damaged or signed by another.
    """
    check(name, output)
    place = _place(image)
    if key is not None:
        key = signing.spoken(*signing.public(key, "the key"))
    found = [each for each in place.listed(place.image) if each["artifactType"] == FORMATS[name]]
    if not found:
        held = [each for each, kind in FORMATS.items() if any(e["artifactType"] == kind for e in place.listed())]
        others = f"only {', '.join(held)}" if held else "in no other format either"
        raise ModelBuildError(
            f"{image} does not have its model as {name}, {others}; write formats: [{name}] into its recipe and "
            "build it again"
        )
    digest = _one(place, [str(each["digest"]) for each in found], name, key)
    with _beside(output) as between:
        store = place.brought(digest, Path(between) / "layout", shutil.disk_usage(between).free, kind=FORMATS[name])
        made = Path(between) / "made"
        made.mkdir()
        files = _written(store, digest, made, place.named(digest))
        if output.exists():
            output.rmdir()
        made.chmod(0o777 & ~_umask())
        made.replace(output)
    return Taken(name, digest, files, key is not None)


@contextmanager
def _beside(output: Path) -> Generator[str]:
    """A folder beside `output`, which goes again. Raises ModelBuildError for what a disk says to that, or to it."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as folder:
            yield folder
    except OSError as error:
        raise ModelBuildError(
            f"--output is {str(output)!r}, which cannot be written ({error.strerror or error}), expected a folder of "
            "yours on a disk with room; name another"
        ) from error


@dataclass
class _Place:
    """Where an image is: a layout of this machine, or a registry's repository."""

    image: str
    """Its digest."""
    layout: Path | None = None
    name: str = ""
    """`host/repository`."""
    _lists: dict[str, list[Json]] = field(default_factory=dict[str, list[Json]])

    def named(self, digest: str) -> str:
        return f"{self.name or self.layout}@{digest}"

    def listed(self, digest: str = "") -> list[Json]:
        """What is attached to the image, or to what is attached to it."""
        digest = digest or self.image
        if digest not in self._lists:
            if self.layout is not None:
                found = referrers(self.layout, digest)
            else:
                from model_build import push

                found = push.list_referrers(self.named(digest))
            self._lists[digest] = [each for each in found if isinstance(each.get("artifactType"), str)]
        return self._lists[digest]

    def brought(self, digest: str, layout: Path, most: int, subject: str = "", kind: str = "") -> Layout:
        """A layout with the blobs of what is attached.

        kind: the artifact type that it must have, whatever a list says of it.
        """
        if self.layout is not None:
            return Layout(self.layout)
        from model_build import push

        push.pull_attached(self.name, digest, subject or self.image, layout, most=most, kind=kind)
        return Layout(layout)


def _place(image: str) -> _Place:
    from model_build.push import manifests, parse
    from model_build.push.client import Registry

    if failures := copying.check(image, None):
        raise InputError(failures[0][1].rpartition("bad input: ")[2])
    digest = copying.digest_of(image)
    if image.startswith("oci:"):
        place = _Place(digest, layout=Path(image.removeprefix("oci:").rpartition("@")[0]))
        data = Layout(place.layout or Path()).read(digest)
    else:
        reference = parse(image)
        place = _Place(digest, name=reference.name)
        with Registry(reference) as registry:
            data = manifests.get(registry, digest)[1]
    manifest = manifests.read(data, image)
    if "manifests" in manifest:
        # Of an index: that which was measured, and what was made of it is attached to.
        place.image = manifests.choose(manifest["manifests"], image)
    return place


def _one(place: _Place, digests: list[str], name: str, key: str | None) -> str:
    if key is None:
        if len(digests) > 1:
            raise ModelBuildError(
                f"{place.named(place.image)} has {len(digests)} things attached as {name}, expected one; give --key "
                "FILE of whoever builds, so that it is known which is meant"
            )
        return digests[0]
    for digest in digests[:MOST]:
        if _signed(place, digest, key):
            return digest
    raise ModelBuildError(
        f"{place.named(place.image)} has its model as {name}, but not signed by the key, expected that; do not use it, "
        "or set image.signed_by where it is built"
    )


def _signed(place: _Place, digest: str, key: str) -> bool:
    signatures = [str(each["digest"]) for each in place.listed(digest) if each["artifactType"] == SIGNATURE]
    with tempfile.TemporaryDirectory(prefix="signatures-") as folder:
        for at, each in enumerate(signatures[:MOST]):
            try:
                store = place.brought(each, Path(folder) / str(at), LARGEST, digest)
                if signing.good(store, digest, each, key):
                    return True
            except ModelBuildError:
                continue  # one that cannot be read is none
    return False


def _written(store: Layout, digest: str, folder: Path, called: str) -> dict[str, int]:
    from model_build.checking import damage

    # The form was looked at where it was listed, or fetched.
    layers: list[Json] = [each for each in store.manifest(digest)["layers"] if each.get("mediaType") != EMPTY]
    if not layers:
        raise ModelBuildError(f"{called} has no files, expected those of the model; do not use it")
    files: dict[str, int] = {}
    for layer in layers:
        notes: Any = layer.get("annotations") or {}
        title = str(notes.get(_TITLE, ""))
        if not _plain(title) or _taken(title, files):
            raise ModelBuildError(f"{called} has a file called {title!r}, expected names in one folder; do not use it")
        if why := damage(store, str(layer["digest"]), int(layer["size"])):
            raise ModelBuildError(f"{called}: {why}; fetch it again, or build the image again")
        target = folder / title
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(store.blob(str(layer["digest"])), target)
        if title.endswith(".sh"):
            target.chmod(0o755 & ~_umask())
        files[title] = int(layer["size"])
    return files


def _taken(title: str, files: Mapping[str, int]) -> bool:
    """Whether the name is a file's already, or a folder's, or lies within a file."""
    return any(title == each or title.startswith(f"{each}/") or each.startswith(f"{title}/") for each in files)


def _plain(title: str) -> bool:
    """Whether it is a name of a file, perhaps in folders, and leads nowhere else."""
    parts = PurePosixPath(title).parts
    good = (
        0 < len(parts) <= _DEEPEST
        and len(title) <= _LONGEST
        and max(len(os.fsencode(each)) for each in parts) <= 255
        and not title.startswith("/")
        and not set(parts) & {"..", "."}
        and str(PurePosixPath(title)) == title
    )
    return good and title.isprintable() and "\\" not in title


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now
