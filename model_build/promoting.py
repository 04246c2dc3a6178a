"""An image that another stack has verified and served, in the place of one that is built: the same digest.

A record (`Promoted`) says which image that is and what was measured of it. It is an input of a `ModelImage`, and
`check` hands it on from one `up` to the next, so it lies in the stack's state until another takes its place or it is
undone.
The recipe beside it builds nothing: of it the gate counts, to which what was measured is held whenever it is checked.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model_build.bake.inputs import NATIVE
from model_build.errors import GateMissed, InputError, ModelBuildError

PROMOTED = "promoted"
"""The input that holds a record, as JSON. An empty one undoes what is in the state."""

Inputs = dict[str, Any]


@dataclass(frozen=True)
class Promoted:
    """What was promoted."""

    stack: str
    """The stack that served it."""
    digest: str
    source: str
    """Where it is copied from: `host/repository@sha256:...`, or `oci:PATH@sha256:...` of one machine."""
    identity: str
    """Of the build that made it."""
    model: str
    version: str
    chosen: str
    metric: str
    metrics: Mapping[str, float]
    """What was measured, by name, as `ModelImage.metrics`."""
    parts: Mapping[str, str]
    """What its identity is made of."""
    output: str = ""
    """The output that was measured, where the recipe names one."""
    manifest: str = "oci"
    here: bool = False
    """It is run from this machine's own layout."""
    index: str = ""
    """Digest of the index of its images for all platforms, where there are several."""
    server: str = "modelport"
    """What answers in the image."""
    formats: Sequence[str] = ()
    """What the model is attached as besides."""

    def top(self, recipe: str) -> tuple[str, str]:
        """Digest and source of what `recipe`, in its canonical form, wants: the index, or the image alone."""
        several = len(json.loads(recipe).get("platforms", ())) > 1
        digest = self.index if several and self.index else self.digest
        return digest, f"{self.source.rpartition('@')[0]}@{digest}"

    def canonical(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> "Promoted":
        """Raises InputError for what is no record."""
        try:
            made = cls(**json.loads(text))
            good = made.digest.startswith("sha256:") and made.source.endswith(f"@{made.digest}")
            good = good and (made.index == "" or made.index.startswith("sha256:"))
            if not good or dict(made.metrics) != made.metrics or isinstance(made.formats, str):
                raise ValueError
        except (ValueError, TypeError, AttributeError):
            raise InputError(
                f"promoted is {text[:60]!r}, expected what modelport promote writes; let it write that"
            ) from None
        return made


def of_recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """What a record has of the recipe, in its canonical form, that was built."""
    evaluate: Mapping[str, Any] = recipe.get("evaluate") or {}
    return {
        "version": str(recipe.get("version", "1")),
        "metric": str(evaluate.get("metric", "accuracy")),
        "output": str(evaluate.get("output") or ""),
        "manifest": str(recipe.get("manifest", "oci")),
        "server": str(recipe.get("server", "modelport")),
        "formats": [*recipe.get("formats", ())],
    }


def carried(olds: Mapping[str, Any], news: Inputs) -> Inputs:
    """The inputs with the record that is given, else the one that the state has; an empty one is none."""
    given = news.get(PROMOTED)
    held = olds.get(PROMOTED) if given is None else given
    rest = {key: value for key, value in news.items() if key != PROMOTED}
    return rest | {PROMOTED: held} if held else rest


def check(olds: Mapping[str, Any], news: Inputs) -> tuple[Inputs, list[tuple[str, str]]]:
    """As `plan.check`, for inputs with a record: nothing of the recipe is looked for but its gate."""
    from model_build import plan
    from model_build.errors import line

    recipe = str(news.get("recipe"))
    try:
        found = Promoted.parse(str(news[PROMOTED]))
        if (recipe, news[PROMOTED]) != (olds.get("recipe"), olds.get(PROMOTED)):
            # What was checked before is not checked again: importing the rules takes longer than all the rest.
            recipe = held(recipe, found)
        news = plan.places(olds, news)
    except ModelBuildError as error:
        return news, [(plan.at_fault(error), line(error))]
    keep = news.get("keep")
    return news | {
        "recipe": recipe,
        "keep": True if keep is None else bool(keep),
        "identity": found.identity,
        "parts": dict(found.parts),
    }, []


def held(recipe: str, found: Promoted) -> str:
    """The recipe in its canonical form. Raises InputError for one of another model, GateMissed for a stricter gate."""
    from model_build.recipe import Recipe

    wanted = Recipe.parse(recipe)
    what = f"{found.model} {found.version}, promoted from {found.stack},"
    if wanted.name != found.model:
        raise InputError(
            f"{what} is another model than {wanted.name}, expected one by that name; modelport promote --undo builds it"
        )
    if (wanted.evaluate.metric, wanted.evaluate.output or "") != (found.metric, found.output):
        asked, measured = _measure(wanted.evaluate.metric, wanted.evaluate.output), _measure(found.metric, found.output)
        raise InputError(f"{what} was measured by {measured}, expected {asked}, to which the gate is; measure it there")
    if len(wanted.platforms) > 1 and not found.index:
        raise InputError(
            f"{what} is an image for {NATIVE} alone, expected one for each of {', '.join(wanted.platforms)}; write "
            f"model.platforms there too and bring {found.stack} up, or take it out here"
        )
    if wanted.server != found.server:
        raise InputError(
            f"{what} is answered from by server {found.server}, expected {wanted.server}, which the pods are made for; "
            f"write model.server: {wanted.server} there too and bring {found.stack} up, or write {found.server} here"
        )
    if lacks := [each for each in wanted.formats if each not in found.formats]:
        raise InputError(
            f"{what} was not written as {', '.join(lacks)}, expected every format of this recipe; write model.formats "
            f"there too and bring {found.stack} up, or take it out here"
        )
    missed = misses(wanted, found)
    if missed:
        raise GateMissed(
            found.model, [f"{found.chosen} missed {each}" for each in missed], f"promoted from {found.stack}"
        )
    return wanted.canonical()


def misses(wanted: Any, found: Promoted) -> list[str]:
    """One line for each bound of the recipe's gate that was missed by what was measured. Raises InputError."""
    from model_build.gate import Measured, missed

    told = found.metrics
    try:
        got = Measured(
            found.chosen,
            int(told["bytes"]),
            told[found.metric],
            told.get("drop"),
            told["p50_ms"],
            told["p99_ms"],
            batches={rows: told[key] for rows in wanted.evaluate.latencies if (key := f"p99_ms_of_{rows}") in told},
            cosine=told.get("least_cosine"),
        )
    except KeyError as error:
        raise InputError(
            f"{found.model}, promoted from {found.stack}, has no measure of {error.args[0]}, expected one; bring "
            f"{found.stack} up again"
        ) from None
    return missed(wanted.evaluate, got)


def change(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str | None:
    """Why the resource must be updated, in words, where a record comes, goes, or is of another image; else None."""
    before, after = _of(olds), _of(news)
    if before is not None and after is None:
        return f"the promotion from {before.stack} is undone, model {str(news.get('identity', ''))[:4]} is built"
    if after is None:
        return None
    top, _ = after.top(str(news.get("recipe", "{}")))
    wanted = [after.digest, "" if top == after.digest else top]
    has = [str(olds.get(key) or "").rpartition("@")[2] for key in ("digest", "index")]
    if before is not None and before.digest == after.digest and has == wanted:
        return None
    was = str(olds.get("digest") or "")[7:19]
    return f"image {was} to {_told(after)}" if was and was != after.digest[7:19] else _told(after)


def announcement(news: Mapping[str, Any]) -> str:
    """What is said of a record in a stack that is new."""
    found = _of(news)
    return _told(found) if found else ""


def unheeded(olds: Mapping[str, Any], news: Mapping[str, Any]) -> str:
    """What is said of a recipe that was changed and builds nothing."""
    found = _of(news)
    if found is None or olds.get("recipe") == news.get("recipe"):
        return ""
    stays = f"image {found.digest[7:19]}, promoted from {found.stack}, stays"
    return f"{stays}, the changed recipe builds nothing; modelport promote --undo ends that"


def shared(outs: Mapping[str, Any]) -> bool:
    """Whether the image is the very one that the other stack runs, so that it is not this one's to take away."""
    found = _of(outs)
    return found is not None and str(outs.get("reference")) in (found.source, str(outs.get("layout_image")))


def take(props: Mapping[str, Any]) -> dict[str, Any]:
    """Bring the image to where it is wanted; the outputs of the resource. Raises ModelBuildError."""
    from model_build import cache, content, copying, folders, plan, promoted_report

    found = Promoted.parse(str(props[PROMOTED]))
    destination, layout = plan.destination(props), folders.images()
    image = f"oci:{layout.absolute()}@{found.digest}"

    def say(text: str) -> None:
        print(f"modelport: {found.model}: promote: {text}", file=sys.stderr, flush=True)

    with_files = bool(props.get("modelcar"))
    with cache.in_use():
        top, source = found.top(str(props.get("recipe", "{}")))
        whole = content.is_whole(layout, top)
        if not whole and (destination is None or found.here or with_files):
            say(f"{top[:19]} from {found.source.rpartition('@')[0]}")
            copying.bring(source, layout, say)
    # Before anything is pushed: a tag must not come to name an image that nothing speaks for any more.
    written = promoted_report.of(found, layout)
    beside = _beside(found, layout, plan.signed_by(props), say)
    if top != found.digest:
        beside["index"] = _of_index(found, source, layout, plan.signed_by(props), say)
    car = _car(found, layout, plan.signed_by(props)) if with_files else ""
    place = image if destination is None else _pushed(found, top, source, destination, layout, say)
    name = place.rpartition("@")[0]
    reference, index = f"{name}@{found.digest}", f"{name}@{top}" if top != found.digest else ""
    if destination is not None:
        _arrived(reference, beside["signature"])
        _arrived(index, beside.pop("index", ""))
    return {
        "identity": found.identity,
        "digest": found.digest,
        "reference": reference,
        "layout_image": image,
        "report_html": str(written.html),
        "report_json": str(written.json),
        "metrics": dict(found.metrics),
        "chosen": found.chosen,
        "model": found.model,
        **{key: beside[key] for key in ("sbom", "signature")},
        "files": f"{name}@{car}" if car else "",
        "index": index,
    }


def _beside(found: Promoted, layout: Path, signed_by: str | None, say: Any) -> dict[str, str]:
    """Digests of the bill of materials and the signature that are attached to the image.

    Where this machine has the image and not what was attached to it since, that is brought, so that it goes along.
    Raises InputError for an image without a signature by the key that is asked for.
    """
    from model_build import attached, bills, content, copying, sbom

    problems: list[str] = []
    told, away = {"sbom": "", "signature": ""}, False
    here = content.is_whole(layout, found.digest)
    if here:
        told["sbom"] = bills.attach(layout, found.digest)
    else:
        listed = attached.of(layout, found.source, found.digest, sbom.TYPE, problems)
        told["sbom"] = next((each for store, each in listed if bills.speaks_of(store, each, found.digest)), "")
    if signed_by:
        told["signature"], away = _signature(found, found.digest, found.source, layout, signed_by, problems)
    if away and here:
        copying.bring(found.source, layout, say)
    return told


def _signature(
    found: Promoted, image: str, source: str, layout: Path, signed_by: str, problems: list[str]
) -> tuple[str, bool]:
    """The signature of an image, or of the index of images, by the key, and whether this machine has it not.

    Raises InputError where there is none.
    """
    from model_build import attached, signing
    from model_build.bake.attachments import SIGNATURE

    others = 0
    for store, digest in attached.of(layout, source, image, SIGNATURE, problems):
        if signing.good(store, image, digest, signed_by):
            return digest, store.path != layout
        others += 1
    why = f": {problems[-1]}" if problems else ""
    by = "is signed by others, and not" if others else "is not signed"
    kind = "image" if image == found.digest else "index"
    raise InputError(
        f"{kind} {image[7:19]} of {found.stack} {by} by the key of signed_by, expected a signature of it{why}; run "
        f"modelport up -s {found.stack} with that key in its image.signed_by, and promote it again"
    )


def _of_index(found: Promoted, source: str, layout: Path, signed_by: str | None, say: Any) -> str:
    """The digest of the signature of the index of all images, where a key is asked for; else nothing."""
    from model_build import content, copying

    if not signed_by:
        return ""
    signature, away = _signature(found, found.index, source, layout, signed_by, [])
    if away and content.is_whole(layout, found.index):
        copying.bring(source, layout, say)
    return signature


def _car(found: Promoted, layout: Path, signed_by: str | None) -> str:
    """The image of the model's files alone. Raises InputError where it is not signed by the key that is asked for."""
    from model_build import signing
    from model_build.bake import modelcar
    from model_build.bake.attachments import SIGNATURE, referrers
    from model_build.bake.layout import Layout

    car = modelcar.attach(layout, found.digest)
    listed = [str(each["digest"]) for each in referrers(layout, car) if each["artifactType"] == SIGNATURE]
    if signed_by and not any(signing.good(Layout(layout), car, each, signed_by) for each in listed):
        raise InputError(
            f"the files of image {found.digest[7:19]} of {found.stack} are not signed by the key of signed_by, "
            f"expected a signature of {car[7:19]}; set image.modelcar in {found.stack} and promote again"
        )
    return car


def _arrived(reference: str, wanted: str) -> None:
    """Look for the signature where the image was brought. Raises ModelBuildError where it is not there."""
    from model_build import push

    if wanted and wanted not in {each.get("digest") for each in push.list_referrers(reference)}:
        raise ModelBuildError(
            f"{reference}: has no signature {wanted[:19]}, expected the one that was found where the image came from; "
            "run it again, and look at that registry where this repeats"
        )


def _pushed(found: Promoted, top: str, source: str, destination: str, layout: Path, say: Any) -> str:
    """Copy the image, or the index of all of them, `top`, from `source`; where it then is."""
    from model_build import content, copying, push

    place = push.parse(destination)
    if not source.startswith("oci:") and push.parse(source).name == place.name and not place.tag:
        if push.exists(source):
            return source
        raise push.MissingError(f"{source}: is not there, expected what {found.stack} serves; bring that up again")
    source_here = f"oci:{layout}@{top}" if content.is_whole(layout, top) else source
    return copying.copy(source_here, destination, say)


def _of(props: Mapping[str, Any]) -> Promoted | None:
    return Promoted.parse(str(props[PROMOTED])) if props.get(PROMOTED) else None


def _told(found: Promoted) -> str:
    measured = f"{found.metric} {found.metrics.get(found.metric, float('nan')):.4g}"
    return f"{found.digest[7:19]}, promoted from {found.stack}: {found.chosen} with {measured}, nothing is built"


def _measure(metric: str, output: str | None) -> str:
    return f"{metric} of {output}" if output else metric
