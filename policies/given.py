"""What inputs of clouds have in common: truth that is written as text, networks, and names of what is secret."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Any, Final

WIDE: Final = {4: 8, 6: 16}
"""A network with fewer bits than these is no one's own: the internet, or so much of it that it makes no difference."""
_SECRET: Final = re.compile(
    r"(?i)(^|[_\-])(password|passwd|secret|token|api_?key|private_?key|access_?key|credentials?)$"
)
_KEYS: Final = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----|\bAIza[0-9A-Za-z_\-]{35}\b"
    r"|\"private_key_id\"|\bghp_[0-9A-Za-z]{36}\b"
)


def yes(value: Any) -> bool:
    """Whether an input says so; some of a provider's are texts."""
    return value is True or value == "true"


def no(value: Any) -> bool:
    """Whether an input says that it is not so, in place of nothing."""
    return value is False or value == "false"


def one(value: Any) -> Any:
    """A value that some programs write as a list of one."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        found = items(value)
        return found[0] if len(found) == 1 else found
    return value


def items(value: Any) -> list[Any]:
    """A list as one; nothing of what is none."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    return _listed(value)


def number(value: Any, default: float) -> float:
    """A number, or what stands for one; what is none a provider refuses itself."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return default


def open_to_all(cidr: Any) -> bool:
    """Whether a network is the internet, or most of it. Text that is no network is not."""
    try:
        network = ipaddress.ip_network(str(cidr), strict=False)
    except ValueError:
        return str(cidr) == "*"
    return network.prefixlen < WIDE[network.version]


def is_secret(name: str, value: Any) -> bool:
    """Whether a plain variable is a secret by its name or by what it looks like; a reference to one is none."""
    text = value if isinstance(value, str) else ""
    if _KEYS.search(text):
        return True
    return bool(_SECRET.search(name)) and text not in ("", "true", "false") and not _refers(text)


def holds_secret(text: str) -> bool:
    """Whether a text has a key in it, by what keys look like."""
    return _KEYS.search(text) is not None


def _listed(value: Any) -> list[Any]:
    return list(value)


def _refers(text: str) -> bool:
    return text.startswith(("arn:", "projects/", "/", "https://", "secretsmanager:", "ssm:"))
