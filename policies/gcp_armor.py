"""Whom a policy of Cloud Armor lets in."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from policies.given import number, open_to_all, yes
from policies.looking import Look
from policies.rules import Whole

POLICIES: Final = (
    "gcp:compute/securityPolicy:SecurityPolicy",
    "gcp:compute/regionSecurityPolicy:RegionSecurityPolicy",
)
_RULES: Final = (
    "gcp:compute/securityPolicyRule:SecurityPolicyRule",
    "gcp:compute/regionSecurityPolicyRule:RegionSecurityPolicyRule",
)
_INSIDE: Final = re.compile(r"""inIpRange\(\s*origin\.ip\s*,\s*["']([^"']+)["']\s*\)""")
_TRUE: Final = re.compile(r"\(*\s*true\s*\)*")


def of(whole: Whole, backend: Look) -> list[Look]:
    """The policies of this stack that a backend has."""
    found = whole.all(*POLICIES)
    made = [each for each in found if whole.refers(backend, "securityPolicy", each)]
    return made or [each for each in found if _named(each, backend.at("securityPolicy"))]


def open_to_everybody(whole: Whole, policy: Look) -> bool:
    """Whether everybody is let in by it, or by Google's last rule where it has none of its own. Raises NotKnown."""
    for rule in sorted(_rules(whole, policy), key=lambda rule: number(rule.at("priority"), 2**31)):
        if yes(rule.at("preview")):
            continue
        denied = str(rule.at("action", "")).startswith("deny")
        if denied and _everybody(rule):
            return False
        if not denied and _wide(rule):
            return True
    return True


def _rules(whole: Whole, policy: Look) -> Iterator[Look]:
    yield from policy.each("rules")
    for each in whole.all(*_RULES):
        if whole.refers(each, "securityPolicy", policy) or _named(policy, each.at("securityPolicy")):
            yield each


def _named(policy: Look, text: Any) -> bool:
    return str(text).rpartition("/")[2] in (policy.at("name"), policy.name)


def _ranges(rule: Look) -> list[Any]:
    return [*rule.values("match.config.srcIpRanges"), *rule.values("networkMatch.srcIpRanges")]


def _everybody(rule: Look) -> bool:
    """Whether a rule is of every address there is."""
    ranges = [str(each).strip() for each in _ranges(rule)]
    if "*" in ranges or _TRUE.fullmatch(str(rule.at("match.expr.expression", "")).strip()):
        return True
    whole = {str(each) for each in _joined(ranges)}
    return {"0.0.0.0/0", "::/0"} <= whole


def _wide(rule: Look) -> bool:
    """Whether a rule lets in the internet or most of it: an expression does that names no networks of one's own."""
    if rule.at("match.expr.expression") is not None:
        return not _inside(str(rule.at("match.expr.expression")))
    ranges = [str(each).strip() for each in _ranges(rule)]
    return not ranges or any(map(open_to_all, (*ranges, *_joined(ranges))))


def _inside(expression: str) -> bool:
    """Whether an expression takes addresses of some networks alone, and whatever else it asks beside that."""
    named = any(
        (found := _INSIDE.fullmatch(part.strip().strip("()").strip() + ")")) and not open_to_all(found[1])
        for part in expression.split("&&")
    )
    return named and "||" not in expression and "?" not in expression


def _joined(ranges: Iterable[str]) -> list[Any]:
    """Networks that are halves of one as that one."""
    found: dict[int, list[Any]] = {4: [], 6: []}
    for each in ranges:
        try:
            network = ipaddress.ip_network(each, strict=False)
        except ValueError:
            continue
        found[network.version].append(network)
    return [network for some in found.values() for network in ipaddress.collapse_addresses(some)]
