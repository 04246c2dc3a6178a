"""Google's REST APIs, asked with the Google credentials of the environment, for what no provider of Pulumi's does.

A token in `GOOGLE_OAUTH_ACCESS_TOKEN` and other addresses of the APIs are taken from where Pulumi's own provider takes
them.
"""

import importlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import httpx

from components.releases import ReleaseError, Unanswered

Json = dict[str, Any]
Where = tuple[str, str]
"""An API: the variable of the environment that says its address, and what that is without."""

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
TOKEN: Final = "GOOGLE_OAUTH_ACCESS_TOKEN"
"""A token that somebody else has got, as the provider takes one."""
AGAIN: Final = (408, 409, 429, 500, 502, 503, 504)
"""Answers of a moment. 409 is one to whoever looks; a change that it refuses may meet another one for good."""
TRIES: Final = 5
_SECONDS: Final = 60
_BETWEEN: Final = 10.0
"""Seconds until somebody who did not answer is asked for an operation again."""


class Clock:
    """The time, which a test may hold."""

    def now(self) -> float:
        """Seconds of the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Client:
    """Asks what Google's APIs are asked. Raises ReleaseError, and Unanswered for want of an answer.

    rights: what whoever is refused needs at least.
    """

    def __init__(self, clock: Clock, rights: str) -> None:
        self._clock, self._rights = clock, rights
        self._client = httpx.Client(timeout=_SECONDS)
        self._credentials: Any = None

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def pages(self, where: Where, path: str, query: Mapping[str, str]) -> list[Json]:
        """All pages of a list."""
        pages: list[Json] = []
        more: dict[str, str] = {}
        while True:
            pages.append(self.ask("GET", where, path, {**query, **more}) or {})
            if not (token := pages[-1].get("nextPageToken")):
                return pages
            more = {"pageToken": str(token)}

    def asked_on(self, where: Where, path: str, until: float) -> Json:
        """What an operation has come to by now: nobody's silence of some minutes ends what goes on all the same.

        Raises Unanswered where there is no answer until then.
        """
        while True:
            try:
                return self.ask("GET", where, path) or {}
            except Unanswered:
                if self._clock.now() > until:
                    raise
                self._clock.sleep(_BETWEEN)

    def ask(
        self,
        method: str,
        where: Where,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        *,
        missing: bool = False,
    ) -> Json | None:
        """What is answered. missing: whether there may be nothing, which is told by None."""
        address = f"{os.environ.get(where[0]) or where[1]}".rstrip("/") + f"/{path}"
        again = AGAIN if method == "GET" else tuple(each for each in AGAIN if each != 409)
        answer, why = None, ""
        for attempt in range(TRIES):
            if attempt:
                self._clock.sleep(2.0**attempt)
            try:
                answer = self._client.request(
                    method, address, params=dict(query or {}), json=body, headers=self._headers(method, address)
                )
            except httpx.RequestError as error:
                answer, why = None, f"{type(error).__name__}: {error}"
                continue
            if answer.status_code not in again:
                break
            why = f"HTTP {answer.status_code}"
        if answer is None or answer.status_code in again:
            raise _unanswered(method, address, path, why)
        if missing and answer.status_code == 404:
            return None
        if answer.status_code >= 400:
            raise ReleaseError(
                f"{httpx.URL(address).host} refused {method} {path} ({_reason(answer)}), expected it to be taken; look "
                f"at what these Google credentials may do, {self._rights} at least"
            )
        if not answer.is_success:
            raise _unanswered(method, address, path, f"HTTP {answer.status_code}")
        try:
            told: object = answer.json()
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            # Somebody on the way: Google's own answers are objects, empty ones too.
            raise _unanswered(method, address, path, f"HTTP {answer.status_code} without an object of JSON")
        return cast("Json", told)

    def _headers(self, method: str, address: str) -> dict[str, str]:
        if token := os.environ.get(TOKEN):
            return {"Authorization": f"Bearer {token}"}
        # Typed by nobody, and of use to those alone who have something on Google Cloud.
        auth: Any = importlib.import_module("google.auth")
        wrong: Any = importlib.import_module("google.auth.exceptions")
        headers: dict[str, str] = {}
        try:
            if self._credentials is None:
                self._credentials, _ = auth.default(scopes=[SCOPE])
            self._credentials.before_request(_Transport(self._client), method, address, headers)
        except wrong.GoogleAuthError as error:
            raise ReleaseError(
                f"there are no Google credentials to ask {httpx.URL(address).host} with ({error}), expected those that "
                "Pulumi has; run `gcloud auth application-default login` or set GOOGLE_APPLICATION_CREDENTIALS"
            ) from None
        return headers


class _Transport:
    """How google-auth asks for a token."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> "_Answer":
        try:
            found = self._client.request(
                method, url, content=body, headers=dict(headers or {}), timeout=timeout or _SECONDS
            )
        except httpx.RequestError as error:
            wrong: Any = importlib.import_module("google.auth.exceptions")
            raise wrong.TransportError(str(error)) from error
        return _Answer(found.status_code, found.headers, found.content)


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    data: bytes


def at_hand() -> bool:
    """Whether there are credentials on this machine, without asking for any: a preview looks no further."""
    if os.environ.get(TOKEN) or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return True
    home = os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud"
    return (Path(home) / "application_default_credentials.json").is_file()


def _unanswered(method: str, address: str, path: str, why: str) -> Unanswered:
    return Unanswered(
        f"{httpx.URL(address).host} did not answer {method} {path} ({why}), expected an answer; look at the way there"
    )


def _reason(answer: httpx.Response) -> str:
    try:
        return f"HTTP {answer.status_code}: {answer.json()['error']['message']}"
    except (ValueError, KeyError, TypeError):
        return f"HTTP {answer.status_code}"
