"""The digits by a network that was trained in PyTorch: the same each time, and good enough for its gate."""

from typing import Any

import numpy as np
import pytest
import torch

from examples.digits import cnn
from model_build.errors import GateMissed
from model_build.fetch import fetch
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.work import Work
from tests.examples.conftest import ROOT


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe.load(ROOT / "Pulumi.cnn.yaml")


@pytest.fixture(scope="module")
def built(recipe: Recipe) -> tuple[Work, Any]:
    work = Work.on(recipe, ROOT)
    return work, candidate(work)[1]


def test_what_is_served_reads_nearly_all_digits(built: tuple[Work, Any]) -> None:
    _, verified = built
    _, digits = cnn.evaluation()
    assert verified.rows == len(digits) == 540
    assert verified.choice is not None and verified.choice.measured is not None
    assert verified.choice.measured.metric >= 0.97
    assert verified.baseline - verified.choice.measured.metric <= 0.005
    fp32 = next(result for result in verified.results if result.name == "fp32")
    assert fp32.parity is not None and fp32.parity.agreement == 1.0
    assert fp32.parity.max_abs < 1e-5
    assert all(result.measured is not None for result in verified.results)


def test_training_gives_the_same_weights_each_time(built: tuple[Work, Any]) -> None:
    """Once in the build's own process, once here."""
    work, verified = built
    stored = torch.load(fetch(work).file, weights_only=False)["module"].state_dict()
    threads = torch.get_num_threads()
    try:
        again = cnn.network()
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(threads)
    for name, value in again.state_dict().items():
        assert torch.equal(value, stored[name]), name
    images, digits = cnn.evaluation()
    with torch.no_grad():
        answers = again.eval()(torch.from_numpy(images))["probabilities"].argmax(1).numpy()
    assert float(np.mean(answers == digits)) == verified.baseline


def test_a_gate_that_it_misses_stops_it(recipe: Recipe, built: tuple[Work, Any]) -> None:
    evaluate = recipe.evaluate.model_copy(update={"min": 0.9999})
    with pytest.raises(GateMissed, match=r"missed min: accuracy is 0\.9"):
        candidate(Work.on(recipe.model_copy(update={"evaluate": evaluate}), ROOT))
