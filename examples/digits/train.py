"""A classifier of handwritten digits: 8 x 8 pixels, 16 shades, ten labels.

The 1,797 images ship inside scikit-learn, so nothing is downloaded. `pipeline` trains on 70 % of them; `evaluation`
returns the other 30 %, which the model has never seen. Both make the same split from the same seed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

SEED = 17


def pipeline() -> Pipeline:
    """Train: rows of 64 pixel values (float32, 0 to 16, line by line) to one of the digits 0 to 9."""
    pixels, _, digits, _ = split()
    network = MLPClassifier(hidden_layer_sizes=(256, 128), max_iter=200, random_state=SEED)
    return make_pipeline(StandardScaler(), network).fit(pixels, digits)


def evaluation() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The 540 held-back images as [540, 64] float32, and their digits as [540] int64."""
    _, pixels, _, digits = split()
    return pixels, digits


def split() -> tuple[Any, ...]:
    images, digits = load_digits(return_X_y=True)
    return tuple(train_test_split(images.astype(np.float32), digits, test_size=0.3, stratify=digits, random_state=SEED))
