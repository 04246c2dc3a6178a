"""Modules that tests export, and some that cannot be."""

from typing import Any

import torch
from torch import nn


class Net(nn.Module):
    """Pictures [rows, 1, 8, 8] to shares [rows, 3], with what differs between training and use."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.filters = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Linear(4 * 16, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        seen = nn.functional.max_pool2d(torch.relu(self.norm(self.filters(image))), 2)
        return torch.softmax(self.last(self.drop(seen.flatten(1))), 1)


class Tokens(nn.Module):
    """Two inputs with a second open axis, and two outputs with names."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(20, 6)

    def forward(
        self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor | None = None
    ) -> dict[str, torch.Tensor]:
        each = self.table(ids) * mask[:, :, None]
        return {"tokens": each, "mean": each.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)}


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


class Branches(Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.layer(x)
        if y.sum() > 0:
            return y * 2
        return y


class Counts(Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n = int(x.sum().item())
        return self.layer(x)[:, :n]


class TwoRows(Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).view(2, 3)


class Eigen(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.eigvalsh(x[:, :, None] * x[:, None, :])


class Many(nn.Module):
    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return xs[0]


class Text(nn.Module):
    def forward(self, x: torch.Tensor) -> Any:
        return {"scores": x, "kind": "text"}


class Loops(nn.Module):
    """A loop whose length is in the data: TorchScript can say it, and so can ONNX."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        while bool(x.abs().max() > 1):
            x = x / 2
        return x


class Scaled(Linear):
    """With an input that has a default and is no tensor."""

    def forward(self, x: torch.Tensor, scale: float = 2.0) -> torch.Tensor:
        return self.layer(x) * scale


class Gpu(Linear):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.cuda())
