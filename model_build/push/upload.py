"""Bringing one blob to a registry: not at all where it is there, by a mount, in one piece, or in chunks."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from model_build.push.client import Registry
from model_build.push.errors import DeniedError, LoginError, RegistryDown, RegistryError

_BLOCK = 1 << 20
_CHUNK = 16 << 20
_ATTEMPTS = 3
_BINARY = {"content-type": "application/octet-stream"}


def has_blob(registry: Registry, digest: str) -> bool:
    """Whether the repository has the blob."""
    path = f"{registry.reference.repository}/blobs/{digest}"
    return registry.request("HEAD", path, expect=(200, 404)).status_code == 200


def send_blob(registry: Registry, digest: str, file: Path, size: int, mount: str = "") -> bool:
    """Bring the blob to the repository; False when a mount from the repository `mount` spared sending it."""
    for attempt in range(_ATTEMPTS):
        address = _begin(registry, digest, mount)
        if not address:
            return False
        try:
            if attempt == 0:
                _whole(registry, address, digest, file, size)
            else:
                # What broke a large request (a proxy's limit, a shaky line) may let small ones through.
                _chunks(registry, address, digest, file, size)
            return True
        except RegistryDown:
            if attempt == _ATTEMPTS - 1:
                raise
        except RegistryError as error:
            if attempt == _ATTEMPTS - 1 or type(error) is not RegistryError:
                raise
        mount = ""
    raise AssertionError("the last attempt returns or raises")


def _begin(registry: Registry, digest: str, mount: str) -> str:
    path = f"{registry.reference.repository}/blobs/uploads/"
    if mount:
        query = {"mount": digest, "from": mount}
        try:
            answer = registry.request("POST", path, expect=(201, 202), push=True, also_pull=mount, params=query)
        except (DeniedError, LoginError):
            # Of one host the repositories may be many people's: what one may read, another may not.
            return _begin(registry, digest, "")
        if answer.status_code == 201:
            return ""
    else:
        answer = registry.request("POST", path, expect=(202,), push=True, headers={"content-length": "0"})
    return registry.location(answer)


def _with_digest(address: str, digest: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'digest': digest})}"


def _read(file: Path, start: int, length: int) -> Iterator[bytes]:
    with file.open("rb", buffering=0) as source:
        source.seek(start)
        while length and (block := source.read(min(_BLOCK, length))):
            length -= len(block)
            yield block


def _whole(registry: Registry, address: str, digest: str, file: Path, size: int) -> None:
    registry.request(
        "PUT",
        _with_digest(address, digest),
        expect=(201, 204),
        push=True,
        body=partial(_read, file, 0, size),
        headers={**_BINARY, "content-length": str(size)},
        attempts=1,
    )


def _chunks(registry: Registry, address: str, digest: str, file: Path, size: int) -> None:
    at = 0
    while at < size:
        length = min(_CHUNK, size - at)
        answer = registry.request(
            "PATCH",
            address,
            expect=(202, 204),
            push=True,
            body=partial(_read, file, at, length),
            headers={**_BINARY, "content-length": str(length), "content-range": f"{at}-{at + length - 1}"},
            attempts=1,
        )
        address = registry.location(answer)
        at += length
    registry.request(
        "PUT", _with_digest(address, digest), expect=(201, 204), push=True, headers={"content-length": "0"}, attempts=1
    )
