"""Small projects on disk, and a cache of its own for each test that looks at what is cached."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_build.recipe import Recipe

REPOSITORY = Path(__file__).resolve().parents[2]

IRIS = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
import numpy as np

def model():
    X, y = load_iris(return_X_y=True)
    return LogisticRegression(max_iter=1000).fit(X.astype(np.float32), y)

def data():
    X, y = load_iris(return_X_y=True)
    return X.astype(np.float32), y
"""


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one module `iris`: a linear classifier of four numbers into three classes."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "iris.py").write_text(IRIS)
    return folder


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache and data folder, so that every step runs."""
    monkeypatch.setenv("MODELPORT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MODELPORT_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "cache"


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    """A recipe for `iris`, with changes: `recipe(source=..., evaluate={...})`; evaluate is merged."""

    def make(**changes: Any) -> Recipe:
        evaluate = {"data": "iris:data"} | changes.pop("evaluate", {})
        return Recipe.parse({"name": "iris", "source": "iris:model", "evaluate": evaluate} | changes)

    return make
