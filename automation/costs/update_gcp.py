"""Google's Cloud Billing Catalog, page by page: https://cloud.google.com/billing/docs/reference/rest/v1/services.skus

It has no price of a machine, but one of a vCPU, of a GB of memory and of an accelerator of a family, of which a machine
of a known shape is made up. It wants an API key, which is never written anywhere.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache, partial
from importlib import resources
from typing import Any, Final, cast

import httpx

from automation.costs.book import ANYWHERE, BASES, Basis, Key, Price, Source
from automation.costs.gcp_entries import KINDS, MADE_UP, SERVICES, Kind
from automation.costs.update import ListError, Prices, Reader, Server, whole
from automation.exits import Exit, Failure

PAGES: Final = 100
"""So many pages at most, so that a server that always names a next one is left."""
_GLOBAL: Final = "global"
"""The region of an entry that holds in all of them."""


@dataclass(frozen=True)
class _Part:
    """What an entry says of one part in one region."""

    amount: Decimal
    since: date
    kind: Kind


_BASES: Final[dict[str, Basis]] = {"OnDemand": BASES[0], "Preemptible": BASES[1]}
_Parts = dict[tuple[str, Basis, str], _Part]
"""By region, basis and what it is the price of."""


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
    twice: set[tuple[str, Basis, str]] = set()
    known = False
    url = f"{server.google}/v1/services/{SERVICES[name]}/skus"
    for sku in _pages(client, url, key):
        found = _part(sku, KINDS[name])
        if found is None:
            continue
        known = True
        item, basis, part = found
        there = set(sku.get("serviceRegions", ()))
        held = {ANYWHERE} if part.kind.anywhere else set(regions) if _GLOBAL in there else regions & there
        for region in held:
            place = (region, basis, item)
            if parts.setdefault(place, part).amount != part.amount:
                # Of two prices for one thing nobody can say which holds: africa-south1 is in both tiers of Cloud Run.
                twice.add(place)
    if not known:
        raise ListError("holds no price that Modelport knows")
    yield from _priced({place: part for place, part in parts.items() if place not in twice}, sorted(regions), name)


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


def _part(sku: Mapping[str, Any], kinds: Sequence[Kind]) -> tuple[str, Basis, _Part] | None:
    """What an entry of the catalog is the price of; None for what nothing here asks for."""
    description = str(sku.get("description", ""))
    usage = str(cast("Mapping[str, Any]", sku.get("category", {})).get("usageType", ""))
    basis = _BASES.get(usage)
    told = _amount(sku) if basis is not None else None
    if basis is None or told is None:
        return None
    amount, since, unit = told
    for kind in kinds:
        if unit in kind.units and (match := kind.words.fullmatch(description)):
            return kind.item(match), basis, _Part(amount * kind.many, since, kind)
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
        where = "" if region == ANYWHERE else f" in {region}"
        title = f"Google's Cloud Billing Catalog, {name}{where}"
        url = f"https://cloudbilling.googleapis.com/v1/services/{SERVICES[name]}/skus"
        return Source(f"{name}{'' if region == ANYWHERE else f' {region}'} {since}", title, url, since)

    for (region, basis, item), part in parts.items():
        if part.kind.unit:
            yield Key("gcp", region, item, basis), Price(part.amount, part.kind.unit, source(region, part.since))
    if name not in MADE_UP:
        return
    called, prefix, gpu = MADE_UP[name]
    for machine, (cpus, memory, *accelerators) in shapes().items():
        family = f"{prefix}{machine.partition('-')[0]}"
        wanted: list[tuple[str, int | float]] = [(f"{family}/core", cpus), (f"{family}/ram", memory)]
        if accelerators:
            wanted.append((f"{gpu}/{accelerators[0]}", accelerators[1]))
        for region in regions:
            for basis in BASES:
                found = [(parts.get((region, basis, part)), number) for part, number in wanted]
                known = [(part, number) for part, number in found if part is not None]
                if len(known) == len(wanted):
                    amount = sum((part.amount * Decimal(str(number)) for part, number in known), Decimal(0))
                    since = max(part.since for part, _ in known)
                    yield Key("gcp", region, f"{called}/{machine}", basis), Price(amount, "hour", source(region, since))
