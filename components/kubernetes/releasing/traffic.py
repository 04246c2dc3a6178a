"""Who gets which requests: the rules of an HTTPRoute for each step, and how many pods stand behind a weight.

A route at rest names the service with weight 100 and its canary with 0. `shaped` makes the rules of a step from any
rules, `plain` those at rest, whatever an interrupted release left in them: neither needs to know what was before.
"""

import math
import re
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from components.kubernetes import names
from components.kubernetes.releasing.plan import Match, Plan, Step, Strategy

Rule = dict[str, Any]


@dataclass(frozen=True)
class Split:
    """Percent of the requests for the candidate and the baseline; who is matched to it; whether it gets copies."""

    candidate: int = 0
    baseline: int = 0
    match: Match | None = None
    mirror: bool = False


def split(plan: Plan, step: Step) -> Split:
    """The traffic of a step."""
    match plan.strategy:
        case Strategy.AB:
            return Split(match=plan.match)
        case Strategy.SHADOW:
            return Split(mirror=True)
        case _:
            return Split(step.weight, step.weight if plan.baseline else 0)


def described(wanted: Split) -> str:
    """A step's traffic in words, for a person who watches."""
    if wanted.match:
        kind, key = ("header", wanted.match.header) if wanted.match.header else ("cookie", wanted.match.cookie)
        return f"requests with {kind} {key} = {wanted.match.value}"
    if wanted.mirror:
        return "a copy of every request"
    beside = f", {wanted.baseline} % to a baseline of the old version" if wanted.baseline else ""
    return f"{wanted.candidate} % of the requests{beside}"


def replicas(plan: Plan, step: Step, stable: int, *, routed: bool) -> int:
    """Pods of the candidate in a step, beside `stable` pods of the version that serves."""
    if plan.replicas is not None:
        return plan.replicas
    if plan.strategy is not Strategy.CANARY or step.weight >= 100:
        return max(1, stable)
    if routed:
        return max(1, math.ceil(stable * step.weight / 100))
    return max(1, round(stable * step.weight / (100 - step.weight)))


def shaped(rules: Sequence[Rule], service: str, wanted: Split) -> list[Rule]:
    """The rules with the traffic of a step. Rules that do not lead to `service` stay as they are."""
    out: list[Rule] = []
    for rule in plain(rules, service):
        stable = _backend(rule, service)
        if stable is None:
            out.append(rule)
            continue
        if wanted.match:
            out.append(_matched(rule, stable, service, wanted.match))
        rest = [ref for ref in rule["backendRefs"] if ref.get("name") not in _ours(service)]
        refs = [{**stable, "weight": 100 - wanted.candidate - wanted.baseline}]
        refs.append({**stable, "name": names.canary(service), "weight": wanted.candidate})
        if wanted.baseline:
            refs.append({**stable, "name": names.baseline(service), "weight": wanted.baseline})
        rule["backendRefs"] = [*refs, *rest]
        if wanted.mirror:
            to: Rule = {key: stable[key] for key in ("group", "kind", "namespace", "port") if key in stable}
            mirrored: Rule = {"backendRef": {**to, "name": names.canary(service)}}
            copy: Rule = {"type": "RequestMirror", "requestMirror": mirrored}
            rule["filters"] = [*(rule.get("filters") or []), copy]
        out.append(rule)
    return out


def plain(rules: Sequence[Rule], service: str) -> list[Rule]:
    """The rules at rest: all requests to the version that serves."""
    out: list[Rule] = []
    for each in rules:
        rule = deepcopy(each)
        refs: list[Rule] = rule.get("backendRefs") or []
        stable = _backend(rule, service)
        if stable is None:
            if refs and all(ref.get("name") in _ours(service) for ref in refs):
                continue
            out.append(rule)
            continue
        rest = [ref for ref in refs if ref.get("name") not in _ours(service)]
        canary = {**stable, "name": names.canary(service)}
        rule["backendRefs"] = [{**stable, "weight": 100}, {**canary, "weight": 0}, *rest]
        had: list[Rule] = rule.get("filters") or []
        filters = [each for each in had if not _mirrors(each, service)]
        if filters:
            rule["filters"] = filters
        else:
            rule.pop("filters", None)
        out.append(rule)
    return out


def _ours(service: str) -> tuple[str, str, str]:
    return service, names.canary(service), names.baseline(service)


def _backend(rule: Rule, service: str) -> Rule | None:
    refs: list[Rule] = rule.get("backendRefs") or []
    return next((ref for ref in refs if ref.get("name") == service), None)


def _mirrors(entry: Rule, service: str) -> bool:
    mirror: Rule = entry.get("requestMirror") or {}
    to: Rule = mirror.get("backendRef") or {}
    return entry.get("type") == "RequestMirror" and to.get("name") == names.canary(service)


def _matched(rule: Rule, stable: Rule, service: str, match: Match) -> Rule:
    """A rule for those of the rule's requests that are matched: more headers win over fewer in every gateway."""
    header = {"name": match.header, "type": "Exact", "value": match.value}
    if match.cookie:
        pattern = rf"(^|.*;\s*){re.escape(match.cookie)}={re.escape(match.value)}(\s*;.*|$)"
        header = {"name": "cookie", "type": "RegularExpression", "value": pattern}
    out = deepcopy(rule)
    out.pop("name", None)
    matches: list[Rule] = out.get("matches") or [{"path": {"type": "PathPrefix", "value": "/"}}]
    out["matches"] = [{**each, "headers": [*(each.get("headers") or []), header]} for each in matches]
    out["backendRefs"] = [{**stable, "name": names.canary(service), "weight": 100}]
    return out
