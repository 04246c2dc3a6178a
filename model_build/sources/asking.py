"""Small questions to web servers: a few, answered whole, each asked again where the connection breaks."""

import functools
import os
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from model_build.sources import downloads
from model_build.sources.remote import Remote, loopback

TIMEOUT = httpx.Timeout(20, connect=10)
_TRIES = 3
_AGAIN = {429, 500, 502, 503, 504}

Refused = Callable[[int], Exception | None]
"""What a status says of a source; None where it says nothing of its own."""


@dataclass(frozen=True)
class Answer:
    status: int
    kind: str
    """The media type."""
    content: bytes


class Asking:
    """Questions to one server; its login goes to no other."""

    def __init__(
        self,
        source: Remote,
        headers: Mapping[str, str],
        address: str,
        look_at: str,
        auth: tuple[str, str] | None = None,
    ) -> None:
        """look_at: what a user looks at when it does not answer, for messages."""
        self._source = source
        self._look_at = look_at
        self._headers = dict(headers)
        self._auth = auth
        self._trust = not loopback(address)
        """Whether a proxy may be asked."""
        self.host = urlsplit(address).netloc.rpartition("@")[2]

    def get(self, address: str, most: int, params: Mapping[str, str] | None = None) -> Answer:
        """Raises UnreachedError where nobody answers, InputError for an answer of more than `most` bytes."""
        for left in reversed(range(_TRIES)):
            try:
                answer = self._once(address, most, params)
                if answer.status not in _AGAIN or not left:
                    return answer
            except httpx.HTTPError as error:
                if not left:
                    reason = str(error) or type(error).__name__
                    raise self._source.unreached(
                        f"but {self.host} does not answer ({reason}); look at the network and {self._look_at}"
                    ) from None
            time.sleep(downloads.FIRST_WAIT)
        raise AssertionError("unreachable")

    def _once(self, address: str, most: int, params: Mapping[str, str] | None) -> Answer:
        with (
            httpx.Client(timeout=TIMEOUT, verify=tls(), trust_env=self._trust) as client,
            # The library sends no login to where a redirect leads.
            client.stream(
                "GET", address, params=params, headers=self._headers, auth=self._auth, follow_redirects=True
            ) as response,
        ):
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > most:
                    raise self._source.wrong(
                        f"for which {self.host} sends more than {most:,} bytes; look at the address"
                    )
            kind = response.headers.get("content-type", "").partition(";")[0].strip()
            return Answer(response.status_code, kind, content)


def tls() -> ssl.SSLContext:
    """Whom to trust: as OpenSSL is told. Reading all of them takes a tenth of a second."""
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.cache
def _context(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    return ssl.create_default_context()
