"""How a new version takes the place of the old one on Vertex AI: the words of a release."""

from collections.abc import Sequence
from enum import Enum
from typing import Final, NotRequired, TypedDict

from components.gcp import release_steps
from components.gcp.release_steps import Plan

WHAT: Final = "VertexEndpoint.release"


class VertexStrategy(Enum):
    """How a new version comes to its requests."""

    ROLLING = "rolling"
    """All at once, as soon as it answers."""
    CANARY = "canary"
    """A share of the requests, larger step by step."""
    BLUE_GREEN = "blue-green"
    """All at once, and back where it does not hold."""


class VertexStep(TypedDict):
    """A step of a canary."""

    weight: int
    """Percent of the requests that the new version gets."""
    pause: NotRequired[float]
    """Seconds that the step takes, 60 at least. Default: 300; what Vertex AI counts is seen some minutes later, of a
    private endpoint up to six."""


class VertexRelease(TypedDict):
    """How a new version takes the place of the old one, whose replicas stay until then."""

    strategy: NotRequired[VertexStrategy]
    """How it comes to its requests. Default: rolling."""
    steps: NotRequired[Sequence[VertexStep]]
    """The steps of a canary, each larger than the one before."""
    pause: NotRequired[float]
    """Seconds for which the new version is looked at once it gets all requests: until then it goes back. Default: 300;
    with strategy rolling it is not looked at."""


def asked(given: VertexRelease) -> Plan:
    """A release, checked. Raises ArgsError."""
    return release_steps.asked(WHAT, given, VertexRelease, VertexStep, VertexStrategy)
