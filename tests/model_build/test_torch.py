"""PyTorch where it is not installed: what is said of its files, and what a recipe may say of its axes."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_build.errors import RecipeError, SourceError
from model_build.identity import identify
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.work import Work

Make = Callable[..., Recipe]
HAS_TORCH = importlib.util.find_spec("torch") is not None


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "good.py").write_text(
        "import numpy as np\ndef data(): return np.zeros((6, 4), np.float32), np.arange(6) % 3\n"
    )
    for name in ("model.pt", "model.pth", "model.pt2"):
        (tmp_path / name).write_bytes(b"PK")
    return tmp_path


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.pt2"])
def test_its_files_are_not_loaded_without_trust(files: Path, recipe: Make, name: str) -> None:
    asked = {"source": name, "evaluate": {"data": "good:data"}}
    with pytest.raises(SourceError, match="a pickle, which runs code of its author when it is loaded") as error:
        identify(recipe(**asked), files)
    assert str(error.value).endswith("set trust: true, else ask for ONNX")
    parts = identify(recipe(**asked, trust=True), files).parts
    assert {"tool.torch", "tool.onnxscript"} <= set(parts) and "tool.skl2onnx" not in parts


@pytest.mark.skipif(HAS_TORCH, reason="PyTorch is installed here, and this is about a machine that has none")
def test_without_it_the_extra_is_named(files: Path, recipe: Make, own_cache: Path) -> None:
    import pickle

    (files / "model.pt").write_bytes(pickle.dumps({}))
    asked = recipe(source="model.pt", trust=True, evaluate={"data": "good:data"})
    with pytest.raises(
        SourceError, match=r"torch is not installed, PyTorch models need it; pip install 'modelport\[torch\]'"
    ):
        candidate(Work.on(asked, files))


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        (
            {"x": ["rows", 4]},
            "is ['rows', 4] for 'x', expected rows first; write batch, or how many rows there always are",
        ),
        ({"x": []}, "axes"),
        ({"x": [0, 4]}, "axes"),
        (["batch"], "axes"),
    ],
)
def test_axes_that_are_none(recipe: Make, axes: Any, message: str) -> None:
    with pytest.raises(RecipeError) as error:
        recipe(axes=axes)
    assert message in str(error.value)


def test_axes_change_no_recipe_that_has_none(recipe: Make) -> None:
    assert "axes" not in recipe().canonical()
    assert recipe(axes={"x": ["batch", 4]}).axes == {"x": ["batch", 4]}
