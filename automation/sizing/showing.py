"""What `modelport size` says, as text for people and as JSON for programs."""

import json
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from automation.sizing import profiles
from automation.sizing.choosing import ROOM, Choice, Left
from automation.sizing.clusters import KERNEL, OWN_CPU, OWN_MEMORY, Pods
from automation.sizing.offer import KINDS
from automation.sizing.offers import SCRATCH, SYSTEM, lists

if TYPE_CHECKING:
    from automation.sizing.command import Sized
    from automation.sizing.writing import Written

SHOWN: Final = 15
"""Of what carries the load, the cheapest, unless all are asked for."""
OWN: Final = 3
"""Of the stack's own target, where none of these is one."""
_HEAD: Final = ("runs as", "size", "number", "workers", "busy", "p99", "$/hour", "$/month", "$/million")
_WHY: Final = {
    "architecture": "for another processor",
    "memory": "with too little memory",
    "latency": "too slow",
    "number": "too small",
    "unmeasured": "not measured",
    "pods": "with too little CPU for a pod",
    "places": "with too few places for pods",
}
_NOT: Final = "load balancers, disks, addresses, traffic and what a region's taxes are"


def lines(sized: "Sized", written: "Written | None", *, every: bool) -> list[str]:
    """The whole, line by line."""
    shown = sized.found if every else sized.found[:SHOWN]
    told = [*_measured(sized), *_asked(sized), ""]
    told += _table([_HEAD, *(_row(each) for each in shown)])
    many = len(sized.found)
    more = "" if len(shown) == many else f"; the {len(shown)} cheapest are shown, --all shows the others"
    if any(each.fit.measured for each in shown):
        there = ", ".join(f"{one.machine} on {one.date}" for one in sized.machines)
        told.append(f"* by what was measured of {there}; the number of workers is left to the server")
    told += _own(sized, shown)
    told += ["", f"{many} {'carries' if many == 1 else 'carry'} it{more}"]
    if sized.left:
        told.append(f"left out: {', '.join(_left(sized.left))}")
    if any(each.limit == "unmeasured" for each in sized.left):
        told.append(
            f"of what is not measured nothing is guessed: modelport size -s {sized.stack} --measure FILE --url URL "
            "--machine TYPE asks a server there, and --measured FILE reckons with it"
        )
    if sized.lacking:
        refresh = " ".join(f"--region {region}" for region in sized.regions.values())
        told.append(f"no prices of {', '.join(sized.lacking)}; modelport prices --update {refresh} reads them")
    if dates := sorted({price.source.date for each in shown for price in each.offer.prices}):
        told.append(f"prices of {dates[0]} to {dates[-1]}, without {_NOT}")
    told.append("an estimate: docs/size.md says how it is reckoned, and how near it came to what was measured")
    if written is not None:
        told += ["", *written.lines]
    return told


def _own(sized: "Sized", shown: list[Choice]) -> list[str]:
    """What the stack's own target takes, where the table does not have it."""
    if sized.pods is not None:
        fit, pods = sized.pods.fit, sized.pods.fit.pods
        assert pods is not None
        each = "1 worker" if fit.workers == 1 else f"{fit.workers} workers"
        asks = f"{pods.memory} MiB set aside, at most {pods.cpu_limit} vCPU and {pods.memory_limit} MiB, {each} in each"
        return ["", f"in the cluster of {sized.stack}: {pods}, {asks}; {fit.busy:.0%} busy, p99 {fit.p99_ms:.3g} ms"]
    if any(each.offer.target == sized.target for each in shown):
        return []
    own = [each for each in sized.found if each.offer.target == sized.target][:OWN]
    if not own:
        return []
    return ["", f"of {KINDS[sized.target]}, the target of {sized.stack}:", *_table([_row(each) for each in own])]


def as_json(sized: "Sized", written: "Written | None") -> str:
    """The whole as one object."""
    one, load = sized.measured, sized.load
    return json.dumps(
        {
            "schema": 1,
            "stack": sized.stack,
            "model": {
                "name": one.report.name,
                "version": one.report.version,
                "identity": one.report.identity,
                "current": one.current,
            },
            "measured": one.served.model_dump() | {"machine": one.report.machine},
            "load": {
                "requests_per_second": load.rps,
                "p99_ms": load.p99_ms,
                "headroom": load.headroom,
                "least": load.least,
            },
            "assumed": {"speed": load.speed, "requests_mib": ROOM, "system_mib": SYSTEM, "scratch_mib": SCRATCH}
            | {"cluster_vcpu": OWN_CPU, "cluster_mib": OWN_MEMORY, "kernel": KERNEL},
            "regions": dict(sized.regions),
            "offers": [_choice(each) for each in sized.found],
            "left_out": [
                {"target": each.offer.target, "size": each.offer.name, "limit": each.limit, "why": each.why}
                for each in sized.left
            ],
            "unpriced": sized.lacking,
            "machines": profiles.told(sized.machines),
            "pods": None if sized.pods is None or sized.pods.fit.pods is None else _pods(sized.pods.fit.pods),
            "written": None if written is None else written.recorded,
            "shapes": list(lists()),
        }
    )


def _choice(each: Choice) -> dict[str, Any]:
    offer, fit = each.offer, each.fit
    sources = {str(price.source): price.source.url for price in offer.prices}
    return {
        "target": offer.target,
        "size": offer.name,
        "region": offer.region,
        "vcpus": offer.shape.vcpus,
        "memory_mib": offer.shape.memory,
        "count": fit.count,
        "basis": f"measured on {fit.measured}" if fit.measured else "reckoned",
        **({} if fit.pods is None else {"pods": _pods(fit.pods)}),
        "workers": fit.workers,
        "busy": round(fit.busy, 4),
        "p99_ms": round(fit.p99_ms, 3),
        "needed_mib": round(fit.memory, 1),
        "dollars_per_hour": money(each.per_hour),
        "dollars_per_month": money(each.per_month),
        "dollars_per_million": money(each.per_million),
        "prices": sources,
    }


def _pods(pods: Pods) -> dict[str, Any]:
    return {"count": pods.count, "on_each": pods.on_each, **pods.quantities}


def money(amount: Decimal) -> float:
    """Dollars with as many digits as anybody wants."""
    return round(float(amount), 6)


def _measured(sized: "Sized") -> list[str]:
    one, report = sized.measured.served, sized.measured.report
    whose = "" if sized.measured.current else ", which runs; the recipe has changed since"
    return [
        f"{report.name} {report.version}, {report.chosen}, build {report.identity[:12]}{whose}",
        f"measured: {one.cpu_ms:.3g} ms of a core for a request, {one.cpu_p99_ms:.3g} ms for 99 of 100; the server has "
        f"{one.master_bytes / 1e6:.0f} MB, and {one.worker_bytes / 1e6:.0f} MB for each worker",
        f"          {one.requests} requests of {one.request}, on {report.machine}",
    ]


def _asked(sized: "Sized") -> list[str]:
    load = sized.load
    within = "" if load.p99_ms is None else f", 99 of 100 within {load.p99_ms:g} ms"
    return [
        f"asked:    {load.rps:g} requests a second{within}, {load.headroom:.0%} kept free, "
        f"{load.least} at least, in {' and '.join(sized.regions.values())}",
        f"assumed:  a vCPU there does {load.speed:g} of what a core here does (--speed); {ROOM:.0f} MiB for the "
        f"requests of each worker, {SYSTEM} MiB for a machine's system",
        f"          {OWN_CPU:g} vCPU and {OWN_MEMORY} MiB of each node for the cluster's own pods, {KERNEL:.0%} of its "
        "memory for its kernel",
    ]


def _row(each: Choice) -> tuple[str, ...]:
    fit = each.fit
    return (
        KINDS[each.offer.target],
        _called(each),
        str(fit.count),
        str(fit.workers),
        f"{fit.busy:.0%}",
        f"{fit.p99_ms:.3g} ms",
        f"{each.per_hour:.4f}",
        f"{each.per_month:,.2f}",
        f"{each.per_million:.3f}",
    )


def _called(each: Choice) -> str:
    if each.fit.pods is not None:
        return f"{each.offer.name}, {each.fit.pods}"
    return f"{each.offer.name} *" if each.fit.measured else each.offer.name


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    wide = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(wide[place]) if place < 2 else cell.rjust(wide[place]) for place, cell in enumerate(row)
        ).rstrip()
        for row in rows
    ]


def _left(left: list[Left]) -> list[str]:
    """How many for which reason, and the nearest of each."""
    told: list[str] = []
    for limit, many in Counter(each.limit for each in left).most_common():
        nearest = min((each for each in left if each.limit == limit), key=lambda each: (each.beyond, each.offer.name))
        told.append(f"{many} {_WHY[limit]} ({nearest.offer.name} {nearest.why})")
    return told
