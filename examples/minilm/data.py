"""Evaluation data for the sentence encoder: what people ask, each in two wordings.

Whoever looks for an answer has other words than whoever wrote it, so the nearest text to each should be its other
wording: that is what the encoder is for, and what `recall_at_1` counts.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from examples.minilm.tokens import tokens


def pairs() -> list[tuple[str, str]]:
    lines = Path(__file__).with_name("questions.tsv").read_text("utf-8").splitlines()
    return [(first, second) for first, _, second in (line.partition("\t") for line in lines)]


def evaluation() -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
    """Tokens of 96 texts, and for each the number of the pair that it belongs to."""
    found = pairs()
    return tokens([text for pair in found for text in pair]), np.repeat(np.arange(len(found)), 2)
