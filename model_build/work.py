"""One build under way: what it is of, where its files are, and what its steps took."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from model_build import cache, sources
from model_build.identity import Identity, identify
from model_build.recipe import Recipe

Progress = Callable[[str, str], None]
"""Given a step's name and a text for people."""


@dataclass(frozen=True)
class Step:
    name: str
    seconds: float
    cached: bool


@dataclass
class Work:
    """Passed from step to step. A step that needs another one's result asks for it; what is there is not made again."""

    recipe: Recipe
    project: Path
    identity: Identity
    progress: Progress
    steps: list[Step] = field(default_factory=list[Step])

    @classmethod
    def on(cls, recipe: Recipe, project: Path, progress: Progress | None = None) -> "Work":
        """Begin a build. Raises InputError for all that can be known before anything runs."""
        return cls(recipe, project, identify(recipe, project), progress or _silent)

    @property
    def source(self) -> sources.Source:
        return sources.find(self.recipe.source, self.project, "source")

    def did(self, name: str, *entries: cache.Entry) -> None:
        """Note what a step took, once."""
        if all(step.name != name for step in self.steps):
            self.note(name, sum(e.seconds for e in entries), all(e.cached for e in entries))

    def note(self, name: str, seconds: float, cached: bool) -> None:
        self.steps.append(Step(name, seconds, cached))
        took = "from the cache" if cached else f"{seconds:.1f} s"
        self.progress(name, f"done, {took}")


def _silent(_step: str, _text: str) -> None:
    pass
