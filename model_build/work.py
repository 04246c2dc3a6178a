"""One build under way: what it is of, where its files are, and what its steps took."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from model_build import cache, sources
from model_build.identity import Identity, identify
from model_build.recipe import Recipe

_PARTS = {
    "source": "source",
    "evaluate.data": "evaluation",
    "optimize.calibration.data": "calibration",
    "optimize.distill.data": "training",
    "classify.labels": "classify labels",
    "evaluate.labels": "evaluate labels",
}
"""The parts of an identity, by the key of the recipe that they are of."""

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
    finder: sources.Finder
    steps: list[Step] = field(default_factory=list[Step])

    @classmethod
    def on(cls, recipe: Recipe, project: Path, progress: Progress | None = None) -> "Work":
        """Begin a build. Raises InputError for all that can be known before anything runs."""
        said = progress or _silent
        finder = sources.Finder(project, say=lambda text: said("fetch", text))
        return cls(recipe, project, identify(recipe, project, finder), said, finder)

    @property
    def source(self) -> sources.Source:
        return self.find(self.recipe.source, "source")

    def find(self, text: str, key: str) -> sources.Source:
        """What the recipe names as `key`; it has been found, and fetched, when the build began."""
        return self.finder(text, key)

    def unchanged(self, key: str, part: str) -> None:
        """Raise ChangedError where a file or folder here is no longer what `part` of the build's identity says.

        To be asked by what has read it before the result is kept: else it would be kept as that of another model.
        What code comes to is not asked: it may write where it lies.
        """
        from model_build.sources.remote import ChangedError

        found = self.finder.found.get(key)
        if found is None or found.path is None or found.pinned is not None:
            return
        try:
            now = {f"{part}.{name}": text for name, text in found.parts().items()}
        except OSError:
            now = {}
        if now != self.identity.of(part):
            raise ChangedError(
                f"{key} is {found.label!r}, which became another one while it was read, expected one that stays; run "
                "it again once whoever writes there is done"
            )

    def addresses(self) -> dict[str, tuple[str, str]]:
        """By part of the identity: where that was fetched from, without passwords and signatures, and which version."""
        found = {part: self.finder.found.get(key) for key, part in _PARTS.items()}
        return {
            f"{part}.content": (each.address, each.pinned.version)
            for part, each in found.items()
            if each is not None and each.pinned is not None
        }

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
