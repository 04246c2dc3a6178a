"""What makes the convolutional network of digits smaller: more training once it is pruned, and a student of it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from examples.digits.cnn import Network
from examples.digits.train import split

EPOCHS, ROWS = 5, 32


def training() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The images that `cnn.network` is trained on, and no others: [1257, 1, 8, 8] float32, and their digits."""
    pixels, _, digits, _ = split()
    return pixels.reshape(-1, 1, 8, 8), digits


def tune(model: Network) -> None:
    """Train the pruned network further."""
    pixels, digits = training()
    images, wanted = torch.from_numpy(pixels), torch.from_numpy(digits)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images)).split(ROWS):
            loss = nn.functional.cross_entropy(model.scores(images[rows]), wanted[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


class Student(nn.Module):
    """As `cnn.Network`, with a quarter of its channels."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 8, 3, padding=1)
        self.last = nn.Linear(8 * 4, 10)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        seen = nn.functional.max_pool2d(torch.relu(self.first(image / 16)), 2)
        seen = nn.functional.max_pool2d(torch.relu(self.second(seen)), 2)
        return {"probabilities": torch.softmax(self.last(seen.flatten(1)), 1)}


def student() -> Student:
    return Student()
