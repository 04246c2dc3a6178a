"""Requests to one registry: scheme, login, retries, and errors that a person can act on."""

import random
import ssl
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from model_build.push import credentials
from model_build.push.auth import Authority
from model_build.push.errors import (
    MissingError,
    RegistryDown,
    RegistryError,
    RegistryFullError,
)
from model_build.push.reference import Reference

_ATTEMPTS = 4
_FIRST_WAIT = 0.2
_LONGEST_WAIT = 20.0
_AGAIN = {408, 429, 500, 502, 503, 504}
_TIMEOUT = httpx.Timeout(60, connect=10)
_FULL = ("no space left", '"err":28', "disk quota", "insufficient storage", "quota exceeded")

Body = Callable[[], Iterable[bytes]]


class Registry:
    """A connection to the registry of `reference`; a context manager, usable from several threads."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference
        self._clients: dict[str, httpx.Client] = {}
        self._lock = threading.Lock()
        self._authority = Authority(reference, credentials.find, self._send)
        self._base = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            client.close()

    def _client(self, address: str) -> httpx.Client:
        """The client for `address`; the one for https is made when needed, as loading certificates takes a while."""
        scheme = urlsplit(address).scheme
        with self._lock:
            if scheme not in self._clients:
                context = ssl.create_default_context() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                self._clients[scheme] = httpx.Client(
                    timeout=_TIMEOUT,
                    verify=context,
                    headers={"user-agent": "modelport"},
                    limits=httpx.Limits(max_connections=8),
                    trust_env=not self.reference.loopback,  # a proxy does not reach this machine's own registry
                )
            return self._clients[scheme]

    @property
    def base(self) -> str:
        """The registry's address, found by a first request when it is on this machine: http or https."""
        if not self._base:
            self._base = f"https://{self.reference.api_host}"
            if self.reference.loopback:
                self._base = self._probe()
        return self._base

    def _probe(self) -> str:
        plain = f"http://{self.reference.api_host}"
        try:
            answer = self._send("GET", f"{plain}/v2/")
        except RegistryError as error:
            if not isinstance(error.__cause__, httpx.RemoteProtocolError):
                raise
            return f"https://{self.reference.api_host}"
        if answer.status_code == 400 and "https" in answer.text.lower():
            return f"https://{self.reference.api_host}"
        if answer.status_code not in (200, 401):
            raise RegistryDown(
                f"{self.reference.host}: answers, but not as a registry (GET /v2/ gave {answer.status_code}), "
                f"expected 200 "
                "or 401; look at the address and port"
            )
        return plain

    def request(
        self,
        method: str,
        path: str,
        *,
        expect: Iterable[int],
        push: bool = False,
        also_pull: str = "",
        body: Body | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        attempts: int = _ATTEMPTS,
    ) -> httpx.Response:
        """One call, with login and retries. `path`: below /v2/, or an address that the registry gave.

        expect: the status codes to return; any other becomes an error. body: bytes, or a function that starts them anew
        for every attempt. also_pull: another repository that the call reads (a mount).
        """
        address = path if "://" in path else f"{self.base}/v2/{path}"
        scope = f"repository:{self.reference.repository}:{'pull,push' if push else 'pull'}"
        if method == "DELETE":
            scope = f"repository:{self.reference.repository}:delete,pull"
        if also_pull:
            scope += f" repository:{also_pull}:pull"
        wanted = set(expect)
        asked = False
        while True:
            sent = dict(headers or {})
            if self._ours(address) and (authorization := self._authority.header(scope)):
                sent["authorization"] = authorization
            response = self._send(method, address, body=body, headers=sent, params=params, attempts=attempts)
            if response.status_code == 401:
                if asked or not self._ours(address):
                    raise self._authority.refused()
                asked = True
                self._authority.challenged(response, scope)
                continue
            if response.status_code in wanted:
                return response
            raise self.error(response, f"{method} {urlsplit(address).path}")

    def location(self, response: httpx.Response) -> str:
        """The address in a Location header, whole."""
        found = response.headers.get("location", "")
        if not found:
            raise RegistryError(
                f"{self.reference.host}: began an upload without an address for it; look at the registry or its proxy"
            )
        address = urlsplit(urljoin(str(response.request.url), found))
        base = urlsplit(self.base)
        if address.netloc == base.netloc:
            # A registry behind a proxy that ends TLS names itself by http.
            address = address._replace(scheme=base.scheme)
        return str(address.geturl())

    def _ours(self, address: str) -> bool:
        """Whether `address` is the registry itself: no other host is shown a password or token."""
        return urlsplit(address)[:2] == urlsplit(self.base)[:2]

    def _send(
        self,
        method: str,
        address: str,
        *,
        body: Body | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        attempts: int = _ATTEMPTS,
        **more: Any,
    ) -> httpx.Response:
        """Send with retries: connection lost, 429 and 5xx, with growing waits; a full disk is not tried again."""
        for attempt in range(attempts):
            last = attempt == attempts - 1
            wait = min(_FIRST_WAIT * 2**attempt, _LONGEST_WAIT) * random.uniform(0.8, 1.2)
            content = body() if callable(body) else body
            try:
                response = self._client(address).request(
                    method,
                    address,
                    content=content,
                    headers=headers,
                    follow_redirects=method in ("GET", "HEAD"),
                    **more,
                )
            except httpx.TransportError as error:
                if last or _hopeless(error):
                    raise self._down(address, error) from error
            else:
                if response.status_code not in _AGAIN or last or _is_full(response):
                    return response
                wait = _retry_after(response, wait)
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def stream(self, path: str, take: Callable[[Iterable[bytes]], None]) -> None:
        """GET a blob and hand its bytes to `take` as they come. Login and address are settled by a HEAD before."""
        self.request("HEAD", path, expect=(200,))
        scope = f"repository:{self.reference.repository}:pull"
        authorization = self._authority.header(scope)
        address = f"{self.base}/v2/{path}"
        for attempt in range(_ATTEMPTS):
            try:
                with self._client(address).stream(
                    "GET",
                    address,
                    headers={"authorization": authorization} if authorization else {},
                    follow_redirects=True,
                ) as response:
                    if response.status_code != 200:
                        response.read()
                        raise self.error(response, f"GET /v2/{path}")
                    take(response.iter_bytes(1 << 20))
                    return
            except httpx.TransportError as error:
                if attempt == _ATTEMPTS - 1:
                    raise self._down(address, error) from error
            time.sleep(_FIRST_WAIT * 2**attempt)

    @contextmanager
    def reading(self, path: str, start: int = 0) -> Generator[httpx.Response]:
        """GET a blob from one of its bytes on, in one try; the body of the answer, 200 or 206, is still to be read.

        Raises httpx.TransportError when it breaks off.
        """
        self.request("HEAD", path, expect=(200,))
        authorization = self._authority.header(f"repository:{self.reference.repository}:pull")
        headers = {"accept-encoding": "identity"} | ({"range": f"bytes={start}-"} if start else {})
        headers |= {"authorization": authorization} if authorization else {}
        address = f"{self.base}/v2/{path}"
        with self._client(address).stream("GET", address, headers=headers, follow_redirects=True) as response:
            if response.status_code not in (200, 206):
                response.read()
                raise self.error(response, f"GET /v2/{path}")
            yield response

    def _down(self, address: str, error: httpx.TransportError) -> RegistryDown:
        host = urlsplit(address).netloc.rpartition("@")[2]
        reason = str(error) or type(error).__name__
        return RegistryDown(
            f"{host}: no answer ({reason}), expected a registry there; start it or correct the address; nothing was "
            "changed there"
        )

    def error(self, response: httpx.Response, what: str) -> RegistryError:
        """The error that `response` means."""
        name, status = self.reference.name, response.status_code
        said = _said(response)
        if _is_full(response):
            return RegistryFullError(
                f"{name}: the registry has no space left (it said: {said}); free some there and push again"
            )
        if status == 403 and "token has expired" in said:
            return self._authority.expired(said)
        if status == 403 or "DENIED" in said:
            return self._authority.denied(said)
        if status == 404:
            return MissingError(f"{name}: the registry has none ({said}); look at the name, or push first")
        if status == 429:
            return RegistryDown(f"{name}: the registry is asked too often ({said}); wait and try again")
        return RegistryError(f"{name}: {what} gave {status} ({said}), expected success; look at the registry's log")


def _hopeless(error: httpx.TransportError) -> bool:
    """Errors that another attempt repeats: an unknown name, a certificate that is not trusted, a scheme mix-up."""
    text = str(error)
    return any(
        sign in text for sign in ("CERTIFICATE_VERIFY", "Name or service not known", "WRONG_VERSION")
    ) or isinstance(error, httpx.UnsupportedProtocol)


def _retry_after(response: httpx.Response, wait: float) -> float:
    given = response.headers.get("retry-after", "")
    return min(float(given), _LONGEST_WAIT) if given.isdigit() else wait


def _is_full(response: httpx.Response) -> bool:
    if response.status_code == 507:
        return True
    return response.status_code >= 400 and any(sign in response.text.lower().replace(" :", ":") for sign in _FULL)


def _said(response: httpx.Response) -> str:
    """The registry's own words, cut short: OCI error codes and messages where it sends them."""
    try:
        errors = response.json()["errors"]
        text = "; ".join(f"{error.get('code', '')} {error.get('message', '')}".strip() for error in errors)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        text = " ".join(response.text.split())
    return f"{response.status_code} {text[:200]}".strip()
