"""A model behind a serving program that is not ours: the program, its Service, and nothing that needs our own pods."""

from typing import cast

import pulumi

from components.kubernetes import ServingProgram, ServingRuntime, ServingRuntimeArgs
from stacks.spec import StackSpec
from stacks.specs.runtime import WITH_FILES, WITH_IMAGE, RuntimeSpec


def served(
    spec: StackSpec,
    name: str,
    space: pulumi.Input[str],
    reference: pulumi.Input[str],
    within: pulumi.ResourceOptions | None = None,
    files: pulumi.Input[str] | None = None,
) -> ServingRuntime:
    """The runtime that the stack file chooses.

    reference: the model's image, by digest. files: an image of its files alone, where there is one.
    """
    wanted = cast("RuntimeSpec", spec.runtime)
    args = ServingRuntimeArgs(
        namespace=space,
        program=ServingProgram(wanted.program),
        image=wanted.image if wanted.image and wanted.program in WITH_IMAGE else reference,
        replicas=spec.service.replicas,
    )
    if wanted.program in WITH_FILES and wanted.files:
        args["files"] = wanted.files
    elif wanted.program in WITH_IMAGE:
        args["files"] = reference if files is None else files
    args["path"] = wanted.path or f"models/{spec.model.name}"
    return ServingRuntime(name, args, within)
