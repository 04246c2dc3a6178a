"""The tree on a terminal: redrawn as it happens, and left standing at the end with all that follows it."""

import threading
from collections.abc import Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from engine.display import ink, sections, tree
from engine.display.options import Options
from engine.display.rows import Board

_DOTS = ("", ".", "..", "...")
_PACE = 4
"""How often a second it is redrawn."""


class Screen:
    """Draws only between the first event and `close`, so that a question or a crash finds the terminal as it was."""

    def __init__(self, options: Options, out: TextIO, *, project: str = "") -> None:
        self.options = options
        self.out = out
        self.colour = ink.wanted(options.color, out)
        self.board = Board(options, terminal=True)
        self.board.project = project
        self._unicode = ink.unicode(out)
        self._console = Console(
            file=out, highlight=False, soft_wrap=False, color_system="auto" if self.colour else None
        )
        self._live: Live | None = None
        self._lock = threading.RLock()
        self._frames = 0
        self._notice = ""
        self._print(f"{options.title}\n")

    def __call__(self, event: Mapping[str, Any]) -> None:
        with self._lock:
            if (payload := event.get("preludeEvent")) is not None:
                if self.options.show_config:
                    self._print(sections.configuration(payload.get("config") or {}))
                return
            if (payload := event.get("stdoutEvent")) is not None:
                self._print(f"{ink.plain(str(payload.get('message', '')))}\n")
                return
            if self.board.hear(event) is not None and self._live is None and not self.options.suppress_progress:
                self._live = Live(
                    console=self._console,
                    get_renderable=self._frame,
                    refresh_per_second=_PACE,
                    transient=True,
                    redirect_stdout=False,
                    redirect_stderr=False,
                )
                self._live.start()

    def note(self, subject: str, text: str) -> None:
        """A line of our own above the tree, which stays; the last one stands in the row too, while it runs."""
        with self._lock:
            self.board.tell(subject, text.removeprefix(f"{subject}: "))
            self._print(f"  {text}\n")

    def notice(self, text: str) -> bool:
        """Have a line stand under the tree from the next drawing on; False where none is drawn."""
        if self._live is None:
            return False
        self._notice = text
        return True

    def _frame(self) -> Text:
        """The tree as it stands, cut to the terminal: where it is too long, its end, where things happen."""
        with self._lock:
            self._frames += 1
            columns, height = self._console.size
            dots = _DOTS[self._frames // _PACE % len(_DOTS)]
            lines = tree.table(self.board, suffix=dots)
            room = max(height - 2, 2)
            if len(lines) > room:
                lines = [lines[0], *lines[len(lines) - room + 1 :]]
            if self.board.sames and not self.options.show_sames:
                lines.append(f"    {len(self.board.sames)} unchanged")
            if self._notice:
                lines.append(self._notice)
            return self._text("\n".join(ink.cut(line, columns - 1) for line in lines))

    def _text(self, text: str) -> Text:
        text = text if self._unicode else text.translate(tree.ASCII)
        return Text.from_ansi(text if self.colour else ink.plain(text), no_wrap=True, overflow="crop", end="")

    def _print(self, text: str) -> None:
        text = text if self._unicode else text.translate(tree.ASCII)
        text = text if self.colour else ink.plain(text)
        if self._live is not None:
            self._console.print(Text.from_ansi(text.removesuffix("\n")), soft_wrap=True)
            return
        self.out.write(text)
        self.out.flush()

    def close(self) -> None:
        """Give the terminal back, with the tree as it ended and all that was said, put out and counted."""
        with self._lock:
            live, self._live = self._live, None
        if live is not None:
            live.stop()
        with self._lock:
            if self.board.finished:
                return
            self.board.finished = True
            if self._notice:
                self._print(f"{self._notice}\n")
            columns = self._console.size.width
            lines = [ink.cut(line.rstrip(), columns) for line in tree.table(self.board)] if self.board.rows else []
            self._print("".join(f"{line}\n" for line in lines) + ("\n" if lines else ""))
            self._print(tree.ending(self.board))
