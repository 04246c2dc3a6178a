"""Each form in which PyTorch keeps a model becomes ONNX that takes any number of rows and answers as torch does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from model_build import runtime
from model_build.converters import onnx as plain
from model_build.errors import SourceError
from tests.torch import networks
from tests.torch.converting import Converted, convert, numbers, pictures, saved

BATCH = torch.export.Dim("batch")
IMAGE = torch.zeros(3, 1, 8, 8)


def _exported() -> torch.export.ExportedProgram:
    return torch.export.export(networks.Net().eval(), (IMAGE,), dynamic_shapes=({0: BATCH},))


FORMS: dict[str, Callable[[], object]] = {
    "module": networks.Net,
    "script": lambda: torch.jit.script(networks.Net()),
    "trace": lambda: torch.jit.trace(networks.Net().eval(), IMAGE),
    "export": _exported,
}


@pytest.fixture(scope="module", params=FORMS)
def form(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    return convert(saved(FORMS[request.param](), tmp_path_factory.mktemp(request.param)), pictures(5))


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_it_answers_any_number_of_rows_as_torch_does(form: Converted, rows: int) -> None:
    assert form.apart({"image": pictures(rows)}) < 1e-6


def test_the_open_axis_is_called_batch_and_the_form_is_the_pinned_one(form: Converted) -> None:
    assert form.axes() == {"image": ["batch", 1, 8, 8], "output": ["batch", 3]}
    assert form.model.ir_version == 10
    assert [(each.domain, each.version) for each in form.model.opset_import] == [("", 21)]
    assert form.model.producer_name == "modelport"
    assert form.note == {"framework": f"PyTorch {torch.__version__.partition('+')[0]}", "classes": None}


def test_the_same_model_is_the_same_bytes(form: Converted, tmp_path: Path) -> None:
    source = tmp_path / form.source.name
    source.write_bytes(form.source.read_bytes())
    assert convert(source, pictures(2)).onnx.read_bytes() == form.onnx.read_bytes()


def test_shapes_are_told_once(form: Converted) -> None:
    """onnxruntime's quantizer turns the weights of a Gemm and leaves what is said of their shape elsewhere."""
    graph = form.model.graph
    assert {value.name for value in graph.value_info} & {tensor.name for tensor in graph.initializer} == set()


def test_dropout_is_off_and_statistics_are_the_learnt_ones(form: Converted) -> None:
    """Modules come out of their constructor in training mode, in which each of these answers would be another."""
    assert not {"Dropout", "RandomUniformLike"} & {node.op_type for node in form.model.graph.node}
    session = runtime.session(form.onnx)
    assert (session.run(None, {"image": pictures(9)})[0] == session.run(None, {"image": pictures(9)})[0]).all()


def test_what_torch_alone_writes_has_a_fixed_batch(tmp_path: Path) -> None:
    """Why shapes are said to be dynamic: otherwise the graph takes as many rows as the example has, without a word."""
    torch.onnx.export(networks.Linear().eval(), (torch.zeros(2, 4),), tmp_path / "m.onnx", verbose=False)
    plain.convert(tmp_path / "m.onnx", tmp_path / "n.onnx", {"label": "m"})
    session = runtime.session(tmp_path / "n.onnx")
    assert [value.shape for value in session.get_inputs()] == [[2, 4]]


def test_more_axes_are_open_where_the_recipe_names_them(tmp_path: Path) -> None:
    source = saved(networks.Tokens(), tmp_path)
    rows = {"ids": np.arange(12).reshape(3, 4), "mask": np.ones((3, 4), np.int64)}
    made = convert(source, rows, axes={"ids": ["batch", "sequence"], "mask": ["batch", "sequence"]})
    assert made.axes() == {
        "ids": ["batch", "sequence"],
        "mask": ["batch", "sequence"],
        "tokens": ["batch", "sequence", 6],
        "mean": ["batch", 6],
    }
    for count, length in ((1, 1), (7, 3), (64, 9)):
        ids = np.random.default_rng(length).integers(0, 20, (count, length))
        mask = (np.arange(length) < np.random.default_rng(count).integers(1, length + 1, (count, 1))).astype(np.int64)
        assert made.apart({"ids": ids, "mask": mask}, "mean") < 1e-6
        assert made.apart({"ids": ids, "mask": mask}, "tokens") < 1e-6


def test_a_batch_that_the_recipe_fixes_is_fixed(tmp_path: Path) -> None:
    made = convert(saved(networks.TwoRows(), tmp_path), numbers(6), axes={"x": [2, 4]})
    assert made.axes() == {"x": [2, 4], "output": [2, 3]}


def test_a_program_with_a_fixed_batch_is_one_that_the_recipe_says_is_fixed(tmp_path: Path) -> None:
    source = saved(torch.export.export(networks.Linear().eval(), (torch.zeros(2, 4),)), tmp_path)
    with pytest.raises(SourceError, match=r"was exported for 2 rows and no other number, expected any; export it with"):
        convert(source, numbers(4))
    made = convert(source, numbers(4), axes={"x": [2, 4]})
    assert made.axes() == {"x": [2, 4], "output": [2, 3]}
    assert made.apart({"x": numbers(2)}) < 1e-6


def test_loops_in_torchscript_run_as_long_as_the_data_says(tmp_path: Path) -> None:
    made = convert(saved(torch.jit.script(networks.Loops()), tmp_path), numbers(3))
    assert made.apart({"x": numbers(4) * 100}) == 0
    assert made.axes()["output"][0] == "batch"


def test_an_input_with_a_default_is_left_out(tmp_path: Path) -> None:
    for name, model in {"script": torch.jit.script(networks.Scaled()), "module": networks.Scaled()}.items():
        made = convert(saved(model, tmp_path / name), numbers(3))
        assert list(made.axes()) == ["x", "output"]
        assert made.apart({"x": numbers(4)}) < 1e-6


def test_columns_of_groups_are_no_example_inputs(tmp_path: Path) -> None:
    rows = {"X": numbers(9), "region": np.asarray(["north"] * 9)}
    assert list(convert(saved(networks.Linear(), tmp_path), rows, beside=["region"]).axes()) == ["x", "output"]


@pytest.mark.parametrize("example", [torch.zeros(3, 4), (torch.zeros(3, 4),), {"x": np.zeros((3, 4))}])
def test_example_inputs_may_come_with_the_model(tmp_path: Path, example: object) -> None:
    """The rows of the data are of another shape, so they were not looked at."""
    for name, model in {"script": torch.jit.script(networks.Linear()), "module": networks.Linear()}.items():
        made = convert(saved((model, example), tmp_path / name), np.zeros((2, 9)))
        assert made.axes() == {"x": ["batch", 4], "output": ["batch", 3]}


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_halves_become_floats_and_doubles_stay(tmp_path: Path, kind: torch.dtype) -> None:
    made = convert(saved(networks.Linear().to(kind), tmp_path), numbers(3))
    element = made.model.graph.input[0].type.tensor_type.elem_type
    assert element == (11 if kind is torch.float64 else 1)


def test_what_is_of_no_framework_that_torch_knows_is_not_taken() -> None:
    from model_build.converters import torch as converter

    assert [converter.takes(made) for made in (3, None, "m.pt", (1, 2), {}, networks.Net)] == [False] * 6
