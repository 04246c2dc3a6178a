"""What every runtime is asked to start, and what it can be asked about that afterwards."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from components.local.folder import Folder, Version
from components.local.ports import HOST


@dataclass(frozen=True)
class Start:
    """A version to start: `layout` is the OCI layout folder with its image, `before` the version to take over from."""

    folder: Folder
    version: Version
    layout: Path
    before: Version | None = None

    @property
    def mark(self) -> str:
        return mark(self.folder, self.version)

    def flags(self) -> list[str]:
        """The server's own flags. Sockets are named relative to the control folder, which is where the server runs:
        their addresses stay short, however long the folder's name is, and mean the same inside a container."""
        flags = [
            "--host", HOST,
            "--port", str(self.version.port),
            "--workers", str(self.version.workers),
            "--control", self.folder.socket(self.version).name,
        ]  # fmt: skip
        return flags + (["--takeover", self.folder.socket(self.before).name] if self.before else [])


class Runtime(Protocol):
    """A way to run a version of an endpoint."""

    def start(self, start: Start) -> None:
        """Start it in the background. Raises LocalError when that fails at once."""
        ...

    def answers(self) -> bool:
        """Whether it can be spoken to; without that, what it ran cannot be ended or taken away."""
        ...

    def runs(self, folder: Folder, version: Version) -> bool:
        """Whether anything of it still runs."""
        ...

    def kill(self, folder: Folder, version: Version) -> None:
        """End all of it, at once. Not an error where nothing runs."""
        ...

    def forget(self, version: Version, *, image: bool) -> None:
        """Take away what is left of it once it has ended. image: no other version needs its image."""
        ...

    def log(self, folder: Folder, version: Version, lines: int) -> str:
        """The last `lines` that it wrote."""
        ...


def mark(folder: Folder, version: Version) -> str:
    return f"{folder.id}.{version.number}"


def say(model: str, text: str) -> None:
    """A line of progress: what a plugin prints is shown by either engine."""
    print(f"modelport: {model}: run: {text}", file=sys.stderr, flush=True)
