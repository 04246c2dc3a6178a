"""Which extra brings what a model is built with."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from model_build import extras
from model_build.errors import SourceError

ROOT = Path(__file__).resolve().parents[2]
DATA: dict[str, Any] = {"data": "examples.digits.train:evaluation"}


def wanted(source: str, project: Path = ROOT, **more: Any) -> set[str]:
    return extras.wanted({"source": source, "evaluate": DATA, **more}, project)


def test_every_extra_that_is_named_is_there() -> None:
    there = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert set(extras.EXTRAS.values()) <= there.keys()


def test_a_function_wants_what_its_files_import() -> None:
    assert wanted("examples.digits.cnn:network") == {"sklearn", "torch"}


@pytest.mark.parametrize(
    ("name", "modules"),
    [
        ("m.txt", {"lightgbm"}),
        ("m.ubj", {"xgboost"}),
        ("m.skops", {"sklearn", "skl2onnx"}),
        ("m.pmml", set[str]()),
    ],
)
def test_a_file_wants_its_framework(tmp_path: Path, name: str, modules: set[str]) -> None:
    (tmp_path / name).write_bytes(b"")
    assert wanted(name, tmp_path, evaluate={"data": "package:onnx/__init__.py"}) == modules


def test_a_place_wants_what_asks_there_and_is_not_asked() -> None:
    assert wanted("s3://no-such-bucket/m.onnx") == {"s3fs", "sklearn"}
    assert wanted("mlflow:models:/m/1") == {"sklearn"}


def test_what_trains_candidates_counts() -> None:
    optimize = {"candidates": ["fp32", "slim"], "distill": {"student": "examples.digits.cnn:network"}}
    assert wanted("examples.digits.train:pipeline", optimize=optimize) == {"sklearn", "torch", "onnxslim"}


def test_what_is_not_installed_is_told_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> str | None:
        return None if name == "torch" else name

    monkeypatch.setattr(extras, "find_spec", found)
    lacks = extras.lacking({"source": "examples.digits.cnn:network", "evaluate": DATA}, ROOT)
    assert lacks == {"torch": ["torch"]}


def test_a_function_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SourceError, match="has no 'netwrok'; did you mean 'network'"):
        wanted("examples.digits.cnn:netwrok")
