"""All that can be asked of an image without trusting who brought it: bytes, verdict, contents, origin, signature.

Nothing is run and nobody is asked but the place where the image is.
"""

import hashlib
import json
import posixpath
import tarfile
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from model_build import copying, provenance, report, sbom, signing
from model_build.bake import platforms
from model_build.bake.attachments import ATTESTATION, MODELCAR, SIGNATURE
from model_build.bake.errors import BakeError
from model_build.bake.inputs import NATIVE
from model_build.bake.layout import Json, Layout
from model_build.errors import InputError, ModelBuildError
from model_build.pipeline import REPORT_TYPE

Verdict = Literal["passed", "failed", "absent", "unchecked"]
_REPORT = "report.json"
_ASTRAY = (OSError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
"""What something is raised with that whoever may push has put beside an image."""


@dataclass(frozen=True)
class Finding:
    """What was asked, and what came of it. absent: there is none and nobody asked for one; unchecked: without a key."""

    what: str
    verdict: Verdict
    detail: str


@dataclass(frozen=True)
class Attached:
    """What is attached to an image: `manifest` is that of an artifact, whose blobs are beside the image's."""

    kind: str
    digest: str
    manifest: Json


class _Wrong(Exception):
    pass


def examine(image: str, key: str | None, progress: Callable[[str], None] | None = None) -> list[Finding]:
    """Check `oci:PATH@sha256:...` or `host/repository@sha256:...`; key: the public key, as PEM, that it is signed by.

    Raises InputError for what names no image by digest and for a key that is none, ModelBuildError where it is not.
    """
    failures = copying.check(image, None)
    if failures:
        raise InputError(failures[0][1].rpartition("bad input: ")[2])
    if key is not None:
        key = signing.spoken(*signing.public(key, "the key"))
    progress = progress or (lambda _: None)
    with _here(image, progress) as store:
        digest = copying.digest_of(image)
        if not (model := _files_of(store, digest)):
            return list(findings(store, digest, key))
        if not image.startswith("oci:"):
            copying.bring(f"{image.rpartition('@')[0]}@{model}", store.path, progress)
        return [*_of_files(store, digest, model, key), *_named("model image", findings(store, model, key))]


@contextmanager
def _here(image: str, progress: Callable[[str], None]) -> Generator[Layout]:
    if image.startswith("oci:"):
        store = Layout(Path(image.removeprefix("oci:").rpartition("@")[0]))
        try:
            store.index()
        except BakeError as error:
            raise ModelBuildError(str(error)) from None
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="verify-") as folder:
        copying.bring(image, Path(folder) / "layout", progress)
        yield Layout(Path(folder) / "layout")


def findings(store: Layout, digest: str, key: str | None) -> Iterator[Finding]:
    """Of an image of a layout, one after the other."""
    images: dict[str, str] = {}
    if _is_index(store, digest):
        attached: list[Attached] = []
        yield _asked("index", lambda: _index(store, digest, images))
        yield _asked("attachments", lambda: _attachments(store, digest, attached))
        yield _signed(store, digest, attached, key)
        for platform, image in images.items():
            yield from _named(platform, _of_image(store, image, images.get(NATIVE, ""), key))
    else:
        yield from _of_image(store, digest, "", key)


def _of_image(store: Layout, digest: str, verified: str, key: str | None) -> Iterator[Finding]:
    """Of one image. verified: the one of its index that was measured."""
    attached: list[Attached] = []
    yield _asked("image", lambda: _image(store, digest))
    yield _asked("attachments", lambda: _attachments(store, digest, attached))
    if verified in ("", digest):
        yield _asked("report", lambda: _report(store, digest, attached))
    else:
        yield _asked("report", lambda: _same_model(store, digest, verified))
    yield _asked("bill of materials", lambda: _sbom(store, digest, attached))
    yield _asked("provenance", lambda: _provenance(store, digest, attached, key))
    yield _signed(store, digest, attached, key)


def _named(of: str, found: Iterator[Finding]) -> Iterator[Finding]:
    return (replace(each, what=f"{of}: {each.what}") for each in found)


def _files_of(store: Layout, digest: str) -> str:
    """The image whose files a modelcar has, by its own word; empty for what is no modelcar."""
    try:
        manifest = store.manifest(digest)
    except (BakeError, ValueError):
        return ""  # what is wrong is told of the image
    of: Json = manifest.get("subject") or {}
    return str(of.get("digest", "")) if manifest.get("artifactType") == MODELCAR else ""


def _of_files(store: Layout, digest: str, model: str, key: str | None) -> Iterator[Finding]:
    """Of the model's files as an image of their own; verdict, contents and origin are those of the image `model`."""
    attached: list[Attached] = []
    yield _asked("image", lambda: _image(store, digest))
    yield _asked("attachments", lambda: _attachments(store, digest, attached))
    yield _asked("files", lambda: _same_files(store, digest, model))
    yield _signed(store, digest, attached, key)


def _same_files(store: Layout, digest: str, model: str) -> str:
    """Hold the files to those of the model image: the same layer, over which no other puts anything."""
    found = [str(each["digest"]) for each in store.manifest(digest)["layers"]]
    shared = str(store.manifest(model)["layers"][-1]["digest"])
    if shared not in found:
        raise _Wrong(f"its model is another than that of {model[:19]}; do not run it")
    with tarfile.open(store.blob(shared), "r|*") as entries:
        taken = {_place(each) for each in entries if not each.isdir()}
    for other in (each for each in found if each != shared):
        with tarfile.open(store.blob(other), "r|*") as entries:
            for each in entries:
                if _place(each) in taken or not _harmless(each):
                    raise _Wrong(f"{_place(each)!r} may be put over the model's files; do not run it")
    return f"the layer of {model[:19]}, with nothing over it"


def _place(entry: tarfile.TarInfo) -> str:
    return posixpath.normpath(f"/{entry.name}")[1:]


def _harmless(entry: tarfile.TarInfo) -> bool:
    """Whether an entry of a modelcar's other layers takes nothing away and leads nowhere but where ours do."""
    place = _place(entry)
    name = posixpath.basename(place)
    if name.startswith(".wh."):
        return False
    if entry.issym():
        return entry.linkname == ("../model.onnx" if name == "model.onnx" else "busybox")
    return entry.isdir() or (entry.isfile() and (place.split("/")[0] != "models" or name == "config.pbtxt"))


def _signed(store: Layout, digest: str, attached: list[Attached], key: str | None) -> Finding:
    signatures = [each for each in attached if each.kind == SIGNATURE]
    if key is not None:
        return _asked("signature", lambda: _signature(store, digest, signatures, key))
    if signatures:
        return Finding("signature", "unchecked", "signed, by whom is not known without a key; give --key FILE")
    return Finding("signature", "absent", "nobody has signed it")


def _is_index(store: Layout, digest: str) -> bool:
    try:
        return "manifests" in store.manifest(digest)
    except (BakeError, *_ASTRAY):
        return False  # what is wrong is told of the image


def _index(store: Layout, digest: str, images: dict[str, str]) -> str:
    """Fills `images`, by platform."""
    found = platforms.listed(store, digest)
    images |= found
    for entry in store.manifest(digest)["manifests"]:
        if why := damage(store, str(entry["digest"]), int(entry["size"])):
            raise _Wrong(f"{why}; fetch it again, or build the image again")
    for platform, image in found.items():
        config: Json = json.loads(store.read(str(store.manifest(image)["config"]["digest"])))
        is_for = f"{config.get('os')}/{config.get('architecture')}"
        if is_for != platform:
            raise _Wrong(f"its image for {platform} is one for {is_for}, expected its own; do not run it")
    if NATIVE not in found:
        raise _Wrong(f"it has no image for {NATIVE}, expected the one that was measured; do not run it")
    return f"images for {', '.join(found)}, each as its digest says"


def _same_model(store: Layout, digest: str, verified: str) -> str:
    """Hold an image to the one that was measured: model and program are the very same layers."""
    here, there = (store.manifest(each)["layers"][-2:] for each in (digest, verified))
    if [each["digest"] for each in here] != [each["digest"] for each in there]:
        raise _Wrong(f"its model or program is another than that of {verified[:19]}, which was measured; do not run it")
    return f"model and program are those of the image for {NATIVE}, which was measured"


def _asked(what: str, ask: Callable[[], str]) -> Finding:
    try:
        return Finding(what, "passed", ask())
    except (_Wrong, ModelBuildError, BakeError) as error:
        return Finding(what, "failed", str(error))
    except _ASTRAY as error:
        return Finding(what, "failed", f"it is not as it should be: {_worded(error)}")


def _worded(error: Exception) -> str:
    """An error in one line that is not long: its text may be of whoever made the image."""
    return f"{type(error).__name__} {' '.join(str(error).split())}"[:300]


def damage(store: Layout, digest: str, size: int | None = None) -> str:
    """What is wrong with a blob, every byte of which is read; empty where nothing is."""
    place = store.blob(digest)
    try:
        with place.open("rb") as file:
            found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
        if size is not None and place.stat().st_size != size:
            return f"blob {digest[:19]} has {place.stat().st_size:,} bytes, expected {size:,}"
    except FileNotFoundError:
        return f"blob {digest[:19]} is not there"
    return "" if found == digest else f"blob {digest[:19]} is damaged, its content is {found[:19]}"


def _whole(store: Layout, manifest: Json) -> tuple[int, int]:
    """How many blobs and bytes a manifest has. Raises _Wrong where one is not what its digest says."""
    blobs = [manifest["config"], *manifest["layers"]]
    for blob in blobs:
        if why := damage(store, str(blob["digest"]), int(blob["size"])):
            raise _Wrong(f"{why}; fetch it again, or build the image again")
    return len(blobs), sum(int(blob["size"]) for blob in blobs)


def _image(store: Layout, digest: str) -> str:
    manifest = store.manifest(digest)
    count, size = _whole(store, manifest)
    return f"{count + 1} blobs, {size:,} bytes, each as its digest says"


def _attachments(store: Layout, digest: str, attached: list[Attached]) -> str:
    """Fills `attached`."""
    wrong = ""
    for entry in store.index()["manifests"]:
        if not entry.get("artifactType"):
            continue
        try:
            manifest = store.manifest(str(entry["digest"]))
        except (BakeError, ValueError) as error:
            wrong = wrong or str(error)  # of which image, it no longer says
            continue
        subject: Json = manifest.get("subject") or {}
        if subject.get("digest") == digest:
            attached.append(Attached(str(manifest.get("artifactType", "")), str(entry["digest"]), manifest))
            try:
                _whole(store, manifest)
            except _Wrong as error:
                wrong = wrong or str(error)
    if wrong:
        raise _Wrong(wrong)
    return f"{len(attached)}, each as its digest says"


def _texts(store: Layout, attached: list[Attached], kind: str, title: str) -> list[bytes]:
    found: list[bytes] = []
    for each in attached:
        layers: list[Json] = each.manifest["layers"] if each.kind == kind else []
        for layer in layers:
            named: Json = layer.get("annotations") or {}
            if named.get("org.opencontainers.image.title") == title:
                found.append(store.read(str(layer["digest"])))
    return found


def _report(store: Layout, digest: str, attached: list[Attached]) -> str:
    texts = _texts(store, attached, REPORT_TYPE, _REPORT)
    if not texts:
        raise _Wrong("none is attached, expected that of the build; build the image again")
    why = "it is of another image, or none"
    for text in reversed(texts):
        try:
            told = report.Report.model_validate_json(text)
        except ValueError:
            continue  # what is none hides no other
        if told.image is None or told.image.digest != digest:
            continue
        choice = next((each for each in told.candidates if each.name == told.chosen), None)
        if choice is not None and choice.passed and not choice.missed:
            return f"{told.name} {told.version}: {choice.name} passed its gate"
        why = f"{told.chosen or 'no candidate'} did not pass its gate"
    raise _Wrong(f"{why}, expected a verdict on this one; do not run it")


def _sbom(store: Layout, digest: str, attached: list[Attached]) -> str:
    texts = _texts(store, attached, sbom.TYPE, sbom.FILE)
    if not texts:
        raise _Wrong("none is attached, expected that of the build; build the image again")
    own = sbom.describe(store.path, digest)
    wanted, why = _components(own), ""
    for text in texts:
        told: Any = json.loads(text)
        if text != own:  # of another version, perhaps
            _valid(text)
        if told["metadata"]["component"]["version"] != digest:
            why = "it is of another image"
            continue
        given = _components(text)
        if given == wanted and _complete(own):
            return f"CycloneDX, {len(given)} components, all that is in the image"
        if given == wanted and not _complete(text):
            return f"CycloneDX, {len(given)} components; the image has more, and the document says so"
        if given == wanted:
            why = "it says that it is complete and is not"
            continue
        other = sorted(given ^ wanted)[0]
        where = "which is not in the image" if other in given else "which is in the image, is not in it"
        why = f"{other[1]} {other[2]}, {where}"
    raise _Wrong(f"{why}, expected what is in this image; do not rely on it")


def _complete(text: bytes) -> bool:
    """Whether a document claims to name all that is in its image."""
    told: Any = json.loads(text)
    return not any(each.get("aggregate") == "incomplete" for each in cast("list[Json]", told.get("compositions", [])))


def _components(text: bytes) -> set[tuple[str, str, str, str]]:
    told: Any = json.loads(text)
    return {
        (
            str(each.get("type")),
            str(each.get("purl") or each.get("name")),
            str(each.get("version", "")),
            json.dumps(each.get("hashes", []), sort_keys=True),
        )
        for each in cast("list[Json]", told["components"])
    }


def _valid(text: bytes) -> None:
    """Hold it to CycloneDX's own schema, where what reads schemas is installed."""
    from cyclonedx.exception import MissingOptionalDependencyException
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    told: Any = json.loads(text)
    if (told["bomFormat"], told["specVersion"]) != ("CycloneDX", "1.6"):
        raise _Wrong("it is no bill of materials in CycloneDX 1.6")
    try:
        found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.decode())
    except MissingOptionalDependencyException:
        return
    if found is not None:
        raise _Wrong("it breaks the schema of CycloneDX 1.6; build the image again")


def _provenance(store: Layout, digest: str, attached: list[Attached], key: str | None) -> str:
    plain = _texts(store, attached, provenance.TYPE, provenance.FILE)
    signed = [each for each in attached if each.kind == ATTESTATION]
    texts = plain if key is None else [text for each in signed for text in provenance.opened(store, each.manifest, key)]
    if not texts:
        raise _Wrong("none is attached that the key has signed" if key else "none is attached, expected one")
    error: ModelBuildError | None = None
    for text in texts:
        try:
            predicate = provenance.check(text, digest)
        except provenance.ProvenanceError as wrong:
            error = wrong
            continue
        recipe = predicate["buildDefinition"]["externalParameters"]["recipe"]["digest"]["sha256"]
        return f"SLSA v1, recipe {recipe[:12]}, {'signed by the key' if key else 'by its own word alone'}"
    assert error is not None
    raise error


def _signature(store: Layout, digest: str, signatures: list[Attached], key: str) -> str:
    if any(signing.good(store, digest, each.digest, key) for each in signatures):
        return "by the key"
    raise _Wrong(
        f"none of its {len(signatures)} signatures is by the key, expected one; do not run it"
        if signatures
        else "nobody has signed it, expected the key; do not run it"
    )
