"""What Google Cloud's own words must be: projects, regions, zones, keys, labels, names."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, cast

import pulumi

from components.checks import fits, one_of, wrong
from components.gcp import catalog
from components.gcp.names import COMPONENT

PROJECT = r"(?!google|ssl|goog)[a-z][a-z0-9-]{4,28}[a-z0-9]"
"""Ids of projects (Resource Manager, "Creating and managing projects"); those of a domain, `example.com:shop`, are no
longer made and left out."""
NUMBER = r"[1-9][0-9]{5,18}"
KEY = r"projects/[a-z][a-z0-9.:-]{4,61}/locations/[a-z0-9-]+/keyRings/[\w-]{1,63}/cryptoKeys/[\w-]{1,63}"
ACCOUNT = r"[a-z](?:[a-z0-9-]{4,28}[a-z0-9])@[a-z][a-z0-9.-]+\.iam\.gserviceaccount\.com"
SUFFIX: Final = 8
"""Characters that Pulumi puts behind a name that it makes, `-` and seven more."""
LONGEST: Final = 63
"""Characters of most of Google's names (RFC 1035)."""
LABELS: Final = 60
"""Labels that one may give a resource: Google takes 64, and some are ours."""
MACHINE_TYPE = r"[a-z][a-z0-9]*-[a-z]+[a-z0-9]*(-[0-9]+[a-z]*)?(-lssd)?(-metal)?"
"""The form of a machine type, as `n2-standard-4`, `g2-standard-8` or `a2-highgpu-1g`."""
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
IMAGE: Final = re.compile(
    rf"(?P<place>[a-z]+(-[a-z]+[0-9]+)?)-docker\.pkg\.dev/[a-z][a-z0-9.:-]{{4,61}}/[a-z][a-z0-9-]{{0,62}}/{_PART}(/{_PART})*"
    r"(:[\w][\w.-]{0,127})?@sha256:[0-9a-f]{64}"
)


def told(what: str, value: pulumi.Input[str], rule: Callable[[str, str], object]) -> pulumi.Input[str]:
    """What another resource tells of itself is taken for what it is; what a program writes is checked."""
    if not isinstance(value, pulumi.Output):
        rule(what, cast("str", value))
    return value


def named(component: str, name: object, most: int) -> None:
    """The name of a component, which the names of its resources begin with. Raises ArgsError.

    most: characters that Google leaves of its own limit, after what a resource's own part and Pulumi's suffix take.
    """
    expected = f"a letter and at most {most - 1} more of a-z, 0-9 and -, the last of them no -"
    fits(f"the name of {component}", name, rf"(?=.{{1,{most}}}$)[a-z]([a-z0-9-]*[a-z0-9])?", expected, "shop")


def project(what: str, value: object) -> None:
    """A project's id. Raises ArgsError."""
    fits(what, value, PROJECT, "the id of a project, 6 to 30 of a-z, 0-9 and -, beginning with a letter", "shop-prod")


def number(what: str, value: object) -> None:
    """A project's number, as text. Raises ArgsError."""
    expected = "the number of a project, digits as text, which `gcloud projects describe` tells"
    fits(what, value, NUMBER, expected, '"123456789012"')


def region(what: str, value: object) -> None:
    """A region that is known. Raises ArgsError."""
    one_of(what, value, catalog.ZONES)


def zones(what: str, value: Sequence[str], region_: str, least: int = 1) -> None:
    """Zones of one region, each once. Raises ArgsError."""
    known = catalog.zones(region_)
    for each in value:
        if each not in known:
            raise wrong(what, each, f"zones of {region_}", f"take of {', '.join(known)}")
    if len(set(value)) != len(value):
        raise wrong(what, list(value), "each zone once", f"write {sorted(set(value))}")
    if len(value) < least:
        raise wrong(what, list(value), f"at least {least} zones, as one may fail", f"write {known[:3]}")


def labels(what: str, value: Mapping[str, object]) -> None:
    """Labels that somebody may give. Raises ArgsError."""
    allowed = "letters of lower case, digits, _ and -"
    for key, given in value.items():
        fits(f"a key of {what}", key, r"[a-z][a-z0-9_-]{0,62}", f"a letter and at most 62 {allowed}", "team")
        if key == COMPONENT or key.startswith(("goog-", "pulumi-")):
            raise wrong(f"a key of {what}", key, "one that neither Google, Pulumi nor this library sets", "rename it")
        if isinstance(given, str):
            fits(f"{what}[{key!r}]", given, r"[a-z0-9_-]{0,63}", f"at most 63 {allowed}", "ml")
    if len(value) > LABELS:
        raise wrong(what, f"{len(value)} labels", f"at most {LABELS}, as Google takes 64 with ours", "leave some out")


def key(what: str, value: object, *locations: str) -> None:
    """A key of Cloud KMS by its whole name, in one of `locations`. Raises ArgsError."""
    where = locations[0] if locations else "europe-west4"
    example = f"projects/shop-prod/locations/{where}/keyRings/models/cryptoKeys/models"
    fits(what, value, KEY, "the whole name of a key of Cloud KMS", example)
    found = str(value).split("/")[3]
    if locations and found not in locations:
        raise wrong(
            what,
            value,
            f"a key of {' or '.join(locations)}, where what uses it is",
            f"make or take one there: {example}",
        )


def account(what: str, value: object) -> None:
    """A service account's address. Raises ArgsError."""
    fits(what, value, ACCOUNT, "the address of a service account", "server@shop-prod.iam.gserviceaccount.com")


def machine_type(what: str, value: object) -> None:
    """The form of a machine type; which there are is Compute Engine's to say. Raises ArgsError."""
    fits(what, value, MACHINE_TYPE, "a machine type of Compute Engine", "n2-standard-4")


def agent(number_: str, service: str) -> str:
    """The member that Google's own agent of a service is in a project (IAM, "Service agents").

    service: what stands between `service-NUMBER@` and `.iam.gserviceaccount.com`, as `compute-system`.
    """
    return f"serviceAccount:service-{number_}@{service}.iam.gserviceaccount.com"


def image(what: str, value: object) -> None:
    """An image in Artifact Registry by its digest. Raises ArgsError."""
    if not isinstance(value, str) or not IMAGE.fullmatch(value):
        raise wrong(
            what,
            value,
            "an image in Artifact Registry by digest, REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE@sha256:...",
            "pass the reference of a ModelImage whose destination is an ArtifactRegistry's url",
        )


def whole_network(what: str, value: object) -> None:
    """The whole name of a VPC network. Raises ArgsError."""
    pattern = r"projects/[a-z][a-z0-9.:-]{4,61}/global/networks/[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
    fits(what, value, pattern, "the whole name of a network", "projects/shop-prod/global/networks/shop")


def subnetwork(what: str, value: object, region: str) -> None:
    """The whole name of a subnetwork of a region. Raises ArgsError."""
    pattern = r"projects/[a-z][a-z0-9.:-]{4,61}/regions/[a-z0-9-]+/subnetworks/[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
    example = f"projects/shop-prod/regions/{region}/subnetworks/shop"
    fits(what, value, pattern, "the whole name of a subnetwork", example)
    if str(value).split("/")[3] != region:
        raise wrong(what, value, f"one of {region}, where what uses it is", f"make or take one in {region}")
