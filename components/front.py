"""What stands in front of a model, whichever cloud has it: the names, paths and ports that callers use."""

from collections.abc import Sequence
from typing import Final

from components.checks import fits, wrong

HTTP, HTTPS = 80, 443
READY: Final = "/v2/health/ready"
PATHS: Final = ("/v2", "/v2/*")
"""All that callers may ask for; the server's metrics lie beside it, and are not for them."""
COMMON_NAME: Final = 64
"""Characters of a certificate's first name (RFC 5280, ub-common-name; ACM's guide, "Request a public certificate",
2026-11-22)."""
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"


def hostname(what: str, value: object, zone: str, most: int) -> None:
    """A DNS name of a zone, or the zone itself. Raises ArgsError."""
    expected = f"a DNS name in lower case of at most {most} characters, without a wildcard"
    fits(what, value, rf"(?=.{{1,{most}}}$){_LABEL}(\.{_LABEL})+", expected, f"models.{zone}")
    if value != zone and not str(value).endswith(f".{zone}"):
        raise wrong(what, value, f"a name of the zone {zone}", f"write models.{zone}, or the zone that it is in")


def zone(what: str, value: object, kind: str) -> None:
    """The DNS name of a zone. kind: what the cloud calls a zone, as `hosted zone`. Raises ArgsError."""
    expected = f"the name of a {kind}, in lower case and without a dot at its end"
    fits(what, value, rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})+", expected, "example.com")


def covers(what: str, names: Sequence[str], hosts: Sequence[str]) -> None:
    """Hold a certificate's names to covering each host; a wildcard stands for one label. Raises ArgsError."""
    for host in hosts:
        if host not in names and f"*.{host.partition('.')[2]}" not in names:
            raise wrong(what, list(names), f"names of a certificate for {host}", "take another certificate, or none")
