"""What an operation tells, in the form of Pulumi's engine events."""

import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from engine.state import Resource
from engine.values import UNKNOWN_TEXT, Props, Unknown, Value, is_dict, is_list, to_checkpoint

if TYPE_CHECKING:
    from engine.steps import Step

Event = dict[str, Any]
Listener = Callable[[Event], None]

_PREFIX = {"debug": "debug: ", "info": "", "info#err": "", "warning": "warning: ", "error": "error: "}


class Events:
    """Numbers events and hands them on at once; the values of secret config never leave in a message."""

    def __init__(self, listener: Listener | None) -> None:
        self._listener = listener
        self._sequence = 0
        self._secrets: list[str] = []
        self.changes: Counter[str] = Counter()
        self.errors = 0

    def hide(self, secrets: list[str]) -> None:
        self._secrets = sorted((s for s in secrets if len(s) > 2), key=len, reverse=True)

    def send(self, kind: str, payload: Props) -> None:
        event = {"sequence": self._sequence, "timestamp": int(time.time()), kind: payload}
        self._sequence += 1
        if self._listener is not None:
            self._listener(event)

    def say(self, severity: str, message: str, urn: str = "", *, ephemeral: bool = False, stream: int = 0) -> None:
        """A diagnostic: debug, info, info#err (a child's error stream), warning or error."""
        if severity == "error":
            self.errors += 1
        message = self._hide(message)
        payload: Props = {"prefix": _PREFIX[severity], "message": message, "color": "never", "severity": severity}
        if not message.endswith("\n"):
            payload["message"] = message + "\n"
        if urn:
            payload["urn"] = urn
        if ephemeral:
            payload["ephemeral"] = True
        if stream:
            payload["streamID"] = stream
        self.send("diagnosticEvent", payload)

    def _hide(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text

    def _metadata(self, step: "Step", op: str) -> Props:
        out = _metadata(step, op)
        if self._secrets:
            for side in ("old", "new"):
                if out[side] is not None:
                    for name in ("inputs", "outputs"):
                        out[side][name] = self._hidden(out[side][name])
        return out

    def _hidden(self, value: Value) -> Value:
        if isinstance(value, str):
            return self._hide(value)
        if is_dict(value):
            return {key: self._hidden(item) for key, item in value.items()}
        if is_list(value):
            return [self._hidden(item) for item in value]
        return value

    def began(self, step: "Step", planning: bool) -> None:
        self.send("resourcePreEvent", _with_planning({"metadata": self._metadata(step, step.op)}, planning))

    def ended(self, step: "Step", op: str, planning: bool) -> None:
        self.send("resOutputsEvent", _with_planning({"metadata": self._metadata(step, op)}, planning))

    def failed(self, step: "Step") -> None:
        payload = {"metadata": self._metadata(step, step.op), "status": 0, "steps": sum(self.changes.values())}
        self.send("resOpFailedEvent", payload)

    def summary(self, *, preview: bool, seconds: float, result: str) -> None:
        self.send(
            "summaryEvent",
            {
                "maybeCorrupt": False,
                "durationSeconds": int(seconds),
                "resourceChanges": dict(sorted(self.changes.items())),
                "PolicyPacks": {},
                "isPreview": preview,
                "result": result,
            },
        )


def _with_planning(payload: Props, planning: bool) -> Props:
    return {**payload, "planning": True} if planning else payload


def _metadata(step: "Step", op: str) -> Props:
    out: Props = {
        "op": op,
        "urn": step.urn,
        "type": step.type,
        "old": _state(step.old),
        "new": _state(step.new_shown),
    }
    if step.keys:
        out["keys"] = step.keys
    if step.diffs:
        out["diffs"] = step.diffs
    out["detailedDiff"] = (
        None
        if step.detailed is None
        else {path: {"diffKind": change.kind, "inputDiff": change.input} for path, change in step.detailed.items()}
    )
    out["logical"] = step.logical
    out["provider"] = step.provider
    return out


def _state(resource: Resource | None) -> Props | None:
    if resource is None:
        return None
    out: Props = {"type": resource.type, "urn": resource.urn}
    for name, key in (("custom", "custom"), ("delete", "delete")):
        if getattr(resource, name):
            out[key] = True
    out["id"] = UNKNOWN_TEXT if isinstance(resource.id, Unknown) else resource.id
    out["parent"] = resource.parent
    for name, key in (("protect", "protect"), ("external", "external"), ("retain_on_delete", "retainOnDelete")):
        if getattr(resource, name):
            out[key] = True
    out["inputs"] = to_checkpoint(resource.inputs, None)
    out["outputs"] = to_checkpoint(resource.outputs, None)
    out["provider"] = resource.provider
    if resource.init_errors:
        out["initErrors"] = resource.init_errors
    return out
