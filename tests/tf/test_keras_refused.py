"""Files of Keras that lead elsewhere, hold code or no model, and models that do not become a graph."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from model_build import keras_files
from model_build.converters import keras as converter
from model_build.converters import keras_hdf5
from model_build.errors import SourceError
from model_build.identity import identify
from model_build.recipe import Recipe
from tests.tf.converting import apart, convert, saved


@pytest.fixture(scope="module")
def plain() -> Any:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])


@pytest.fixture(scope="module")
def steep() -> Any:
    return keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 3 + 1, name="steep")])


def refused(source: Path, **settings: Any) -> str:
    with pytest.raises(SourceError) as error:
        convert(source, **settings)
    assert "\n" not in str(error.value)
    assert not source.with_name(f"{source.name}.onnx").exists()
    return str(error.value)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_lambda_is_loaded_where_it_is_trusted_and_nowhere_else(tmp_path: Path, steep: Any, ending: str) -> None:
    steep.save(tmp_path / f"m{ending}")
    message = refused(tmp_path / f"m{ending}", trust=False)
    assert message.startswith("source 'm' has code of its author in it (the Lambda layer 'steep'")
    recipe = Recipe.parse({"name": "m", "source": f"m{ending}", "evaluate": {"data": "none.npz"}})
    with pytest.raises(SourceError, match=f"source 'm{ending}' has code of its author in it .the Lambda layer 'steep'"):
        identify(recipe, tmp_path)  # of which a preview hears, before TensorFlow is there
    made = convert(tmp_path / f"m{ending}", trust=True)
    rows = np.random.default_rng(0).random((7, 4), np.float32)
    assert apart(made.answers({"input": rows})["output"], rows * 3 + 1) < 1e-6


def test_before_hdf5_is_loaded_the_whole_of_its_description_is_seen(tmp_path: Path) -> None:
    deep = keras.Sequential([keras.Input((64,)), *(keras.layers.Dense(16, name=f"d{at}") for at in range(110))])
    deep.compile("adam", "mse")
    deep.save(tmp_path / "m.h5")
    seen = keras_files.glimpsed(tmp_path / "m.h5")
    assert seen == keras_hdf5.config(tmp_path / "m.h5", "m") and len(json.dumps(seen)) > 1 << 16
    deep.save_weights(tmp_path / "m.weights.h5")
    assert keras_files.glimpsed(tmp_path / "m.weights.h5") is None


def test_a_function_of_the_project_may_return_one(tmp_path: Path, steep: Any) -> None:
    made = convert(saved(steep, tmp_path))
    assert apart(made.answers({"input": np.ones((2, 4), np.float32)})["output"], np.full((2, 4), 4)) < 1e-6


def change(path: Path, edit: Callable[[Any], None]) -> Path:
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def test_hdf5_that_leads_elsewhere_is_refused(tmp_path: Path, plain: Any) -> None:
    def link(file: Any) -> None:
        file["model_weights/more"] = h5py.ExternalLink("/etc/secret.h5", "/weights")

    def soft(file: Any) -> None:
        file["model_weights/more"] = h5py.SoftLink("/model_weights")

    def external(file: Any) -> None:
        file.create_dataset("model_weights/more", (4,), "f4", external=[(str(tmp_path / "raw"), 0, 16)])

    def virtual(file: Any) -> None:
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "weights", (4,))
        file.create_virtual_dataset("model_weights/more", layout)

    def empty(file: Any) -> None:
        file.create_dataset("model_weights/more", (1 << 40,), "f4", chunks=(1 << 20,))

    told = {
        link: "has a link to '/etc/secret.h5' in the place of /model_weights/more, expected all of the model in one",
        soft: "has a link in the place of /model_weights/more, expected all of the model in one file; do not load it",
        external: f"keeps /model_weights/more in another file ({tmp_path / 'raw'}), expected all of the model in one",
        virtual: "keeps /model_weights/more in another file (other.h5), expected all of the model in one",
        empty: "says that /model_weights/more has 4,398,046,511,104 bytes, but 0 are stored; do not load it",
    }
    for number, (edit, message) in enumerate(told.items()):
        path = tmp_path / f"{number}.h5"
        plain.save(path)
        assert message in refused(change(path, edit))


def test_what_is_in_a_keras_file_is_looked_through_too(tmp_path: Path, plain: Any) -> None:
    import zipfile

    plain.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (tmp_path / "w.h5").write_bytes(parts["model.weights.h5"])
    change(tmp_path / "w.h5", lambda file: file.__setitem__("more", h5py.ExternalLink("/etc/secret.h5", "/w")))
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        for name, content in {**parts, "model.weights.h5": (tmp_path / "w.h5").read_bytes()}.items():
            archive.writestr(name, content)
    assert "has a link to '/etc/secret.h5' in the place of /more" in refused(tmp_path / "m.keras")


def test_a_group_in_itself_is_looked_through_once(tmp_path: Path, plain: Any) -> None:
    plain.save(tmp_path / "m.h5")
    change(tmp_path / "m.h5", lambda file: file["model_weights"].__setitem__("again", file["/"]))
    assert convert(tmp_path / "m.h5").axes()["input"] == ["batch", 4]


def test_weights_alone_and_files_that_are_cut(tmp_path: Path, plain: Any) -> None:
    plain.save_weights(tmp_path / "m.weights.h5")
    assert "holds the weights of a model and not the model" in refused(tmp_path / "m.weights.h5")
    for name in ("m.h5", "m.keras"):
        plain.save(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        assert "is no file of Keras" in refused(tmp_path / name)
    (tmp_path / "n.h5").write_bytes(b"<html>404</html>")
    assert "is no file of Keras (16 bytes; " in refused(tmp_path / "n.h5")


@keras.saving.register_keras_serializable("ours")
class Own(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x


def test_a_class_that_is_not_in_the_file(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((4,)), Own()]).save(tmp_path / "m.h5")

    def rename(file: Any) -> None:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1] = {**config["config"]["layers"][1], "class_name": "gone>Gone"}
        file.attrs["model_config"] = json.dumps(config)

    message = refused(change(tmp_path / "m.h5", rename), trust=True)
    assert "names 'gone>Gone', which is not in it; write a function that loads it with that (custom_obj" in message


def steps(x: Any) -> Any:
    return x * 2


def test_a_function_that_is_not_in_the_file(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation=steps)]).save(tmp_path / "m.keras")
    assert "names 'steps', which is not in it" in refused(tmp_path / "m.keras")


class Decides(keras.Model):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x if float(keras.ops.sum(x)) > 0 else -x


class Text(keras.Model):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return {"y": x, "kind": "text"}


class Eigen(keras.Model):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return tf.linalg.eigvalsh(x[:, :, None] * x[:, None, :])


def test_models_that_do_not_become_a_graph(tmp_path: Path) -> None:
    never = keras.Sequential([keras.layers.Dense(3)])
    with pytest.raises(SourceError, match=r"does not know its inputs yet; call it once, or begin with keras\.Input"):
        converter.save(never, tmp_path / "never")
    decides, text = Decides(), Text()
    decides(np.ones((2, 4), np.float32))
    text(np.ones((2, 4), np.float32))
    with pytest.raises(SourceError, match=r"whose call does not become a graph: \w+: .*; use keras\.ops, and no"):
        converter.save(decides, tmp_path / "decides")
    with pytest.raises(SourceError, match="returns str as 'kind', expected tensors"):
        converter.save(text, tmp_path / "text")


def test_an_operator_that_onnx_has_not_is_named_with_its_layer(tmp_path: Path) -> None:
    model = Eigen()
    model(np.ones((2, 4), np.float32))
    message = refused(saved(model, tmp_path))
    assert "source 'm' uses SelfAdjointEigV2 (at " in message and "eigen" in message
