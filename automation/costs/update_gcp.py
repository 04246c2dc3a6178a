"""Google's Cloud Billing Catalog, page by page: https://cloud.google.com/billing/docs/reference/rest/v1/services.skus

It has no price of a machine, but one of a vCPU, of a GB of memory and of an accelerator of a family, of which a machine
of a known shape is made up. It wants an API key, which is never written anywhere.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache, partial
from importlib import resources
from typing import Any, Final, cast

import httpx

from automation.costs.book import BASES, Basis, Key, Price, Source
from automation.costs.update import ListError, Prices, Reader, Server, whole
from automation.exits import Exit, Failure

SERVICES: Final = {"Compute Engine": "6F81-5844-456A"}
"""Services of the catalog by their ids."""
PAGES: Final = 100
"""So many pages at most, so that a server that always names a next one is left."""
_GB: Final = ("GiBy.h", "GBy.h")
_MACHINE: Final = re.compile(
    r"(?:Spot Preemptible )?(?:(E2|N2|N4|C3|C4|G2|A2) Instance|(N1) Predefined Instance) (Core|Ram) running in .*"
)
_GPU: Final = re.compile(r"Nvidia (L4|Tesla T4|Tesla A100|Tesla A100 80GB) GPU (?:running|attached to Spot).*")
_DISK: Final = re.compile(r"(Storage PD Capacity|Balanced PD Capacity|SSD backed PD Capacity)(?: in .*)?")
_ACCELERATORS: Final = {
    "L4": "nvidia-l4",
    "Tesla T4": "nvidia-tesla-t4",
    "Tesla A100": "nvidia-tesla-a100",
    "Tesla A100 80GB": "nvidia-a100-80gb",
}
_DISKS: Final = {
    "Storage PD Capacity": "disk/pd-standard",
    "Balanced PD Capacity": "disk/pd-balanced",
    "SSD backed PD Capacity": "disk/pd-ssd",
}
_Parts = dict[tuple[str, Basis, str], tuple[Decimal, date]]
"""What a part costs an hour, by region, basis and part, and since when."""


@cache
def shapes() -> Mapping[str, Sequence[Any]]:
    """vCPUs and GB of each type of machine, and where it has them its accelerators and their number."""
    file = resources.files("automation.costs") / "shapes" / "gcp.json"
    return cast("Mapping[str, Sequence[Any]]", json.loads(file.read_text("utf-8"))["machines"])


def readers(regions: Sequence[str], server: Server, key: str | None) -> list[Reader]:
    """What reads each service of the catalog. Raises Failure where the key is missing that Google asks for."""
    if not regions:
        return []
    if not key:
        told = f"GOOGLE_API_KEY is not set, expected a key for Google's Cloud Billing Catalog, which {regions[0]} needs"
        how = "make one in a project with cloudbilling.googleapis.com (gcloud services api-keys create), and export it"
        raise Failure(Exit.BAD_INPUT, f"{told}; {how}")
    return [
        (f"Google {name}", partial(_skus, name=name, regions=frozenset(regions), server=server, key=key))
        for name in SERVICES
    ]


def _skus(client: httpx.Client, *, name: str, regions: frozenset[str], server: Server, key: str) -> Prices:
    parts: _Parts = {}
    url = f"{server.google}/v1/services/{SERVICES[name]}/skus"
    for sku in _pages(client, url, key):
        for region in regions & set(sku.get("serviceRegions", ())):
            if found := _part(sku):
                part, basis, amount, since = found
                parts[(region, basis, part)] = (amount, since)
    yield from _priced(parts, sorted(regions), name)


def _pages(client: httpx.Client, url: str, key: str) -> Iterator[Mapping[str, Any]]:
    token = ""
    for _ in range(PAGES):
        wanted = {"key": key, "currencyCode": "USD", "pageSize": "5000"} | ({"pageToken": token} if token else {})
        try:
            page = json.loads(whole(client, url, wanted))
            skus = cast("list[Mapping[str, Any]]", page["skus"])
        except (ValueError, KeyError, TypeError):
            raise ListError("is no page of the catalog, expected JSON with skus") from None
        yield from skus
        token = str(page.get("nextPageToken") or "")
        if not token:
            return
    raise ListError(f"has more than {PAGES} pages, expected the catalog to end")


def _part(sku: Mapping[str, Any]) -> tuple[str, Basis, Decimal, date] | None:
    """What an entry of the catalog is the price of; None for what nothing here asks for."""
    description = str(sku.get("description", ""))
    usage = str(cast("Mapping[str, Any]", sku.get("category", {})).get("usageType", ""))
    bases: dict[str, Basis] = {"OnDemand": BASES[0], "Preemptible": BASES[1]}
    basis = bases.get(usage)
    told = _amount(sku)
    if basis is None or told is None:
        return None
    amount, since, unit = told
    if unit in ("h", *_GB) and (match := _MACHINE.fullmatch(description)):
        return f"{(match[1] or match[2]).lower()}/{match[3].lower()}", basis, amount, since
    if unit == "h" and (match := _GPU.fullmatch(description)):
        return f"gpu/{_ACCELERATORS[match[1]]}", basis, amount, since
    if unit == "GiBy.mo" and (match := _DISK.fullmatch(description)):
        return _DISKS[match[1]], basis, amount, since
    return None


def _amount(sku: Mapping[str, Any]) -> tuple[Decimal, date, str] | None:
    """The price of a unit, from the first rate that is not free, since when it holds, and the unit."""
    try:
        info = sku["pricingInfo"][-1]
        expression = info["pricingExpression"]
        since = date.fromisoformat(str(info["effectiveTime"])[:10])
        for rate in expression["tieredRates"]:
            price = rate["unitPrice"]
            amount = Decimal(str(price.get("units") or 0)) + Decimal(price.get("nanos") or 0).scaleb(-9)
            if amount > 0 and price["currencyCode"] == "USD":
                return amount, since, str(expression["usageUnit"])
    except (KeyError, IndexError, TypeError, ValueError, InvalidOperation):
        return None
    return None


def _priced(parts: _Parts, regions: Sequence[str], name: str) -> Prices:
    def source(region: str, since: date) -> Source:
        title = f"Google's Cloud Billing Catalog, {name} in {region}"
        url = f"https://cloudbilling.googleapis.com/v1/services/{SERVICES[name]}/skus"
        return Source(f"{name} {region} {since}", title, url, since)

    for (region, basis, part), (amount, since) in parts.items():
        if part.startswith(("gpu/", "disk/")):
            unit = "hour" if part.startswith("gpu/") else "GB-month"
            yield Key("gcp", region, part, basis), Price(amount, unit, source(region, since))
    for machine, (cpus, memory, *accelerators) in shapes().items():
        family = machine.partition("-")[0]
        wanted: list[tuple[str, int | float]] = [(f"{family}/core", cpus), (f"{family}/ram", memory)]
        if accelerators:
            wanted.append((f"gpu/{accelerators[0]}", accelerators[1]))
        for region in regions:
            for basis in BASES:
                found = [(parts.get((region, basis, part)), number) for part, number in wanted]
                known = [(part, number) for part, number in found if part is not None]
                if len(known) == len(wanted):
                    amount = sum((part[0] * Decimal(str(number)) for part, number in known), Decimal(0))
                    since = max(part[1] for part, _ in known)
                    yield Key("gcp", region, f"machine/{machine}", basis), Price(amount, "hour", source(region, since))
