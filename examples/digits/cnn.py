"""The same digits by a small convolutional network of PyTorch: seconds on one core, the same weights each time."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from examples.digits.train import SEED, split

EPOCHS, ROWS = 15, 32


class Network(nn.Module):
    """Pictures [rows, 1, 8, 8] float32 from 0 to 16 to `probabilities` [rows, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 16, 3, padding=1)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.norm = nn.BatchNorm2d(32)
        self.drop = nn.Dropout(0.25)
        self.last = nn.Linear(32 * 4, 10)

    def scores(self, image: Tensor) -> Tensor:
        seen = nn.functional.max_pool2d(torch.relu(self.first(image / 16)), 2)
        seen = nn.functional.max_pool2d(torch.relu(self.norm(self.second(seen))), 2)
        return self.last(self.drop(seen.flatten(1)))

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return {"probabilities": torch.softmax(self.scores(image), 1)}


def network() -> Network:
    """Train on the images that `train.pipeline` trains on."""
    # Sums in one order, whatever the machine has of cores.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(SEED)
    pixels, _, digits, _ = split()
    images, wanted = torch.from_numpy(pixels).reshape(-1, 1, 8, 8), torch.from_numpy(digits)
    model = Network().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for epoch in range(EPOCHS):
        total = 0.0
        for rows in torch.randperm(len(images)).split(ROWS):
            loss = nn.functional.cross_entropy(model.scores(images[rows]), wanted[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        schedule.step()
        if (epoch + 1) % 5 == 0:
            print(f"epoch {epoch + 1} of {EPOCHS}, loss {total / len(images):.4f}")
    return model


def evaluation() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The 540 held-back images as [540, 1, 8, 8] float32, and their digits as [540] int64."""
    _, pixels, _, digits = split()
    return pixels.reshape(-1, 1, 8, 8), digits
