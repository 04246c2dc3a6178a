"""Names of images in registries."""

import ipaddress
import re
from dataclasses import dataclass

from model_build.push.errors import DestinationError

_HOST = re.compile(r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")


def is_loopback(name: str) -> bool:
    """Whether a host's name or address is that of this machine."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class Reference:
    """host[:port]/repository[:tag][@digest]."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def loopback(self) -> bool:
        """Whether the host is this machine: only then does plain HTTP do."""
        return is_loopback(re.sub(r":\d+$", "", self.host).strip("[]"))

    @property
    def api_host(self) -> str:
        """Where the registry's API is: Docker Hub's has a name of its own."""
        return "registry-1.docker.io" if self.host in _DOCKER_HUB else self.host

    @property
    def name(self) -> str:
        """host/repository."""
        return f"{self.host}/{self.repository}"

    def at(self, digest: str) -> str:
        """This repository's image `digest`, as everything deploys it."""
        return f"{self.name}@{digest}"


def parse(text: str) -> Reference:
    """Read a reference. Raises DestinationError for one without a registry, or that breaks a rule of names."""

    def wrong(what: str) -> DestinationError:
        return DestinationError(
            f"{text!r} {what}, expected host[:port]/repository[:tag] or host[:port]/repository@sha256:...; "
            "write it as 127.0.0.1:5000/models/digits"
        )

    if "://" in text:
        raise wrong("has a scheme")
    host, slash, rest = text.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        raise wrong("names no registry")
    if "@" in host:
        raise DestinationError(
            "the destination has a user or password in it, expected host[:port]/repository[:tag]; keep them in "
            "Docker's "
            "config file (docker login)"
        )
    found = _HOST.fullmatch(host)
    if not found or (found[1] and not 0 < int(found[1]) < 65536):
        raise wrong("has no valid host")
    rest, at, digest = rest.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise wrong("has no valid digest")
    repository, colon, tag = rest.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise wrong("has no valid tag")
    if not _REPOSITORY.fullmatch(repository) or len(repository) > 255:
        raise wrong("has no valid repository (lower-case letters, digits, dots, dashes, underscores)")
    if host in _DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return Reference(host, repository, tag, digest)
