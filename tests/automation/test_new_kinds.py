"""What `modelport new` makes of models that are not ONNX: told by their names and first bytes, and never trusted."""

import importlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from automation import new_model
from automation.exits import Exit, Failure
from model_build.identity import identify
from model_build.recipe import Recipe
from tests.automation.conftest import Project
from tests.automation.shops import shop

LAYER = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "steep"}, "registered_name": None}
KERAS = json.dumps({"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": []}})
LAMBDA = json.dumps({"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": [LAYER]}})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    trees: Any = importlib.import_module("lightgbm")
    xgboost: Any = importlib.import_module("xgboost")
    root = tmp_path_factory.mktemp("project")
    rows, labels = np.random.default_rng(0).random((40, 3)), np.arange(40) % 2
    np.savez(root / "rows.npz", X=rows, y=labels)
    booster = xgboost.train({"max_depth": 1, "nthread": 1}, xgboost.DMatrix(rows, labels), 1)
    for name in ("boost.json", "boost.ubj"):
        booster.save_model(root / name)
    light = trees.train({"verbose": -1, "min_data": 1, "num_threads": 1}, trees.Dataset(rows, labels), 1)
    light.save_model(root / "light.txt")
    (root / "notes.txt").write_text("the model is in light.txt")
    (root / "settings.json").write_text('{"rate": 1}')
    (root / "scores.pmml").write_text("<PMML/>")
    for name, text in (("net.keras", KERAS), ("steep.keras", LAMBDA)):
        with zipfile.ZipFile(root / name, "w") as archive:
            archive.writestr("config.json", text)
    (root / "steep.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600) + LAMBDA.encode() + bytes(64))
    for name in ("net.pt", "weights.pth", "program.pt2", "pipeline.joblib"):
        (root / name).write_bytes(b"\x80\x04.")
    (root / "digits" / "1" / "variables").mkdir(parents=True)
    (root / "digits" / "1" / "saved_model.pb").write_bytes(b"\x08\x01")
    (root / "digits" / "1" / "variables" / "words.txt").write_text("tree\n")
    (root / "words" / "saved").mkdir(parents=True)
    for name in ("model.safetensors", "config.json", "generation_config.json", "tokenizer.json"):
        (root / "words" / "saved" / name).write_text("{}")
    (root / "alone").mkdir()
    (root / "alone" / "model.safetensors").write_text("{}")
    return root


FOUND = {
    "boost.json": ("xgboost", "boost", False),
    "boost.ubj": ("xgboost", "boost", False),
    "digits/1": ("savedmodel", "digits", False),
    "light.txt": ("lightgbm", "light", False),
    "net.keras": ("keras", "model", False),
    "net.pt": ("torch", "model", True),
    "pipeline.joblib": ("sklearn", "model", True),
    "program.pt2": ("torch", "program", True),
    "scores.pmml": ("pmml", "scores", False),
    "steep.h5": ("keras", "steep", True),
    "steep.keras": ("keras", "steep", True),
    "weights.pth": ("torch", "model", True),
    "words/saved": ("seq2seq", "words", False),
}
"""By source: its format, what it is called, and whether a build wants it to be trusted."""


def test_models_of_all_formats_are_found(models: Path) -> None:
    assert new_model.files(models) == sorted(FOUND)


@pytest.mark.parametrize("source", FOUND)
def test_what_a_model_is_is_what_a_build_takes_it_for(models: Path, source: str) -> None:
    form, name, trust = FOUND[source]
    kind = new_model.kind(source, models)
    assert kind is not None
    assert (kind.format, new_model.called(source), kind.pickle or bool(kind.code)) == (form, name, trust)
    recipe = {"name": name, "source": source, "trust": trust, "evaluate": {"data": "rows.npz"}}
    assert identify(Recipe.parse(recipe), models).parts["source.content"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "notes.txt",
            "source 'notes.txt' is no model of LightGBM, expected what its save_model writes into a .txt file",
        ),
        ("settings.json", "source 'settings.json' is no model of XGBoost, expected what its save_model writes"),
        ("alone", "source 'alone' has no config.json beside model.safetensors, expected a folder that save_pretrained"),
        ("rows.npz", "source is 'rows.npz', whose format cannot be told from its name"),
    ],
)
def test_what_only_ends_like_a_model_is_refused(models: Path, source: str, said: str) -> None:
    with pytest.raises(Failure) as error:
        new_model.kind(source, models)
    assert str(error.value).startswith(said)


def test_a_translator_is_measured_by_texts_and_a_module_of_pytorch_is_not_trusted(
    models: Path, make_project: Callable[[], Project]
) -> None:
    project = shop(make_project())
    folder = project.root / "models" / "words"
    shutil.copytree(models / "words" / "saved", folder)
    np.savez(project.root / "models" / "texts.npz", text=np.array(["1 2"]), y=np.array(["one two"]))
    given = ("--data", "models/texts.npz", "--target", "local", "--stack")
    done = project.run("new", "--model", "models/words", *given, "words", "--json")
    assert (done.returncode, done.stderr) == (Exit.DONE, "")
    config = yaml.safe_load((project.root / "Pulumi.words.yaml").read_text())["config"]["modelport:model"]
    evaluate = {"data": "models/texts.npz", "metric": "chrf", "max_drop": 0.01}
    assert config == {"name": "words", "source": "models/words", "evaluate": evaluate}
    assert json.loads(done.stdout)["model"][0].startswith("an encoder-decoder of transformers")

    (project.root / "models" / "net.pt").write_bytes(b"\x80\x04.")
    done = project.run("new", "--model", "models/net.pt", *given, "net")
    assert done.returncode == Exit.BAD_INPUT and not (project.root / "Pulumi.net.yaml").exists()
    assert "a pickle, which runs code of its author when it is loaded; if you trust whoever made it" in done.stderr


@pytest.mark.parametrize("name", ["~nobody-has-this-name/model.onnx", "m" * 300 + ".onnx", "m/" * 3000])
def test_a_name_that_no_file_can_have_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="and there is no such file, expected a file, module:function"):
        new_model.find(name, tmp_path, tmp_path)


def test_a_pipe_among_the_files_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "light.txt")
    (tmp_path / "model.onnx").touch()
    assert new_model.files(tmp_path) == ["model.onnx"]
