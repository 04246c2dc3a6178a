"""The rows of the tree: one for each resource that anything happened to, and what is known of it so far."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.display import ink, words
from engine.display.deltas import Deltas, compare_objects, from_detailed
from engine.display.facts import Props, Step, aside, is_root, urn_name, urn_type
from engine.display.options import Options
from engine.display.resources import retained, shows
from engine.display.sections import message
from engine.values import is_dict

_WIDTH = 120
_MARKED = {"error": ink.RED, "warning": ink.YELLOW, "message": ink.MAGENTA, "debug": ink.NOTHING}


@dataclass
class Row:
    """One resource. `order` is its place among its siblings, in the order in which they were first shown."""

    step: Step
    hidden: bool = True
    failed: bool = False
    ended: list[Step] = field(default_factory=list[Step])
    said: list[Props] = field(default_factory=list[Props])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    violations: list[Props] = field(default_factory=list[Props])
    remediations: list[Props] = field(default_factory=list[Props])
    progress: str = ""
    """What a long step last said of itself, for as long as it runs."""
    began: float | None = None
    took: float | None = None
    order: int = 0

    def hear(self, diagnostic: Props) -> None:
        self.said.append(diagnostic)
        if not diagnostic.get("ephemeral"):
            kind = {"error": "error", "warning": "warning", "debug": "debug"}.get(
                str(diagnostic["severity"]), "message"
            )
            self.counts[kind] = self.counts.get(kind, 0) + 1

    @property
    def wrong(self) -> bool:
        return self.failed or bool(self.counts.get("error"))


class Board:
    """All rows, fed with events. A view asks it for the columns of a row, and for the tree of them."""

    def __init__(self, options: Options, *, terminal: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self.options = options
        self.terminal = terminal
        """A row is rewritten in place, so that it may say less on the way and more at the end."""
        self.clock = clock
        self.rows: dict[str, Row] = {}
        self.root = ""
        self.failed = False
        self.finished = False
        self.sames: set[str] = set()
        self.summary: Props | None = None
        self.project = ""
        self.shown = 0
        """How many rows have been given a place."""
        self.extra: dict[str, str] = {}
        """Marks of our own that join a row's information, by URN."""
        self._steps: tuple[tuple[str, Callable[[Step], Row | None]], ...] = (
            ("resourcePreEvent", self._began),
            ("resOutputsEvent", self._ended),
            ("resOpFailedEvent", self._failed),
        )

    # -- events ------------------------------------------------------------------------------------------------------

    def hear(self, event: Mapping[str, Any]) -> Row | None:
        """Take an event in; the row that it changed and that is to be shown again, if any."""
        if aside(event):
            return None
        for kind, take in self._steps:
            if (payload := event.get(kind)) is not None:
                step = Step.of(payload["metadata"])
                return self._read(step) if self._is_quiet(step) else take(step)
        if (payload := event.get("diagnosticEvent")) is not None:
            return self._said(payload)
        if (payload := event.get("policyEvent")) is not None:
            row = self.row(str(payload.get("resourceUrn") or self.root))
            row.violations.append(payload)
            return row
        if (payload := event.get("policyRemediationEvent")) is not None:
            row = self.row(str(payload.get("resourceUrn") or self.root))
            row.remediations.append(payload)
            return row
        if (payload := event.get("summaryEvent")) is not None:
            self.summary = payload
        return None

    def _is_quiet(self, step: Step) -> bool:
        return step.op in words.READING and not self.options.show_reads

    def row(self, urn: str, step: Step | None = None) -> Row:
        """The row of a resource, made when it is first heard of; what has no URN belongs to the stack."""
        found = self.rows.get(urn)
        if found is not None:
            self._parent(step)
            return found
        first = step or Step("same", urn, urn_type(urn), None, None)
        if is_root(urn):
            self.root = urn
            if (early := self.rows.pop("", None)) is not None:
                early.step = first
                self.rows[urn] = early
                return early
        row = self.rows[urn] = Row(first)
        self._parent(step)
        if self.root not in self.rows:
            self.rows[self.root] = Row(Step("same", "", "", None, None), hidden=False)
        return row

    def _parent(self, step: Step | None) -> None:
        """Make a row for a parent that has not been heard of, so that the tree hangs together."""
        parent = step.parent if step is not None else ""
        if parent and parent != self.root and parent not in self.rows:
            if is_root(parent) and self.terminal:
                self.row(parent)
            else:
                self.rows[parent] = Row(Step("same", parent, urn_type(parent), None, None))

    def _read(self, step: Step) -> Row | None:
        """A read is nobody's wish: a passing word on the stack, and no row."""
        if step.op != "read":
            return None
        text = f"read {words.display_type(urn_type(step.urn))} {urn_name(step.urn)}"
        return self._said({"severity": "info", "message": text, "ephemeral": True})

    def _shown(self, step: Step) -> Row:
        # the first word of a stack that stays as it is opens the tree and is no line of its own yet
        known = step.urn == self.root
        row = self.row(step.urn, step)
        if known or shows(step, self.options):
            row.hidden = False
        return row

    def _began(self, step: Step) -> Row:
        row = self._shown(step)
        row.began, row.took = self.clock(), None
        row.step = step
        row.progress = ""
        return row

    def _ended(self, step: Step) -> Row | None:
        row = self._shown(step)
        refreshed = row.step.op == "refresh"
        if row.began is not None:
            row.took = self.clock() - row.began
        row.step = step
        row.progress = ""
        row.ended.append(step)
        if step.op == "same":
            self.sames.add(step.urn)
        if self.terminal or refreshed:
            return row
        news = step.resource is None or (step.custom and step.op != "same")
        return row if news and not self.options.planning else None

    def _failed(self, step: Step) -> Row:
        self.failed = True
        row = self._shown(step)
        row.failed = True
        return row

    def _said(self, diagnostic: Mapping[str, Any]) -> Row | None:
        if (diagnostic.get("severity") == "debug" and not self.options.debug) or not message(diagnostic):
            return None
        row = self.row(str(diagnostic.get("urn") or self.root))
        row.hidden = False
        row.hear(dict(diagnostic))
        return row

    def tell(self, subject: str, text: str) -> None:
        """Put a word of progress into the row of a resource by name, or of the only one that runs."""
        running = [row for row in self.rows.values() if not self.done(row) and row.step.custom]
        named = [row for row in running if urn_name(row.step.urn) == subject]
        for row in (named or running)[:1] if named or len(running) == 1 else []:
            row.progress = text

    # -- one row -----------------------------------------------------------------------------------------------------

    def done(self, row: Row) -> bool:
        if row.failed or self.finished:
            return True
        # the stack is done when all is
        return not row.step.is_root and any(each.op == row.step.op for each in row.ended)

    def _op(self, step: Step) -> str:
        """A replacement as one step before and after it, where there is one line for it; its parts on the way."""
        whole = self.terminal and not self.failed and (self.options.planning or self.finished)
        parts = ("create-replacement", "delete-replaced", "discard-replaced")
        return "replace" if whole and step.op in parts else step.op

    def title(self, row: Row) -> str:
        """`type (name):`, over what was said about a resource."""
        kind, name = self._names(row)
        return f"{kind} ({name}):"

    def _names(self, row: Row) -> tuple[str, str]:
        urn = row.step.urn
        if not urn:
            return "pulumi:pulumi:Stack", f"{self.project}-{self.options.stack}" if self.project else self.options.stack
        return words.display_type(urn_type(urn)), urn_name(urn)

    def columns(self, row: Row) -> list[str]:
        """Sign, type, name, status and information."""
        kind, name = self._names(row)
        sign = words.sign(self._op(row.step), running=not self.done(row))
        return [sign, kind, name, self._status(row), self.info(row)]

    def _status(self, row: Row) -> str:
        op = self._op(row.step)
        colour = words.COLOUR.get(op, "")
        if self._broken_off(row):
            return retained(row.step, ink.paint(ink.YELLOW, f"{words.DOING.get(op, '')} (interrupted)"))
        if not self.done(row):
            return retained(row.step, ink.paint(f"1;{colour}" if colour else "", self._running(row, op)))
        if self.options.planning:
            return retained(row.step, ink.paint(colour, words.PLANNED.get(op, "")))
        if row.wrong:
            return ink.paint(ink.RED, f"**{self._timed(words.failed(op), row, op)}**")
        return retained(row.step, ink.paint(colour, self._timed(words.DONE.get(op, ""), row, op)))

    def _running(self, row: Row, op: str) -> str:
        if row.step.is_root and op == "same":
            return "running"
        if self.options.planning:
            return words.PLANNING.get(row.step.op, "")
        text = words.DOING.get(op, "")
        return f"{text} ({int(self.clock() - row.began)}s)" if text and row.began is not None else text

    def _timed(self, text: str, row: Row, op: str) -> str:
        if op == "same" or row.took is None:
            return text
        return f"{text} ({row.took:.2f}s)" if row.took < 1 else f"{text} ({int(row.took)}s)"

    def _broken_off(self, row: Row) -> bool:
        """Whether the operation ended while this step had not."""
        if not self.finished or row.wrong or not row.step.custom:
            return False
        if row.step.op in ("same", "remove-pending-replace"):
            return False
        return not any(each.op == row.step.op for each in row.ended)

    def info(self, row: Row) -> str:
        """What differs, and the counts of what was said or the last of it."""
        step = row.step
        if step.op in ("create-replacement", "delete-replaced"):
            step = next((each for each in reversed(row.ended) if each.op == "replace"), step)
        elif step.op in ("import", "import-replacement"):
            step = next((each for each in reversed(row.ended) if each.op == step.op), step)
        told = [f"[{changes}]"] if (changes := differences(step)) else []
        if mark := self.extra.get(row.step.urn):
            told.append(mark)
        if self.finished:
            for kind in ("error", "warning", "message", "debug"):
                if count := row.counts.get(kind):
                    told.append(f"{count} {ink.paint(_MARKED[kind], words.several(count, kind).partition(' ')[2])}")
        elif row.progress:
            told.append(row.progress)
        elif row.said:
            errors = [each for each in row.said if each["severity"] == "error"] if self.terminal else []
            told.append(_short(message((errors or row.said)[-1])))
        return "; ".join(told).partition("\n")[0]


def _short(text: str) -> str:
    """The beginning of a long line: the whole of it stands under what was said, at the end."""
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3].rstrip() + "..."


def differences(step: Step) -> str:
    """`diff: +a,~b`: which properties come, go and change."""
    if step.old is None or step.new is None:
        return ""
    deltas: Deltas | None = None
    if step.op != "same":
        if step.detailed is not None:
            deltas = from_detailed(step)
        elif is_dict(old := step.old.get("inputs")) and is_dict(new := step.new.get("inputs")):
            deltas = compare_objects(old, new)
    updates = dict(deltas.updates) if deltas is not None else {}
    beside = [key for key in ("provider", "protect") if (step.old.get(key) or False) != (step.new.get(key) or False)]
    if deltas is None and not beside:
        return ""
    chosen = set(step.diffs)
    out = "diff: "
    adds = deltas.adds if deltas is not None else {}
    deletes = deltas.deletes if deltas is not None else {}
    for op, keys in (("create", adds), ("delete", deletes), ("update", {*updates, *beside})):
        named = sorted(str(key) for key in keys if not chosen or key in chosen)
        if named:
            out += ink.paint(words.COLOUR[op], words.SIGN[op].strip() + ",".join(named))
    return out
