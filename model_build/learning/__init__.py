"""What trains models: a pruned one further, and a student on its teacher's answers. It runs where `worker` runs.

Each framework has a module here with two functions:
    prune(file, asked, tune, folder)     the model of `file`, pruned, and handed to the project's function; its file
    teach(student, lesson, asked, folder)  the student, trained; its file
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from model_build.errors import SourceError

Array = np.ndarray[Any, np.dtype[Any]]

PRUNES = ("torch", "sklearn")
"""Formats that can be pruned and trained further."""
SEED = 0

Tune = Callable[[object], object]
"""The project's function: given the model, it returns it, another one, or nothing."""
Kind = Literal["classes", "numbers", "answers"]


@dataclass(frozen=True)
class Prune:
    what: Literal["weights", "channels"]
    share: float
    rounds: int
    label: str
    """What messages call the source."""
    tuner: str
    """What they call the function."""
    settings: Mapping[str, Any]
    """As a converter takes them."""

    def shares(self) -> list[float]:
        """What is left out before each round."""
        return [self.share * (number + 1) / self.rounds for number in range(self.rounds)]

    def refuse(self, got: str, fix: str) -> SourceError:
        return SourceError(f"{self.tuner}: {got}, expected a {fix}")


@dataclass(frozen=True)
class Lesson:
    """Rows to learn from."""

    inputs: dict[str, Array]
    labels: Array
    """Positions of classes, or numbers."""
    teacher: Array
    """Its answers: scores [rows, classes], before they become shares, or numbers."""

    @classmethod
    def load(cls, path: Path) -> "Lesson":
        with np.load(path, allow_pickle=False) as stored:
            names = [name for name in stored.files if name.startswith("input.")]
            inputs = {name.removeprefix("input."): stored[name] for name in names}
            return cls(inputs, stored["labels"], stored["teacher"])


@dataclass(frozen=True)
class Teach:
    kind: Kind
    """What is learnt: shares of classes, numbers, or the teacher's answers alone."""
    shares: bool
    """The teacher answers with shares of classes, not with scores."""
    output: str
    """The output that is learnt."""
    classes: list[Any] | None
    """The labels that are answered, where they are not the positions of classes."""
    temperature: float
    alpha: float
    epochs: int
    learning_rate: float
    batch: int
    student: str
    """What messages call the function that made the student."""

    def refuse(self, got: str, fix: str) -> SourceError:
        return SourceError(f"{self.student}: {got}, expected {fix}")


def begin() -> None:
    """Chance begins anew, that of NumPy too, which estimators take: the same training gives the same model."""
    random.seed(SEED)
    np.random.seed(SEED)


def softened(scores: Array, temperature: float) -> Array:
    """Shares of classes [rows, classes] of scores that are divided by `temperature`."""
    scaled = scores.astype(np.float64) / temperature
    grown = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares: Array = grown / grown.sum(axis=1, keepdims=True)
    return shares
