"""An operation as it is told: an engine's events, from either engine, become steps, progress and messages.

The events are Pulumi's own, as mappings: the lines of `--event-log`.
"""

import os
import re
import sys
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from automation import diagnosis
from automation.diagnosis import Reason, Tracebacks
from automation.exits import Exit

UNCHANGED = "same"
_PROGRESS = re.compile(r"^modelport: (?P<subject>[^:\s]+): (?P<step>[a-z][a-z0-9 _-]*): (?P<text>.+)$")


@dataclass(frozen=True)
class Step:
    """What is done, or would be done, to one resource."""

    op: str
    """Pulumi's word: create, update, replace, create-replacement, delete-replaced, delete, read, refresh, same."""
    urn: str
    type: str
    keys: tuple[str, ...] = ()
    """The properties that differ, or that force a replacement."""

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]

    @property
    def aside(self) -> bool:
        """Nothing that a reader asked for: a provider that the engine set up by itself."""
        return self.type.startswith("pulumi:providers:")

    @property
    def kind(self) -> str:
        """The last word of the type: `pulumi-python:dynamic/model_build.resource:ModelImage` is a ModelImage."""
        return self.type.rpartition(":")[2]


@dataclass(frozen=True)
class Progress:
    """A word from a long step: `convert` of `digits`."""

    subject: str
    step: str
    text: str


@dataclass(frozen=True)
class Message:
    severity: str
    """info, warning or error."""
    text: str
    urn: str = ""

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]


class Printer(Protocol):
    """Shows a story while it happens."""

    def began(self, step: Step) -> None: ...
    def ended(self, step: Step) -> None: ...
    def failed(self, step: Step) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def message(self, message: Message) -> None: ...
    def reason(self, reason: Reason, urn: str) -> None: ...
    def event(self, event: Mapping[str, Any]) -> None: ...


@dataclass
class Story:
    """Hands each event on to `printer` and keeps what the end of the command needs."""

    printer: Printer
    steps: list[Step] = field(default_factory=list[Step])
    changes: Counter[str] = field(default_factory=Counter[str])
    reasons: list[Reason] = field(default_factory=list[Reason])
    last_progress: str = ""
    last_raised: str = ""
    """What ended the last traceback that a child printed: the reason where an engine gives none."""
    verbose: bool = False
    seen: set[str] = field(default_factory=set[str])
    """The URNs of all resources, those that stay as they are too."""
    _warned: set[str] = field(default_factory=set[str])
    _tracebacks: dict[str, Tracebacks] = field(default_factory=dict[str, Tracebacks])

    def __call__(self, event: Mapping[str, Any]) -> None:
        with patient():
            self.printer.event(event)
            self._hear(event)

    def _hear(self, event: Mapping[str, Any]) -> None:
        if (payload := event.get("resourcePreEvent")) is not None:
            self.seen.add(str(payload["metadata"]["urn"]))
            if payload.get("planning"):
                self._planned(_step(payload))
            elif (step := _step(payload)).op != UNCHANGED:
                self.printer.began(step)
        elif (payload := event.get("resOutputsEvent")) is not None:
            if not payload.get("planning"):
                self._ended(_step(payload))
        elif (payload := event.get("resOpFailedEvent")) is not None:
            self.printer.failed(_step(payload))
        elif (payload := event.get("diagnosticEvent")) is not None:
            self._said(payload)
        elif (payload := event.get("policyEvent")) is not None:
            self._refused(payload)
        elif (payload := event.get("summaryEvent")) is not None:
            self.changes = Counter(payload.get("resourceChanges") or {})

    def _refused(self, payload: Mapping[str, Any]) -> None:
        """What stops an operation is a reason of its end, too; the view has shown it where it came."""
        if payload.get("enforcementLevel") != "mandatory":
            return
        of = str(payload.get("resourceUrn") or "").rpartition("::")[2]
        what = f"policy {payload.get('policyName')}" + (f" of {of}" if of else "")
        text = diagnosis.plain(str(payload.get("message", ""))).strip()
        # The rule's own description comes first in a message, on a line of its own.
        found = Reason(Exit.FAILED, f"{what}: {text.splitlines()[-1] if text else 'is broken'}")
        if found not in self.reasons:
            self.reasons.append(found)

    def _planned(self, step: Step) -> None:
        self.steps.append(step)
        if step.op != UNCHANGED:
            self.printer.ended(step)

    def _ended(self, step: Step) -> None:
        self.steps.append(step)
        if step.op != UNCHANGED:
            self.printer.ended(step)

    def _said(self, payload: Mapping[str, Any]) -> None:
        if payload.get("ephemeral"):
            return
        severity = str(payload.get("severity", "info")).removesuffix("#err")
        text = diagnosis.plain(str(payload.get("message", ""))).rstrip()
        urn = str(payload.get("urn") or "")
        if severity == "debug" or not text:
            return
        if severity == "error":
            if self.verbose:
                for line in text.splitlines():
                    self.printer.message(Message(severity, line, urn))
            if (found := diagnosis.reason(text)) and found not in self.reasons:
                self.reasons.append(found)
                self.printer.reason(found, urn)
            return
        tracebacks = self._tracebacks.setdefault(urn, Tracebacks())
        for line in text.splitlines():
            if told := _PROGRESS.match(line):
                # an engine that replays a plug-in's stream may say a line twice in a row
                if line != self.last_progress:
                    self.printer.progress(Progress(told["subject"], told["step"], told["text"]))
                self.last_progress = line
            elif tracebacks.holds(line):
                if self.verbose:
                    self.printer.message(Message(severity, line, urn))
                elif (found := diagnosis.reason(line)) and found.code is not Exit.FAILED and found not in self.reasons:
                    # one of ours ends the traceback, and may be all that an engine lets through
                    self.reasons.append(found)
                    self.printer.reason(found, urn)
                self.last_raised = diagnosis.raised(line) or self.last_raised
            elif line.strip() and not self._said_before(severity, line):
                self.printer.message(Message(severity, line, urn))

    def _said_before(self, severity: str, line: str) -> bool:
        """Whether a warning repeats: the CLI says some once for each time that it starts a plug-in."""
        if severity != "warning":
            return False
        again = line in self._warned
        self._warned.add(line)
        return again


@contextmanager
def patient() -> Generator[None]:
    """Print what is printed in here; where whoever read has gone (`modelport up | head`), go on without saying more."""
    try:
        yield
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _step(payload: Mapping[str, Any]) -> Step:
    data = cast("dict[str, Any]", payload["metadata"])
    keys: list[str] = data.get("keys") or data.get("diffs") or []
    return Step(str(data["op"]), str(data["urn"]), str(data["type"]), tuple(keys))
