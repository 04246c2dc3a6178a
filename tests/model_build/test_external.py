"""Weights of an ONNX file in other files: those beside it are read, those anywhere else are not."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from model_build import external, graphs, isolate
from model_build.converters import onnx as converter
from model_build.errors import SourceError
from tests.model_build import models


def split(folder: Path, place: str, width: int = 400) -> Path:
    """A model whose weights are said to be at `place`."""
    model = models.parse(models.linear(width=width))
    onnx.save_model(model, str(folder / "m.onnx"), save_as_external_data=True, location="weights.bin", size_threshold=0)
    model = onnx.load_model(str(folder / "m.onnx"), load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = place
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return folder / "m.onnx"


def refused(file: Path) -> str:
    with pytest.raises(SourceError) as error:
        converter.convert(file, file.with_name("converted.onnx"), {"label": file.name, "input": "x"})
    assert not file.with_name("converted.onnx").exists()
    return str(error.value)


def test_a_file_beside_it_is_read(tmp_path: Path) -> None:
    converter.convert(split(tmp_path, "weights.bin"), tmp_path / "out.onnx", {"label": "m.onnx", "input": "x"})
    assert not external.check(graphs.load(tmp_path / "out.onnx", weights=False), tmp_path, "out")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("/etc/passwd", "an absolute path"),
        ("../outside.bin", "which leads out of its folder"),
        ("below/../../outside.bin", "which leads out of its folder"),
        ("..\\outside.bin", "which is no name of a file"),
        ("C:/outside.bin", "an absolute path"),
        ("", "which is no name of a file"),
        ("below", "which is no file"),
    ],
)
def test_a_place_elsewhere_is_refused(tmp_path: Path, place: str, why: str) -> None:
    folder = tmp_path / "model"
    (folder / "below").mkdir(parents=True)
    (tmp_path / "outside.bin").write_bytes(b"\0" * 10_000)
    assert refused(split(folder, place)) == (
        f"source 'm.onnx' keeps weights in {place!r}, {why}, expected a file beside the model; do not use it, or "
        "export it again with its weights in one file"
    )


@pytest.mark.parametrize("name", ["linked.bin", "folder/weights.bin"])
def test_a_link_is_refused_whatever_it_leads_to(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    file = split(folder, name)
    (folder / "linked.bin").symlink_to("/etc/passwd")
    (folder / "folder").symlink_to(tmp_path)
    assert " is a link to '" in refused(file)


def hide(model: onnx.ModelProto, where: str) -> None:
    """Put a tensor that is elsewhere into a corner of the model."""
    tensor = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../outside.bin")
    node = helper.make_node("Constant", [], ["c"], value=tensor)
    if where == "attribute":
        model.graph.node.insert(0, node)
    elif where == "branch":
        branch = helper.make_graph([node], "b", [], [helper.make_tensor_value_info("c", TensorProto.FLOAT, [1])])
        model.graph.node.append(helper.make_node("If", ["x"], ["z"], then_branch=branch, else_branch=branch))
    elif where == "function":
        model.functions.append(helper.make_function("own", "f", [], ["c"], [node], [helper.make_opsetid("", 21)]))
    else:
        model.graph.sparse_initializer.add(values=tensor, dims=[1])


@pytest.mark.parametrize("where", ["attribute", "branch", "function", "sparse"])
def test_no_corner_of_a_model_is_left_out(tmp_path: Path, where: str) -> None:
    model = models.parse(models.linear())
    hide(model, where)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    assert "keeps weights in '../outside.bin'" in refused(tmp_path / "m.onnx")


def test_what_a_sandbox_leaves_has_its_weights_in_it(tmp_path: Path) -> None:
    split(tmp_path, "weights.bin").rename(tmp_path / "model.onnx")
    whole: Callable[[Path], None] = isolate._whole  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(SourceError, match="whose weights are in other files"):
        whole(tmp_path / "model.onnx")


def test_operators_of_others_are_named_and_no_library_is_loaded_for_them(tmp_path: Path) -> None:
    model = models.parse(models.linear())
    model.graph.node.append(helper.make_node("Run", ["x"], ["z"], domain="evil", library="/tmp/evil.so"))
    model.opset_import.append(helper.make_opsetid("evil", 1))
    model.metadata_props.add(key="ort.custom_ops_library", value="/tmp/evil.so")
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(SourceError, match="evil") as error:
        converter.convert(tmp_path / "m.onnx", tmp_path / "out.onnx", {"label": "m.onnx", "input": "x"})
    assert ".so" not in str(error.value)
