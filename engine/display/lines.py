"""The tree without a terminal: a line for each thing that happens, and the sections at the end."""

from collections.abc import Mapping
from typing import Any, TextIO

from engine.display import ink, sections, tree
from engine.display.options import Options
from engine.display.rows import Board, Row


class Lines:
    """Nothing is ever rewritten. Close it to get what comes at the end."""

    def __init__(self, options: Options, out: TextIO, *, project: str = "") -> None:
        self.options = options
        self.out = out
        self.colour = ink.wanted(options.color, out)
        self.board = Board(options, terminal=False)
        self.board.project = project
        self._write(f"{options.title}\n")

    def __call__(self, event: Mapping[str, Any]) -> None:
        if (payload := event.get("preludeEvent")) is not None:
            shown = sections.configuration(payload.get("config") or {}) if self.options.show_config else ""
            self._write(f"{shown}\n")
            if not self.options.suppress_progress:
                self._write(f"@ {self.options.doing}....\n")
            return
        if (payload := event.get("stdoutEvent")) is not None:
            self._write(f"{ink.plain(str(payload.get('message', '')))}\n")
            return
        row = self.board.hear(event)
        if row is not None and not row.hidden:
            self._row(row)

    def note(self, subject: str, text: str) -> None:
        """How far a long step has come, on a line of its own."""
        self._write(f"     {text}\n")

    def _row(self, row: Row) -> None:
        self._write(" " + " ".join(self.board.columns(row)) + "\n")

    def _write(self, text: str) -> None:
        self.out.write(text if self.colour else ink.plain(text))
        self.out.flush()

    def close(self) -> None:
        """What had not ended is shown as it stands, then all that was said, put out and counted."""
        if self.board.finished:
            return
        waiting = [row for row in self.board.rows.values() if not self.board.done(row)]
        waiting.sort(key=lambda row: row.step.is_root or not row.step.urn)
        self.board.finished = True
        for row in waiting:
            if not row.hidden:
                self._row(row)
        self._write(tree.ending(self.board))
