"""`oci://HOST/REPOSITORY:TAG` or `@sha256:...`: models in registries, in the forms that are in use.

- CNCF's ModelPack (`application/vnd.cncf.model.*`): layers are files, or archives, of weights, code, data, documents.
- KitOps' ModelKits (`application/vnd.kitops.modelkit.*`): the same by other names.
- What `oras push` writes: files by the annotation `title`, folders as archives.
- An image whose layers are nothing but files, as Kubernetes' image volumes and KServe take them.

Logins are those of `docker login`, as for images that are pushed.
"""

import json
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from model_build import content
from model_build.sources import archives
from model_build.sources.downloads import BrokenOff, Into
from model_build.sources.remote import File, Remote, Seen, visible

if TYPE_CHECKING:
    from model_build.push.client import Registry

Json = dict[str, Any]

_TITLE = "org.opencontainers.image.title"
_PATHS = ("org.cncf.model.filepath", "org.cnai.model.filepath", _TITLE)
_UNPACK = "io.deis.oras.content.unpack"
_PACK = re.compile(r"application/vnd\.(?:cncf|cnai)\.model\.(weight\.config|weight|code|doc|dataset)\.v\d+\.(.+)")
_KIT = re.compile(r"application/vnd\.kitops\.modelkit\.(modelpart|model|code|docs|dataset)\.v\d+\.(.+)")
_MODEL, _DATA = {"weight", "weight.config", "model", "modelpart"}, {"dataset"}
_LARGEST_CONFIG = 4 << 20
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LAYERS = ".layers"
"""Where archives lie until they are unpacked; hidden, so no part of a source."""


@dataclass(frozen=True)
class Layer:
    digest: str
    size: int
    kind: str
    """`weight`, `dataset` and the like; empty where the artifact does not tell."""
    path: str
    """Of the file; empty for an archive, which has its own names."""


class Oci(Remote):
    """An artifact, and of it what is of use: for the model weights and what belongs to them, for data data sets.

    A part after `#` names one file or folder of it.
    """

    def __init__(self, text: str, key: str) -> None:
        super().__init__(text, key)
        from model_build.push.errors import DestinationError
        from model_build.push.reference import parse

        self._text, _, self._only = text.removeprefix("oci://").partition("#")
        if "?" in self._text:
            raise self.wrong("with a question mark in it, expected oci://HOST/REPOSITORY:TAG; take it out")
        try:
            self.reference = parse(self._text)
        except DestinationError as error:
            raise self.wrong(f"which names no artifact: {error}") from None
        self._layers: list[Layer] = []

    @property
    def fixed(self) -> str:
        return f"{self.reference.digest}{self._part}" if self.reference.digest else ""

    @property
    def _part(self) -> str:
        """A version is of what is taken: other layers for data than for the model."""
        return f" for {'model' if self.key == 'source' else 'data'}" + (f", {self._only}" if self._only else "")

    def look(self) -> Seen:
        from model_build.push import manifests

        with self.told(), self._registry() as registry:
            digest, data = manifests.get(registry, self.reference.digest or self.reference.tag or "latest")
            manifest = manifests.read(data, self._text)
            if "manifests" in manifest:
                raise self.wrong(
                    f"an index of {len(manifest['manifests'])}, expected one artifact; name the digest of the one that "
                    "is meant"
                )
            self._layers = self._wanted(list(self._read(registry, manifest)))
        version = f"{digest}{self._part}"
        if not all(layer.path for layer in self._layers):
            return Seen(version, None)  # what an archive holds it alone tells
        files = {
            self._called(layer.path): File(layer.size, layer.digest.removeprefix("sha256:"))
            for layer in self._layers
            if visible(layer.path) and self._is_meant(layer.path)
        }
        if not files:
            raise self.wrong("which holds no such file; look at what it holds (oras manifest fetch)")
        return Seen(version, files)

    def fetch(self, seen: Seen, into: Into) -> None:
        if not self._layers:
            self.look()
        with self._registry() as registry:
            for layer in self._layers:
                if not layer.path:
                    self._archive(registry, layer, into)
                elif visible(layer.path) and self._is_meant(layer.path):
                    want = File(layer.size, layer.digest.removeprefix("sha256:"))
                    into.take(self._called(layer.path), want, _Blob(self, registry, layer).read)
        archives.remove(into.folder / _LAYERS)

    def _archive(self, registry: "Registry", layer: Layer, into: Into) -> None:
        digest = layer.digest.removeprefix("sha256:")
        place = into.take(f"{_LAYERS}/{digest}", File(layer.size, digest), _Blob(self, registry, layer).read)
        got = content.hashed(place)
        if got != digest:
            archives.remove(into.folder / _LAYERS)
            raise self.wrong(f"whose registry sent {got[:12]} in the place of {digest[:12]}; look at its disk")

        def called(name: str) -> str | None:
            return self._called(name) if visible(name) and self._is_meant(name) else None

        archives.unpack(place, self, into, called)

    def _is_meant(self, name: str) -> bool:
        only = self._only.strip("/")
        return not only or name == only or name.startswith(f"{only}/")

    def _called(self, name: str) -> str:
        only = self._only.strip("/")
        if not only:
            return name
        return name.rpartition("/")[2] if name == only else name.removeprefix(f"{only}/")

    def _wanted(self, layers: list[Layer]) -> list[Layer]:
        kinds = _MODEL if self.key == "source" else _DATA
        return [layer for layer in layers if layer.kind in kinds] or layers

    def _read(self, registry: "Registry", manifest: Json) -> Iterator[Layer]:
        paths: Mapping[str, str] | None = None
        for each in manifest["layers"]:
            kind = str(each.get("mediaType", ""))
            given: Any = each.get("annotations")
            notes = cast("Json", given) if isinstance(given, dict) else {}
            digest, size = str(each.get("digest", "")), each.get("size")
            if not _DIGEST.fullmatch(digest) or not isinstance(size, int) or size < 0:
                raise self.wrong("which has a layer without a digest; do not use it")
            path = next((str(notes[name]) for name in _PATHS if notes.get(name)), "").removeprefix("./")
            found = _PACK.fullmatch(kind) or _KIT.fullmatch(kind)
            form = found[2] if found else _form(kind, notes)
            if "zstd" in form:
                raise self.wrong("which is compressed by zstd, expected tar, tar+gzip or raw; pack it again without")
            if form.startswith("tar"):
                yield Layer(digest, size, found[1] if found else "", "")
                continue
            if not path:
                paths = self._paths(registry, manifest) if paths is None else paths
                path = paths.get(digest, "").removeprefix("./")
            if not path:
                raise self.wrong(
                    f"whose layer {digest[:19]} ({kind}) has no name, expected one ({_TITLE}); pack it again"
                )
            yield Layer(digest, size, found[1] if found else "", path)

    def _paths(self, registry: "Registry", manifest: Json) -> dict[str, str]:
        """Of a ModelKit, by digest of the layer: its configuration tells where a file goes."""
        config: Json = manifest["config"]
        if "vnd.kitops" not in str(config.get("mediaType")) or not 0 < int(config.get("size", 0)) < _LARGEST_CONFIG:
            return {}
        path = f"{registry.reference.repository}/blobs/{config['digest']}"
        try:
            told: Any = json.loads(registry.request("GET", path, expect=(200,)).content)
        except (ValueError, RecursionError):
            return {}
        return dict(_kit_paths(told))

    @contextmanager
    def _registry(self) -> Generator["Registry"]:
        from model_build.push.client import Registry

        with Registry(self.reference) as made:
            yield made

    @contextmanager
    def told(self) -> Generator[None]:
        """Say what a registry's errors mean for a source."""
        from model_build.push.errors import MissingError, RegistryDown, RegistryError

        try:
            yield
        except MissingError as error:
            raise self.wrong(f"but {error}") from None
        except RegistryDown as error:
            raise self.unreached(f"but {str(error).removesuffix('; nothing was changed there')}") from None
        except RegistryError as error:
            raise self.unreached(f"but {error}") from None


class _Blob:
    """Reads one layer."""

    def __init__(self, source: Oci, registry: "Registry", layer: Layer) -> None:
        self._source, self._registry, self._layer = source, registry, layer

    def read(self, start: int) -> tuple[int, Generator[bytes]]:
        coming = self._chunks(start)
        begins = next(coming)
        assert isinstance(begins, int)
        return begins, cast("Generator[bytes]", coming)

    def _chunks(self, start: int) -> Generator[int | bytes]:
        import httpx

        path = f"{self._registry.reference.repository}/blobs/{self._layer.digest}"
        with self._source.told():
            try:
                with self._registry.reading(path, start) as response:
                    whole = response.status_code == 200
                    yield 0 if whole else start
                    yield from response.iter_raw()
            except httpx.TransportError as error:
                raise BrokenOff(f"the connection was lost ({str(error) or type(error).__name__})") from error


def _form(kind: str, notes: Mapping[str, Any]) -> str:
    """`raw`, `tar` or `tar+gzip`, for a layer of no kind that says so by itself."""
    packed = str(notes.get(_UNPACK, "")).lower() == "true"
    if notes.get(_TITLE) and not packed:
        return "raw"  # oras gives plain files the type of a layer
    if "zstd" in kind:
        return "tar+zstd"
    if packed or "tar" in kind:
        return "tar+gzip" if "gzip" in kind or packed else "tar"
    return "raw"


def _kit_paths(told: Any) -> Iterator[tuple[str, str]]:
    waiting: list[Any] = [told]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            one = cast("Json", each)
            info: Any = one.get("layerInfo")
            if isinstance(info, dict) and isinstance(one.get("path"), str):
                yield str(cast("Json", info).get("digest", "")), str(one["path"])
            waiting.extend(one.values())
        elif isinstance(each, list):
            waiting.extend(each)  # pyright: ignore[reportUnknownArgumentType]
