"""API keys: who may ask for anything but health and metrics.

A folder says it, one file for each key: the file's name is the key's name, its content the SHA-256 of the key in hex
(more lines are more keys). A Kubernetes Secret mounted as a volume is such a folder. The keys themselves are nowhere
in it, so whoever reads it cannot ask.
"""

import binascii
import hashlib
import os
import time
from collections.abc import Callable
from hmac import compare_digest
from pathlib import Path

from serving.errors import StartError, Unauthorized

OPEN = frozenset(("/v2/health/live", "/v2/health/ready", "/metrics", "/ping"))
"""What probes and scrapers ask for, who have no key."""

_HOW = "send it as 'Authorization: Bearer KEY' or 'X-Api-Key: KEY'"
# A look at the folder costs some 20 us, so not each request takes one.
_LOOK_EVERY = 1.0

Seen = tuple[tuple[str, int, int, int], ...]


def require(folder: Path) -> None:
    """Raises StartError when `folder` cannot be read as keys: a mistake there is told before anything starts."""
    try:
        _, wrong = _read(folder, _look(folder))
    except OSError as error:
        raise StartError(f"MODELPORT_API_KEYS: {folder}: {error.strerror}; expected a folder of keys") from None
    if wrong:
        raise StartError(f"MODELPORT_API_KEYS: {'; '.join(wrong)}")


class Keys:
    """The keys of one folder, read again within a second of a change.

    `say` hears of every change, and of what is wrong. An entry that cannot be understood lets nobody in, and neither
    does a folder that is empty or gone.
    """

    def __init__(self, folder: Path, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._say, self._clock = folder, say, clock
        self._seen: Seen | None = None
        self._hashes: list[bytes] = []
        self._look_again()

    def check(self, authorization: bytes | None, api_key: bytes | None) -> None:
        """Raises Unauthorized unless one of the two headers holds a key of this server's."""
        if self._clock() - self._looked >= _LOOK_EVERY:
            self._look_again()
        if api_key is not None and self._knows(api_key):
            return
        bearer = authorization is not None and authorization[:7].lower() == b"bearer "
        if authorization is not None and bearer and self._knows(authorization[7:]):
            return
        if api_key is None and not bearer:
            raise Unauthorized(f"an API key is needed; {_HOW}", given=False)
        raise Unauthorized("the API key is not one that this server takes; it may be misspelt or withdrawn", given=True)

    def _knows(self, key: bytes) -> bool:
        if not (key := key.strip()):  # the hash of nothing, put in by mistake, would let everybody in
            return False
        given = hashlib.sha256(key).digest()
        # Every hash is compared, each in a time that does not tell how much of it was right.
        return sum(compare_digest(given, known) for known in self._hashes) > 0

    def _look_again(self) -> None:
        self._looked = self._clock()
        try:
            seen = _look(self._folder)
            if seen == self._seen:
                return
            hashes, wrong = _read(self._folder, seen)
        except OSError as error:
            # Gone for good, or about to be replaced: the next look tells. Without its file a key is withdrawn.
            seen, hashes, wrong = None, [], [str(error)]
            if not self._hashes:
                return
        if wrong or self._seen is not None:
            self._say("; ".join([f"API keys: {len(hashes)} let in from now on", *wrong]))
        self._seen, self._hashes = seen, hashes


def _look(folder: Path) -> Seen:
    """Name and version of each key's file. Names with a dot in front are Kubernetes' own, and editors'."""
    with os.scandir(folder) as entries:
        files = [(each.name, each.stat()) for each in entries if not each.name.startswith(".")]
    return tuple(sorted((name, found.st_ino, found.st_mtime_ns, found.st_size) for name, found in files))


def _read(folder: Path, seen: Seen) -> tuple[list[bytes], list[str]]:
    """The hashes, and what is wrong with entries that hold none; what such an entry holds is told to nobody."""
    hashes: list[bytes] = []
    wrong: list[str] = []
    for name, *_ in seen:
        lines = (folder / name).read_bytes().split()
        found = [each for each in map(_hash, lines) if each is not None]
        if len(found) != len(lines) or not lines:
            wrong.append(f"{folder / name} is not the SHA-256 of a key, expected 64 hex digits; put in sha256(key)")
        hashes += found
    return hashes, wrong


def _hash(text: bytes) -> bytes | None:
    try:
        found = binascii.unhexlify(text.removeprefix(b"sha256:"))
    except binascii.Error:
        return None
    return found if len(found) == 32 else None
