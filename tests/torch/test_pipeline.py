"""From a recipe to a measured candidate: the way that a build goes, with its processes and its cache."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model_build.errors import SourceError
from model_build.formats import exporting
from model_build.identity import identify
from model_build.pipeline import candidate
from model_build.recipe import Recipe
from model_build.work import Work
from tests.torch.converting import convert, numbers, saved

MODULE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return torch.softmax(self.drop(self.layer(x)), 1)

def model():
    return Net()
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module, a file of each kind with its weights in it, and rows with its own answers as their labels."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "net.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        net: Any = importlib.import_module("net").model().eval()
        torch.save(net, folder / "module.pt")
        torch.jit.script(net).save(str(folder / "script.pt"))
        (folder / "program.pt2").write_bytes(b"PK")
    rows = np.random.default_rng(0).random((300, 4))
    with torch.no_grad():
        np.savez(folder / "rows.npz", X=rows, y=net(torch.from_numpy(rows).float()).argmax(1).numpy())
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A cache for all tests here, so that the data is made once."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MODELPORT_CACHE_DIR", str(folder / "cache"))
        patch.setenv("MODELPORT_DATA_DIR", str(folder / "data"))
        yield folder


def recipe(**changes: Any) -> Recipe:
    evaluate = {"data": "rows.npz", "min": 0.9, "max_drop": 0.0}
    optimize = {"candidates": ["fp32"]}
    return Recipe.parse({"name": "net", "source": "net:model", "evaluate": evaluate, "optimize": optimize} | changes)


def test_a_function_that_returns_a_module(project: Path, home: Path) -> None:
    work = Work.on(recipe(), project)
    converted, verified = candidate(work)
    assert converted.framework == f"PyTorch {torch.__version__.partition('+')[0]}"
    assert verified.baseline == 1.0 and verified.rows == 300
    fp32 = next(result for result in verified.results if result.name == "fp32")
    assert fp32.parity is not None and fp32.parity.max_abs < 1e-6
    assert fp32.parity.agreement == 1.0
    assert {"tool.torch", "tool.onnxscript", "source.package.torch"} <= set(work.identity.parts)


@pytest.mark.parametrize("name", ["module.pt", "script.pt"])
def test_a_file_that_is_trusted(project: Path, home: Path, name: str) -> None:
    _, verified = candidate(Work.on(recipe(source=name, trust=True), project))
    assert verified.baseline == 1.0
    assert [result.measured.metric for result in verified.results if result.measured] == [1.0]


def test_a_file_that_is_trusted_goes_out_as_torchscript_by_the_sandbox(project: Path, home: Path) -> None:
    work = Work.on(recipe(source="module.pt", trust=True, formats=["torchscript"]), project)
    exporting.ready(work)
    (found,) = exporting.export(work, *candidate(work))
    assert (found.form, found.runtime.partition("+")[0]) == ("source", f"torch {torch.__version__.partition('+')[0]}")
    assert found.measured.metric == 1.0 and found.measured.apart is not None and found.measured.apart.max_abs < 1e-6
    assert list(found.files) == ["model.pt"]


@pytest.mark.parametrize("name", ["module.pt", "script.pt", "program.pt2"])
def test_a_file_that_is_not(project: Path, name: str) -> None:
    with pytest.raises(SourceError, match="a pickle, which runs code of its author when it is loaded; if you trust"):
        identify(recipe(source=name), project)


def test_other_rows_are_another_conversion_and_the_same_bytes(tmp_path: Path) -> None:
    from tests.torch import networks

    source = saved(networks.Linear(), tmp_path)
    first = convert(source, numbers(9)).onnx.read_bytes()
    assert convert(source, np.zeros((3, 4))).onnx.read_bytes() == first
