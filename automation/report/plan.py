"""What the events of a preview say of each resource, and what they say beside."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from automation import diagnosis
from automation.report import texts
from automation.report.model import Op, Property, Resource
from engine.display.facts import Step, aside, is_root, urn_name
from engine.values import is_dict

SHOWN = 400
"""Properties of one resource that a report lists."""
_REPLACING = {"replace", "create-replacement", "import-replacement", "read-replacement"}
_AS: Mapping[str, Op] = {
    "create": "create",
    "update": "update",
    "delete": "delete",
    "delete-replaced": "delete",
    "discard-replaced": "discard",
    "discard": "discard",
    "read": "read",
    "refresh": "refresh",
    "import": "import",
    "same": "same",
}
_ORDER: tuple[Op, ...] = ("replace", "delete", "update", "create", "import", "discard", "read", "refresh", "same")


@dataclass
class Planned:
    """One resource with its states as the engine told them; secrets in them are blotted out by the engine."""

    urn: str
    type: str
    ops: list[str] = field(default_factory=list[str])
    old: dict[str, Any] | None = None
    new: dict[str, Any] | None = None
    keys: set[str] = field(default_factory=set[str])
    diffs: set[str] = field(default_factory=set[str])
    detailed: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        return urn_name(self.urn)

    @property
    def op(self) -> Op:
        if _REPLACING & set(self.ops):
            return "replace"
        known: list[Op] = [_AS[op] for op in self.ops if op in _AS]
        # What is left of an earlier replacement goes, and the resource itself has a word of its own.
        for op in known:
            if op != "delete":
                return op
        return "delete" if known else "same"

    @property
    def delete_first(self) -> bool:
        """Whether the old one goes before the new one comes."""
        if self.op != "replace" or "delete-replaced" not in self.ops:
            return False
        made = [at for at, op in enumerate(self.ops) if op in _REPLACING - {"replace"}]
        return bool(made) and self.ops.index("delete-replaced") < made[0]

    @property
    def state(self) -> dict[str, Any]:
        """As it will be, or as it was where it goes."""
        return self.new if self.new is not None else self.old or {}

    @property
    def parent(self) -> str:
        return str(self.state.get("parent") or "")

    @property
    def component(self) -> bool:
        return not self.state.get("custom") and not is_root(self.urn)

    def inputs(self, side: str = "new") -> dict[str, Any]:
        found: Any = ((self.new if side == "new" else self.old) or {}).get("inputs")
        return found if is_dict(found) else {}

    def outputs(self, side: str = "old") -> dict[str, Any]:
        found: Any = ((self.new if side == "new" else self.old) or {}).get("outputs")
        return found if is_dict(found) else {}


class Plan:
    """Hears the events of a preview, from either engine, and keeps what a report needs."""

    def __init__(self) -> None:
        self.resources: dict[str, Planned] = {}
        self.asides: dict[str, Planned] = {}
        """Providers that the engine set up by itself."""
        self.policy_events: list[Mapping[str, Any]] = []
        self.policy_summaries: list[tuple[str, Mapping[str, Any]]] = []
        self.packs: dict[str, str] = {}
        self.warnings: list[str] = []
        self.not_known: list[str] = []
        self.planned_only: set[str] = set()
        """Packages without a provider on this machine."""
        self.finished = False
        self.root_outputs: tuple[dict[str, Any], dict[str, Any]] | None = None

    def __call__(self, event: Mapping[str, Any]) -> None:
        if (payload := event.get("resourcePreEvent")) is not None:
            self._step(Step.of(payload["metadata"]), aside=aside(event))
        elif (payload := event.get("resOutputsEvent")) is not None:
            self._ended(Step.of(payload["metadata"]))
        elif (payload := event.get("diagnosticEvent")) is not None:
            self._said(payload)
        elif (payload := event.get("policyEvent")) is not None:
            self.policy_events.append(payload)
        elif (payload := event.get("policyRemediationEvent")) is not None:
            self.policy_events.append({**payload, "enforcementLevel": "remediate"})
        elif (payload := event.get("summaryEvent")) is not None:
            packs: dict[str, Any] = payload.get("PolicyPacks") or {}
            self.packs = {_pack(key): str(value) for key, value in packs.items()}
            self.finished = str(payload.get("result", "succeeded")) == "succeeded"
        else:
            for kind in ("policyAnalyzeSummaryEvent", "policyAnalyzeStackSummaryEvent"):
                if (payload := event.get(kind)) is not None:
                    self.policy_summaries.append((kind, payload))

    def _step(self, step: Step, *, aside: bool) -> None:
        found = (self.asides if aside else self.resources).setdefault(step.urn, Planned(step.urn, step.type))
        if step.op == "remove-pending-replace":
            return
        found.ops.append(step.op)
        found.keys.update(step.keys)
        found.diffs.update(step.diffs)
        found.detailed.update(step.detailed or {})
        # The last half of a replacement tells of the old one alone, as of one that goes; what is left of an earlier
        # replacement is beside what is there, and not that.
        if step.old is not None and (found.old is None or not step.old.get("delete")):
            found.old = step.old
        found.new = step.new if step.new is not None else found.new

    def _ended(self, step: Step) -> None:
        found = self.resources.get(step.urn)
        if found is None:
            return
        if step.is_root:
            self.root_outputs = (step.old or {}).get("outputs") or {}, (step.new or {}).get("outputs") or {}
        if step.new is not None and step.op not in ("delete", "delete-replaced"):
            found.new = step.new

    def _said(self, payload: Mapping[str, Any]) -> None:
        text = diagnosis.plain(str(payload.get("message", ""))).strip()
        if payload.get("ephemeral") or not text:
            return
        for mark in ("planOnly", "standIn"):
            if is_dict(marked := payload.get(mark)):
                if mark == "planOnly":
                    self.planned_only.add(str(marked.get("package")))
                _add(self.not_known, texts.line(text, 600))
                return
        if str(payload.get("severity")) == "warning":
            _add(self.warnings, texts.line(text.removeprefix("warning: "), 600))

    # -- what comes of it --------------------------------------------------------------------------------------------

    def each(self) -> list[Planned]:
        """All of them, the stack itself too, in the order in which the engine came to them."""
        return list(self.resources.values())

    def counted(self) -> dict[str, int]:
        found = Counter(each.op for each in self.each())
        return {op: found[op] for op in _ORDER if found[op]}

    def states(self, side: str) -> list[dict[str, Any]]:
        """What there is before (`old`) or after (`new`), as the engine tells of it."""
        out: list[dict[str, Any]] = []
        for each in (*self.asides.values(), *self.resources.values()):
            state = each.old if side == "old" else each.new
            if state is not None and not (side == "new" and each.op in ("delete", "discard")):
                # Events leave out what is false.
                out.append({**state, "custom": bool(state.get("custom"))})
        return out


def resources(plan: Plan) -> list[Resource]:
    """Each resource with what differs."""
    return [_resource(each) for each in plan.each()]


def _resource(each: Planned) -> Resource:
    found = properties(each)
    sides = [state for state in (each.old, each.new) if state is not None]
    return Resource(
        urn=texts.visible(each.urn),
        type=texts.visible(each.type),
        name=texts.visible(each.name),
        parent=texts.visible(each.parent),
        op=each.op,
        component=each.component,
        protected=any(bool(state.get("protect")) for state in sides),
        retained=any(bool(state.get("retainOnDelete")) for state in sides),
        delete_first=each.delete_first,
        properties=found[:SHOWN],
        left_out=max(0, len(found) - SHOWN),
    )


def properties(each: Planned) -> list[Property]:
    """What differs in one resource; of a new one all that it is given."""
    if each.op in ("same", "delete", "discard", "read", "refresh"):
        return []
    forcing = {*each.keys, *(path for path, change in each.detailed.items() if _kind(change).endswith("-replace"))}
    before = each.inputs("old") if each.old is not None else {}
    found = differences(before, each.inputs("new"), forcing)
    told = {prop.path for prop in found}
    for path in sorted({*each.detailed, *each.diffs, *forcing}):
        # A secret that changed looks the same on both sides, and what the provider fills in is in no input.
        if each.op != "create" and not path.startswith("__") and not any(_covers(path, other) for other in told):
            change = _kind(each.detailed.get(path, {})).removesuffix("-replace")
            found.append(_unseen(each, path, change, path in forcing))
    if not found and each.op == "update":
        # Both sides of a secret look alike in events: where nothing else differs, one of the secrets does.
        hidden = [path for path, _, show in texts.leaves(each.inputs()) if show == texts.SECRET]
        found = [Property(path=path, change="update", before=texts.SECRET, after=texts.SECRET) for path in hidden]
    return sorted(found, key=lambda prop: (not prop.replaces, prop.path))


def differences(before: Mapping[str, Any], after: Mapping[str, Any], forcing: Iterable[str] = ()) -> list[Property]:
    """The innermost places of two sets of properties that differ."""
    olds = {path: (raw, show) for path, raw, show in texts.leaves(before) if path}
    news = {path: (raw, show) for path, raw, show in texts.leaves(after) if path}
    out: list[Property] = []
    for path in sorted({*olds, *news}):
        old, new = olds.get(path), news.get(path)
        was, now = old is not None and old[0] is not None, new is not None and new[0] is not None
        replaces = any(_covers(key, path) for key in forcing)
        name = texts.cut(texts.visible(path), texts.LONGEST)
        if was and now:
            assert old is not None and new is not None
            if old[0] == new[0] and type(old[0]) is type(new[0]):
                continue
            first, second = texts.pair(old[1], new[1])
            out.append(Property(path=name, change="update", before=first, after=second, replaces=replaces))
        elif now:
            assert new is not None
            out.append(Property(path=name, change="add", after=texts.shown(new[1]), replaces=replaces))
        elif was:
            assert old is not None
            out.append(Property(path=name, change="delete", before=texts.shown(old[1]), replaces=replaces))
    return out


def _unseen(each: Planned, path: str, change: str, replaces: bool) -> Property:
    def side(which: str) -> str:
        top = path.partition(".")[0].partition("[")[0]
        for value in (each.inputs(which), each.outputs(which)):
            if top in value:
                found = [show for _, _, show in texts.leaves(value[top], top, top)]
                return texts.shown(found[0]) if len(found) == 1 else texts.UNKNOWN
        return texts.UNKNOWN

    name = texts.cut(texts.visible(path), texts.LONGEST)
    if change == "add":
        return Property(path=name, change="add", after=side("new"), replaces=replaces)
    if change == "delete":
        return Property(path=name, change="delete", before=side("old"), replaces=replaces)
    return Property(path=name, change="update", before=side("old"), after=side("new"), replaces=replaces)


def _covers(path: str, other: str) -> bool:
    """Whether one of the places is the other or lies in it."""
    short, long = sorted((path, other), key=len)
    return long == short or (long.startswith(short) and long[len(short)] in ".[")


def _kind(change: Any) -> str:
    return str(change.get("diffKind") or change.get("kind") or "update") if is_dict(change) else "update"


def _pack(key: str) -> str:
    """`modelport` of `modelport|local|policies`."""
    return texts.visible(key.partition("|")[0])


def _add(where: list[str], text: str) -> None:
    if text not in where:
        where.append(text)
