"""The section `runtime`: which program serves the model in the cluster."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from stacks.specs.part import Part

OWN = "modelport"
WITH_IMAGE = ("triton", "tensorflow", "torchserve")
"""Programs that run their own image; the others run the model's."""
WITH_FILES = ("tensorflow", "torchserve")
"""Programs that cannot read the model of a model image."""

ByDigest = Annotated[
    str,
    Field(
        pattern=r"^[^@\s]+@sha256:[0-9a-f]{64}$",
        json_schema_extra={"x-expected": "an image by digest, registry/repository@sha256:..."},
    ),
]


class RuntimeSpec(Part):
    """Which program serves the model. All but `modelport` are the program with its Service alone: what a gateway, a
    release, an autoscaler or a tenant needs is known of our own pods only."""

    program: Literal["modelport", "triton", "tensorflow", "torchserve", "kserve", "seldon"] = "modelport"
    """`modelport`: the server in the model's own image. `triton`: NVIDIA Triton with the model of that image.
    `tensorflow`, `torchserve`: TensorFlow Serving, TorchServe, with files of theirs. `kserve`, `seldon`: an
    InferenceService or a SeldonDeployment that runs the model's own image."""
    image: ByDigest | None = None
    """The program's own image, for `triton`, `tensorflow` and `torchserve`."""
    files: ByDigest | None = None
    """An image that holds the model as the program reads it: a SavedModel for `tensorflow`, an archive for
    `torchserve`. `triton` reads the model's own image."""
    path: Annotated[str | None, Field(min_length=1)] = None
    """Folder of the model in `files`. Default: `models/NAME`, where a model image has it."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.program in WITH_IMAGE and self.image is None:
            raise ValueError(f"image is missing, expected the image of {self.program} by digest; write image: ...")
        if self.program not in WITH_IMAGE and self.image is not None:
            raise ValueError(f"image is set with program {self.program}, which runs the model's own; remove it")
        if self.program in WITH_FILES and self.files is None:
            raise ValueError(
                f"files is missing, expected an image by digest with what {self.program} reads, for it does not take "
                "the ONNX model that is built; write files: ..., or choose triton"
            )
        if self.program not in WITH_FILES and (self.files or self.path):
            key = "files" if self.files else "path"
            raise ValueError(f"{key} is set with program {self.program}, which reads the model's own image; remove it")
        return self


def unfit(runtime: RuntimeSpec | None, given: list[str]) -> list[str]:
    """A line for each key of `given`, places in the stack file, that another's program does not know."""
    if runtime is None or runtime.program == OWN:
        return []
    return [
        f"{place} is set with runtime.program {runtime.program}, expected it with {OWN} alone, whose pods it is about; "
        f"remove it, or set runtime.program to {OWN}"
        for place in given
    ]
