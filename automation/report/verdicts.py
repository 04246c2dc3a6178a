"""What policies say of a plan. What they cannot see yet is told as such, and never counts as kept."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from automation import diagnosis
from automation.report import texts
from automation.report.model import Policies, Verdict
from automation.report.plan import Plan
from engine.display.facts import is_root, urn_name

_NOT_YET = re.compile(r"^can't run policy '.*' from policy pack '.*' during preview: ", re.MULTILINE | re.DOTALL)
"""What Pulumi's SDK puts before the words of a policy that came upon an unknown value, whatever the pack."""
_RANK = {"mandatory": 0, "not known yet": 1, "advisory": 2, "remediated": 3}
_SEVERITY = {"critical": 0, "high": 1, "medium": 2, "low": 3}
_Word = Literal["mandatory", "advisory", "not known yet", "remediated"]


def policies(plan: Plan) -> Policies:
    """What the packs say."""
    verdicts: list[Verdict] = []
    for payload in plan.policy_events:
        found = _verdict(payload)
        if found not in verdicts:
            verdicts.append(found)
    verdicts.sort(key=lambda each: (_RANK[each.verdict], _SEVERITY.get(each.severity, 4), each.policy, each.urn))
    passed: set[str] = set()
    # A remedied resource keeps a policy only because it was put right, so that is not one of those found kept.
    broken = {f"{each.pack}/{each.policy}" for each in verdicts}
    stack_seen: set[str] = set()
    packs = dict(plan.packs)
    for kind, payload in plan.policy_summaries:
        pack = texts.visible(str(payload.get("policyPackName", "")))
        packs.setdefault(pack, texts.visible(str(payload.get("policyPackVersion", ""))))
        passed |= {f"{pack}/{texts.visible(str(name))}" for name in payload.get("passed") or ()}
        broken |= {f"{pack}/{texts.visible(str(name))}" for name in payload.get("failed") or ()}
        if kind == "policyAnalyzeStackSummaryEvent":
            stack_seen.add(pack)
    finished = bool(packs) and set(packs) <= stack_seen
    return Policies(packs=packs, finished=finished, verdicts=verdicts, kept=sorted(passed - broken))


def alike(verdicts: Iterable[Verdict]) -> list[tuple[Verdict, list[str]]]:
    """Verdicts of one policy in the same words as one, with the names of what they are of."""
    found: dict[tuple[str, ...], tuple[Verdict, list[str]]] = {}
    for each in verdicts:
        key = (each.pack, each.policy, each.verdict, each.severity, each.message)
        names = found.setdefault(key, (each, []))[1]
        if each.name not in names:
            names.append(each.name)
    return list(found.values())


def _verdict(payload: Mapping[str, Any]) -> Verdict:
    urn = str(payload.get("resourceUrn") or "")
    text = diagnosis.plain(str(payload.get("message") or "")).strip()
    level = str(payload.get("enforcementLevel") or "mandatory")
    word: _Word = "advisory" if level == "advisory" else "mandatory"
    if level == "remediate":
        word, text = "remediated", text or "the resource was put right"
    elif level == "advisory" and _NOT_YET.search(text):
        word, text = "not known yet", _NOT_YET.sub("", text).removeprefix("not yet known: ")
    return Verdict(
        pack=texts.visible(str(payload.get("policyPackName") or "")),
        policy=texts.visible(str(payload.get("policyName") or "")),
        verdict=word,
        severity=texts.visible(str(payload.get("severity") or "")),
        urn=texts.visible(urn),
        name="the stack" if not urn or is_root(urn) else texts.visible(urn_name(urn)),
        # A rule's own description may come first, on a line of its own.
        message=texts.line(text.splitlines()[-1] if text else "it is broken", 1000),
    )
