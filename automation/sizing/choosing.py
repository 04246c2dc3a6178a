"""Which offers carry a load, the cheapest first, and what stands against the others."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from automation.costs.metering import HOURS
from automation.sizing import clusters, functions, profiles
from automation.sizing.capacity import Cost, Fit, Load, Misfit, Shape, fit
from automation.sizing.offer import Offer
from automation.sizing.profiles import Measurement
from components.kubernetes.sizing import HELD, MEBI, PER_BODY

ROOM: Final = HELD * PER_BODY / MEBI
"""MiB for the requests that a worker has in hand, as pods have it."""
BUILT: Final = "amd64"
"""What every image is built for, and measured on."""
KEEP: Final = 0.1
"""Share of its costs that another must save before it takes the place of what was chosen before."""


@dataclass(frozen=True)
class Choice:
    """An offer that carries the load."""

    offer: Offer
    fit: Fit
    per_hour: Decimal
    """Dollars, for all of them and their requests."""
    per_million: Decimal

    @property
    def per_month(self) -> Decimal:
        return self.per_hour * HOURS


@dataclass(frozen=True)
class Left:
    """An offer that does not, and why."""

    offer: Offer
    limit: str
    """That of its Misfit, or `architecture` or `unmeasured`."""
    why: str
    beyond: float
    """How many times what is expected it would have to be; the nearest has the least."""


def choose(
    load: Load,
    cost: Cost,
    offered: Iterable[Offer],
    *,
    arches: Collection[str],
    workers: Mapping[str, int],
    measured: Sequence[Measurement] = (),
) -> tuple[list[Choice], list[Left]]:
    """What carries the load, the cheapest first, and what does not.

    arches: of the image; what a request costs was measured on `BUILT`. workers: on each machine, by target, where a
    stack says it. measured: what machines did, which goes before what is reckoned.
    """
    found: list[Choice] = []
    left: list[Left] = []
    for offer in offered:
        if offer.arch not in arches:
            whose = " and ".join(arches)
            left.append(Left(offer, "architecture", f"is {offer.arch}, and the image is for {whose}", math.inf))
            continue
        found_there = profiles.of(offer, measured)
        if found_there is None and (offer.gpus or offer.arch != BUILT):
            has = f"has {offer.gpus} GPU{'' if offer.gpus == 1 else 's'}, {offer.gpu}" if offer.gpus else "is arm64"
            left.append(Left(offer, "unmeasured", f"{has}, and nothing was measured there", math.inf))
            continue
        if found_there is not None:
            fitted = profiles.fit(load, cost, offer, found_there, room=ROOM)
        else:
            fitted = _fitted(load, cost, offer, workers.get(offer.target))
        if isinstance(fitted, Misfit):
            left.append(_left(offer, fitted))
            continue
        requests = Decimal(str(load.rps)) * 3600 / 1_000_000
        busy = Decimal(str(load.rps)) * Decimal(str(fitted.billed_ms)) / 1000
        per_hour = offer.once + offer.per_hour * fitted.count + offer.per_busy_hour * busy
        per_hour += offer.per_million * requests
        found.append(Choice(offer, fitted, per_hour, per_hour / requests))
    found.sort(key=lambda each: (each.per_hour, each.fit.count, each.offer.target, each.offer.name))
    return list(_worth(found)), left


def anywhere(load: Load, cost: Cost, workers: Mapping[str, int]) -> Choice | Left:
    """Pods for a cluster that is there, whose nodes and prices nobody knows here."""
    fitted = clusters.anywhere(load, cost, room=ROOM, workers=workers.get(clusters.TARGET))
    nothing = Decimal(0)
    offer = Offer(clusters.TARGET, "a pod", "", Shape(1, math.inf), BUILT, nothing, nothing, ())
    return _left(offer, fitted) if isinstance(fitted, Misfit) else Choice(offer, fitted, nothing, nothing)


def _left(offer: Offer, fitted: Misfit) -> Left:
    less = fitted.limit in ("memory", "pods", "places")
    pair = (fitted.expected, fitted.got) if less else (fitted.got, fitted.expected)
    return Left(offer, fitted.limit, str(fitted), pair[0] / pair[1] if pair[1] else math.inf)


def _fitted(load: Load, cost: Cost, offer: Offer, workers: int | None) -> Fit | Misfit:
    if offer.target == functions.TARGET:
        return functions.fit(load, cost, offer.shape, room=functions.PAYLOAD * PER_BODY)
    if offer.node is not None:
        return clusters.on_nodes(load, cost, offer.node, room=ROOM, workers=workers)
    return fit(load, cost, offer.shape, room=ROOM, workers=workers)


def _worth(found: Iterable[Choice]) -> Iterator[Choice]:
    """Without what differs from a cheaper one in memory alone, which the model has no use for."""
    seen: set[tuple[str, float, int, int]] = set()
    for each in found:
        if each.offer.memory is not None:
            alike = (each.offer.target, each.offer.shape.vcpus, each.fit.workers, each.fit.count)
            if alike in seen:
                continue
            seen.add(alike)
        yield each


def settled(found: list[Choice], target: str, before: Mapping[str, Any]) -> Choice | None:
    """What a stack of `target` takes: the cheapest, or what it has already where no other saves a tenth of that.

    before: what the stack file has recorded. None where nothing of the target carries the load.
    """
    own = [each for each in found if each.offer.target == target and _serves(each.offer)]
    if not own:
        return None
    kept = next((each for each in own if same(each.offer, before)), None)
    if kept is not None and own[0].per_hour > kept.per_hour * Decimal(str(1 - KEEP)):
        return kept
    return own[0]


def _serves(offer: Offer) -> bool:
    """Whether a stack runs the model's own image there: it has no use for GPUs, and no component starts ARM64."""
    return not offer.gpus and offer.arch == BUILT


def same(offer: Offer, recorded: Mapping[str, Any]) -> bool:
    """Whether it is what a stack file has recorded."""
    if offer.memory is None:
        return recorded.get("type") == offer.name
    return (recorded.get("cpu"), recorded.get("memory")) == (offer.cpu, offer.memory)
