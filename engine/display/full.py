"""`--diff`: every resource with all its properties, and what became of each."""

from collections.abc import Mapping
from typing import Any, TextIO

from engine.display import ink, policies, sections, words
from engine.display.facts import Step, aside
from engine.display.options import Options
from engine.display.properties import indentation
from engine.display.resources import depth, details, heading, outputs, shows


class Full:
    """Written as it happens. What is said goes to the error stream, so that the differences alone can be kept."""

    def __init__(self, options: Options, out: TextIO, err: TextIO) -> None:
        self.options, self.out, self.err = options, out, err
        self.colour = ink.wanted(options.color, out)
        self.seen: dict[str, Step] = {}
        self.errored = 0
        self._write(f"{options.title}\n")

    def __call__(self, event: Mapping[str, Any]) -> None:
        if aside(event):
            return
        if (payload := event.get("diagnosticEvent")) is not None:
            if payload.get("severity") != "debug" or self.options.debug:
                self._write(f"{payload.get('prefix') or ''}{payload.get('message') or ''}", self.err)
        elif (payload := event.get("resourcePreEvent")) is not None:
            self._write(self._began(Step.of(payload["metadata"]), planning=bool(payload.get("planning"))))
        elif (payload := event.get("resOutputsEvent")) is not None:
            self._write(self._ended(Step.of(payload["metadata"]), planning=bool(payload.get("planning"))))
        elif event.get("resOpFailedEvent") is not None:
            self.errored += 1
        elif (payload := event.get("policyEvent")) is not None:
            self._write(policies.violation(payload))
        elif (payload := event.get("policyRemediationEvent")) is not None:
            self._write(policies.remediation(payload))
        elif (payload := event.get("preludeEvent")) is not None:
            if self.options.show_config:
                self._write(sections.configuration(payload.get("config") or {}))
        elif (payload := event.get("summaryEvent")) is not None:
            self._write(sections.summary(payload, self.errored, self.options, packs=True))
        elif (payload := event.get("stdoutEvent")) is not None:
            self._write(ink.plain(str(payload.get("message", ""))))

    def _began(self, step: Step, *, planning: bool) -> str:
        self.seen[step.urn] = step
        if step.op in ("refresh", "import") or not (shows(step, self.options) or step.is_root):
            return ""
        indent = depth(step, self.seen, self.options)
        return heading(step, indent) + details(step, indent, self.options)

    def _ended(self, step: Step, *, planning: bool) -> str:
        if not (shows(step, self.options) or step.is_root):
            return ""
        refresh = (before := self.seen.get(step.urn)) is not None and before.op == "refresh"
        indent = depth(step, self.seen, self.options)
        if step.op == "import" or (refresh and step.op == "update"):
            return heading(step, indent) + details(step, indent, self.options, refresh=refresh)
        text = outputs(step, indent + 1, self.options, planning=planning, refresh=refresh)
        out = heading(step, indent) if refresh and (step.op != "refresh" or text or step.is_root) else ""
        if text and not self.options.suppress_outputs:
            mark = ink.paint(words.COLOUR.get(step.op, ""), "--outputs:--")
            out += f"{indentation(indent + 1)}{mark}\n{text}"
        return out

    def note(self, subject: str, text: str) -> None:
        """A word of our own on a resource."""
        self._write(f"{text}\n", self.err)

    def _write(self, text: str, out: TextIO | None = None) -> None:
        if text:
            stream = out or self.out
            stream.write(text if self.colour else ink.plain(text))
            stream.flush()

    def close(self) -> None:
        """Nothing is left to say."""
