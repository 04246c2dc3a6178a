"""What inputs of clouds have in common: truth that is written as text, networks, and names of what is secret."""

import ipaddress
import re
from collections.abc import Sequence
from typing import Any, Final

WIDE: Final = {4: 8, 6: 16}
"""A network with fewer bits than these is no one's own: the internet, or so much of it that it makes no difference."""
_SECRET: Final = re.compile(
    r"(?i)(?:password|passwd|passphrase|[_\-]pwd)$"
    r"|(?:^|[_\-])(?:secret|token|credentials?|(?:api|private|access|secret|signing|session)[_\-]?key)$"
)
_FILE: Final = re.compile(r"(?i)credentials?$")
"""Names of variables that say where a file is: GOOGLE_APPLICATION_CREDENTIALS."""
_COUNT: Final = re.compile(r"(?i)(?:^|[_\-])(?:max|min|num|n|limit|count|per)[_\-](?:.*[_\-])?token$")
_MARK: Final = re.compile(r"(?i)(?:^|[_\-])(?:bos|cls|eos|mask|pad|sep|stop|unk)[_\-]token$")
"""Tokens of a model's vocabulary, which are no secret."""
_KEYS: Final = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----|\bAIza[0-9A-Za-z_\-]{35}\b"
    r"|\"private_key_id\"|\bgh[oprsu]_[0-9A-Za-z]{36}\b|\bgithub_pat_[0-9A-Za-z_]{20,}|\bhf_[0-9A-Za-z]{20,}"
    r"|\bxox[abeoprs]-[0-9A-Za-z\-]{10,}|\bglpat-[0-9A-Za-z_\-]{20,}"
    r"|\b[A-Za-z][A-Za-z0-9+.\-]*://[^\s/:@]*:[^\s/@$<{][^\s/@]*@"
)
"""What keys look like, and passwords in addresses; `$(PASSWORD)` in one stands for a variable."""
_REFERENCE: Final = re.compile(r"arn:|projects/[^/]+/(?:locations/[^/]+/)?secrets/|https://|secretsmanager:|ssm:")


def yes(value: Any) -> bool:
    """Whether an input says so; some of a provider's are texts."""
    return value is True or str(value).strip().lower() in ("true", "1")


def no(value: Any) -> bool:
    """Whether an input says that it is not so, in place of nothing."""
    return value is False or str(value).strip().lower() in ("false", "0")


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
        network = ipaddress.ip_network(str(cidr).strip(), strict=False)
    except ValueError:
        return str(cidr).strip() == "*"
    return network.prefixlen < WIDE[network.version]


def is_secret(name: str, value: Any) -> bool:
    """Whether a plain variable is a secret by its name or by what it looks like; a reference to one is none."""
    text = "" if value is None else str(value).strip()
    if _KEYS.search(text):
        return True
    if not _SECRET.search(name) or text.lower() in ("", "true", "false") or _MARK.search(name):
        return False
    if (_COUNT.search(name) and text.isdigit()) or (_FILE.search(name) and text.startswith("/")):
        return False
    return _REFERENCE.match(text) is None


def holds_secret(text: str) -> bool:
    """Whether a text has a key in it, by what keys look like."""
    return _KEYS.search(text) is not None


def _listed(value: Any) -> list[Any]:
    return list(value)
