"""What makes the classifier of digits smaller: more training once it is pruned, and a student that learns from it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from examples.digits.train import SEED, split

PASSES = 10


def training() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The images that `train.pipeline` is trained on, and no others: 1,257 as [1257, 64] float32, and their digits."""
    pixels, _, digits, _ = split()
    return pixels, digits


def tune(model: Pipeline) -> None:
    """Train the pruned pipeline further."""
    pixels, digits = training()
    network: Any = model[-1]
    scaled = model[:-1].transform(pixels)
    for _ in range(PASSES):
        network.partial_fit(scaled, digits)


def student() -> Pipeline:
    """A network of one layer with 32 neurons, where the pipeline's has 256 and 128."""
    network = MLPClassifier(hidden_layer_sizes=(32,), max_iter=300, random_state=SEED)
    return make_pipeline(StandardScaler(), network)
