"""SavedModels of TensorFlow: which signature is served, what they may hold, and what is refused by its name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from model_build.converters import savedmodel as converter
from model_build.errors import SourceError
from model_build.identity import file_format
from model_build.sources import find, model_file
from tests.tf import networks
from tests.tf.converting import ROWS, Converted, apart, convert, saved

SPEC = tf.TensorSpec([None, 4], tf.float32, name="x")


class Module(tf.Module):  # type: ignore[misc]
    """A function of TensorFlow with a variable, a branch over what is in a tensor, and a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(np.random.default_rng(0).random((4, 3), np.float32))

    @tf.function(input_signature=[SPEC])  # type: ignore[untyped-decorator]
    def scores(self, x: Any) -> dict[str, Any]:
        y = tf.matmul(x, self.weights)
        y = tf.cond(tf.reduce_sum(y) > 100.0, lambda: y / 10.0, lambda: y)
        for _ in tf.range(3):
            y = tf.tanh(y + 1.0)
        return {"scores": y, "same": y}

    @tf.function(input_signature=[SPEC])  # type: ignore[untyped-decorator]
    def first(self, x: Any) -> Any:
        return x[:, 0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "m"
    module = Module()
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.scores, "first": module.first})
    return path


@pytest.fixture(scope="module")
def made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    return convert(folder, kind="savedmodel", folder=tmp_path_factory.mktemp("made"))


def graph(path: Path, function: Any, spec: Any = SPEC, **more: Any) -> Path:
    """A SavedModel of one function."""
    module = tf.Module()
    module.function = tf.function(function, input_signature=[spec])
    tf.saved_model.save(module, str(path), signatures=more or {"serving_default": module.function})
    return path


def refused(path: Path) -> str:
    with pytest.raises(SourceError) as error:
        convert(path, kind="savedmodel", folder=path.parent)
    assert "\n" not in str(error.value)
    assert not (path.parent / f"{path.name}.onnx").exists()
    return str(error.value)


@pytest.mark.parametrize("rows", ROWS)
def test_the_default_signature_answers_as_tensorflow_does(folder: Path, made: Converted, rows: int) -> None:
    x = np.random.default_rng(rows).random((rows, 4), np.float32) * rows
    want = tf.saved_model.load(str(folder)).signatures["serving_default"](x=tf.constant(x))
    got = made.answers({"x": x})
    assert made.axes() == {"x": ["batch", 4], "same": ["batch", 3], "scores": ["batch", 3]}
    assert max(apart(got[name], want[name]) for name in ("same", "scores")) < 1e-5


def test_what_parity_is_measured_against_is_tensorflows_own_answer(folder: Path, made: Converted) -> None:
    rows = np.random.default_rng(1).random((300, 4))
    own = made.own({"x": rows}, "scores")
    assert apart(made.answers({"x": rows.astype(np.float32)})["scores"], own) < 1e-5
    assert made.own({"x": rows}, "nothing") is None
    assert made.note == {"framework": f"TensorFlow {tf.__version__}", "classes": None}


def test_a_function_may_return_the_path_and_another_signature(folder: Path, tmp_path: Path) -> None:
    assert converter.takes(folder) and converter.takes(str(folder)) and converter.takes((folder, "first"))
    whole = saved(folder, tmp_path / "whole", "savedmodel")
    assert (whole / "saved_model.pb").read_bytes() == (folder / "saved_model.pb").read_bytes()
    other = convert(saved((str(folder), "first"), tmp_path / "other", "savedmodel"), kind="savedmodel")
    x = np.random.default_rng(0).random((7, 4), np.float32)
    assert (other.answers({"x": x})["output"] == x[:, 0]).all()
    with pytest.raises(SourceError, match="returned the signature 'second', but the model has first, serving_default"):
        converter.save((folder, "second"), tmp_path)


def test_without_a_default_the_only_signature_is_taken_and_several_are_asked_about(tmp_path: Path) -> None:
    module = Module()
    for name, each in {"one": {"score": module.first}, "two": {"a": module.first, "b": module.scores}}.items():
        tf.saved_model.save(module, str(tmp_path / name), signatures=each)
    one = convert(tmp_path / "one", kind="savedmodel")
    assert one.axes() == {"x": ["batch", 4], "output": ["batch"]}
    assert refused(tmp_path / "two") == (
        "source 'm' has the signatures a, b, expected serving_default; save it with "
        "signatures={'serving_default': ...}, or name a function that returns its path and a signature's name"
    )
    tf.saved_model.save(tf.Module(), str(tmp_path / "none"))
    assert "has no signature, expected serving_default" in refused(tmp_path / "none")


def test_a_subclassed_model_that_keras_exported(tmp_path: Path) -> None:
    model = networks.subclassed()
    model.export(tmp_path / "m", verbose=False)
    made = convert(tmp_path / "m", kind="savedmodel")
    measures = networks.flowers()[0]
    (name,) = set(made.axes()) - {"largest", "probabilities"}
    got = made.answers({name: measures})["probabilities"]
    assert apart(got, model(measures, training=False)["probabilities"]) < 1e-5


def test_words_are_looked_up_in_a_file_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("bad\ngood\nfine\n")
    init = tf.lookup.TextFileInitializer(
        str(tmp_path / "words.txt"), tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
        tf.lookup.TextFileIndex.LINE_NUMBER,
    )  # fmt: skip
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(init, -1)
    module.function = tf.function(
        lambda word: {"number": module.table.lookup(word)}, input_signature=[tf.TensorSpec([None], tf.string, name="w")]
    )
    tf.saved_model.save(module, str(tmp_path / "m"), signatures={"serving_default": module.function})
    (tmp_path / "words.txt").unlink()
    made = convert(tmp_path / "m", kind="savedmodel")
    words = np.array(["good", "fine", "other", "bad"], dtype=object)
    assert made.answers({"w": words})["number"].tolist() == [1, 2, -1, 0]
    assert made.own({"w": words}, "number").tolist() == [1, 2, -1, 0]


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: {"y": tf.strings.length(tf.io.read_file("/etc/passwd")) + tf.shape(x)[0]}, "ReadFile"),
        (lambda x: {"y": x, "z": tf.py_function(lambda: 1.0, [], tf.float32)}, "EagerPyFunc"),
        (lambda x: {"y": x, "z": tf.numpy_function(lambda: 1.0, [], tf.float64)}, "PyFunc"),
        (lambda x: {"y": x, "z": tf.io.matching_files("/etc/*")}, "MatchingFiles"),
        (lambda x: {"y": x + tf.raw_ops.RestoreV2(
            prefix="/tmp/other", tensor_names=["w"], shape_and_slices=[""], dtypes=[tf.float32])[0]}, "RestoreV2"),
    ],
)  # fmt: skip
def test_operators_that_do_other_things_than_compute_are_refused(tmp_path: Path, function: Any, name: str) -> None:
    assert refused(graph(tmp_path / "m", function)) == (
        f"source 'm' has operators that do other things than compute ({name}): they read or write files, ask other "
        "machines or call Python; take them out of the model and save it again"
    )


def test_what_is_written_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    """A model writes as soon as TensorFlow restores what it calls a resource of it."""

    def write(x: Any) -> dict[str, Any]:
        with tf.control_dependencies([tf.io.write_file(str(tmp_path / "marker"), "here"), tf.print(x)]):
            return {"y": tf.identity(x)}

    assert "(PrintV2, WriteFile)" in refused(graph(tmp_path / "m", write))
    assert not (tmp_path / "marker").exists()


def test_every_refused_operator_is_one_of_tensorflows() -> None:
    """And the pattern takes none of those that models are made of."""
    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session as session

    from model_build.converters import tf_scan

    known = op_def_pb2.OpList()
    known.ParseFromString(session.TF_GetBuffer(session.TF_GetAllOpList()))
    bad = {each.name for each in known.op if tf_scan._OTHER.fullmatch(each.name)}
    assert {"ReadFile", "WriteFile", "PyFunc", "EagerPyFunc", "TFRecordDataset", "RpcCall", "WholeFileReaderV2",
            "SaveDatasetV2", "WriteSummary", "DebugIdentityV3", "SqlDataset", "CacheDatasetV2"} <= bad  # fmt: skip
    assert not {"MatMul", "Gather", "StridedSlice", "While", "TensorArrayReadV3", "TensorArrayWriteV3", "Cumsum",
                "LookupTableFindV2", "HashTableV2", "PartitionedCall", "NoOp", "Placeholder"} & bad  # fmt: skip


def test_an_operator_that_onnx_has_not_is_named(tmp_path: Path) -> None:
    message = refused(graph(tmp_path / "m", lambda x: {"y": tf.linalg.eigvalsh(x[:, :, None] * x[:, None, :])}))
    assert message.startswith("source 'm' uses SelfAdjointEigV2 (at ")
    assert message.endswith(
        "which tf2onnx cannot write as ONNX of opset 21: no opset that it knows has SelfAdjointEigV2; use other "
        "operators, or take that part out of the model"
    )


def test_an_operator_of_a_later_opset_names_that(tmp_path: Path) -> None:
    message = refused(graph(tmp_path / "m", lambda x: {"y": tf.bitcast(x, tf.int32)}))
    assert "opset 26 has Bitcast, but images are of opset 21" in message


def test_an_operator_that_others_have_names_them(tmp_path: Path) -> None:
    spec = tf.TensorSpec([None], tf.string, name="text")
    message = refused(graph(tmp_path / "m", lambda text: {"y": tf.strings.regex_replace(text, "a", "b")}, spec))
    assert "ai.onnx.contrib has StaticRegexReplace, but images have no operators of others" in message


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\x0a\xff\xff"])
def test_a_file_that_is_no_graph(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "saved_model.pb").write_bytes(content)
    assert "is no SavedModel (its saved_model.pb, " in refused(tmp_path / "m")


def test_weights_that_are_missing_or_cut(folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = shutil.copytree(folder, tmp_path / "m")
    (data,) = (copy / "variables").glob("*.data-*")
    data.write_bytes(data.read_bytes()[:20])
    assert "cannot be loaded by TensorFlow" in refused(copy)


def test_a_folder_is_found_and_known_by_what_is_in_it(folder: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folder, tmp_path / "served" / "1")
    source = find("served", tmp_path, "source")
    assert (file_format(source, {}), model_file(source)) == ("savedmodel", tmp_path / "served" / "1")
    assert file_format(find(str(folder), tmp_path, "source"), {"format": "savedmodel"}) == "savedmodel"
    with pytest.raises(SourceError, match=r"a folder with a saved_model.pb in it, but format is onnx; set"):
        file_format(source, {"format": "onnx"})
    with pytest.raises(SourceError, match=r"whose format cannot be told .* or name the folder of a SavedModel"):
        file_format(find(str(folder / "saved_model.pb"), tmp_path, "source"), {})
    shutil.copytree(folder, tmp_path / "served" / "2")
    with pytest.raises(SourceError, match=r"a folder with 2 SavedModels \(1, 2\), expected one; name"):
        file_format(find("served", tmp_path, "source"), {})
