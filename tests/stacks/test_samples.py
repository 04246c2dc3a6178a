"""Lines to try an endpoint with: from samples beside the model, else from what the server says of its inputs."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from stacks.samples import Samples, beside, requests

URL = "http://127.0.0.1:8080"


def _metadata(*inputs: tuple[str, str, list[int]]) -> dict[str, Any]:
    return {"name": "m", "inputs": [{"name": n, "datatype": t, "shape": s} for n, t, s in inputs]}


def _sent(lines: list[str]) -> Any:
    """What the infer line sends."""
    (line,) = [each for each in lines if "/infer " in each]
    return json.loads(shlex.split(line)[-1])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models" / "m"
    folder.mkdir(parents=True)
    for name in ("b.png", "a.jpg", "notes.txt", "train.py"):
        (folder / name).write_text("")
    (folder / "row.json").write_text('{"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [2.5]}]}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("source", ["models.m.train:pipeline", "models/m", "models/m/model.onnx"])
def test_samples_lie_beside_the_source(project: Path, source: str) -> None:
    assert beside(source, project) == Samples(
        (Path("models/m/row.json"),), (Path("models/m/a.jpg"), Path("models/m/b.png"))
    )


@pytest.mark.parametrize(
    "source", ["train:pipeline", "model.onnx", "../other/model.onnx", "package:p/m.onnx", "no.x:y"]
)
def test_no_samples_from_the_top_or_outside(project: Path, source: str) -> None:
    assert beside(source, project) == Samples()


def test_a_sample_is_sent_when_it_fits_the_model(project: Path) -> None:
    lines = requests(URL, _metadata(("x", "FP32", [-1])), beside("models/m", project), classify=True)
    assert lines[:2] == [f"curl -sS {URL}/v2/health/ready", f"curl -sS {URL}/v2/models/m"]
    assert _sent(lines)["inputs"][0]["data"] == [2.5]
    assert lines[-1] == (
        f"curl -sS {URL}/v2/models/m/classify -H 'Content-Type: image/jpeg' --data-binary @models/m/a.jpg"
    )


@pytest.mark.parametrize("takes", [("x", "FP32", [-1, 1]), ("x", "FP32", [2]), ("x", "INT64", [-1])])
def test_a_sample_of_another_shape_or_type_is_not_sent(project: Path, takes: tuple[str, str, list[int]]) -> None:
    """As where a folder has two models, one of pictures and one of rows of pixels."""
    lines = requests(URL, _metadata(takes), beside("models/m", project), classify=False)
    assert set(_sent(lines)["inputs"][0]["data"]) == {0}


def test_zeros_are_sent_to_any_other_model(project: Path) -> None:
    metadata = _metadata(("a", "FP32", [-1, 2]), ("b", "BYTES", [-1]), ("c", "BOOL", [1]), ("d", "INT64", []))
    lines = requests(URL, metadata, beside("models/m", project), classify=False)
    assert len(lines) == 3
    assert _sent(lines)["inputs"] == [
        {"name": "a", "shape": [1, 2], "datatype": "FP32", "data": [0.0, 0.0]},
        {"name": "b", "shape": [1], "datatype": "BYTES", "data": [""]},
        {"name": "c", "shape": [1], "datatype": "BOOL", "data": [False]},
        {"name": "d", "shape": [], "datatype": "INT64", "data": [0]},
    ]


def test_a_long_sample_is_sent_from_its_file(project: Path) -> None:
    sample = project / "models" / "m" / "row.json"
    sample.write_text(
        json.dumps({"inputs": [{"name": "x", "shape": [1, 1000], "datatype": "FP32", "data": [0.125] * 1000}]})
    )
    lines = requests(URL, _metadata(("x", "FP32", [-1, 1000])), beside("models/m", project), classify=False)
    assert lines[-1].endswith("-d @models/m/row.json")


def test_no_line_is_longer_than_a_person_would_paste() -> None:
    lines = requests(URL, _metadata(("x", "FP32", [-1, 3, 1024, 1024])), Samples(), classify=True)
    assert lines == [f"curl -sS {URL}/v2/health/ready", f"curl -sS {URL}/v2/models/m"]


@pytest.mark.parametrize("text", ["", "[]", '{"inputs": 3}', '{"inputs": [{"name": "y"}]}', '"x"'])
def test_a_file_that_is_no_request_is_left_out(project: Path, text: str) -> None:
    (project / "models" / "m" / "row.json").write_text(text)
    lines = requests(URL, _metadata(("x", "INT8", [2])), beside("models/m", project), classify=False)
    assert _sent(lines)["inputs"][0]["data"] == [0, 0]
