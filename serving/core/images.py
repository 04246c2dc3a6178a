"""Pictures in, labels out: the classify route's work, for models whose model.json declares labels and preprocessing."""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, JpegImagePlugin, PngImagePlugin

from serving.core.manifest import Classify, Preprocess
from serving.core.model import Inference, Model
from serving.errors import BadInput, ModelFailed, StartError, TooLarge, Unsupported

# Pillow tries its 40 formats in turn otherwise; these two are registered by their import.
FORMATS = tuple(str(each.format) for each in (PngImagePlugin.PngImageFile, JpegImagePlugin.JpegImageFile))
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JPEG_MAGIC = b"\xff\xd8\xff"
# Pillow warns, then raises, at sizes of its own; here the limit is max_pixels, checked before anything is decoded.
Image.MAX_IMAGE_PIXELS = None
# A probability may leave 0..1 by this much after quantisation; beyond it the numbers are scores.
SLACK = 0.01


@dataclass(frozen=True, slots=True)
class Prediction:
    """A label and its confidence, 0 to 1."""

    label: str
    confidence: float


class Classifier:
    """Runs pictures through a model. Raises StartError when the model has no such input or output, or other labels."""

    def __init__(self, model: Model, spec: Classify, *, max_pixels: int) -> None:
        """max_pixels: larger pictures are refused before they are decoded."""
        if spec.input not in model.inputs:
            raise StartError(f"classify.input is '{spec.input}', expected one of {', '.join(model.inputs)}")
        if spec.output not in model.outputs:
            raise StartError(f"classify.output is '{spec.output}', expected one of {', '.join(model.outputs)}")
        if len(model.inputs) != 1:
            raise StartError(f"classify needs a model with one input, this one has {', '.join(model.inputs)}")
        self._model = model
        self._spec = spec
        self._input = model.inputs[spec.input]
        self._max_pixels = max_pixels
        shape = _shape(spec.preprocess)
        try:
            self._input.check(shape)
        except BadInput as error:
            raise StartError(f"classify.preprocess does not fit the model: {error}") from None

    def warm_up(self) -> None:
        """Classify one blank picture. Raises StartError when that fails, because then every picture would."""
        blank = Image.new(self._spec.preprocess.mode, (8, 8))
        encoded = io.BytesIO()
        blank.save(encoded, "PNG")
        try:
            self.classify(encoded.getvalue(), 1)
        except (BadInput, ModelFailed) as error:
            raise StartError(f"classify does not work with this model: {error}") from None

    def classify(self, encoded: bytes, top: int | None) -> tuple[list[Prediction], Inference]:
        """Decode a PNG or JPEG, run the model, sort by confidence; the `top` best, or all.

        Raises Unsupported for other formats, TooLarge for too many pixels, BadInput for a broken picture.
        """
        with self._decode(encoded) as picture:
            tensor = _tensor(picture, self._spec.preprocess).astype(self._input.datatype.dtype)
        inference = self._model.infer({self._input.name: tensor}, [self._spec.output])
        scores = _confidences(inference.arrays[0], self._spec)
        order: list[int] = np.argsort(-scores, kind="stable")[:top].tolist()
        return [Prediction(self._spec.labels[each], float(scores[each])) for each in order], inference

    def _decode(self, encoded: bytes) -> Image.Image:
        if not encoded.startswith((PNG_MAGIC, JPEG_MAGIC)):
            raise Unsupported(f"the body is no PNG or JPEG (it begins with {encoded[:8]!r}); send the picture itself")
        try:
            picture = Image.open(io.BytesIO(encoded), formats=FORMATS)
            width, height = picture.size
            if width * height > self._max_pixels:
                raise TooLarge(
                    f"the picture has {width} x {height} pixels, at most {self._max_pixels} are taken; scale it down"
                )
            picture.load()
            return ImageOps.exif_transpose(picture)
        except TooLarge:
            raise
        except Exception as error:
            raise BadInput(f"the picture is broken: {error}") from None


def _shape(spec: Preprocess) -> tuple[int, ...]:
    return {
        "flat": (1, spec.height * spec.width * spec.channels),
        "NCHW": (1, spec.channels, spec.height, spec.width),
        "NHWC": (1, spec.height, spec.width, spec.channels),
    }[spec.layout]


def _tensor(picture: Image.Image, spec: Preprocess) -> NDArray[np.float32]:
    """The picture as the model's input, float32, [1, ...] in the layout of `spec`."""
    resized = _mode(picture, spec.mode).resize(
        (spec.width, spec.height), Image.Resampling[spec.resize.upper()], reducing_gap=None
    )
    values: NDArray[np.float32] = np.asarray(resized, dtype=np.float32).reshape(spec.height, spec.width, spec.channels)
    if spec.invert:
        values = np.subtract(np.float32(255), values)
    values = np.multiply(values, np.float32(spec.scale))
    if spec.mean:
        values = np.subtract(values, np.array(spec.mean, dtype=np.float32))
    if spec.std:
        values = np.divide(values, np.array(spec.std, dtype=np.float32))
    if spec.layout == "NCHW":
        values = values.transpose(2, 0, 1)
    return np.ascontiguousarray(values, dtype=np.float32).reshape(_shape(spec))


def _mode(picture: Image.Image, mode: str) -> Image.Image:
    """Convert to `mode`. What is transparent becomes white, as a page would show it; 16-bit grey keeps its range."""
    if picture.mode.startswith("I;16") or picture.mode == "I":
        wide = np.asarray(picture, dtype=np.float64)
        picture = Image.fromarray(np.clip(wide / 257.0, 0, 255).astype(np.uint8))
    if mode != "RGBA" and picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture if picture.mode == mode else picture.convert(mode)


def _confidences(output: NDArray[Any], spec: Classify) -> NDArray[np.float64]:
    """One number per label. Scores beyond 0 to 1 are taken for logits and go through softmax."""
    scores = np.asarray(output, dtype=np.float64).reshape(-1)
    if scores.size != len(spec.labels):
        raise ModelFailed(
            f"output '{spec.output}' has {scores.size} numbers, expected {len(spec.labels)}, one per label"
        )
    if not np.isfinite(scores).all():
        raise ModelFailed(f"output '{spec.output}' holds NaN or infinity for this picture")
    if scores.min() < -SLACK or scores.max() > 1 + SLACK:
        exponents: NDArray[np.float64] = np.exp(scores - scores.max())
        total: float = exponents.sum()
        return np.divide(exponents, total)
    return np.clip(scores, 0.0, 1.0)
