"""Models that cannot be exported, files that hold none, examples that do not fit: one line each, with the fix."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model_build.converters import torch as converter
from model_build.converters import torch_faults
from model_build.errors import DataError, ModelBuildError, SourceError
from tests.torch import networks
from tests.torch.converting import convert, numbers, saved

LINES = Path(networks.__file__).read_text().splitlines()


def line(text: str) -> str:
    """Where a line of the networks is, as a message says it."""
    (number,) = [n for n, each in enumerate(LINES, 1) if text == each.strip()]
    return f"tests/torch/networks.py:{number}"


def refused(made: object, folder: Path, rows: Any = None, **settings: Any) -> str:
    with pytest.raises(ModelBuildError) as error:
        convert(saved(made, folder), numbers(4) if rows is None else rows, **settings)
    assert "\n" not in str(error.value)
    assert not (folder / "model.onnx").exists()
    return str(error.value)


def test_a_branch_on_data_names_its_line(tmp_path: Path) -> None:
    place = line("if y.sum() > 0:")
    assert refused(networks.Branches(), tmp_path) == (
        f"source 'm' decides by what is in a tensor at {place}, which has no place in a graph; "
        "use torch.where or torch.cond, or take the decision out of forward"
    )


def test_a_size_that_is_in_the_data_names_its_line(tmp_path: Path) -> None:
    assert f"in a tensor at {line('n = int(x.sum().item())')}" in refused(networks.Counts(), tmp_path)


@pytest.mark.parametrize("form", ["module", "trace"])
def test_a_batch_that_the_code_fixes_is_told(tmp_path: Path, form: str) -> None:
    """A trace has the 2 in it without a word, and so has its export: it is tried with other numbers of rows."""
    two = networks.TwoRows().eval()
    made = two if form == "module" else torch.jit.trace(two, torch.zeros(2, 4))
    message = refused(made, tmp_path)
    assert message.startswith("source 'm' takes 2 rows and no other number, expected any: ")
    assert message.endswith("or say that it is so with axes: {INPUT: [2, ...]}")


@pytest.mark.parametrize("form", ["module", "trace"])
def test_an_operator_that_onnx_has_not_is_named(tmp_path: Path, form: str) -> None:
    made = networks.Eigen() if form == "module" else torch.jit.trace(networks.Eigen(), torch.zeros(2, 4))
    message = refused(made, tmp_path)
    assert (
        "linalg_eig" in message and "which torch cannot write as ONNX of opset 21: no opset that torch knows" in message
    )
    if form == "module":
        assert (
            f"uses aten::_linalg_eigh at {line('return torch.linalg.eigvalsh(x[:, :, None] * x[:, None, :])')}"
            in message
        )


def test_an_operator_of_a_later_opset_names_that() -> None:
    """None of today's torch is without a way round, so this is what it would say."""
    error = RuntimeError("No ONNX function found for <OpOverload(op='aten.rms_norm', overload='default')>")
    assert "uses aten::rms_norm, " in str(torch_faults.fault(error, "source 'm'"))
    assert "opset 23 has it, but images are of opset 21" in str(torch_faults.fault(error, "source 'm'"))


def test_example_inputs_that_do_not_fit(tmp_path: Path) -> None:
    message = refused(networks.Linear(), tmp_path, np.zeros((5, 5)))
    assert message.startswith("the example inputs do not fit source 'm': RuntimeError: ")
    assert f"(2x5 and 4x3) at {line('return self.layer(x)')}" in message


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"y": numbers(3)}, "the example inputs are y, but source 'm' takes ids, mask; use the names of forward's"),
        ({"ids": numbers(3)}, "the example inputs are ids, but source 'm' takes ids, mask"),
        (
            numbers(3),
            "returned one array, but source 'm' has 2 inputs (ids, mask); return a dict of input name to array",
        ),
    ],
)
def test_inputs_of_other_names(tmp_path: Path, rows: Any, message: str) -> None:
    assert message in refused(networks.Tokens(), tmp_path, rows)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"y": ["batch", 4]}, "axes: the model has no input 'y', expected x; name it so"),
        ({"x": ["batch"]}, "axes.x is [batch], but the rows given for it have shape [4, 4]"),
        ({"x": ["batch", 5]}, "axes.x is [batch, 5], but the rows given for it have shape [4, 4]"),
    ],
)
def test_axes_that_are_not_the_models(tmp_path: Path, axes: Any, message: str) -> None:
    assert message in refused(networks.Linear(), tmp_path, axes=axes)


def test_an_open_axis_that_is_one_in_the_example(tmp_path: Path) -> None:
    rows = {"ids": np.zeros((3, 1), np.int64), "mask": np.ones((3, 1), np.int64)}
    message = refused(networks.Tokens(), tmp_path, rows, axes={"ids": ["batch", "sequence"]})
    assert message.startswith("axes.ids: axis 'sequence' is 1 long in the rows given for it, which an export takes for")


def test_text_is_no_input_of_torch(tmp_path: Path) -> None:
    assert "PyTorch models take numbers" in refused(networks.Linear(), tmp_path, np.array(["a", "b"]))


def test_a_forward_without_names_and_one_that_returns_no_tensor(tmp_path: Path) -> None:
    assert "is a module whose forward has *xs, expected inputs with names" in refused(networks.Many(), tmp_path / "a")
    assert "returns str as 'kind', expected tensors" in refused(networks.Text(), tmp_path / "b")


def test_weights_that_were_never_loaded(tmp_path: Path) -> None:
    message = refused(torch.nn.Linear(4, 3, device="meta"), tmp_path)
    assert "has parameters without values (device meta); load its weights first" in message


def test_a_forward_that_wants_a_gpu(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU, so a forward that wants one gets it")
    message = refused(networks.Gpu(), tmp_path)
    assert (
        "computes on a device of its own: " in message
        and f" at {line('return self.layer(x.cuda())')}; images compute on CPUs" in message
    )


def test_a_program_that_was_exported_in_training_mode(tmp_path: Path) -> None:
    program = torch.export.export(networks.Net().train(), (torch.zeros(2, 1, 8, 8),))
    message = refused(program, tmp_path, np.zeros((2, 1, 8, 8)))
    assert "was exported in training mode (aten.dropout.default is on); call eval()" in message


def test_a_file_that_holds_weights_alone(tmp_path: Path) -> None:
    torch.save(networks.Linear().state_dict(), tmp_path / "m.pt")
    with pytest.raises(
        SourceError, match=r"holds the weights of a model \(2 entries\) and not the model, expected"
    ) as e:
        convert(tmp_path / "m.pt", numbers(2))
    assert "load_state_dict(torch.load(file, weights_only=True))" in str(e.value)


def test_a_file_that_holds_something_else(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "m.pt")
    with pytest.raises(SourceError, match="holds a list, expected a module"):
        convert(tmp_path / "m.pt", numbers(2))


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 and no more"])
def test_a_file_that_is_not_of_torch(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.pt").write_bytes(content)
    with pytest.raises(SourceError, match="is no file of PyTorch"):
        convert(tmp_path / "m.pt", numbers(2))


@pytest.mark.parametrize("form", ["module", "script", "export"])
def test_a_file_of_which_a_part_is_missing(tmp_path: Path, form: str) -> None:
    example = (torch.zeros(2, 4),)
    made: Any = networks.Linear().eval()
    made = {"script": torch.jit.script, "export": lambda m: torch.export.export(m, example)}.get(form, lambda m: m)(
        made
    )
    source = saved(made, tmp_path)
    whole = source.read_bytes()
    source.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"is no file of PyTorch|cannot be loaded by torch"):
        convert(source, numbers(2))


def test_a_pickle_of_classes_that_are_not_here(tmp_path: Path) -> None:
    whole = networks.Linear()
    torch.save(whole, tmp_path / "m.pt")
    gone = (tmp_path / "m.pt").read_bytes().replace(b"tests.torch.networks", b"tests.torch.nowherex")
    (tmp_path / "m.pt").write_bytes(gone)
    with pytest.raises(
        SourceError, match=r"needs the module 'tests.torch.nowherex', which is not installed|cannot be loaded"
    ):
        convert(tmp_path / "m.pt", numbers(2))


def test_a_module_that_cannot_be_pickled(tmp_path: Path) -> None:
    model = networks.Linear()
    model.activation = lambda x: x  # type: ignore[assignment]
    with pytest.raises(SourceError, match=r"returned a module that cannot be pickled: .*stand at the top of a module"):
        converter.save(model, tmp_path)
    with pytest.raises((pickle.PicklingError, AttributeError)):  # which is what torch itself says
        torch.save(model, tmp_path / "n.pt")


@pytest.mark.parametrize(
    ("example", "message"),
    [
        ((torch.zeros(2), torch.zeros(2)), r"returned 2 example inputs, but the model takes 1 \(x\)"),
        ("text", "returned an example for 'x' that is no tensor"),
        (torch.tensor(3.0), "returned an example for 'x' that is no tensor"),
    ],
)
def test_examples_that_are_none(tmp_path: Path, example: object, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        converter.save((networks.Linear(), example), tmp_path)


def test_errors_of_data_are_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        convert(saved(networks.Linear(), tmp_path), np.zeros((5, 5)))
