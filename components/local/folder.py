"""The folder of a running endpoint, and the record in it of what runs.

    <state>/run/<id>/            0700
        endpoint.json            the record
        control/<n>.sock         control sockets, one a version; a container sees this folder only
        rootfs/<digest>/         images unpacked for the process runtime
        log/<n>.log

The record says what is there rather than the stack's state, as an operation that was killed half-way has changed the
first and not the second. The record is written before a thing is made and after it is gone.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1


@dataclass(frozen=True)
class Version:
    """One started server. `image` is the manifest's digest, `runtime` process, docker or podman."""

    number: int
    image: str
    model: str
    port: int
    workers: int
    runtime: str


@dataclass
class Record:
    """What runs for one endpoint.

    key: whose it is (project, stack and resource). known: a stack's state has the endpoint's id, as seen from a call
    that named it; until then a create that was killed may have left it, and the next create of `key` takes it over.
    current answers, coming is being started, leaving is being drained.
    """

    key: str
    known: bool = False
    last: int = 0
    current: Version | None = None
    coming: Version | None = None
    leaving: list[Version] = field(default_factory=list[Version])

    def all(self) -> list[Version]:
        return [version for version in (self.current, self.coming, *self.leaving) if version]


def run_folder() -> Path:
    """Where all endpoints of this user are, read from the environment on every call."""
    if value := os.environ.get("MODELPORT_STATE_DIR"):
        return Path(value).absolute() / "run"
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "modelport" / "run"


@dataclass(frozen=True)
class Folder:
    """One endpoint's folder. Making the object touches nothing."""

    id: str

    @property
    def path(self) -> Path:
        return run_folder() / self.id

    @property
    def control(self) -> Path:
        return self.path / "control"

    @property
    def exists(self) -> bool:
        return (self.path / "endpoint.json").is_file()

    def socket(self, version: Version) -> Path:
        return self.control / f"{version.number}.sock"

    def log(self, version: Version) -> Path:
        return self.path / "log" / f"{version.number}.log"

    def rootfs(self, image: str) -> Path:
        return self.path / "rootfs" / image.removeprefix("sha256:")[:16]

    def make(self) -> None:
        for place in (self.path.parent, self.path, self.control, self.path / "log", self.path / "rootfs"):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self) -> Record | None:
        """The record, or None where there is none that can be read."""
        try:
            value: dict[str, Any] = json.loads((self.path / "endpoint.json").read_text())
            if value.pop("format") != FORMAT:
                return None
            for key in ("current", "coming"):
                value[key] = Version(**value[key]) if value[key] else None
            value["leaving"] = [Version(**each) for each in value["leaving"]]
            return Record(**value)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, record: Record) -> None:
        place = self.path / "endpoint.json"
        made = place.with_suffix(".new")
        made.write_text(json.dumps({"format": FORMAT, **asdict(record)}, indent=1))
        made.replace(place)

    def tidy(self, record: Record) -> None:
        """Remove the files of versions that are no more."""
        kept = record.all()
        for place, names in (
            (self.control, {self.socket(each).name for each in kept}),
            (self.path / "log", {self.log(each).name for each in kept}),
            (self.path / "rootfs", {self.rootfs(each.image).name for each in kept if each.runtime == "process"}),
        ):
            for entry in place.iterdir() if place.is_dir() else ():
                if entry.name not in names:
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink(missing_ok=True)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        if self.path.exists():
            shutil.rmtree(self.path)  # once more, to raise what is in the way


def new(model: str) -> Folder:
    return Folder(f"{model}-{secrets.token_hex(4)}")


def endpoints() -> Iterator[tuple[Folder, Record]]:
    """Every endpoint of this user that has a record."""
    place = run_folder()
    for entry in sorted(place.iterdir()) if place.is_dir() else ():
        folder = Folder(entry.name)
        if record := folder.read():
            yield folder, record
