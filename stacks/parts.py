"""What the targets of all clouds have in common: rehearsals in the stack file's words, the image, what was released."""

import os
import re
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pulumi

from components.aws.released import ReleaseRecord, ReleaseRecordArgs
from components.checks import ArgsError
from components.rehearsal import made, rehearsal
from model_build.resource import ModelImage
from stacks import imaging
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
    built = made(ModelImage, "model", imaging.args(spec, destination))
    if spec.image.builder == "docker":
        # The SDK for Docker costs half a second, which is nobody's who does without.
        from components.docker import DockerImage, DockerImageArgs

        place = cast("pulumi.Input[str]", destination)
        args = DockerImageArgs(image=built.layout_image, destination=place, keep=spec.image.keep)
        pushed = made(DockerImage, "model", args)
        # What is deployed, recorded and told of is what Docker pushed.
        built.reference, built.digest = pushed.reference, pushed.digest
    return built


def serving(spec: StackSpec, repository: pulumi.Output[str], image: ModelImage) -> pulumi.Output[str]:
    """What is to answer: the model's image, or the version in its place that the stack file pins.

    `MODELPORT_RELEASE_PIN` is `modelport rollback`'s word for this one `up`: a version with its address.
    """
    if back := os.environ.get("MODELPORT_RELEASE_PIN"):
        return pulumi.Output.from_input(back)
    pin = spec.release.pin if spec.release is not None else None
    return deployed(spec, image) if pin is None else repository.apply(lambda url: f"{url}@{pin}")


def deployed(spec: StackSpec, image: ModelImage) -> pulumi.Output[str]:
    """What machines pull: the image, or with several platforms the index of which each takes its own."""
    return image.index if len(spec.model.platforms) > 1 else image.reference


def released(
    spec: StackSpec, name: str, reference: pulumi.Output[str], service: object, *, waited: bool = True
) -> None:
    """Write down what the service was given, once it has it, and export that.

    name: what the service is called. waited: `up` ends when a release has.
    """
    args = ReleaseRecordArgs(service=name, reference=reference, version=spec.model.version, waited=waited)
    # In a rehearsal nothing was made that could be waited for.
    after = [service] if isinstance(service, pulumi.Resource) else []
    record = made(ReleaseRecord, name, args, pulumi.ResourceOptions(depends_on=after))
    pulumi.export("digest", record.stable_digest)
    pulumi.export("history", record.history)


def idle_gpus(what: str, gpus: Sequence[str], way: str) -> None:
    """Say that these GPUs would have nothing to do: the server in a model's image computes on CPUs."""
    pulumi.log.warn(
        f"{what} is {', '.join(gpus)}, whose GPUs stay idle: the server in the model's image computes on the CPU; "
        f"{way}, unless the machine is wanted for its CPUs and memory"
    )


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Arguments of what a stack file says: without what it leaves out, and lists for what it reads as tuples."""
    told = {key: value for key, value in values.items() if value is not None}
    return {key: [*cast("Sequence[Any]", value)] if isinstance(value, tuple) else value for key, value in told.items()}
