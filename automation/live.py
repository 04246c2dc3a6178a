"""Showing a story on a terminal: what runs now with its clock at the bottom, what ended above it."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from automation.diagnosis import Reason
from automation.printers import describe, say_message, say_progress
from automation.story import Message, Progress, Step

_STYLES = {"create": "green", "update": "yellow", "delete": "red", "replace": "magenta"}


class Live:
    """Draws only while a step runs, so that a prompt or a crash finds the terminal as it was."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._steps: dict[str, Step] = {}

    def began(self, step: Step) -> None:
        if step.aside:
            return
        if self._bars is None:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
            self._bars = Bars(*columns, console=self.console, transient=True)
            self._bars.start()
        self._steps[step.urn] = step
        self._tasks[step.urn] = self._bars.add_task(_escape(f"{step.op} {step.kind} {step.name}"), total=None)

    def ended(self, step: Step) -> None:
        if step.aside:
            return
        self._take_away(step)
        self._print(describe(step), _STYLES.get(step.op, ""))

    def failed(self, step: Step) -> None:
        self._take_away(step)
        self._print(describe(step, failed=True), "bold red")

    def progress(self, progress: Progress) -> None:
        self._print(say_progress(progress), "dim")
        for urn, step in self._steps.items():
            if step.name == progress.subject or len(self._steps) == 1:
                assert self._bars is not None
                text = _escape(f"{step.op} {step.kind} {step.name}: {progress.step}")
                self._bars.update(self._tasks[urn], description=text)
                break

    def message(self, message: Message) -> None:
        self._print(say_message(message), "yellow" if message.severity == "warning" else "dim")

    def reason(self, reason: Reason, urn: str) -> None:
        """Errors are told at the end."""

    def event(self, event: Mapping[str, Any]) -> None:
        """Told in words by the others."""

    def close(self) -> None:
        """Give the terminal back."""
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
        self._tasks.clear()
        self._steps.clear()

    def _take_away(self, step: Step) -> None:
        task = self._tasks.pop(step.urn, None)
        self._steps.pop(step.urn, None)
        if self._bars is not None:
            if task is not None:
                self._bars.remove_task(task)
            if not self._tasks:
                self.close()

    def _print(self, text: str, style: str) -> None:
        self.console.print(text, style=style or None, markup=False, highlight=False)


def _escape(text: str) -> str:
    return text.replace("[", "\\[")
