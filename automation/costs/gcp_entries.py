"""What an entry of Google's Cloud Billing Catalog is the price of, by its service, its description and its unit.

The catalog says it in words alone. They were read in public copies of it:
- Cloud Run: "GCP serverless, arm architecture verification", a list of all descriptions of 2026-04-23, and Infracost's
  https://github.com/infracost/infracost/blob/master/internal/resources/google/cloud_run_v2_service.go
- Networking (NAT, Cloud Armor, forwarding rules): entries 32E2-4EFC-EF9F, 015F-5732-FFF0, 4B13-E64F-4A2B,
  A321-89BD-F5BC, 1A87-DEB9-C4BE, DEE3-C42E-3E4D and 1211-928B-AF92, all of them in the region `global`
- Vertex AI: entries A002-4323-D900, 2424-9F04-82A8 and AE9C-DB60-DF46
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

SERVICES: Final = {
    "Compute Engine": "6F81-5844-456A",
    "Networking": "E505-1604-58F8",
    "Cloud Run": "152E-C115-5142",
    "Vertex AI": "C7E2-9256-1C43",
}
"""Services of the catalog by their ids."""
_SECONDS: Final = Decimal(3600)
_MILLION: Final = Decimal(1_000_000)
_FAMILIES: Final = "E2|N1|N2|N4|C3|C4|G2|A2"
_ACCELERATORS: Final = {
    "l4": "nvidia-l4",
    "tesla t4": "nvidia-tesla-t4",
    "tesla a100": "nvidia-tesla-a100",
    "tesla a100 80gb": "nvidia-a100-80gb",
}
_DISKS: Final = {
    "Storage PD Capacity": "disk/pd-standard",
    "Balanced PD Capacity": "disk/pd-balanced",
    "SSD backed PD Capacity": "disk/pd-ssd",
}


@dataclass(frozen=True)
class Kind:
    """One sort of entry."""

    words: re.Pattern[str]
    units: tuple[str, ...]
    """Units of the catalog in which it is priced."""
    item: Callable[[re.Match[str]], str]
    """What it is the price of: an item of the book, or a part of machines."""
    unit: str = ""
    """Unit of the book; empty for what is a part of a machine alone."""
    many: Decimal = Decimal(1)
    """So many of the catalog's units are one of the book's."""
    anywhere: bool = False
    """Whether it costs the same everywhere, and no region has a price of its own."""


def _kind(words: str, units: str, item: str, unit: str, many: Decimal = Decimal(1), *, anywhere: bool = False) -> Kind:
    return Kind(re.compile(words), (units,), lambda _: item, unit, many, anywhere)


def _machine(prefix: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{prefix}{found[1].lower()}/{found[2].lower()}"


def _accelerator(prefix: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{prefix}/{_ACCELERATORS[found[1].lower()]}"


_HOURS: Final = ("h", "GiBy.h", "GBy.h")
_GPUS: Final = "L4|Tesla T4|Tesla A100|Tesla A100 80GB"
KINDS: Final[Mapping[str, tuple[Kind, ...]]] = {
    "Compute Engine": (
        Kind(
            re.compile(rf"(?:Spot Preemptible )?({_FAMILIES})(?: Predefined)? Instance (Core|Ram) running in .*"),
            _HOURS,
            _machine(""),
        ),
        Kind(re.compile(rf"Nvidia ({_GPUS}) GPU (?:running|attached to Spot).*"), ("h",), _accelerator("gpu"), "hour"),
        Kind(
            re.compile(rf"({'|'.join(_DISKS)})(?: in .*)?"),
            ("GiBy.mo",),
            lambda found: _DISKS[found[1]],
            "GB-month",
        ),
    ),
    "Networking": (
        _kind("Networking Cloud Nat Gateway Uptime", "h", "nat/vm", "hour"),
        _kind("Networking Cloud Nat Data Processing", "GiBy", "nat/data", "GB"),
        _kind("Networking Cloud Armor Policy", "mo", "armor/policy", "month", anywhere=True),
        _kind("Networking Cloud Armor Rule", "mo", "armor/rule", "month", anywhere=True),
        _kind("Networking Cloud Armor Requests", "count", "armor/requests", "million", _MILLION, anywhere=True),
        _kind("Cloud Load Balancer Forwarding Rule Minimum Global", "h", "lb/global-first-five", "hour", anywhere=True),
        _kind(
            "Cloud Load Balancer Forwarding Rule Additional Global", "h", "lb/global-additional", "hour", anywhere=True
        ),
    ),
    "Cloud Run": (
        *(
            _kind(words, unit, f"run/{item}", by, _SECONDS)
            for part, unit, by, name in (("CPU", "s", "hour", "cpu"), ("Memory", "GiBy.s", "GB-hour", "memory"))
            for words, item in (
                # An entry has a space too many, and another its `in` twice.
                (rf"Services {part}(?: Tier 2)? +\(Request-based billing\)", name),
                (rf"Services Min Instance {part}(?: Tier 2)? +\(Request-based billing\)", f"{name}-idle"),
                (rf"Services {part} \(Instance-based billing\) in .*", f"{name}-always"),
            )
        ),
        _kind("Requests", "count", "run/requests", "million", _MILLION),
    ),
    "Vertex AI": (
        Kind(
            re.compile(
                rf"Vertex AI: Online/Batch Prediction ({_FAMILIES})(?: Predefined)? Instance (Core|Ram) running in .*",
                re.IGNORECASE,
            ),
            _HOURS,
            _machine("vertex-"),
        ),
        Kind(
            re.compile(rf"Vertex AI: Online/Batch Prediction Nvidia ({_GPUS}) GPU running in .*", re.IGNORECASE),
            ("h",),
            _accelerator("vertex-gpu"),
            "hour",
        ),
    ),
}
MADE_UP: Final = {"Compute Engine": ("machine", "", "gpu"), "Vertex AI": ("vertex", "vertex-", "vertex-gpu")}
"""Services whose machines have no price of their own: what those are called in the book, and what their parts are."""
