"""The instances that Amazon SageMaker hosts models on, as data: which there are, and what is peculiar about them."""

import difflib
import re
from typing import Final

from components import checks
from components.aws import checks as aws

UPDATED: Final = "2026-11-22"
"""The day on which these tables were held to the model of CreateEndpointConfig in botocore 1.43."""

_USUAL = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"
_FIFTH = "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge"
_COMPUTE = "large xlarge 2xlarge 4xlarge 9xlarge 18xlarge"
_GPU = "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"
_LARGE_GPU = "2xlarge 4xlarge 8xlarge 12xlarge 24xlarge 48xlarge"

SIZES: Final[dict[str, str]] = {
    "t2": "medium large xlarge 2xlarge",
    "m4": "xlarge 2xlarge 4xlarge 10xlarge 16xlarge",
    "m5": _FIFTH,
    "m5d": _FIFTH,
    "m6i": f"{_USUAL} 32xlarge",
    "m7i": f"{_USUAL} 48xlarge",
    "c4": "large xlarge 2xlarge 4xlarge 8xlarge",
    "c5": _COMPUTE,
    "c5d": _COMPUTE,
    "c6i": f"{_USUAL} 32xlarge",
    "c6in": f"{_USUAL} 32xlarge",
    "c7i": f"{_USUAL} 48xlarge",
    "r5": _FIFTH,
    "r5d": _FIFTH,
    "r6i": f"{_USUAL} 32xlarge",
    "r7i": f"{_USUAL} 48xlarge",
    "p2": "xlarge 8xlarge 16xlarge",
    "p3": "2xlarge 8xlarge 16xlarge",
    "p4d": "24xlarge",
    "p4de": "24xlarge",
    "p5": "4xlarge 48xlarge",
    "p5e": "48xlarge",
    "p5en": "48xlarge",
    "p6-b200": "48xlarge",
    "p6-b300": "48xlarge",
    "g4dn": _GPU,
    "g5": f"{_GPU} 24xlarge 48xlarge",
    "g6": f"{_GPU} 24xlarge 48xlarge",
    "g6e": f"{_GPU} 24xlarge 48xlarge",
    "g7": _LARGE_GPU,
    "g7e": _LARGE_GPU,
}
"""Families that this library's images run on, with their sizes."""

LEFT_OUT: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("m6g", "m6gd", "m8g", "c6g", "c6gd", "c6gn", "c7g", "c8g", "r6g", "r6gd", "r7gd", "r8g", "p6e-gb200"),
        "has processors of arm64, and the image is for x86_64",
    ),
    **dict.fromkeys(
        ("inf1", "inf2", "trn1", "trn1n", "trn2"), "has accelerators that take models which Neuron has compiled"
    ),
    "dl1": "has accelerators of Gaudi, which take other models",
}
"""Families that SageMaker has and the image does not run on, and why."""

LOCAL_DISKS: Final = frozenset(
    (
        *("m5d", "c5d", "r5d", "g4dn", "g5", "g6", "g6e", "g7", "g7e"),
        *("p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "p6-b300"),
    )
)
"""Families with disks of their own, which their hardware encrypts: a configuration with one of them may name no key
(CreateEndpointConfig in SageMaker's API reference, `KmsKeyId`, 2026-11-22)."""

_ODD: Final = {"c4.8xlarge": 36}
_MEDIUM = 2


def known() -> list[str]:
    """All types that an endpoint may have."""
    return [f"ml.{family}.{size}" for family, sizes in SIZES.items() for size in sizes.split()]


def family(instance_type: str) -> str:
    """As `m7i` of `ml.m7i.large`."""
    return instance_type.removeprefix("ml.").partition(".")[0]


def has_own_disks(instance_type: str) -> bool:
    """Whether it has disks that no key of one's own encrypts."""
    return family(instance_type) in LOCAL_DISKS


def processors(instance_type: str) -> int:
    """Its vCPUs, as EC2 names sizes by: SageMaker's metric of CPU is the sum over all of them."""
    kind = instance_type.removeprefix("ml.")
    size = re.fullmatch(r".*\.([0-9]*)xlarge", kind)
    return _ODD.get(kind, 4 * int(size[1] or 1) if size else _MEDIUM)


def check(what: str, value: object, region: str) -> None:
    """Hold an instance type to those that there are. Raises ArgsError."""
    if value in known():
        aws.offered(what, str(value).removeprefix("ml."), region)
        return
    if (why := LEFT_OUT.get(family(str(value)))) is not None:
        raise checks.wrong(what, value, f"an instance type that the image runs on, but {why}", "write ml.m7i.large")
    near = [f"ml.{value}"] if f"ml.{value}" in known() else difflib.get_close_matches(str(value), known(), 1)
    fix = f"write {near[0] if near else 'ml.m7i.large'}"
    raise checks.wrong(what, value, f"an instance type of SageMaker's as of {UPDATED}", fix)
