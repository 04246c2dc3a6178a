"""Which inferences are so quick that handing them to a thread would cost more than they do."""

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

Shapes = tuple[tuple[int, ...], ...]

# A hand-over to a thread and back costs about 0.1 ms of CPU; an event loop may well be away for this long.
QUICK = 0.0005
# Runs of one set of shapes that must have been quick in a row, at first and after one that was not.
PROOF = 3
PROOF_AFTER_SLOW = 50
# Clients choose the shapes; beyond this many none is learnt any more.
MOST_SHAPES = 256


class Pace:
    """Learns from each run how long its shapes take. Not for use from several threads."""

    def __init__(self, *, steady: bool) -> None:
        """steady: whether the shapes decide how long a run takes. A model with loops is never quick."""
        self._steady = steady
        self._wanting: dict[Shapes, int] = {}

    def quick(self, inputs: Mapping[str, NDArray[Any]]) -> bool:
        """Whether inputs of these shapes have proved quick."""
        return self._wanting.get(_shapes(inputs), PROOF) <= 0

    def learn(self, inputs: Mapping[str, NDArray[Any]], seconds: float) -> None:
        """One run of these shapes took `seconds` of work."""
        if not self._steady:
            return
        shapes = _shapes(inputs)
        wanting = self._wanting.get(shapes)
        if wanting is None and len(self._wanting) >= MOST_SHAPES:
            return
        if seconds > QUICK:
            self._wanting[shapes] = PROOF_AFTER_SLOW
        elif wanting is None or wanting > 0:
            self._wanting[shapes] = (PROOF if wanting is None else wanting) - 1


def _shapes(inputs: Mapping[str, NDArray[Any]]) -> Shapes:
    return tuple([each.shape for each in inputs.values()])
