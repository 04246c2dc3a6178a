"""`modelport prices`: what the book has, and its refresh."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from automation.costs import book as books
from automation.costs import update as updating
from automation.costs.book import Book
from automation.exits import Exit, Failure


def prices(
    *,
    update: bool = False,
    regions: Sequence[str] = (),
    path: Path | None = None,
    mirror: str | None = None,
    as_policy: bool = False,
    as_json: bool = False,
) -> int:
    """Show the book, refresh it, or write what `cost-ceiling` asks for. Raises Failure."""
    if update:
        return _update(regions, path, mirror)
    if mirror is not None:
        raise Failure(Exit.BAD_INPUT, "--mirror is given without --update, expected both; add --update")
    known = updating.known(path)
    if as_policy:
        return _policy(known, regions)
    if as_json:
        print(books.text(_only(known, regions)), end="")
        return Exit.DONE
    _show(_only(known, regions))
    return Exit.DONE


def _only(known: Book, regions: Sequence[str]) -> Book:
    wanted = {*regions, books.ANYWHERE}
    return Book(
        known.currency, {key: price for key, price in known.prices.items() if not regions or key.region in wanted}
    )


def _show(known: Book) -> None:
    for source in sorted(known.sources, key=lambda each: (each.date, each.title), reverse=True):
        number = sum(price.source == source for price in known.prices.values())
        print(f"{source.date}  {number:>6}  {source.title}")
    places = {key.region for key in known.prices} - {books.ANYWHERE}
    where = f"{len(places)} region{'' if len(places) == 1 else 's'}"
    print(f"{len(known.prices)} prices in {known.currency}, of {where}, {known.dated or 'without a date'}")
    print("modelport prices --update --region REGION reads the clouds' own lists")


def _update(regions: Sequence[str], path: Path | None, mirror: str | None) -> int:
    if not regions:
        raise Failure(
            Exit.BAD_INPUT,
            "--region is missing, expected the regions whose prices are read, as the lists of all of them are many GB; "
            "for example --region eu-central-1",
        )
    for region in regions:
        if region.count("-") < 1 or not region.replace("-", "").isalnum() or region != region.lower():
            raise Failure(Exit.BAD_INPUT, f"--region is {region!r}, expected one of a cloud; for example eu-central-1")
    if mirror is not None and not mirror.startswith(("https://", "http://")):
        raise Failure(
            Exit.BAD_INPUT, f"--mirror is {mirror!r}, expected the address of a server; write https://{mirror}"
        )
    server = updating.Server() if mirror is None else updating.Server.mirror(mirror)
    place = path or updating.own_book()

    def say(line: str) -> None:
        print(line, flush=True)

    found, failed = updating.update(regions, place, server, os.environ.get("GOOGLE_API_KEY"), say)
    if found.prices:
        print(f"{place}: {len(found.prices)} prices, {found.dated}")
    if failed:
        raise Failure(Exit.FAILED, *failed)
    return Exit.DONE


def _policy(known: Book, regions: Sequence[str]) -> int:
    """The setting `prices` of the rule `cost-ceiling`, for one region: it knows machines by their type alone."""
    if len(regions) != 1:
        raise Failure(
            Exit.BAD_INPUT,
            f"--region is given {len(regions)} times with --policy-config, expected once, as a stack has one",
        )
    machines = {
        key.item.removeprefix("machine/"): float(price.amount)
        for key, price in sorted(known.prices.items(), key=lambda each: each[0].item)
        if key.region == regions[0] and key.item.startswith("machine/") and key.basis == "on-demand"
    }
    if not machines:
        told = f"--region is {regions[0]!r}, of which the book has no machine, expected one that it has"
        raise Failure(Exit.BAD_INPUT, f"{told}; run modelport prices --update --region {regions[0]}")
    json.dump({"cost-ceiling": {"prices": machines}}, sys.stdout, indent=1)
    print()
    return Exit.DONE
