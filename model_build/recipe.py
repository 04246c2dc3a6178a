"""What a model is to become: the recipe, its rules, and the messages for one that breaks them.

A recipe is what `modelport:model` in a stack file holds. `canonical` is its one form as text: keys sorted, defaults
left out, so that a field added later with a default changes no recipe that exists.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from model_build.bake.inputs import NATIVE
from model_build.errors import RecipeError
from model_build.mistakes import mistakes
from model_build.recipe_evaluate import Evaluate
from model_build.recipe_optimize import Optimize
from model_build.recipe_server import Triton, unfit

MODES = {"L": 1, "RGB": 3, "RGBA": 4}
"""Pillow's image modes that a model may take, and their channels."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Preprocess(_Part):
    """How a picture becomes the model's input: resize, to `mode`, times `scale`, less `mean`, by `std`."""

    width: Annotated[int, Field(ge=1, le=8192)]
    """In pixels."""
    height: Annotated[int, Field(ge=1, le=8192)]
    """In pixels."""
    mode: Literal["L", "RGB", "RGBA"] = "RGB"
    """Channels: `L` is grey."""
    layout: Literal["flat", "NCHW", "NHWC"] = "NCHW"
    """Order of the axes: batch, channels, height, width. `flat`: one row of numbers, line by line."""
    scale: Annotated[float, Field(gt=0)] = 1 / 255
    """What a byte (0 to 255) is multiplied with."""
    mean: list[float] | None = None
    """One per channel, in units after `scale`."""
    std: list[Annotated[float, Field(gt=0)]] | None = None
    """One per channel, in units after `scale`."""
    invert: bool = False
    """True: dark on light becomes light on dark."""
    resize: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] = "bilinear"
    """How pixels are put together when the picture is of another size."""

    @field_validator("mean", "std")
    @classmethod
    def _channels(cls, value: list[float] | None, info: ValidationInfo) -> list[float] | None:
        mode = info.data.get("mode")
        if value is not None and mode in MODES and len(value) != MODES[mode]:
            raise ValueError(f"is {len(value)} numbers, expected {MODES[mode]}, one for each channel of mode {mode}")
        return value


class Classify(_Part):
    """Makes the model answer `/classify`: a picture in, labels and confidences out."""

    input: str
    """Name of the model's input that takes the picture."""
    output: str
    """Name of the output with one confidence per label."""
    labels: Annotated[list[str], Field(min_length=1)] | str | None = None
    """The names in order, or a text file (path or `package:...`) with one a line. Default: the model's own classes."""
    preprocess: Preprocess


class Generate(_Part):
    """How a model writes that does so token by token."""

    num_beams: Annotated[int, Field(strict=True, ge=1, le=64)]
    """In the place of `num_beams` of the model's `generation_config`: how many beginnings of a text are kept while it
    is written. 1: the likeliest token each time, which is quickest."""


class Recipe(_Part):
    """A model from where it comes to what must be true of it before it is served."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
            examples=["digits-v2"],
            json_schema_extra={"x-expected": "a name of lower-case letters, digits and hyphens"},
        ),
    ]
    """Part of paths, images and addresses: lower-case letters, digits and hyphens."""
    source: Annotated[
        str,
        Field(
            min_length=1,
            examples=["examples.digits.train:pipeline"],
            json_schema_extra={"x-expected": "module:function, a file, a folder, package:NAME/path or an address"},
        ),
    ]
    """`module:function` that returns a trained model, a file, a folder, `package:NAME/path/in/package`, or an address:
    a bucket's, a registry's, a web server's with a digest (docs/sources.md has them all)."""
    format: Literal[
        "auto", "sklearn", "xgboost", "lightgbm", "pmml", "torch", "seq2seq", "keras", "savedmodel", "onnx"
    ] = "auto"
    """What the source is. `auto`: told by looking at it."""
    axes: dict[str, Annotated[list[str | Annotated[int, Field(ge=1)]], Field(min_length=1)]] | None = None
    """What the axes of a PyTorch model's inputs are: `{input_ids: [batch, sequence]}`. A name is an axis of any length,
    a number the length that it always has. Default: any number of rows, all else as long as in the evaluation data."""
    version: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
            examples=["1.10"],
            json_schema_extra={"x-expected": "a text of letters, digits, dots, hyphens and underscores"},
        ),
    ] = "1"
    """What the model calls itself where it answers."""
    trust: bool = False
    """True: pickles in this recipe are yours and may be loaded (loading one runs code that is in it)."""
    evaluate: Evaluate
    optimize: Optimize = Optimize()
    generate: Generate | None = None
    """For encoder-decoders. Default: as the model's `generation_config` says."""
    classify: Classify | None = None
    server: Literal["modelport", "triton", "tensorflow-serving"] = "modelport"
    """What serves the model in its image. `modelport`: the library's own program. `triton`: NVIDIA Triton, with a
    repository of one model; `tensorflow-serving`: TensorFlow Serving, with the SavedModel that is the source. Both are
    on `base`, an image of theirs (docs/servers.md)."""
    triton: Triton | None = None
    """With server `triton`: how it puts requests together, and on what it computes. Default: as each key's own."""
    formats: list[Literal["ort", "openvino", "torchscript", "savedmodel", "tensorrt"]] = []
    """What the model is written as besides, for other runtimes, each held to the gate in its own and attached to the
    image: `modelport export` gets it out (docs/formats-out.md tells of each)."""
    base: str = "debian"
    """`debian`, `oci:PATH@sha256:...` or `REGISTRY/REPOSITORY@sha256:...`."""
    manifest: Literal["oci", "docker"] = "oci"
    """In whose words the image names its parts, which are the same. `docker`: for platforms that take no OCI image."""
    platforms: Annotated[list[Literal["linux/amd64", "linux/arm64"]], Field(min_length=1)] = ["linux/amd64"]
    """What it is to run on. With `linux/arm64` beside `linux/amd64` there is an image for each, and an index of both,
    of which every machine takes its own."""

    @field_validator("version", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return value  # a number with a point stays wrong: YAML reads 1.10 as 1.1

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.optimize.training is not None and self.optimize.training == self.evaluate.data:
            raise ValueError(
                f"optimize.distill.data is {self.evaluate.data!r}, which is evaluate.data, expected rows that the gate "
                "does not measure on; name others"
            )
        return self

    @model_validator(mode="after")
    def _served(self) -> Self:
        if told := unfit(self):
            raise ValueError(told)
        return self

    @field_validator("axes")
    @classmethod
    def _rows_first(cls, value: dict[str, list[str | int]] | None) -> dict[str, list[str | int]] | None:
        for name, axes in (value or {}).items():
            if isinstance(axes[0], str) and axes[0] != "batch":
                raise ValueError(
                    f"is {axes} for {name!r}, expected rows first; write batch, or how many rows there always are"
                )
        return value

    @field_validator("platforms")
    @classmethod
    def _measured_first(cls, value: list[str]) -> list[str]:
        if NATIVE not in value:
            raise ValueError(
                f"is [{', '.join(value)}], expected {NATIVE} among them, where the model is measured; add that to "
                "the list"
            )
        return sorted({*value}, key=lambda each: (each != NATIVE, each))

    @field_validator("formats")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        if len(set(value)) < len(value):
            raise ValueError(f"is {value}, expected each format once; remove the repeated one")
        return sorted(value)  # in whatever order they are written, it is the same build

    @field_validator("base")
    @classmethod
    def _pinned(cls, value: str) -> str:
        if value != "debian" and not re.search(r"@sha256:[0-9a-f]{64}$", value):
            pinned = f"{value.split('@')[0]}@sha256:<digest>"
            raise ValueError(f"is {value!r}, expected 'debian' or a base by its digest; write {pinned}")
        return value

    @classmethod
    def parse(cls, value: Mapping[str, Any] | str | bytes, *, file: str = "", root: str = "model") -> Self:
        """Check `value`, a mapping or JSON text.

        file, root: where it stands, for messages: `Pulumi.local.yaml: model.name is ...`.
        Raises RecipeError with one message per problem.
        """
        try:
            if isinstance(value, str | bytes):
                return cls.model_validate_json(value)
            return cls.model_validate(dict(value))
        except ValidationError as error:
            lines = mistakes(error, cls, under=(root,) if root else ())
            raise RecipeError([f"{file}: {line}" if file else line for line in lines]) from None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a YAML or JSON file: the recipe itself, or a stack file that has it under `modelport:model`.

        Raises RecipeError when the file is missing, is not YAML or breaks a rule.
        """
        import yaml

        try:
            value = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RecipeError([f"{path}: {(error.strerror or str(error)).lower()}, expected a recipe"]) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise RecipeError([f"{path}: not YAML: {error}"]) from None
        root = ""
        if isinstance(value, dict) and isinstance(config := value.get("config"), dict):  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
            value, root = config.get("modelport:model"), "model"  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
        if not isinstance(value, dict):
            raise RecipeError([f"{path}: expected the keys of a recipe (name, source, evaluate), got {value!r:.40}"])
        return cls.parse(value, file=str(path), root=root)  # pyright: ignore[reportUnknownArgumentType]

    def canonical(self) -> str:
        """JSON on one line: keys sorted, defaults left out. Equal recipes have equal text."""
        value = self.model_dump(mode="json", exclude_defaults=True)
        if not value.get("triton", True):
            del value["triton"]  # all of its keys are as they are without it
        return json.dumps(
            value,
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        )
