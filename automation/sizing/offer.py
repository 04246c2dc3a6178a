"""What an offer is, and what all kinds of them are read from: lists of shapes, and the book of prices."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from automation.costs.book import Book, Price
from automation.sizing.capacity import Shape

if TYPE_CHECKING:
    from automation.sizing.clusters import Node

KINDS: Final = {
    "aws-ec2": "EC2",
    "aws-ecs": "Fargate",
    "aws-eks": "EKS",
    "aws-lambda": "Lambda",
    "aws-sagemaker": "SageMaker",
    "gcp-compute": "Compute Engine",
    "gcp-cloudrun": "Cloud Run",
    "gcp-gke": "GKE",
    "gcp-vertex": "Vertex AI",
}
"""What runs a model, by target. No target of stacks is `gcp-compute`: that is ComputeService."""
GIB: Final = 1024
"""MiB."""


@dataclass(frozen=True)
class Offer:
    """One size of one thing."""

    target: str
    """A key of KINDS."""
    name: str
    """As the cloud calls it; or `2 vCPU, 4 GiB`."""
    region: str
    shape: Shape
    arch: str
    per_hour: Decimal
    """Dollars for one, that answers all the time."""
    per_million: Decimal
    """Dollars for a million requests, beside that."""
    prices: tuple[Price, ...]
    cpu: int | None = None
    memory: int | None = None
    """Units or vCPU, and MiB, as a stack file says them; None for what has a name of its own."""
    per_busy_hour: Decimal = Decimal(0)
    """Dollars for an hour of answering, of what is paid by the time that it answers."""

    once: Decimal = Decimal(0)
    """Dollars an hour beside them, however many there are: of a cluster's control plane."""
    gpu: str = ""
    gpus: int = 0
    """The model of its GPUs, and how many."""
    node: "Node | None" = None
    """What it has for pods, as the node of a cluster."""

    @property
    def cloud(self) -> str:
        return self.target.partition("-")[0]


def size(cpu: float, memory: int) -> str:
    """What is called by what it has."""
    return f"{cpu:g} vCPU, {memory / GIB:g} GiB"


def gcp_arch(name: str) -> str:
    """Of a type of Compute Engine: Tau T2A and Axion (C4A) are ARM64."""
    return "arm64" if name.startswith(("t2a-", "c4a-")) else "amd64"


@cache
def shapes(name: str) -> Mapping[str, Any]:
    """A list of what machines have, with its source and its day."""
    file = resources.files("automation.costs") / "shapes" / f"{name}.json"
    found: Mapping[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def priced(book: Book, cloud: str, region: str, item: str, unit: str) -> Price | None:
    """The price there by that unit; None where the book has none."""
    found = book.price(cloud, region, item)
    return found if found is not None and found.unit == unit else None
