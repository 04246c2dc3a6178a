"""What a stack's image is of."""

import os

import pulumi

from model_build.resource import ModelImageArgs
from stacks.spec import StackSpec


def args(spec: StackSpec, destination: pulumi.Input[str | None]) -> ModelImageArgs:
    """What the image is of: the recipe, or what was promoted from another stack.

    `MODELPORT_PROMOTION` is `modelport promote`'s word for this one `up`: the record of it, or `none` to undo it. The
    state keeps what it says.
    """
    made = ModelImageArgs(recipe=spec.model.canonical(), destination=destination, keep=spec.image.keep)
    if word := os.environ.get("MODELPORT_PROMOTION"):
        record = word.removeprefix("secret:")
        made["promoted"] = "" if word == "none" else record if record == word else pulumi.Output.secret(record)
    return made
