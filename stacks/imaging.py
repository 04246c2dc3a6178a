"""What a stack's image is of."""

import os
from pathlib import Path

import pulumi

from model_build.resource import ModelImageArgs
from stacks.spec import SpecError, StackSpec


def args(spec: StackSpec, destination: pulumi.Input[str | None]) -> ModelImageArgs:
    """What the image is of: the recipe, or what was promoted from another stack.

    `MODELPORT_PROMOTION` is `modelport promote`'s word for this one `up`: the record of it, or `none` to undo it. The
    state keeps what it says.
    """
    made = ModelImageArgs(recipe=spec.model.canonical(), destination=destination, keep=spec.image.keep)
    if spec.image.signed_by is not None:
        made["signed_by"] = _key(spec.image.signed_by)
    if spec.image.modelcar:
        made["modelcar"] = True
    if spec.image.builder != "oci":
        made["builder"] = spec.image.builder
    if word := os.environ.get("MODELPORT_PROMOTION"):
        record = word.removeprefix("secret:")
        made["promoted"] = "" if word == "none" else record if record == word else pulumi.Output.secret(record)
    return made


def _key(file: str) -> str:
    """The text of the public key's file. Raises SpecError where it cannot be read."""
    try:
        return Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise SpecError(
            [f"image.signed_by is {file!r}, which cannot be read ({why}), expected the file of a public key; name it"]
        ) from None
