"""A small model with data of its own, and one build of it for all who only look."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_build import runtime, signing
from model_build.pipeline import Built, build
from model_build.recipe import Recipe
from tests.model_build import models
from tests.tools.keys import key

Make = Callable[..., Recipe]


@dataclass(frozen=True)
class Made:
    built: Built
    project: Path
    layout: Path
    public: str
    """The key that it is signed by."""
    rows: np.ndarray[Any, np.dtype[np.float32]]
    expected: np.ndarray[Any, np.dtype[np.float32]]
    """What ONNX Runtime answers to the rows."""


def recipe(**changes: Any) -> Recipe:
    evaluate = {"data": "rows.npz", "min": 0.99} | changes.pop("evaluate", {})
    optimize = {"candidates": ["fp32"]}
    return Recipe.parse(
        {"name": "linear", "source": "linear.onnx", "evaluate": evaluate, "optimize": optimize} | changes
    )


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "linear.onnx").write_bytes(models.linear())
    rows = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    answers = runtime.session(models.linear()).run(["scores"], {"x": rows})[0]
    np.savez(folder / "rows.npz", X=rows, y=answers.argmax(1))
    return folder


@pytest.fixture(scope="package")
def made(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Built with both formats that need nothing of the source's framework, and signed."""
    folder = tmp_path_factory.mktemp("made")
    private, public = key(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELPORT_DATA_DIR", str(folder / "data"))
        patch.setenv(signing.KEY_FILE, str(private))
        patch.delenv(signing.KEY, raising=False)
        layout = folder / "images"
        built = build(recipe(formats=["ort", "openvino"]), project=project, layout=layout, signed_by=public)
        rows = np.load(project / "rows.npz")["X"]
        expected = runtime.session(models.linear()).run(["scores"], {"x": rows})[0]
        yield Made(built, project, layout, public, rows, expected)
