"""Runs a policy case as the conformance runner runs its own, and records besides what the packs had to say.

policies   for each resource (for the stack: `-`) and each pack, its events in their order; `after` marks one that came
           when the resource's step had begun
packs      what the summary says of the packs that ran
"""

from pathlib import Path
from typing import Any

from tests.engine.conformance.normalise import Record
from tests.engine.conformance.runner import Case

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases"
NAMES = sorted(folder.name for folder in CASES.iterdir() if (folder / "case.yaml").exists())
EVENTS = (
    "policyEvent",
    "policyRemediationEvent",
    "policyRemediateSummaryEvent",
    "policyAnalyzeSummaryEvent",
    "policyAnalyzeStackSummaryEvent",
    "policyLoadEvent",
)


class PolicyCase(Case):
    """A case whose steps have policy packs."""

    def __init__(self, name: str, root: Path, engine: list[str], other: list[str] | None = None) -> None:
        super().__init__(str(CASES / name), root, engine, other)

    def _record(self, step: Record, code: int, stderr: str, events: list[Record], *more: Any) -> Record:
        record = super()._record(step, code, stderr, events, *more)
        record["policies"] = self._policies(events)
        record["packs"] = next((e["summaryEvent"]["PolicyPacks"] for e in events if "summaryEvent" in e), None)
        return record

    def _policies(self, events: list[Record]) -> Record:
        begun: set[str] = set()
        told: dict[str, dict[str, list[Record]]] = {}
        for event in events:
            if "resourcePreEvent" in event:
                begun.add(event["resourcePreEvent"]["metadata"]["urn"])
            for name in EVENTS:
                if name not in event:
                    continue
                fact = {"event": name, **event[name]}
                urn = fact.pop("resourceUrn", "-")
                if urn in begun:
                    fact["after"] = True
                told.setdefault(urn, {}).setdefault(fact.get("policyPackName", "-"), []).append(self._norm.value(fact))
        return told
