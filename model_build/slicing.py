"""Groups of rows, each measured by itself: a mean over all of them hides the group that it is worst for."""

from collections.abc import Mapping
from dataclasses import dataclass

from model_build import metrics, scores
from model_build.work import Work


@dataclass(frozen=True)
class Slice:
    """A group of rows, and the metric in it."""

    column: str
    group: str
    rows: int
    metric: float
    baseline: float | None
    """That of the source framework's own answers; None where it gives none."""

    def __str__(self) -> str:
        return f"{self.column} {self.group}"


Answers = tuple[metrics.Array | None, metrics.Array | None]
"""Decided, and what they were decided from."""


def sliced(
    work: Work, columns: Mapping[str, metrics.Array], want: metrics.Expected, answers: Answers, source: Answers
) -> list[tuple[str, str, int, float, float | None]]:
    """What a `Slice` has, for each group that the metric says something of. Raises DataError for too many groups."""
    asked = work.recipe.evaluate

    def of(found: Answers, rows: metrics.Array) -> float | None:
        decided, raw = found
        if decided is None or raw is None:
            return None
        return metrics.measured(asked.metric, decided[rows], want.part(rows), raw[rows], "output")

    found: list[tuple[str, str, int, float, float | None]] = []
    for column, group, rows in scores.slices(columns, asked.slice_rows):
        value = of(answers, rows)
        if value is not None:
            found.append((column, group, len(rows), value, of(source, rows)))
    return found
