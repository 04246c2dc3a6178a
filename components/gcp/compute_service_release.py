"""How a new version takes the place of the old one on Compute Engine: the words of a release."""

from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple, NotRequired, TypedDict

from components import checks
from components.gcp import release_steps
from components.gcp.release_steps import Plan

WHAT: Final = "ComputeService.release"
MOST: Final = 1000


class ComputeStrategy(Enum):
    """How a new version comes to its instances."""

    ROLLING = "rolling"
    """Some at a time, as soon as those before answer."""
    CANARY = "canary"
    """A share of the instances, larger step by step."""


class ComputeStep(TypedDict):
    """A step of a canary."""

    weight: int
    """Percent of the instances that have the new version, and so of the requests; one instance at least."""
    pause: NotRequired[float]
    """Seconds that the step takes once these answer, 60 at least. Default: 300, as what a load balancer counts is seen
    some minutes later."""


class ComputeRelease(TypedDict):
    """How a new version takes the place of the old one."""

    strategy: NotRequired[ComputeStrategy]
    """How it comes to its instances. Default: rolling."""
    steps: NotRequired[Sequence[ComputeStep]]
    """The steps of a canary, each larger than the one before."""
    pause: NotRequired[float]
    """Seconds for which the new version is looked at once it has all instances: until then it goes back. Default: 300;
    with strategy rolling it is not looked at, beyond whether it answers."""
    max_surge: NotRequired[int]
    """Instances that a release has beyond those there are; 0, or as many as zones at least. Default: one for each
    zone."""
    max_unavailable: NotRequired[int]
    """Instances that may be missing meanwhile; 0, or as many as zones at least. Default: 0, or one for each zone where
    `max_surge` is 0."""


class Release(NamedTuple):
    """A release as a group of instances takes it."""

    plan: Plan
    surge: int
    unavailable: int


def asked(given: ComputeRelease, zones: int) -> Release:
    """A release, checked. Raises ArgsError.

    zones: how many there are. The two numbers go by them (Compute Engine, "Automatically apply VM configuration
    updates in a MIG", for regional groups, 2026-11-22).
    """
    plan = release_steps.asked(WHAT, given, ComputeRelease, ComputeStep, ComputeStrategy)
    surge = _by_zones("max_surge", given.get("max_surge", zones), zones)
    unavailable = _by_zones("max_unavailable", given.get("max_unavailable", 0 if surge else zones), zones)
    if not surge and not unavailable:
        expected = "more than 0 beside max_surge 0, as a release would have no instance to begin with"
        raise checks.wrong(f"{WHAT}.max_unavailable", 0, expected, f"write {zones}, or leave both out")
    return Release(plan, surge, unavailable)


def _by_zones(key: str, value: object, zones: int) -> int:
    number = checks.whole(f"{WHAT}.{key}", value, 0, MOST, "instances")
    if 0 < number < zones:
        raise checks.wrong(f"{WHAT}.{key}", number, f"0, or at least {zones}, as there are zones", f"write {zones}")
    return number
