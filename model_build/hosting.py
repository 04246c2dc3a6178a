"""What a build has to do otherwise when another's server answers: what that can serve, and what of it is the gate's.

NVIDIA Triton runs the candidate that was chosen. TensorFlow Serving runs the source itself, whose own answers have been
measured beside those of its ONNX form; so it is held to the gate by its own.
"""

import shutil
from dataclasses import replace
from pathlib import Path

from model_build import content, gate
from model_build.bake.hosted import SAVED, Hosting, look
from model_build.bake.servers import SERVERS
from model_build.convert import Converted
from model_build.errors import SourceError
from model_build.fetch import Fetched, fetch
from model_build.recipe import Recipe
from model_build.recipe_server import OWN, TENSORFLOW, TRITON
from model_build.verify import Verified
from model_build.work import Work


def of(recipe: Recipe) -> Hosting | None:
    """Another's server, as the recipe has it; None where ours serves."""
    if recipe.server == OWN:
        return None
    settings = recipe.triton.model_dump(mode="json") if recipe.triton else {}
    return Hosting(recipe.server, recipe.version, settings)


def prepare(work: Work) -> None:
    """Bring the base and look for the server in it, before hours of work. Raises BaseError."""
    if (hosting := of(work.recipe)) is not None:
        look(work.recipe.base, hosting, lambda text: work.progress("bake", text))


def fit(work: Work, converted: Converted) -> None:
    """Raise SourceError for a model that the server cannot serve, before candidates are made."""
    server = work.recipe.server
    if server == TRITON and converted.generates:
        raise SourceError(
            f"source {work.source.label!r} is a model that writes token by token, and server is {TRITON}, which has no "
            f"loop for that; write server: {OWN}"
        )
    if server == TENSORFLOW:
        saved(work)


def saved(work: Work) -> Fetched:
    """The SavedModel that TensorFlow Serving is to serve. Raises SourceError for a source of another format."""
    found = fetch(work)
    if found.format != "savedmodel":
        raise SourceError(
            f"source {work.source.label!r} is a model of format {found.format}, and server is {TENSORFLOW}, expected a "
            f"SavedModel, which is all that it serves; save the model as one, or write server: {OWN} or {TRITON}"
        )
    return found


def content_of(work: Work) -> str:
    """Hex over the files of the SavedModel."""
    return content.of_files(dict(content.walk(saved(work).file)))


def copied(work: Work, folder: Path) -> None:
    """Put the SavedModel into the model's folder, the files alone that its identity is of."""
    for name, file in content.walk(saved(work).file):
        place = folder / SAVED / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)


def missed(work: Work, verified: Verified) -> list[str]:
    """Bounds that what will serve misses, where that is not the candidate that was chosen."""
    choice = verified.choice
    if work.recipe.server != TENSORFLOW or choice is None or choice.measured is None:
        return []
    got, own = choice.measured, verified.baseline
    if own is None:
        return [f"how good the SavedModel is that {TENSORFLOW} serves is not known, as TensorFlow did not answer"]
    slices = [replace(each, metric=each.metric if each.baseline is None else each.baseline) for each in got.slices]
    # It is no further from itself than nothing.
    itself = replace(got, name="the SavedModel", metric=own, drop=0.0, slices=slices, form=None, apart=None, cosine=1.0)
    return gate.missed(work.recipe.evaluate, itself)


def unserved(hosting: Hosting) -> str:
    """Why it is not measured what a request costs."""
    called = SERVERS[hosting.server].called
    return f"the server is {called}, and what a request costs is measured of our own alone"
