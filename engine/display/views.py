"""Which view an operation gets: by its flags, and by where its output goes."""

import os
import sys
from collections.abc import Mapping
from typing import Any, Protocol, TextIO

from engine.display.full import Full
from engine.display.lines import Lines
from engine.display.options import Options
from engine.display.records import Digest, Stream


class View(Protocol):
    """Shows an operation while it happens."""

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take in one engine event."""
        ...

    def note(self, subject: str, text: str) -> None:
        """How far a long step has come; subject is the name of what it makes."""
        ...

    def close(self) -> None:
        """What comes at the end; asked twice, the second time nothing."""
        ...


def drawable(out: TextIO) -> bool:
    """Whether `out` is a terminal that can be drawn on."""
    return out.isatty() and os.environ.get("TERM") not in (None, "dumb")


def choose(
    options: Options,
    *,
    interactive: bool,
    project: str = "",
    out: TextIO | None = None,
    err: TextIO | None = None,
) -> View:
    """The view for these options. interactive: somebody may be watching; no drawing on what is no terminal."""
    return _made(options, interactive, project, out or sys.stdout, err or sys.stderr)


def _made(options: Options, interactive: bool, project: str, out: TextIO, err: TextIO) -> View:
    if options.as_json:
        return Digest(options, out) if options.planning else Stream(out)
    if options.diff:
        return Full(options, out, err)
    if interactive and drawable(out):
        from engine.display.screen import Screen

        return Screen(options, out, project=project)
    return Lines(options, out, project=project)
