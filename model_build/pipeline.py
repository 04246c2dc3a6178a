"""The whole way from a recipe to an image: fetch, convert, optimize, verify, bake, push.

Each step is cached by content, so a build of what was built before only looks things up. Nothing measured goes into the
image: the report is attached to it as a referrer.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model_build import cache, content, folders, gate, hosting, multiplatform, report, reporting
from model_build.bake.inputs import NATIVE
from model_build.batch import opened
from model_build.convert import Converted, convert
from model_build.errors import GateMissed, InputError, ModelBuildError
from model_build.identity import STEPS
from model_build.optimize import search
from model_build.recipe import Recipe
from model_build.recipe_server import TENSORFLOW
from model_build.served import served
from model_build.verify import Verified, labels, verify
from model_build.work import Progress, Work

if TYPE_CHECKING:
    from model_build import signing

REPORT_TYPE = "application/vnd.modelport.report.v1"
"""Artifact type of the referrer that holds report.json, report.html and profile.json."""


@dataclass(frozen=True)
class Built:
    """What a build came to. Paths are absolute."""

    model: str
    """The model's name."""
    version: str
    identity: str
    digest: str
    """Of the image's manifest."""
    reference: str
    """What to deploy: `host/repository@sha256:...` when it was pushed, else as `layout_image`."""
    layout_image: str
    """`oci:PATH@sha256:...`."""
    chosen: str
    metrics: dict[str, float]
    report_html: str
    report_json: str
    sbom: str
    """Digest of what holds the bill of materials, attached to the image."""
    provenance: str
    """Digest of what holds where the image comes from, attached to it; signed where that was asked for."""
    signature: str
    """Digest of what holds the signature, attached to the image; empty where none was asked for."""
    files: str
    """The image of the model's files alone, as `reference`; empty where none was asked for."""
    index: str
    """The index of the images for all platforms, as `reference`; empty where the recipe has but one platform."""
    formats: dict[str, str]
    """By format, the digest of what holds the model in it, attached to the image."""
    cached: bool
    """Nothing had to be made."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def build(
    recipe: Recipe,
    *,
    project: Path,
    layout: Path | None = None,
    push: str | None = None,
    signed_by: str | None = None,
    modelcar: bool = False,
    progress: Progress | None = None,
) -> Built:
    """Build the image of `recipe` into the OCI layout `layout` (default: the machine's), push it to `push` if given.

    push: `host[:port]/repository[:tag]`. project: what the recipe's paths and modules are relative to. signed_by: the
    public key, as PEM, that the image is to be signed by; the private one is asked of the environment (`signing`).
    modelcar: make an image of the model's files alone, too.
    Raises InputError for what cannot be used, GateMissed when no candidate is good enough (a report is written all the
    same), ModelBuildError for what failed. What was built before stays as it was.
    """
    layout = (layout or folders.images()).absolute()
    with _in_our_words(), cache.disk_errors(folders.data(), "MODELPORT_DATA_DIR"), cache.in_use():
        work = Work.on(recipe, project, progress)
        with cache.locked(folders.data() / "reports" / f".{work.identity.short}.lock"):
            made = _known(work, layout)
            cached = made is not None
            # Before hours of work that nobody could sign.
            signer = _signer(layout, made.image.digest if made and made.image else "", signed_by)
            if made is None:
                multiplatform.prepare(work)
                hosting.prepare(work)
                made = _build(work, layout)
        assert made.image is not None and made.chosen is not None
        written = reporting.place(work.identity.digest)
        image = f"oci:{layout}@{made.image.digest}"
        name = _deployed_as(recipe, push)
        images = multiplatform.baked(work, layout, made.image.digest)
        beside = {NATIVE: _beside(work, layout, made, NATIVE, made.image.digest, name, signed_by, signer)}
        for platform, other in images.items():
            if platform != NATIVE:
                also = _signer(layout, other, signed_by)
                beside[platform] = _beside(work, layout, made, platform, other, name, signed_by, also)
        if index := multiplatform.listed(layout, images, recipe.name):
            _signed(work, layout, index, name, signed_by, _signer(layout, index, signed_by))
        _countersign(layout, made, name, signed_by)
        car = _car(work, layout, made.image.digest, name, signed_by) if modelcar else ""
        place = _push(work, layout, index or made.image.digest, push) if push else f"oci:{layout}"
        described, signature, origin = beside[NATIVE]
    return Built(
        model=recipe.name,
        version=recipe.version,
        identity=work.identity.digest,
        digest=made.image.digest,
        reference=f"{place}@{made.image.digest}",
        layout_image=image,
        chosen=made.chosen,
        metrics=reporting.figures(made),
        report_html=str(written.html),
        report_json=str(written.json),
        sbom=described,
        provenance=origin,
        signature=signature,
        files=f"{place}@{car}" if car else "",
        index=f"{place}@{index}" if index else "",
        formats={each.name: each.digest for each in made.exports},
        cached=cached,
    )


def candidate(work: Work) -> tuple[Converted, Verified]:
    """All steps before the bake.

    Raises GateMissed, with the report written, when no candidate passed; ModelBuildError when none could be made.
    """
    converted = convert(work)
    hosting.fit(work, converted)
    converted = opened(work, converted)
    verified = verify(work, converted, search(work, converted))
    if verified.chosen is None:
        written = reporting.write(reporting.fill(work, converted, verified, None))
        lines = {r.name: r.missed for r in verified.results if r.missed}
        if not lines:
            tried = "; ".join(f"{r.name}: {r.why}" for r in verified.results)
            raise ModelBuildError(f"{work.recipe.name}: no candidate could be made: {tried}; add others in optimize")
        told = [f"{name} missed {line}" if r else f"{name}: {line}" for name, r, line in _misses(verified)]
        raise GateMissed(work.recipe.name, told, f"{gate.fix(work.recipe.evaluate, lines)}; report: {written.html}")
    if short := hosting.missed(work, verified):
        written = reporting.write(reporting.fill(work, converted, replace(verified, chosen=None), None))
        told = [f"the SavedModel, which will serve, missed {line}" for line in short]
        raise GateMissed(work.recipe.name, told, f"train a better model; report: {written.html}")
    return converted, verified


def model_folder(work: Work, converted: Converted, verified: Verified) -> Path:
    """The folder that goes into the image: model.onnx and model.json. The same candidate gives the same bytes."""
    choice = verified.choice
    assert choice is not None and choice.model is not None
    model = choice.model
    classify = work.recipe.classify
    told: dict[str, Any] = {
        "format": 1,
        "name": work.recipe.name,
        "version": work.recipe.version,
        "classify": classify.model_dump(mode="json") | {"labels": labels(work, converted)} if classify else None,
    }
    if converted.generates == "text":
        told["needs"] = ["text"]  # wheels that the image has besides
    served_itself = work.recipe.server == TENSORFLOW
    if served_itself:
        told["savedmodel"] = hosting.content_of(work)

    def fill(folder: Path) -> None:
        if served_itself:
            hosting.copied(work, folder)
        else:
            shutil.copyfile(model, folder / "model.onnx")
        (folder / "model.json").write_text(
            json.dumps(told, sort_keys=True, indent=1, ensure_ascii=False) + "\n", "utf-8"
        )

    digests = {r.name: r.model.parent.name for r in verified.results if r.model is not None}
    return cache.made("model", {"steps": STEPS, "chosen": digests[choice.name], **told}, fill).folder


def _build(work: Work, layout: Path) -> report.Report:
    from model_build import bake
    from model_build.formats import exporting

    exporting.ready(work)
    converted, verified = candidate(work)
    exported = exporting.export(work, converted, verified)
    folder = model_folder(work, converted, verified)
    began = time.monotonic()
    image = bake.bake(
        folder,
        name=work.recipe.name,
        base=work.recipe.base,
        layout=layout,
        manifest=work.recipe.manifest,
        hosting=(other := hosting.of(work.recipe)),
        progress=lambda text: work.progress("bake", text),
    )
    work.note("bake", time.monotonic() - began, False)
    shown = report.Image(digest=image.digest, unpacked_bytes=image.unpacked_bytes)
    costs = (None, hosting.unserved(other)) if other else served(work, converted, folder, layout, image.digest)
    exports = [reporting.exported(each, exporting.attach(layout, image.digest, each)) for each in exported]
    made = reporting.fill(work, converted, verified, shown, costs, exports)
    written = reporting.write(made)
    bake.attach(layout, image.digest, REPORT_TYPE, written.files())
    return made


def _known(work: Work, layout: Path) -> report.Report | None:
    """The report of an earlier build whose image is still whole in `layout`."""
    found = reporting.read(work.identity.digest)
    if found is None or found.image is None or found.chosen is None or not content.is_whole(layout, found.image.digest):
        return None
    if not all(content.is_whole(layout, each.digest) for each in found.exports):
        return None
    work.progress("build", f"image {found.image.digest[7:19]} is there already")
    return found


def _signer(layout: Path, digest: str, signed_by: str | None) -> "signing.Signer | None":
    """Whoever signs an image, or one that is yet to be made; None where nobody needs to."""
    if not signed_by:
        return None
    from model_build import signing

    if digest and signing.found(layout, digest, signed_by):
        return None
    return signing.Signer.of(signed_by)


def _deployed_as(recipe: Recipe, destination: str | None) -> str:
    """What a signature says that the image is called."""
    if not destination:
        return recipe.name
    from model_build.push.reference import parse

    return parse(destination).name


def _beside(
    work: Work,
    layout: Path,
    made: report.Report,
    platform: str,
    digest: str,
    name: str,
    signed_by: str | None,
    signer: "signing.Signer | None",
) -> tuple[str, str, str]:
    """Describe an image, sign it and say where it comes from; the digests of what holds each."""
    from model_build import bills

    described = bills.attach(layout, digest)
    signature = _signed(work, layout, digest, name, signed_by, signer)
    return described, signature, _told(work, layout, made, platform, digest, signed_by, signer)


def _signed(
    work: Work, layout: Path, digest: str, name: str, signed_by: str | None, signer: "signing.Signer | None"
) -> str:
    """Sign the image, unless it is signed; the digest of what holds the signature, empty where nobody asked for it."""
    if not signed_by:
        return ""
    from model_build import signing

    if signer is None:
        return signing.found(layout, digest, signed_by)
    work.progress("sign", f"{digest[7:19]} is signed by the key of signed_by")
    return signing.attach(layout, digest, name, signer)


def _countersign(layout: Path, made: report.Report, name: str, signed_by: str | None) -> None:
    """Sign what is used by itself, the model in other formats, where the image is signed."""
    from model_build import signing

    for each in made.exports if signed_by else ():
        if signed_by and not signing.found(layout, each.digest, signed_by):
            signing.attach(layout, each.digest, name, signing.Signer.of(signed_by))


def _car(work: Work, layout: Path, digest: str, name: str, signed_by: str | None) -> str:
    """Make the image of the model's files alone, and sign it where the image is signed; its digest."""
    from model_build import signing
    from model_build.bake import modelcar

    car = modelcar.attach(layout, digest)
    if signed_by and not signing.found(layout, car, signed_by):
        signing.attach(layout, car, name, signing.Signer.of(signed_by))
    work.progress("bake", f"{car[7:19]} holds the files of {digest[7:19]} alone")
    return car


def _told(
    work: Work,
    layout: Path,
    made: report.Report,
    platform: str,
    digest: str,
    signed_by: str | None,
    signer: "signing.Signer | None",
) -> str:
    """Say where the image comes from, unless that is said already; the digest of what holds it."""
    from model_build import provenance

    assert made.chosen is not None
    recipe, identity, addresses = work.recipe, work.identity, work.addresses()
    parts = multiplatform.parts_of(identity.parts, platform)
    origin = provenance.Origin(recipe.name, recipe.version, made.chosen, identity.digest, parts, addresses)
    text = provenance.statement(origin, digest)
    with tempfile.TemporaryDirectory(prefix="provenance-") as folder:
        placed = provenance.place(layout, digest, text, Path(folder))
    if not signed_by:
        return placed
    if signer is not None:
        return provenance.sign(layout, digest, text, signer)
    return provenance.found(layout, digest, signed_by) or placed


def _push(work: Work, layout: Path, digest: str, destination: str) -> str:
    """Push an image or an index of images; `host/repository`."""
    from model_build import push

    began = time.monotonic()
    pushed = push.push(layout, digest, destination, progress=lambda text: work.progress("push", text))
    work.note("push", time.monotonic() - began, not pushed.uploaded)
    return pushed.reference.rpartition("@")[0]


def _misses(verified: Verified) -> Iterator[tuple[str, bool, str]]:
    for result in verified.results:
        for line in result.missed:
            yield result.name, True, line
        if not result.missed:
            yield result.name, False, result.why


@contextmanager
def _in_our_words() -> Generator[None]:
    """Errors of bake and push as errors of the build; their messages are in our form already."""
    from model_build.bake.errors import BakeError, BaseError

    try:
        yield
    except BaseError as error:
        raise InputError(str(error)) from error
    except BakeError as error:
        raise ModelBuildError(str(error)) from error
