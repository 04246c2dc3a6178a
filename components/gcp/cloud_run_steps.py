"""How a new version takes the place of the old one on Cloud Run: the words of a release."""

from collections.abc import Sequence
from enum import Enum
from typing import Final, NotRequired, TypedDict

from components.gcp import release_steps
from components.gcp.release_steps import Plan

WHAT: Final = "CloudRunService.release"


class CloudRunStrategy(Enum):
    """How a new version comes to its requests."""

    ROLLING = "rolling"
    """All at once, as soon as it answers."""
    CANARY = "canary"
    """A share of the requests, larger step by step."""
    BLUE_GREEN = "blue-green"
    """All at once, and back where it does not hold."""


class CloudRunStep(TypedDict):
    """A step of a canary."""

    weight: int
    """Percent of the requests that the new version gets."""
    pause: NotRequired[float]
    """Seconds that the step takes, 60 at least. Default: 300, as what Cloud Run counts is seen some minutes later."""


class CloudRunRelease(TypedDict):
    """How a new version takes the place of the old one."""

    strategy: NotRequired[CloudRunStrategy]
    """How it comes to its requests. Default: rolling."""
    steps: NotRequired[Sequence[CloudRunStep]]
    """The steps of a canary, each larger than the one before."""
    pause: NotRequired[float]
    """Seconds for which the new version is looked at once it gets all requests: until then it goes back. Default: 300;
    with strategy rolling it is not looked at."""


def asked(given: CloudRunRelease) -> Plan:
    """A release, checked. Raises ArgsError."""
    return release_steps.asked(WHAT, given, CloudRunRelease, CloudRunStep, CloudRunStrategy)
