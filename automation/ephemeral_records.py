"""What is known of ephemeral stacks: tags of theirs in the backend, so that any machine finds them.

modelport:ephemeral:like       the stack that it is like
modelport:ephemeral:expires    when its time is over, in UTC
modelport:ephemeral:leaving    since when it is being taken away; nobody brings it up any more
modelport:ephemeral:begun      that the stack itself is yet to be made: what has resources then is somebody else's
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from automation.exits import Exit, Failure
from engine import errors
from engine.api import Engine
from engine.backend import Backend, choose
from engine.projects import load_project

_PREFIX = "modelport:ephemeral:"
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST = timedelta(days=366)


@dataclass(frozen=True)
class Record:
    """One ephemeral stack."""

    name: str
    like: str
    expires: datetime
    leaving: datetime | None = None
    begun: bool = False
    """Whether the stack was yet to be made when this was written."""

    def due(self, now: datetime) -> bool:
        """Whether it is to go: its time is over, or it was being taken away before."""
        return self.leaving is not None or self.expires <= now


def duration(text: str, flag: str) -> timedelta:
    """`48h`, `90m`, `7d` or several together, as `1d12h`. Raises Failure."""
    parts = re.findall(r"(\d{1,6})([mhdw])", text)
    found = timedelta(seconds=sum(int(count) * _UNITS[unit] for count, unit in parts))
    if not parts or "".join(count + unit for count, unit in parts) != text or not timedelta() < found <= _LONGEST:
        raise Failure(
            Exit.BAD_INPUT, f"{flag} is {text!r}, expected minutes, hours, days or weeks, up to a year; for example 48h"
        )
    return found


def opened(root: Path, name: str) -> Engine:
    """The stack where its record is. Raises Failure for a backend that keeps none for us."""
    url = choose(load_project(root).backend_url)
    if url.startswith("http"):
        raise Failure(
            Exit.BAD_INPUT,
            "the backend is Pulumi Cloud, expected one of files, as records of ephemeral stacks are kept beside their "
            "states; set PULUMI_BACKEND_URL to a file://, s3://, gs:// or azblob:// address",
        )
    with said(name):
        return Engine(root, name)


@contextmanager
def said(name: str) -> Generator[None]:
    """The engine's refusals as failures of ours."""
    try:
        yield
    except errors.StackLocked as error:
        raise Failure(Exit.LOCKED, held(name, error.holders)) from None
    except (errors.BadInput, errors.WrongPassphrase) as error:
        raise Failure(Exit.BAD_INPUT, str(error)) from None
    except errors.EngineError as error:
        raise Failure(Exit.FAILED, str(error)) from None


def held(name: str, holders: "list[errors.Holder]") -> str:
    """The line for a stack that somebody holds."""
    who = ", ".join(f"{each.user}@{each.host}, process {each.pid}, since {each.since}" for each in holders)
    return (
        f"stack {name} is held by {who}, expected nobody at work on it; wait for them to end, or release it with "
        f"modelport cancel --stack {name}"
    )


def read(backend: Backend, project: str, name: str, *, leaving: bool = False) -> Record | None:
    """What is known of a stack; None for one that is not ephemeral. Raises Failure for a record that is damaged.

    leaving: it is to go whatever its time is, so that a time which cannot be read is over.
    """
    tags = backend.tags(project, name)
    if f"{_PREFIX}expires" not in tags:
        return None
    like, begun = tags.get(f"{_PREFIX}like", "?"), f"{_PREFIX}begun" in tags
    try:
        since = tags.get(f"{_PREFIX}leaving")
        return Record(name, like, _moment(tags[f"{_PREFIX}expires"]), _moment(since) if since else None, begun)
    except ValueError:
        if leaving:
            return Record(name, like, now(), None, begun)
        raise Failure(
            Exit.FAILED,
            f"stack {name} is ephemeral until {tags[f'{_PREFIX}expires']!r}, expected a time in UTC; modelport "
            f"ephemeral down {name} takes it away whatever its time is",
        ) from None


def write(backend: Backend, project: str, record: Record) -> None:
    """Put the record in the place of the one before; other tags stay."""
    tags = {key: value for key, value in backend.tags(project, record.name).items() if not key.startswith(_PREFIX)}
    tags[f"{_PREFIX}like"] = record.like
    tags[f"{_PREFIX}expires"] = _text(record.expires)
    if record.leaving is not None:
        tags[f"{_PREFIX}leaving"] = _text(record.leaving)
    if record.begun:
        tags[f"{_PREFIX}begun"] = "true"
    backend.write_tags(project, record.name, tags)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found
