"""Files of Keras where TensorFlow is not installed: what is told of them before anything is loaded."""

import importlib.util
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_build import keras_files
from model_build.errors import SourceError
from model_build.identity import identify
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.work import Work

Make = Callable[..., Recipe]
HAS_TENSORFLOW = importlib.util.find_spec("tensorflow") is not None


def layer(name: str, **inner: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": name, "config": {"name": "l", **inner}, "registered_name": None}


def model(*layers: Any) -> dict[str, Any]:
    return {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}}


LAMBDA = layer("Lambda", function={"class_name": "__lambda__", "config": {"value": "4wE=", "defaults": None}})
PLAIN = model(layer("Dense", units=3, dtype={"module": "keras", "class_name": "DTypePolicy", "config": {}}))


def function(module: str, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(config: Any, *others: tuple[str, bytes]) -> Path:
        (tmp_path / "good.py").write_text(
            "import numpy as np\ndef data(): return np.zeros((6, 4), np.float32), np.arange(6) % 3\n"
        )
        with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
            archive.writestr("config.json", json.dumps(config))
            for name, content in others:
                archive.writestr(name, content)
        return tmp_path

    return make


def asked(recipe: Make, **changes: Any) -> Recipe:
    return recipe(source="m.keras", evaluate={"data": "good:data"}, **changes)


def refused(recipe: Recipe, folder: Path) -> str:
    with pytest.raises(SourceError) as error:
        identify(recipe, folder)
    return str(error.value)


def test_a_file_without_code_wants_no_trust(write: Callable[..., Path], recipe: Make) -> None:
    parts = identify(asked(recipe), write(PLAIN)).parts
    assert {"tool.keras", "tool.tensorflow", "tool.tf2onnx"} <= set(parts) and "tool.torch" not in parts


@pytest.mark.parametrize(
    ("config", "what"),
    [
        (model(LAMBDA), "the Lambda layer 'l', a lambda"),
        (model(layer("Dense", activation=function("net", "steep"))), "net.steep"),
        (model({"module": "net", "class_name": "Scale", "config": {}}), "net.Scale"),
        (model(layer("TFSMLayer", filepath="/elsewhere")), "the TFSMLayer layer 'l'"),
        (model(layer("TorchModuleWrapper", module={})), "the TorchModuleWrapper layer 'l'"),
        (model(layer("TextVectorization", vocabulary="/etc/passwd")), "words from the file '/etc/passwd'"),
        ({"deep": [[[{"any": model(LAMBDA)}]]]}, "the Lambda layer 'l', a lambda"),
    ],
)
def test_code_in_a_file_wants_trust(write: Callable[..., Path], recipe: Make, config: Any, what: str) -> None:
    folder = write(config)
    assert refused(asked(recipe), folder) == (
        f"source 'm.keras' has code of its author in it ({what}), which runs when it is loaded; if you trust whoever "
        "made it set trust: true, else ask for a SavedModel (model.export) or ONNX"
    )
    assert keras_files.runs_code(folder / "m.keras", "keras")
    identify(asked(recipe, trust=True), folder)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "exec"),
        ("keras.utils", "get_file"),
        ("keras.config", "enable_unsafe_deserialization"),
        ("keras.src.saving.saving_lib", "load_model"),
        ("tensorflow.io", "write_file"),
    ],
)
def test_what_no_model_needs_is_refused_trusted_or_not(
    write: Callable[..., Path], recipe: Make, module: str, name: str
) -> None:
    folder = write(model(layer("Dense", activation=function(module, name))))
    for trust in (False, True):
        assert refused(asked(recipe, trust=trust), folder) == (
            f"source 'm.keras' would call {module}.{name} when it is loaded, which no model needs; do not load it"
        )


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "assets/../../out", "a\\..\\out", "C:out"])
def test_a_file_in_it_that_leads_out_is_refused(write: Callable[..., Path], recipe: Make, name: str) -> None:
    message = refused(asked(recipe, trust=True), write(PLAIN, (name, b"x")))
    assert message == f"source 'm.keras' has {name!r} in it, which leads out of it; do not load it"


def test_a_link_two_of_one_name_and_a_bomb_are_refused(write: Callable[..., Path], recipe: Make) -> None:
    folder = write(PLAIN)
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(folder / "m.keras", "a") as archive:
        archive.writestr(link, "/etc")
    assert "has 'assets/link' in it, which leads out of it" in refused(asked(recipe), folder)
    folder = write(PLAIN)
    with zipfile.ZipFile(folder / "m.keras", "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("config.json", "{}")
    assert "has two files of the name 'config.json' in it" in refused(asked(recipe), folder)
    write(PLAIN)
    with zipfile.ZipFile(folder / "m.keras", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(300 << 20))
    assert "unpacks to 314,5" in refused(asked(recipe), folder)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 and no more"])
def test_a_file_that_is_none(write: Callable[..., Path], recipe: Make, content: bytes) -> None:
    folder = write(PLAIN)
    (folder / "m.keras").write_bytes(content)
    message = refused(asked(recipe), folder)
    assert message.startswith(f"source 'm.keras' is no file of Keras ({len(content)} bytes; ")
    assert message.endswith("expected what model.save('model.keras') writes; save it again")


def test_a_zip_of_other_things(write: Callable[..., Path], recipe: Make) -> None:
    folder = write(PLAIN)
    with zipfile.ZipFile(folder / "m.keras", "w") as archive:
        archive.writestr("config.json", "not JSON")
    assert "is no file of Keras" in refused(asked(recipe), folder)


@pytest.mark.skipif(HAS_TENSORFLOW, reason="TensorFlow is installed here, and this is about a machine that has none")
def test_without_tensorflow_the_extra_is_named(write: Callable[..., Path], recipe: Make, own_cache: Path) -> None:
    with pytest.raises(
        SourceError,
        match=r"tensorflow is not installed, models of Keras and TensorFlow need it; pip install 'modelport\[tf\]'",
    ):
        candidate(Work.on(asked(recipe), write(PLAIN)))
