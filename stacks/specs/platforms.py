"""Which targets run the images of a recipe for several platforms."""

from typing import TYPE_CHECKING, Final

from model_build.bake.inputs import NATIVE

if TYPE_CHECKING:
    from stacks.spec import StackSpec

RUN: Final = ("local", "kubernetes", "aws-eks", "gcp-gke")
"""Targets whose machines take their own image of an index, or that build one for others to pull."""


def unfit(spec: "StackSpec") -> list[str]:
    """Lines for platforms that nothing of the target runs, and for what is made for one alone."""
    several = spec.model.platforms
    if len(several) == 1:
        return []
    told = f"model.platforms is [{', '.join(several)}]"
    if spec.target not in RUN:
        return [f"{told} with target {spec.target}, expected {NATIVE} alone, as it runs no other image; remove it"]
    if spec.image.builder == "docker":
        return [f"{told} and image.builder is docker, expected one of them, as Docker pushes one image; leave one out"]
    if spec.image.modelcar:
        return [
            f"{told} and image.modelcar is true, expected one of them, as the files' own image is for {NATIVE} alone; "
            "remove one"
        ]
    return []
