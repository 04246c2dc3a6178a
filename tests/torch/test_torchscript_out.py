"""What is written as TorchScript answers as the module does, whatever the module came as; the writer by itself."""

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from model_build import data, runtime
from model_build.formats import torchscript
from tests.torch.converting import convert, saved

ROWS = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)


class Answer(NamedTuple):
    shares: torch.Tensor
    raw: torch.Tensor


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.layer(self.drop(x)).view(x.shape[0], -1), 1)


class Rowwise(Plain):
    """Without a question for the number of rows, which would be written down as a number."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.layer(x), 1)


class Named(Plain):
    """Not to be compiled from its code, for the other arguments that it takes."""

    def forward(self, x: torch.Tensor, **others: torch.Tensor) -> Any:
        raw = self.layer(x)
        return Answer(torch.softmax(raw, 1), raw)


def program() -> Any:
    rows = torch.from_numpy(ROWS)
    return torch.export.export(Rowwise().eval(), (rows,), dynamic_shapes={"x": {0: torch.export.Dim("batch")}})


@pytest.mark.parametrize(
    ("made", "output"), [(Plain, "output"), (Named, "shares"), (program, "output")], ids=["module", "tuple", "program"]
)
def test_libtorch_answers_as_the_module_does(made: Any, output: str, tmp_path: Path) -> None:
    converted = convert(saved(made(), tmp_path / "source"), ROWS)
    data.save({"": ROWS}, np.zeros(9), tmp_path)
    settings = {"label": "m", "data": str(tmp_path / "data.npz"), "columns": None, "beside": []}
    torchscript.write(converted.source, tmp_path, settings)
    file = tmp_path / torchscript.MODEL
    like = runtime.session(converted.onnx)
    opened = torchscript.opened(tmp_path, like, settings)
    for count in (1, 9):
        (answer,) = opened.run([output], {"x": ROWS[:count]})
        assert float(np.abs(answer - like.run([output], {"x": ROWS[:count]})[0]).max()) < 1e-6
    assert torch.jit.load(str(file))(torch.from_numpy(ROWS)) is not None
    with zipfile.ZipFile(file) as archive:  # nothing says where the code was
        assert not [name for name in archive.namelist() if b"tests/torch" in archive.read(name)]
