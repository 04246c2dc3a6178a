"""Files of this machine that are written anew while a build reads them: one clear error, and nothing kept of them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model_build.errors import ModelBuildError
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.sources.remote import ChangedError
from model_build.work import Work
from tests.model_build import models

Make = Callable[..., Recipe]
FIRST, OTHER = models.linear(seed=1), models.linear(seed=2)


def data(file: Path, label: int) -> None:
    np.savez(file, X=np.zeros((6, 4), np.float32), y=np.full(6, label))


def another(home: Path) -> None:
    (home / "m.onnx").write_bytes(OTHER)


def gone(home: Path) -> None:
    (home / "m.onnx").rename(home / "gone.onnx")


def other_labels(home: Path) -> None:
    data(home / "d.npz", 1)


@pytest.mark.parametrize(
    ("key", "at", "change"),
    [
        ("source", ("convert", "checking the ONNX"), another),
        ("source", ("verify", "the source framework's own answers"), another),
        ("source", ("convert", "checking the ONNX"), gone),
        ("evaluate.data", ("verify", "evaluation data from d.npz"), other_labels),
    ],
)
def test_what_changes_while_it_is_read_is_refused_and_not_kept_as_what_it_was(
    own_cache: Path, tmp_path: Path, recipe: Make, key: str, at: tuple[str, str], change: Callable[[Path], None]
) -> None:
    asked = recipe(source="m.onnx", evaluate={"data": "d.npz"}, optimize={"candidates": ["fp32"]})
    (tmp_path / "m.onnx").write_bytes(FIRST)
    data(tmp_path / "d.npz", 0)

    def watch(*told: str) -> None:
        if told == at:
            change(tmp_path)

    work = Work.on(asked, tmp_path, watch)
    with pytest.raises(ModelBuildError) as error:
        candidate(work)
    if not (tmp_path / "gone.onnx").exists():  # what is away when it is read is told by whoever wants to read it
        assert isinstance(error.value, ChangedError)
        assert f"{key} is '{'m.onnx' if key == 'source' else 'd.npz'}', which became another one" in str(error.value)
    (tmp_path / "m.onnx").write_bytes(FIRST)
    data(tmp_path / "d.npz", 0)
    converted, verified = candidate(Work.on(asked, tmp_path))
    assert converted.model.read_bytes() == FIRST
    assert verified.quality["matrix"][1] == [0, 0, 0]
