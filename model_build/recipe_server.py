"""The part of a recipe that says what serves the model in its image, where that is not the library's own program."""

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from model_build.recipe import Recipe

OWN, TRITON, TENSORFLOW = "modelport", "triton", "tensorflow-serving"
_CALLED = {TRITON: "NVIDIA Triton", TENSORFLOW: "TensorFlow Serving"}
_VERSION = re.compile(r"[1-9][0-9]{0,17}")
"""Both servers count versions: a folder with another name is none to them."""


class Triton(BaseModel):
    """How NVIDIA Triton runs the model."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    max_batch: Annotated[int | None, Field(strict=True, ge=0, le=65536)] = None
    """The most rows that Triton puts together from several requests; 0: it passes each request on as it comes.
    Default: 64 for a model that takes any number of rows, else 0."""
    preferred_batches: list[Annotated[int, Field(strict=True, ge=1, le=65536)]] = []
    """Numbers of rows at which Triton waits for no more. Default: `max_batch` alone."""
    queue_delay_us: Annotated[int, Field(strict=True, ge=0, le=60_000_000)] = 0
    """Microseconds that a request may wait for others to be put together with."""
    instances: Annotated[int, Field(strict=True, ge=1, le=256)] = 1
    """Copies of the model that compute at the same time, on each GPU where it runs on GPUs."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """What the copies compute on. `auto`: GPUs where the server finds some, else the CPU."""


def unfit(recipe: "Recipe") -> str | None:
    """What another's server does not know of a recipe, in a line; None where it fits."""
    server = recipe.server
    if recipe.triton is not None and server != TRITON:
        return f"triton is set with server {server}, expected it with server {TRITON} alone; remove it"
    if server == OWN:
        return None
    if recipe.base == "debian":
        return (
            f"base is {recipe.base!r} with server {server}, expected an image of {_CALLED[server]} by its digest, "
            "which the model's folder is laid on; write base: registry/repository@sha256:<digest>"
        )
    if len(recipe.platforms) > 1:
        return (
            f"platforms is {', '.join(recipe.platforms)} with server {server}, expected linux/amd64 alone; remove it, "
            f"or write server: {OWN}"
        )
    if recipe.classify is not None:
        return (
            f"classify is set with server {server}, expected it with server {OWN} alone, as {_CALLED[server]} has no "
            "/classify; remove it"
        )
    if not _VERSION.fullmatch(recipe.version):
        return (
            f"version is {recipe.version!r} with server {server}, expected a whole number from 1 on, as "
            f"{_CALLED[server]} counts versions; write version: 1"
        )
    return _triton(recipe) if server == TRITON else _tensorflow(recipe)


def _triton(recipe: "Recipe") -> str | None:
    if recipe.format == "seq2seq":
        return (
            f"format is seq2seq with server {TRITON}, expected a model that answers at once, as the loop that writes "
            f"token by token is in the server {OWN} alone; write server: {OWN}"
        )
    asked = recipe.triton or Triton()
    if len(set(asked.preferred_batches)) < len(asked.preferred_batches):
        return (
            f"triton.preferred_batches is {asked.preferred_batches}, expected each number once; remove the repeated one"
        )
    most = 64 if asked.max_batch is None else asked.max_batch
    if over := [each for each in asked.preferred_batches if each > most]:
        return (
            f"triton.preferred_batches has {over[0]}, expected at most triton.max_batch, which is {most}; raise that, "
            "or leave it out"
        )
    if most == 0 and asked.queue_delay_us:
        return (
            f"triton.queue_delay_us is {asked.queue_delay_us} with max_batch 0, expected 0, as nothing is waited for; "
            "remove one of them"
        )
    return None


def _tensorflow(recipe: "Recipe") -> str | None:
    if recipe.format not in ("auto", "savedmodel"):
        return (
            f"format is {recipe.format} with server {TENSORFLOW}, expected a SavedModel, which is all that it serves; "
            f"save the model as one, or write server: {OWN} or {TRITON}"
        )
    given = recipe.optimize
    if given.candidates != ["fp32"]:
        return (
            f"optimize.candidates is {', '.join(given.candidates)} with server {TENSORFLOW}, expected fp32 alone, as "
            "it serves the SavedModel as it is; write optimize: {candidates: [fp32]}"
        )
    if given.open_batch:
        return (
            f"optimize.open_batch is true with server {TENSORFLOW}, expected false, as it serves the SavedModel as it "
            "is; remove it"
        )
    measured = {"max_latency_ms": recipe.evaluate.latencies, "max_bytes": recipe.evaluate.max_bytes}
    if asked := next((key for key, value in measured.items() if value), None):
        return (
            f"evaluate.{asked} is set with server {TENSORFLOW}, expected none, as what is measured is the model's ONNX "
            "form, which that server does not run; remove it"
        )
    return None
