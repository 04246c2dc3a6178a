"""`--json`: a preview as one document, any other operation as its events, a line each."""

import json
from collections.abc import Mapping
from typing import Any, TextIO

from engine.display import ink
from engine.display.facts import Step, aside, is_root, is_secret, is_unknown
from engine.display.options import Options
from engine.display.resources import shows
from engine.values import is_dict, is_list

_KINDS = {
    "add": "add",
    "add-replace": "add-replace",
    "delete": "delete",
    "delete-replace": "delete-replace",
    "update": "update",
    "update-replace": "update-replace",
}


class Stream:
    """Events as they come, for programs; those about what the engine set up by itself are left out."""

    def __init__(self, out: TextIO) -> None:
        self.out = out

    def __call__(self, event: Mapping[str, Any]) -> None:
        if not aside(event):
            # in ASCII, so that no character of a value ends a line
            self.out.write(json.dumps(event, separators=(",", ":")) + "\n")
            self.out.flush()

    def note(self, subject: str, text: str) -> None:
        """A word of our own is in the events already."""

    def close(self) -> None:
        """Nothing is left to say."""


class Digest:
    """A preview as one document: `config`, `steps`, `diagnostics`, `duration` (nanoseconds), `changeSummary`."""

    def __init__(self, options: Options, out: TextIO) -> None:
        self.options, self.out = options, out
        self._steps: list[dict[str, Any]] = []
        self._refreshed: set[str] = set()
        self._said: list[dict[str, Any]] = []
        self._config: Mapping[str, str] = {}
        self._summary: Mapping[str, Any] = {}
        self.extra: dict[str, Any] = {}
        """Members of our own, put after the official ones."""
        self._closed = False

    def __call__(self, event: Mapping[str, Any]) -> None:
        if aside(event):
            return
        if (payload := event.get("preludeEvent")) is not None:
            self._config = payload.get("config") or {}
        elif (payload := event.get("diagnosticEvent")) is not None:
            if not payload.get("ephemeral") and payload.get("severity") != "debug":
                text = ink.plain(f"{payload.get('prefix') or ''}{payload.get('message') or ''}")
                said = {"message": text, "severity": payload.get("severity", "")}
                self._said.append({"urn": payload["urn"], **said} if payload.get("urn") else said)
        elif (payload := event.get("stdoutEvent")) is not None:
            self._said.append({"message": ink.plain(str(payload.get("message", ""))), "severity": "info"})
        elif (payload := event.get("resourcePreEvent")) is not None:
            step = Step.of(payload["metadata"])
            if shows(step, self.options) or step.is_root:
                if step.op == "refresh":
                    self._refreshed.add(step.urn)
                self._steps.append(self._step(step))
        elif (payload := event.get("resOutputsEvent")) is not None:
            self._found(Step.of(payload["metadata"]))
        elif (payload := event.get("summaryEvent")) is not None:
            self._summary = payload

    def _found(self, step: Step) -> None:
        """What a refresh came to takes the place of the wish to refresh."""
        told = (step.op == "update" and step.detailed is not None) or step.op == "delete"
        if step.urn in self._refreshed and told:
            self._steps = [self._step(step) if each["urn"] == step.urn else each for each in self._steps]

    def _step(self, step: Step) -> dict[str, Any]:
        out: dict[str, Any] = {"op": step.op, "urn": step.urn}
        if step.provider:
            out["provider"] = step.provider
        for key, state in (("oldState", step.old), ("newState", step.new)):
            if state is not None:
                out[key] = self._state(state)
        if step.diffs:
            out["diffReasons"] = list(step.diffs)
        if step.keys:
            out["replaceReasons"] = list(step.keys)
        # no details at all and empty ones are not the same
        out["detailedDiff"] = (
            None
            if step.detailed is None
            else {
                path: {
                    "kind": _KINDS.get(str(change.get("diffKind")), "update"),
                    "inputDiff": bool(change["inputDiff"]),
                }
                for path, change in step.detailed.items()
            }
        )
        return out

    def _state(self, state: Mapping[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {"urn": state["urn"], "custom": bool(state.get("custom"))}
        for key in ("delete", "id"):
            if state.get(key) and not is_unknown(state[key]):
                out[key] = state[key]
        out["type"] = state["type"]
        if not (is_root(str(state["urn"])) and self.options.suppress_outputs):
            for key in ("inputs", "outputs"):
                if state.get(key):
                    out[key] = _blinded(state[key])
        for key in ("parent", "protect", "external", "provider", "retainOnDelete", "initErrors"):
            if state.get(key):
                out[key] = state[key]
        return out

    def note(self, subject: str, text: str) -> None:
        """A word of our own is in the events already."""

    def close(self) -> None:
        """Print the document, once."""
        if self._closed:
            return
        self._closed = True
        out: dict[str, Any] = {}
        if self._config:
            out["config"] = dict(self._config)
        if self._steps:
            out["steps"] = self._steps
        if self._said:
            out["diagnostics"] = self._said
        out["duration"] = int(float(self._summary.get("durationSeconds") or 0) * 1_000_000_000)
        out["changeSummary"] = self._summary.get("resourceChanges")
        if self._summary.get("maybeCorrupt"):
            out["maybeCorrupt"] = True
        out.update(self.extra)
        self.out.write(json.dumps(out, indent=4, ensure_ascii=False) + "\n")
        self.out.flush()


def _blinded(value: Any) -> Any:
    if is_secret(value):
        return "[secret]"
    if is_list(value):
        return [_blinded(item) for item in value]
    if is_dict(value):
        return {key: _blinded(value[key]) for key in sorted(value)}
    return value
