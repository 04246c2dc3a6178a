"""Whose requests a load balancer on Google Cloud takes: a policy of Cloud Armor that denies whoever is not named."""

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final

import pulumi
from pulumi_gcp.compute.security_policy import SecurityPolicy

from components.gcp.labels import Labels

RANGES: Final = 10
"""Networks in one rule (Compute Engine's API, SecurityPolicyRuleMatcherConfig.srcIpRanges, 2026-11-22)."""
INTERVAL: Final = 60
"""Seconds over which requests of one address are counted."""
MOST_REQUESTS: Final = 100_000
"""A minute: a limit beyond is none that would ever be met."""
SENSITIVITY: Final = 1
"""Of 1 to 4: the signatures that a request of a well-behaved caller hardly ever has (Cloud Armor, "Tune preconfigured
WAF rules", 2026-11-22)."""
_WAF, _CLIENTS, _LAST = 1_000, 10_000, 2_147_483_647
"""Priorities: where the rules of each kind begin, and the one that every policy ends with."""
_DENIED, _TOO_MANY = "deny(403)", "deny(429)"


class GcpWafRules(Enum):
    """Preconfigured rules of Cloud Armor, by its own names: OWASP's core rule set 4.22 (Cloud Armor, "Preconfigured
    WAF rules overview", 2026-11-22)."""

    SQLI = "sqli-v422-stable"
    """SQL injection."""
    XSS = "xss-v422-stable"
    """Cross-site scripting."""
    LFI = "lfi-v422-stable"
    """Local file inclusion."""
    RFI = "rfi-v422-stable"
    """Remote file inclusion."""
    RCE = "rce-v422-stable"
    """Remote code execution."""
    METHOD = "methodenforcement-v422-stable"
    """Methods of HTTP that nobody needs."""
    SCANNER = "scannerdetection-v422-stable"
    """Scanners that say so."""
    PROTOCOL = "protocolattack-v422-stable"
    """Attacks on the protocol, as request smuggling."""
    PHP = "php-v422-stable"
    """PHP injection."""
    SESSION = "sessionfixation-v422-stable"
    """Session fixation."""
    JAVA = "java-v422-stable"
    """Attacks on Java."""
    GENERIC = "generic-v422-stable"
    """Attacks on Node.js and other frameworks."""
    CVE = "cve-canary"
    """Vulnerabilities that are being used everywhere, Log4j's among them."""


def policy(
    name: str,
    *,
    project: str,
    clients: Sequence[str],
    limit: int | None,
    waf: Sequence[GcpWafRules],
    sensitivity: int,
    adaptive: bool,
    labels: Labels,
    opts: pulumi.ResourceOptions,
) -> SecurityPolicy:
    """The policy.

    limit: requests a minute that one address may send. waf: rules that come first. adaptive: attacks that look like
    many requests are looked for and told.
    """
    filters = [_waf(_WAF + place, each, sensitivity) for place, each in enumerate(waf)]
    parts = [clients[first : first + RANGES] for first in range(0, len(clients), RANGES)]
    named = [_clients(_CLIENTS + place, each, limit) for place, each in enumerate(parts)]
    nobody: dict[str, Any] = {
        "priority": _LAST,
        "action": _DENIED,
        "description": "Nobody else",
        "match": {"versioned_expr": "SRC_IPS_V1", "config": {"src_ip_ranges": ["*"]}},
    }
    rules: Any = [*filters, *named, nobody]
    return SecurityPolicy(
        name,
        project=project,
        type="CLOUD_ARMOR",
        description=f"Callers of {name}",
        rules=rules,
        # Rules that read a body read the values in its JSON, not its text.
        advanced_options_config={"json_parsing": "STANDARD" if waf else "DISABLED", "log_level": "NORMAL"},
        adaptive_protection_config={"layer7_ddos_defense_config": {"enable": adaptive}},
        labels=labels.all(),
        opts=opts,
    )


def _waf(priority: int, rules: GcpWafRules, sensitivity: int) -> dict[str, Any]:
    asked = f"evaluatePreconfiguredWaf('{rules.value}', {{'sensitivity': {sensitivity}}})"
    return {
        "priority": priority,
        "action": _DENIED,
        "description": rules.value,
        "match": {"expr": {"expression": asked}},
    }


def _clients(priority: int, networks: Sequence[str], limit: int | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "priority": priority,
        "action": "allow",
        "description": "Networks that may call",
        "match": {"versioned_expr": "SRC_IPS_V1", "config": {"src_ip_ranges": list(networks)}},
    }
    if limit is None:
        return found
    return {
        **found,
        "action": "throttle",
        "rate_limit_options": {
            "conform_action": "allow",
            "exceed_action": _TOO_MANY,
            "enforce_on_key": "IP",
            "rate_limit_threshold": {"count": limit, "interval_sec": INTERVAL},
        },
    }
