"""The file that `--event-log` names: one event a line, as it happens."""

import contextlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.errors import BadInput


def complain(text: str) -> None:
    """Warn on the error stream, if that takes anything."""
    with contextlib.suppress(OSError):
        print(f"warning: {text}", file=sys.stderr, flush=True)


class EventLog(contextlib.AbstractContextManager["EventLog"]):
    """Opened before anything is done; raises BadInput where it cannot be. A write that fails ends the log alone."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._out = file.open("wb", buffering=0)
        except OSError as error:
            raise BadInput(f"--event-log {file}: cannot be written: {error.strerror}") from None
        self._over = False

    def write(self, event: Mapping[str, Any]) -> None:
        if self._over:
            return
        line = memoryview(json.dumps(event).encode() + b"\n")
        try:
            while line:
                line = line[self._out.write(line) :]
        except OSError as error:
            self._over = True
            complain(f"--event-log {self._file}: {error.strerror}; it ends here, and the operation goes on")

    def __exit__(self, *_: object) -> None:
        self._out.close()
