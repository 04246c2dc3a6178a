"""An operation shown: the engine's tree, difference or JSON, with the progress of a model under its resource.

What a provider prints of itself, and the tracebacks that it ends with, come here as progress and as one line of reason:
`automation.story` has read them. JSON gets the engine's events as they are.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from automation.diagnosis import Reason
from automation.exits import Failure
from automation.story import Message, Progress, Step
from engine.display import views
from engine.display.facts import is_root, is_unknown
from engine.display.options import Options
from engine.display.records import Digest
from engine.values import is_dict, is_list

SCHEMA = 1
"""Version of what is ours in `--json`; it grows by new keys, a changed or removed one raises it."""
OURS = "modelport"
"""Our member of a preview's document."""
OUR_EVENT = "modelportEvent"
"""Our event, the last line of any other operation."""
TRY = "try"
"""The output of a stack that holds lines for a shell; they are printed as such at the end."""


class Showing:
    """A story's printer over one of the engine's views; the view is made at the first event."""

    def __init__(self, options: Options, project: str, *, verbose: bool) -> None:
        self.options = options
        self.verbose = verbose
        self._project = project
        self._view: views.View | None = None

    @property
    def view(self) -> views.View:
        if self._view is None:
            self._view = views.choose(self.options, interactive=True, project=self._project)
        return self._view

    def event(self, event: Mapping[str, Any]) -> None:
        """One event of the engine's; what is said in it goes through the story first, but for JSON."""
        if self.options.as_json:
            self.view(event)
        elif "diagnosticEvent" not in event:
            self.view(_without_lines(event))

    def began(self, step: Step) -> None:
        """The view has seen it."""

    def ended(self, step: Step) -> None:
        """The view has seen it."""

    def failed(self, step: Step) -> None:
        """The view has seen it."""

    def progress(self, progress: Progress) -> None:
        if not self.options.as_json:
            self.view.note(progress.subject, f"{progress.subject}: {progress.step}: {progress.text}")

    def message(self, message: Message) -> None:
        prefix = "warning: " if message.severity == "warning" and not message.text.startswith("warning") else ""
        self._say(message.severity, prefix, message.text, message.urn)

    def reason(self, reason: Reason, urn: str) -> None:
        """Why something failed, in the words of whoever refused it."""
        if not self.verbose:
            self._say("error", "error: ", reason.text, urn)

    def _say(self, severity: str, prefix: str, text: str, urn: str) -> None:
        if self.options.as_json:
            return
        said = {"severity": severity, "prefix": prefix, "message": f"{text}\n", "color": "never"}
        self.view({"diagnosticEvent": {**said, "urn": urn} if urn else said})

    def notice(self, text: str) -> bool:
        """Have a line stand under what is drawn, to its end; False where nothing is drawn. Safe in a signal handler."""
        from engine.display.screen import Screen

        return isinstance(self._view, Screen) and self._view.notice(text)

    def conclude(self, summary: Mapping[str, Any]) -> None:
        """The end; our summary joins the JSON."""
        if isinstance(self._view, Digest):
            self._view.extra[OURS] = dict(summary)
        self.close()
        if self.options.as_json:
            if self._view is None and self.options.planning:
                print(json.dumps({OURS: summary}, indent=4), flush=True)
            elif not self.options.planning:
                print(json.dumps({OUR_EVENT: summary}), flush=True)

    def close(self) -> None:
        """Give the terminal back; a document waits for its end."""
        if self._view is not None and not (isinstance(self._view, Digest) and OURS not in self._view.extra):
            self._view.close()


def _without_lines(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event without the stack's lines for a shell among its outputs."""
    payload = event.get("resOutputsEvent")
    if payload is None or not is_root(str(payload["metadata"]["urn"])):
        return event
    metadata: dict[str, Any] = dict(payload["metadata"])
    for side in ("old", "new"):
        state: dict[str, Any] = metadata.get(side) or {}
        if is_dict(outputs := state.get("outputs")) and (is_list(outputs.get(TRY)) or is_unknown(outputs.get(TRY))):
            metadata[side] = {**state, "outputs": {key: outputs[key] for key in outputs if key != TRY}}
    return {**event, "resOutputsEvent": {**payload, "metadata": metadata}}


def refusal(failure: Failure, *, preview: bool) -> str:
    """What `--json` prints for a command that ended before it began."""
    told: dict[str, Any] = {
        "schema": SCHEMA,
        "operation": None,
        "stack": None,
        "engine": None,
        "result": "refused",
        "exit_code": int(failure.code),
        "changes": {},
        "seconds": 0.0,
        "outputs": None,
        "errors": failure.messages,
    }
    return json.dumps({OURS if preview else OUR_EVENT: told})


def wanted(options: Options, **more: Any) -> Options:
    """The same options for another operation."""
    return replace(options, **more)


def complain(errors: list[str]) -> None:
    """The errors on their own stream, one line each."""
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
