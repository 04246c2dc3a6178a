"""Evaluation data for the file-type model inside the package magika: real files and what they are by their names."""

import numpy as np
from numpy.typing import NDArray

from examples.magika.features import features
from examples.magika.files import real_files

ROWS = 400


def evaluation() -> tuple[NDArray[np.int32], NDArray[np.str_]]:
    """[rows, 2048] int32 from 0 to 256, and the kinds as text: the names in labels.txt.

    At least 200 rows on any machine that can run this project; the same rows where the same packages are installed.
    """
    found = [(features(path.read_bytes()), kind) for path, kind in real_files(ROWS)]
    rows = [(row, kind) for row, kind in found if row is not None]
    return np.array([row for row, _ in rows], np.int32), np.array([kind for _, kind in rows])
