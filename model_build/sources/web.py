"""Files of web servers, in several requests where one breaks off."""

import re
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin, urlsplit

import httpx

from model_build.sources.asking import tls
from model_build.sources.downloads import BrokenOff, Into
from model_build.sources.remote import Remote, loopback, port

TIMEOUT = httpx.Timeout(60, connect=10)
_REDIRECTS = 10
_AGAIN = {408, 425, 429, 500, 502, 503, 504}
_HOPELESS = ("CERTIFICATE_VERIFY", "Name or service not known", "WRONG_VERSION")
"""What another try repeats."""


class Reading:
    """Reads one file, in several requests where it breaks off; all of them must be of one version."""

    def __init__(
        self,
        source: Remote,
        address: str,
        into: Into,
        login: Mapping[str, str] | None = None,
        refused: Callable[[int], Exception | None] = lambda _: None,
    ) -> None:
        """login: headers for the address's own server, and for none that it redirects to; in place of ~/.netrc.
        refused: what a status says, for sources that know better than to look at the address.
        """
        self._source = source
        self._address = address
        self._into = into
        self._login = login
        self._refused = refused
        self._mark = ""
        """The entity tag, or when it was changed, of the first answer."""

    def read(self, start: int) -> tuple[int, Generator[bytes]]:
        asked = {"accept-encoding": "identity", "user-agent": "modelport"}
        if start:
            asked["range"] = f"bytes={start}-"
            if self._mark:
                asked["if-range"] = self._mark
        chunks = self._chunks(asked)
        begins = next(chunks)
        assert isinstance(begins, int)
        return begins, chunks  # type: ignore[return-value]

    def _chunks(self, asked: dict[str, str]) -> Generator[int | bytes]:
        """Where the answer begins, then its bytes."""
        with _broken_off(self._source), _client(self._address) as client:
            response = self._answer(client, asked)
            try:
                whole, begins = self._whole(response, "range" in asked)
                yield begins
                got = begins
                for chunk in response.iter_raw():
                    got += len(chunk)
                    yield chunk
                if whole is not None and got < whole:
                    raise BrokenOff(f"it ended after {got:,} of {whole:,} bytes")
            finally:
                response.close()

    def _answer(self, client: httpx.Client, asked: dict[str, str]) -> httpx.Response:
        """The answer to a GET, whose body is still to be read. Redirects lead over https alone."""
        source, first = self._source, self._address
        address = first
        for _ in range(_REDIRECTS + 1):
            own = urlsplit(address)[:2] == urlsplit(first)[:2]
            # Where a redirect leads gets no password of whoever sent there.
            headers = {**asked, **self._login} if own and self._login else asked
            request = client.build_request("GET", address, headers=headers)
            response = client.send(request, stream=True, auth=_netrc() if own and self._login is None else None)
            if response.is_redirect:
                response.close()
                address = _next(source, address, response.headers.get("location", ""))
                continue
            if response.status_code in (200, 206):
                return response
            if response.status_code == 416:
                response.close()
                raise source.changed("which is shorter than what was fetched of it before")
            response.close()
            raise self._refused(response.status_code) or _refused(source, first, response)
        raise source.wrong(f"which redirects more than {_REDIRECTS} times, expected a file; look at the address")

    def _whole(self, response: httpx.Response, resumed: bool) -> tuple[int | None, int]:
        """How many bytes the file has, where that is told, and where the answer begins."""
        tag = response.headers.get("etag", "")
        mark = "" if tag.startswith("W/") else tag  # a weak one is of no use for parts
        mark = mark or response.headers.get("last-modified", "")
        if self._mark and mark != self._mark:
            raise self._source.changed()
        self._mark = mark
        if resumed and response.status_code == 206:
            found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("content-range", ""))
            if found is None:
                raise BrokenOff("it sent a part without saying which")
            size = int(found[2]) if found[2].isdigit() else None
            begins = int(found[1])
        else:
            length = response.headers.get("content-length", "")
            size = int(length) if length.isdigit() else None
            begins = 0
        if size is not None:
            self._into.room(size - begins)
        return size, begins


@contextmanager
def _broken_off(source: Remote) -> Generator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise BrokenOff(f"it stopped to answer ({type(error).__name__})") from error
    except httpx.TransportError as error:
        reason = str(error) or type(error).__name__
        if any(sign in reason for sign in _HOPELESS):
            raise source.unreached(f"which cannot be asked: {reason}; look at the address") from None
        raise BrokenOff(f"the connection was lost ({reason})") from error


def _client(address: str) -> httpx.Client:
    # A proxy does not reach this machine's own servers.
    return httpx.Client(timeout=TIMEOUT, verify=tls(), trust_env=not loopback(address))


def _next(source: Remote, address: str, location: str) -> str:
    to = urljoin(address, location)
    parts = urlsplit(to)
    plain = parts.scheme == "http" and loopback(to) and loopback(address)
    if not location or not parts.hostname or port(to) is None or not (parts.scheme == "https" or plain):
        where = f"{parts.scheme}://{parts.hostname}" if parts.scheme in ("http", "https") else parts.scheme or "nowhere"
        raise source.wrong(
            f"which redirects to {where}, expected https; do not use it, or name the address that has the file"
        )
    if "@" in parts.netloc:
        raise source.wrong("which redirects to an address with a password in it, expected none; name where the file is")
    return to


def _refused(source: Remote, address: str, response: httpx.Response) -> Exception:
    status, host = response.status_code, urlsplit(address).hostname
    if status in _AGAIN:
        return BrokenOff(f"{host} answered {status}")
    if status in (401, 403, 407):
        return source.unreached(
            f"which {host} refuses ({status}), expected leave to read it; write login and password for {host} into "
            "~/.netrc, or ask who may"
        )
    if status in (404, 410):
        return source.wrong(f"but there is no such file ({status}); look at the address")
    return source.unreached(f"which {host} answered with {status}, expected 200; look at the address")


def _netrc() -> httpx.NetRCAuth | None:
    try:
        return httpx.NetRCAuth()
    except (OSError, SyntaxError):  # none, or one that is not to be read
        return None
