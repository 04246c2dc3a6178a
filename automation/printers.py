"""Showing the build of a model alone: plain lines for logs and pipes. The terminal's is `automation.live`."""

import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from automation.diagnosis import Reason
from automation.story import Message, Printer, Progress, Step

SIGNS = {
    "create": "+",
    "update": "~",
    "delete": "-",
    "replace": "+-",
    "create-replacement": "++",
    "delete-replaced": "--",
    "read": ">",
    "refresh": "~",
    "import": "=",
    "discard": "<",
}


def describe(step: Step, *, failed: bool = False) -> str:
    """`  + create      ModelImage digits`, with the properties that caused it."""
    cause = f" [{', '.join(step.keys)}]" if step.keys and step.op not in ("create", "delete", "read") else ""
    word = f"{step.op} FAILED" if failed else step.op
    return f"  {SIGNS.get(step.op, ' '):<2} {word:<18} {step.kind} {step.name}{cause}"


def say_progress(progress: Progress) -> str:
    return f"     {progress.subject}: {progress.step}: {progress.text}"


def say_message(message: Message) -> str:
    prefix = "warning: " if message.severity == "warning" and not message.text.startswith("warning") else ""
    return f"     {prefix}{message.text}"


class Lines:
    """One line for each thing that ended, none that is ever rewritten."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout

    def _line(self, text: str) -> None:
        print(text, file=self.out, flush=True)

    def began(self, step: Step) -> None:
        pass

    def ended(self, step: Step) -> None:
        if not step.aside:
            self._line(describe(step))

    def failed(self, step: Step) -> None:
        self._line(describe(step, failed=True))

    def progress(self, progress: Progress) -> None:
        self._line(say_progress(progress))

    def message(self, message: Message) -> None:
        self._line(say_message(message))

    def reason(self, reason: Reason, urn: str) -> None:
        """Errors are told at the end."""

    def event(self, event: Mapping[str, Any]) -> None:
        """Told in words by the others."""


def fancy() -> bool:
    """Whether the output is a terminal that may be drawn on."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not plain


def choose() -> Printer:
    """The printer for where the output goes."""
    if fancy():
        from automation.live import Live

        return Live()
    return Lines()
