"""Modules that are pruned and trained further, and students: what is left is a module, and answers as it should."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from model_build import learning
from model_build.converters import torch as converter
from model_build.errors import SourceError
from model_build.learning import torch as learner
from model_build.learning import torch_channels
from tests.torch import networks
from tests.torch.converting import convert, pictures, saved


class Branches(nn.Module):
    """Two convolutions that are added, a depthwise one before one of them, and two matrix products."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.deep = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.wide = nn.Conv2d(8, 12, 1)
        self.other = nn.Conv2d(1, 12, 1)
        self.hidden = nn.Linear(12 * 16, 10)
        self.last = nn.Linear(10, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        seen = self.wide(torch.relu(self.deep(torch.relu(self.norm(self.first(image))))))
        seen = nn.functional.max_pool2d(seen + self.other(image), 2)
        return torch.softmax(self.last(torch.tanh(self.hidden(seen.flatten(1)))), 1)


def narrowed(model: nn.Module, share: float = 0.5) -> dict[str, tuple[int, ...]]:
    inputs = {"image": torch.from_numpy(pictures(4))}
    torch_channels.narrow(model, inputs, share, torch_channels.widths(model))
    return {name: tuple(value.shape) for name, value in model.named_parameters() if value.dim() > 1}


def test_channels_are_taken_out_of_layers_and_of_all_that_read_them() -> None:
    model = Branches()
    found = narrowed(model)
    assert found["first.weight"] == (4, 1, 3, 3) and found["deep.weight"] == (4, 1, 3, 3)
    assert model.norm.num_features == 4 and model.deep.groups == 4
    assert found["hidden.weight"] == (5, 192) and found["last.weight"] == (3, 5)
    # Of two branches that are added neither can be cut alone.
    assert found["wide.weight"] == (12, 4, 1, 1) and found["other.weight"] == (12, 1, 1, 1)


def test_what_is_nothing_is_taken_out_without_loss() -> None:
    model = Branches().eval()
    gone = [1, 2, 5, 6]
    with torch.no_grad():
        for value in (model.first.weight, model.first.bias, model.norm.weight, model.norm.bias):
            value[gone] = 0
        model.deep.weight[gone] = 0
        model.deep.bias[gone] = 0
        model.hidden.weight[[0, 3, 4, 8, 9]] = 0
        model.hidden.bias[[0, 3, 4, 8, 9]] = 0
    rows = torch.from_numpy(pictures(6))
    wanted = model(rows)
    narrowed(model)
    assert model.hidden.out_features == 5
    assert torch.allclose(model(rows), wanted, atol=1e-5)
    loss = model.train()(rows).square().sum()  # and can be trained
    loss.backward()
    assert model.first.weight.grad is not None and model.first.weight.grad.shape == (4, 1, 3, 3)


def pruning(what: Any, rounds: int = 1) -> learning.Prune:
    settings = {"label": "m", "input": "input", "axes": None}
    return learning.Prune(what, 0.75, rounds, "m", "optimize.prune.fine_tune m:tune", settings)


def tune(model: Any) -> None:
    rows = torch.from_numpy(pictures(16))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(rows)[:, 0].sum().backward()
        optimizer.step()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return saved((networks.Net(), {"image": pictures(3)}), tmp_path)


def test_zeros_stay_zeros_while_a_module_is_trained(file: Path, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    made = tmp_path / "made" / learner.prune(file, pruning("weights", 2), tune, tmp_path / "made")
    model = torch.load(made, weights_only=False)["module"]
    before = torch.load(file, weights_only=False)["module"]
    for layer, was in ((model.filters, before.filters), (model.last, before.last)):
        assert int((layer.weight == 0).sum()) == int(0.75 * layer.weight.numel())
        kept = layer.weight != 0
        assert not torch.equal(layer.weight[kept], was.weight[kept])
    assert not list(model.last.named_buffers())  # the masks are gone
    session = convert(made, pictures(3))
    assert session.apart({"image": pictures(5)}) < 1e-5


def test_training_gives_the_same_bytes_each_time(file: Path, tmp_path: Path) -> None:
    found: list[bytes] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made = tmp_path / name / learner.prune(file, pruning("channels"), tune, tmp_path / name)
        found.append(convert(made, pictures(3)).onnx.read_bytes())
    assert found[0] == found[1]


def test_what_is_no_module_is_refused(tmp_path: Path) -> None:
    file = saved(torch.jit.script(networks.Net()), tmp_path)
    with pytest.raises(SourceError, match=r"fine_tune m:tune: source 'm' is TorchScript, whose layers are fixed, exp"):
        learner.prune(file, pruning("channels"), tune, tmp_path)


def test_another_module_than_that_is_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="it gave back another model than the one that it was handed"):
        learner.prune(file, pruning("channels"), lambda _: networks.Net(), tmp_path)


def lesson() -> tuple[learning.Lesson, learning.Teach]:
    """What is brighter, the left or the right half: the teacher knows by how much."""
    rows = pictures(200)
    apart = rows[:, 0, :, :4].mean(axis=(1, 2)) - rows[:, 0, :, 4:].mean(axis=(1, 2))
    scores = np.stack([apart, -apart, np.full_like(apart, -1)], axis=1).astype(np.float32) * 30
    teach = learning.Teach("classes", True, "output", None, 2.0, 0.7, 12, 0.02, 32, "optimize.distill.student m:s")
    return learning.Lesson({"image": rows}, scores.argmax(axis=1).astype(np.int64), scores), teach


class Student(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.layer(image.flatten(1)), 1)


def taught(folder: Path) -> bytes:
    folder.mkdir()
    given, teach = lesson()
    made = folder / learner.teach(Student(), given, teach, folder)
    answers = converter.predict(made, given.inputs, "output")
    assert (answers.argmax(axis=1) == given.labels).mean() > 0.9
    return convert(made, given.inputs).onnx.read_bytes()


def test_a_student_learns_from_answers_the_same_each_time(tmp_path: Path) -> None:
    torch.manual_seed(3)
    first = taught(tmp_path / "one")
    torch.manual_seed(3)
    assert taught(tmp_path / "two") == first


class Scores(Student):
    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layer(image.flatten(1))


class Elsewhere(Student):
    def forward(self, image: torch.Tensor) -> Any:
        return {"shares": super().forward(image)}


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.layer(image.flatten(1)), 1)


class Renamed(Student):
    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return super().forward(picture)


@pytest.mark.parametrize(
    ("student", "message"),
    [
        (Scores, "its student answers with scores, expected shares, as the teacher does; end forward with softmax"),
        (Elsewhere, "its student answers with shares, expected output, as the teacher"),
        (Two, "its student answers [rows, 2], expected [rows, 3], as the teacher does"),
        (Renamed, "its student takes picture, expected what the teacher takes, image"),
    ],
)
def test_a_student_that_answers_otherwise_is_refused(tmp_path: Path, student: Any, message: str) -> None:
    given, teach = lesson()
    with pytest.raises(SourceError) as raised:
        learner.teach(student(), given, teach, tmp_path)
    assert str(raised.value).startswith(f"optimize.distill.student m:s: {message}")
