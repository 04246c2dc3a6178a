"""What an operation tells, in the form of Pulumi's engine events."""

import operator
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from engine.state import Resource
from engine.values import ASSET_TAG, TAG, UNKNOWN_TEXT, Props, Unknown, Value, is_dict, is_list, to_checkpoint

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
        self.policy_packs: dict[str, str] = {}

    def hide(self, secrets: list[str]) -> None:
        self._secrets = sorted((s for s in secrets if len(s) > 2), key=len, reverse=True)

    def send(self, kind: str, payload: Props) -> None:
        event = {"sequence": self._sequence, "timestamp": int(time.time()), kind: payload}
        self._sequence += 1
        if self._listener is not None:
            self._listener(event)

    def say(
        self,
        severity: str,
        message: str,
        urn: str = "",
        *,
        ephemeral: bool = False,
        stream: int = 0,
        marks: Props | None = None,
    ) -> None:
        """A diagnostic: debug, info, info#err (a child's error stream), warning or error; `marks` are further keys."""
        if severity == "error":
            self.errors += 1
        # a line that brings its own end gets a second one, as from the official engine
        text = self._hide(message) + "\n"
        payload: Props = {"prefix": _PREFIX[severity], "message": text, "color": "never", "severity": severity}
        if urn:
            payload["urn"] = urn
        if ephemeral:
            payload["ephemeral"] = True
        if stream:
            payload["streamID"] = stream
        if marks:
            payload |= self._hidden(marks)
        self.send("diagnosticEvent", payload)

    def tell(self, kind: str, payload: Props) -> None:
        """What a policy pack has to say: its words and the properties it was shown leave without secret config."""
        if self._secrets:
            said = [key for key in ("message", "before", "after") if key in payload]
            hidden: Props = {key: self._hidden(payload[key]) for key in said}
            payload = {**payload, **hidden}
        self.send(kind, payload)

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
                "PolicyPacks": self.policy_packs,
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
        "old": _state(step.old, step.shown),
        "new": _state(step.new_shown, step.shown),
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


_PLAIN: Final[tuple[type, ...]] = (str, int, bool, type(None))


def _shown(value: Value) -> Value:
    """A value as events have it: secrets blotted out, and the texts of assets, which may be of any size, left out.

    It is the value itself where there is nothing to leave out: most of a large state is, and each event has it twice.
    """
    if type(value) in _PLAIN:
        return value
    if is_dict(value):
        if value.get(TAG) == ASSET_TAG and "text" in value:
            return {**value, "text": "<contents elided>"}
        fields = value
        for key, item in value.items():
            if type(item) not in _PLAIN and (shown := _shown(item)) is not item:
                fields = {**fields, key: shown}
        return fields
    if is_list(value):
        row = [_shown(item) for item in value]
        return value if all(map(operator.is_, row, value)) else row
    return to_checkpoint(value, None)


def _all_shown(props: Props, seen: "dict[int, tuple[Value, Value]]") -> Props:
    """Properties as events have them; `seen` keeps what the events of one step have been shown of them already.

    The object itself is copied, for a step adds to the one that it makes.
    """
    out: Props = {}
    for key, value in props.items():
        if type(value) in _PLAIN:
            out[key] = value
            continue
        found = seen.get(id(value))
        if found is None:
            found = seen[id(value)] = (value, _shown(value))
        out[key] = found[1]
    return out


def _state(resource: Resource | None, seen: "dict[int, tuple[Value, Value]] | None" = None) -> Props | None:
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
    seen = {} if seen is None else seen
    out["inputs"] = _all_shown(resource.inputs, seen)
    out["outputs"] = _all_shown(resource.outputs, seen)
    out["provider"] = resource.provider
    if resource.init_errors:
        out["initErrors"] = resource.init_errors
    return out
