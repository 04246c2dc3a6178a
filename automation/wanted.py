"""What the flags of `preview` ask for beside the preview itself: `automation.report` makes it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Wanted:
    """The files of a report, and whether a model is built for it."""

    html: Path | None = None
    markdown: Path | None = None
    json: Path | None = None
    build: bool = False

    def __bool__(self) -> bool:
        return self.build or bool(self.files())

    def files(self) -> list[tuple[str, Path]]:
        """The files by their flags."""
        given = (("--html", self.html), ("--markdown", self.markdown), ("--json", self.json))
        return [(flag, path) for flag, path in given if path is not None]
