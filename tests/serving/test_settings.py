"""Flags, environment and model.json: each mistake is one sentence that points at the key."""

import json
from pathlib import Path
from typing import Any

import pytest

from serving.core import manifest
from serving.errors import StartError
from serving.settings import Settings, available_cores, parse
from tests.serving import models


def test_flags_come_before_the_environment() -> None:
    env = {"MODELPORT_MODEL": "/m", "MODELPORT_PORT": "1", "MODELPORT_HOST": "::1", "MODELPORT_WORKERS": "3"}
    found = parse(["--port", "2", "--workers", "5"], env)
    assert found == Settings(model=Path("/m"), host="::1", port=2, workers=5)


def test_without_anything_it_listens_on_loopback() -> None:
    found = parse(["--model", "/m"], {})
    assert (found.host, found.port) == ("127.0.0.1", 8080)
    assert found.workers == min(4, available_cores())


@pytest.mark.parametrize(
    ("flags", "env", "said"),
    [
        (["--port", "x"], {}, "--port is 'x', expected a number from 0 to 65535"),
        (["--port", "65536"], {}, "--port is '65536', expected a number from 0 to 65535"),
        ([], {"MODELPORT_PORT": ""}, "MODELPORT_PORT is '', expected a number from 0 to 65535"),
        (["--workers", "0"], {}, "--workers is '0', expected a number from 1 to 256"),
        (["--workers", "1.5"], {}, "--workers is '1.5', expected a whole number"),
        (["--workers", "nan"], {}, "--workers is 'nan', expected a number from 1 to 256"),
        ([], {"MODELPORT_QUEUE": "0"}, "MODELPORT_QUEUE is '0', expected a number from 1 to 1e+12"),
    ],
)
def test_a_wrong_number(flags: list[str], env: dict[str, str], said: str) -> None:
    with pytest.raises(StartError) as caught:
        parse(["--model", "/m", *flags], env)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format is 2, expected 1; this image serves another model format"),
        ({"format": None}, "format is missing, expected a whole number"),
        ({"name": "a/b"}, "name is 'a/b', expected a name without '/', because it is part of the address"),
        ({"name": 7}, "name is 7, expected a string"),
        ({"version": ""}, "version is '', expected a name"),
        ({"classify": []}, "classify is [], expected an object"),
        ({"classify": {}}, "classify.labels is missing, expected a list"),
        ({"classify.labels": []}, "classify.labels is [], expected a list of strings, one per class"),
        ({"classify.preprocess": {}}, "classify.preprocess.width is missing, expected a whole number"),
        ({"classify.preprocess.width": 0}, "classify.preprocess.width is 0, expected 1 to 65535 pixels"),
        ({"classify.preprocess.mode": "CMYK"}, "classify.preprocess.mode is 'CMYK', expected one of L, RGB, RGBA"),
        ({"classify.preprocess.mean": [1, 2]}, "classify.preprocess.mean is [1, 2], expected one number, or one for"),
        ({"classify.preprocess.std": 0}, "classify.preprocess.std is [0.0], expected numbers other than 0"),
        ({"classify.preprocess.scale": True}, "classify.preprocess.scale is True, expected a number"),
    ],
)
def test_a_wrong_key_in_model_json(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    folder = models.digits(tmp_path)
    content: dict[str, Any] = json.loads((folder / "model.json").read_text())
    for path, value in change.items():
        place = content
        *parents, last = path.split(".")
        for each in parents:
            place = place[each]
        place[last] = value
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(StartError) as caught:
        manifest.read(folder)
    assert str(caught.value).startswith(f"{folder}/model.json: {said}")


def test_model_json_that_is_no_json_and_a_missing_model(tmp_path: Path) -> None:
    folder = models.digits(tmp_path)
    (folder / "model.onnx").unlink()
    with pytest.raises(StartError, match=r"model\.onnx: no such file; expected the model beside model\.json"):
        manifest.read(folder)
    (folder / "model.json").write_text("[" * 100_000)
    with pytest.raises(StartError, match=r"model\.json: not JSON: "):
        manifest.read(folder)
    (folder / "model.json").write_text("7")
    with pytest.raises(StartError, match=r"model\.json: the file is 7, expected an object"):
        manifest.read(folder)
