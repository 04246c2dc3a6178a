"""What the targets of all clouds have in common: a rehearsal in the stack file's words, and the image to serve."""

import os
import re
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pulumi

from components.checks import ArgsError
from components.rehearsal import made, rehearsal
from model_build.resource import ModelImage
from stacks.spec import StackSpec

LATE = (
    "the cluster is made by this very change: its kubeconfig is not known yet, so nothing is asked of it now, and what "
    "runs in it is planned from the stack file alone"
)


@contextmanager
def rehearsed(section: str, keys: Mapping[str, str], shared: Collection[str]) -> Generator[None, None, None]:
    """Within, what `made` would make is asked whether it could be made. Raises ArgsError in the stack file's words.

    keys: those of the section by the components that have their arguments from there. shared: arguments that all
    have from the section itself.
    """

    def key(found: "re.Match[str]") -> str:
        if found[2] in shared:
            return f"{section}.{found[2]}"
        return f"{section}.{keys[found[1]]}.{found[2].removeprefix('system_')}"

    try:
        with rehearsal():
            yield
    except ArgsError as error:
        text = re.sub(rf"\b({'|'.join(keys)})\.(\w+)", key, str(error))
        text = re.sub(rf"^the name of ({'|'.join(keys)})\b", f"{section}.name", text)
        raise ArgsError(text) from None


def image(spec: StackSpec, destination: pulumi.Input[str | None]) -> ModelImage:
    """The model's image. Its name does not depend on the model: another one in the same stack replaces it."""
    recipe = spec.model.canonical()
    return made(ModelImage, "model", {"recipe": recipe, "destination": destination, "keep": spec.image.keep})


def serving(spec: StackSpec, repository: pulumi.Output[str], image: ModelImage) -> pulumi.Output[str]:
    """What is to answer: the model's image, or the version in its place that the stack file pins.

    `MODELPORT_RELEASE_PIN` is `modelport rollback`'s word for this one `up`: a version with its address.
    """
    if back := os.environ.get("MODELPORT_RELEASE_PIN"):
        return pulumi.Output.from_input(back)
    pin = spec.release.pin if spec.release is not None else None
    return image.reference if pin is None else repository.apply(lambda url: f"{url}@{pin}")


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Arguments of what a stack file says: without what it leaves out, and lists for what it reads as tuples."""
    told = {key: value for key, value in values.items() if value is not None}
    return {key: [*cast("Sequence[Any]", value)] if isinstance(value, tuple) else value for key, value in told.items()}
