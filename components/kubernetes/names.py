"""The words that everything of a service in a cluster has in common: names, labels, the container and its port.

Labels and names are part of what runs and of what is stored: a changed one replaces the object.
"""

import re

APP = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"
MANAGED_BY = "app.kubernetes.io/managed-by"
TRACK = "modelport.io/track"
REVISION = "modelport.io/revision"
DIGEST = "modelport.io/digest"
"""Annotation of a pod: the digest of its image."""

STABLE, CANARY, BASELINE = "stable", "canary", "baseline"
"""Tracks: what serves, what is being tried, and what it is compared with."""

CONTAINER = "model"
PORT_NAME, PORT, SERVICE_PORT = "http", 8080, 80
LIVE, READY, METRICS = "/v2/health/live", "/v2/health/ready", "/metrics"

LONGEST = 40
"""Characters of a service's name: what is made of it (`NAME-canary`, the names of pods) fits into 63."""

_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def service(name: str) -> str:
    """`name` itself when a service may be called so. Raises ValueError."""
    if not _LABEL.fullmatch(name) or len(name) > LONGEST:
        raise ValueError(
            f"the service's name is {name!r}, expected at most {LONGEST} lower-case letters, digits and hyphens, "
            f"a letter first; for example {fitting(name)}"
        )
    return name


def fitting(text: str) -> str:
    """`text` as the name of a service: what may not stand in one is a hyphen."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if not plain[:1].isalpha():
        plain = f"m-{plain}".rstrip("-")
    return plain[:LONGEST].rstrip("-")


def canary(name: str) -> str:
    """What is called after the track beside the stable one: a Deployment while a release goes on, and a Service."""
    return f"{name}-{CANARY}"


def baseline(name: str) -> str:
    return f"{name}-{BASELINE}"


def keys(name: str) -> str:
    """The Secret with the hashes of a service's API keys."""
    return f"{name}-keys"


def labels(name: str, track: str | None = None) -> dict[str, str]:
    """Labels of everything that belongs to the service `name`; of one track, where it is given."""
    common = {APP: name, COMPONENT: "model", MANAGED_BY: "modelport"}
    return common if track is None else {**common, TRACK: track}


def selector(name: str, track: str | None = None) -> dict[str, str]:
    """What finds the pods of the service `name`, of all tracks or of one."""
    return {APP: name} if track is None else {APP: name, TRACK: track}


def digest(reference: str) -> str:
    """`sha256:...` of an image by digest. Raises ValueError: nothing is deployed by a tag."""
    found = reference.rpartition("@")[2]
    if not _DIGEST.fullmatch(found):
        raise ValueError(
            f"the image is {reference!r}, expected one by digest, registry/repository@sha256:...; "
            "pass a ModelImage's reference"
        )
    return found


def revision(reference: str) -> str:
    """The first 12 hex digits of an image's digest: what a version is called in labels and metrics."""
    return digest(reference).removeprefix("sha256:")[:12]
