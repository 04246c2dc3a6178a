"""The models of RapidOCR (PP-OCR's, of convolutions), and lines of text drawn by Pillow for them to look at."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from PIL import Image, ImageDraw, ImageFont

from tests.tools import pypi

Array = np.ndarray[Any, np.dtype[Any]]

LOCK = Path(__file__).with_name("ocr.lock")
HEIGHT = 48
_WORDS = (
    *("invoice", "total", "harbour", "seven", "quiet", "market", "signal", "copper", "window", "bridge", "lantern"),
    *("orchard", "paper", "river", "velvet", "thunder", "basket", "meadow", "silver", "garden", "compass", "winter"),
)


def model(name: str) -> Path:
    """`cls` tells which way up a line is, `rec` reads it."""
    folder = pypi.files(LOCK, "rapidocr_onnxruntime/models/*.onnx") / "rapidocr_onnxruntime" / "models"
    (found,) = folder.glob(f"*_{name}_infer.onnx")
    return found


def lines(rows: int, width: int, seed: int = 0) -> tuple[Array, list[str]]:
    """Lines of text as [rows, 3, 48, width], from -1 to 1, and what they say."""
    random = np.random.default_rng(seed)
    pictures: list[Array] = []
    texts: list[str] = []
    for _ in range(rows):
        text = f"{_WORDS[random.integers(len(_WORDS))]} {random.integers(10, 9999)}"
        ink, paper = int(random.integers(0, 90)), int(random.integers(170, 256))
        image = Image.new("RGB", (width, HEIGHT), (paper, paper, paper))
        font: Any = ImageFont.load_default(int(random.integers(22, 32)))
        place = (int(random.integers(2, 12)), int(random.integers(2, 12)))
        ImageDraw.Draw(image).text(place, text, fill=(ink, ink, ink), font=font)
        noise = random.normal(0, 6, (HEIGHT, width, 3))
        pixels = np.clip(np.asarray(image, np.float32) + noise, 0, 255)
        pictures.append((pixels.transpose(2, 0, 1) / 127.5 - 1).astype(np.float32))
        texts.append(text)
    return np.stack(pictures), texts


def turned(rows: int, seed: int = 0) -> tuple[Array, Array]:
    """Lines for `cls`, every other one upside down, and which of the two each is: 0 or 1."""
    pictures, _ = lines(rows, 192, seed)
    flipped = np.arange(rows) % 2
    pictures[flipped == 1] = pictures[flipped == 1][:, :, ::-1, ::-1]
    return np.ascontiguousarray(pictures), flipped


class Reader:
    """What the answers of `rec` say, without spaces: the likeliest character of each place, none twice in a row."""

    def __init__(self, path: Path) -> None:
        known = {entry.key: entry.value for entry in onnx.load(str(path), load_external_data=False).metadata_props}
        self._characters = ["", *known["character"].splitlines(), ""]

    def __call__(self, answers: Array) -> list[str]:
        return ["".join(self._said(row)) for row in answers.argmax(axis=-1)]

    def _said(self, places: Array) -> list[str]:
        return [self._characters[now] for before, now in pairwise([0, *map(int, places)]) if now not in (0, before)]
