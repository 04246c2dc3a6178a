"""model.json: what the model folder says about itself. Read without numpy, so that a bad folder fails at once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from serving.errors import StartError
from serving.jsons import as_list

FORMAT = 1
MODES = {"L": 1, "RGB": 3, "RGBA": 4}
LAYOUTS = ("flat", "NCHW", "NHWC")
_KINDS: dict[type, str] = {
    int: "a whole number",
    str: "a string",
    list: "a list",
    dict: "an object",
    bool: "true or false",
}
RESIZES = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a picture becomes a tensor: resize, mode, (255 - x if invert), times scale, minus mean, over std, layout.

    scale multiplies values of 0 to 255; mean and std have one number, or one per channel, in the units after scale.
    """

    width: int
    height: int
    mode: str = "RGB"
    layout: str = "NCHW"
    scale: float = 1.0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    invert: bool = False
    resize: str = "bilinear"

    @property
    def channels(self) -> int:
        """1 for L, 3 for RGB, 4 for RGBA."""
        return MODES[self.mode]


@dataclass(frozen=True, slots=True)
class Classify:
    """Which input takes the picture, which output holds a number per label, and the labels."""

    input: str
    output: str
    labels: tuple[str, ...]
    preprocess: Preprocess


@dataclass(frozen=True, slots=True)
class Manifest:
    """The model folder: where its ONNX file is, its name and version, and how it classifies pictures, if it does."""

    onnx: Path
    name: str
    version: str
    classify: Classify | None


def read(folder: Path) -> Manifest:
    """Read model.json of a model folder. Raises StartError, naming the key, when it is missing or wrong."""
    path = folder / "model.json"
    try:
        content: object = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise StartError(
            f"{path}: {error.strerror}; expected a model folder with model.onnx and model.json (--model)"
        ) from None
    except (ValueError, RecursionError) as error:
        raise StartError(f"{path}: not JSON: {error}") from None
    top = _Keys(path, "", content)
    found = top.take("format", int)
    if found != FORMAT:
        raise StartError(f"{path}: format is {found}, expected {FORMAT}; this image serves another model format")
    classify = top.optional("classify", dict)
    manifest = Manifest(
        onnx=folder / "model.onnx",
        name=top.segment("name"),
        version=top.segment("version"),
        classify=None if classify is None else _classify(_Keys(path, "classify.", classify)),
    )
    if not manifest.onnx.is_file():
        raise StartError(f"{manifest.onnx}: no such file; expected the model beside model.json")
    return manifest


def _classify(keys: "_Keys") -> Classify:
    labels = as_list(keys.take("labels", list))
    if not labels or not all(isinstance(each, str) for each in labels):
        raise keys.wrong("labels", labels, "a list of strings, one per class")
    return Classify(
        input=keys.text("input"),
        output=keys.text("output"),
        labels=tuple(labels),
        preprocess=_preprocess(_Keys(keys.path, "classify.preprocess.", keys.take("preprocess", dict))),
    )


def _preprocess(keys: "_Keys") -> Preprocess:
    mode = keys.choice("mode", "RGB", tuple(MODES))
    found = Preprocess(
        width=keys.positive("width"),
        height=keys.positive("height"),
        mode=mode,
        layout=keys.choice("layout", "NCHW", LAYOUTS),
        scale=keys.number("scale", 1.0),
        mean=keys.numbers("mean", MODES[mode]),
        std=keys.numbers("std", MODES[mode]),
        invert=bool(keys.optional("invert", bool)),
        resize=keys.choice("resize", "bilinear", RESIZES),
    )
    if any(each == 0 for each in found.std):
        raise keys.wrong("std", list(found.std), "numbers other than 0")
    return found


class _Keys:
    """One JSON object, read key by key with errors that point at the key."""

    def __init__(self, path: Path, prefix: str, content: object) -> None:
        self.path = path
        self._prefix = prefix
        if not isinstance(content, Mapping):
            raise StartError(f"{path}: {prefix.rstrip('.') or 'the file'} is {content!r}, expected an object")
        self._content = cast("Mapping[str, Any]", content)

    def wrong(self, key: str, got: object, expected: str) -> StartError:
        return StartError(f"{self.path}: {self._prefix}{key} is {got!r}, expected {expected}")

    def optional(self, key: str, kind: type) -> Any:
        value = self._content.get(key)
        if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
            raise self.wrong(key, value, _KINDS[kind])
        return value

    def take(self, key: str, kind: type) -> Any:
        value = self.optional(key, kind)
        if value is None:
            raise StartError(f"{self.path}: {self._prefix}{key} is missing, expected {_KINDS[kind]}")
        return value

    def text(self, key: str) -> str:
        value: str = self.take(key, str)
        if not value:
            raise self.wrong(key, value, "a name")
        return value

    def segment(self, key: str) -> str:
        value = self.text(key)
        if "/" in value:
            raise self.wrong(key, value, "a name without '/', because it is part of the address")
        return value

    def positive(self, key: str) -> int:
        value: int = self.take(key, int)
        if not 0 < value <= 65535:
            raise self.wrong(key, value, "1 to 65535 pixels")
        return value

    def choice(self, key: str, default: str, choices: tuple[str, ...]) -> str:
        value: str = default if self.optional(key, str) is None else self._content[key]
        if value not in choices:
            raise self.wrong(key, value, f"one of {', '.join(choices)}")
        return value

    def number(self, key: str, default: float) -> float:
        value = self._content.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key, value, "a number")
        return float(value)

    def numbers(self, key: str, channels: int) -> tuple[float, ...]:
        value = self._content.get(key)
        if value is None:
            return ()
        listed = as_list(value) or [value]
        if any(isinstance(each, bool) or not isinstance(each, int | float) for each in listed):
            raise self.wrong(key, value, "numbers")
        if len(listed) not in (1, channels):
            raise self.wrong(key, value, f"one number, or one for each of {channels} channels")
        return tuple(float(each) for each in listed)
