"""Authorization headers: Basic, and tokens of a token server (https://distribution.github.io/distribution/spec/auth/token/)."""

import base64
import re
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from model_build.push import artifact_registry, ecr
from model_build.push.credentials import ANONYMOUS, Credential
from model_build.push.errors import DeniedError, LoginError, RegistryError
from model_build.push.reference import Reference

_CLIENT = "modelport"
_DEFAULT_SECONDS = 60  # the specification's life of a token that names none
_EARLY_SECONDS = 5


def challenge(header: str) -> tuple[str, dict[str, str]]:
    """(scheme in lower case, parameters) of the first challenge that can be met in a WWW-Authenticate header."""
    for scheme in ("Bearer", "Basic"):
        found = re.search(rf"(?i)(?:^|,\s*){scheme}\s+(.*)", header)
        if found:
            return scheme.lower(), {key.lower(): value for key, value in re.findall(r'(\w+)="([^"]*)"', found[1])}
    return "", {}


class Authority:
    """Hands out the Authorization header for requests to one registry."""

    def __init__(
        self, reference: Reference, look_up: Callable[[str], Credential], send: Callable[..., httpx.Response]
    ) -> None:
        self._reference = reference
        self._look_up = look_up
        self._send = send
        self._credential: Credential | None = None
        self._scheme = ""
        self._parameters: dict[str, str] = {}
        self._tokens: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    @property
    def credential(self) -> Credential:
        """Looked up when first asked for, as a registry that wants none must not start a helper, and before it ends."""
        if self._credential is None or time.monotonic() >= self._credential.until:
            self._credential = self._look_up(self._reference.host)
        return self._credential

    def header(self, scope: str) -> str:
        """The header for `scope`, empty before the registry has asked for one."""
        with self._lock:
            if self._scheme == "basic":
                return _basic(credential) if (credential := self.credential) else ""
            if self._scheme != "bearer":
                return ""
            if self.credential.registry_token:
                return f"Bearer {self.credential.registry_token}"
            token, until = self._tokens.get(scope, ("", 0.0))
            if time.monotonic() >= until:
                token, seconds = self._fetch(scope)
                self._tokens[scope] = token, time.monotonic() + max(seconds - _EARLY_SECONDS, 1)
            return f"Bearer {token}"

    def challenged(self, response: httpx.Response, scope: str) -> None:
        """Take note of a 401. Raises LoginError where nothing can be done about it."""
        scheme, parameters = challenge(", ".join(response.headers.get_list("www-authenticate")))
        if not scheme:
            raise LoginError(
                f"{self._reference.host}: wants a login of a kind that is not known here, expected Basic or Bearer; "
                "look at the registry's authentication"
            )
        with self._lock:
            self._scheme, self._parameters = scheme, parameters
            self._tokens.pop(scope, None)
        if scheme == "basic" and not self.credential:
            raise self.no_login()

    def no_login(self) -> LoginError:
        """The error for a registry that wants a user where there is none."""
        host = self._reference.host
        if missing := self.credential.missing:
            return LoginError(missing)
        return LoginError(
            f"{host}: wants a user and password, and Docker's config file has none for it; run `docker login {host}`"
        )

    def refused(self) -> LoginError:
        """The error for a registry that does not take what it was shown."""
        credential = self.credential
        if not credential:
            return self.no_login()
        user = credential.name or credential.user or "of the token"
        return LoginError(
            f"{self._reference.host}: refuses the user {user} or the password from {credential.source}; "
            f"{credential.again or f'run {self._anew()}'}"
        )

    def denied(self, said: str) -> RegistryError:
        """The error for a registry that knows who asks and refuses what is asked."""
        name, credential = self._reference.name, self.credential
        if credential.missing:
            return LoginError(credential.missing)
        return DeniedError(
            f"{name}: the registry refuses this to {credential.who} ({said}); ask for the right, or log in as another "
            "user"
        )

    def expired(self, said: str) -> LoginError:
        """The error for a token that was good once, as `docker login` keeps those of ECR for longer than they last."""
        host = self._reference.host
        return LoginError(
            f"{host}: the login from {self.credential.source} has expired (it said: {said}); run {self._anew()}"
        )

    def _anew(self) -> str:
        """The command that makes a new login of an old one of Docker's."""
        host = self._reference.host
        if ecr.place(host):
            return f"`docker logout {host}`, and your AWS credentials are asked for a new one"
        if artifact_registry.is_here(host):
            return f"`docker logout {host}`, and {artifact_registry.SOURCE} are asked for a new one"
        return f"`docker login {host}` again"

    def _fetch(self, scope: str) -> tuple[str, float]:
        realm = self._parameters.get("realm", "")
        parts = urlsplit(realm)
        near = Reference(parts.netloc.rpartition("@")[2], "").loopback
        if parts.scheme != "https" and not (parts.scheme == "http" and near):
            raise RegistryError(
                f"{self._reference.host}: names a token server that is not https, expected https away from this "
                f"machine; "
                "nothing was sent to it, mend the registry's settings"
            )
        scopes = scope.split(" ")
        service = self._parameters.get("service", "")
        credential = self.credential
        if credential.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": credential.identity_token,
                "service": service,
                "client_id": _CLIENT,
                "scope": scope,
            }
            response = self._send("POST", realm, data=form)
        else:
            query: list[tuple[str, str]] = [
                ("service", service),
                ("client_id", _CLIENT),
                *(("scope", one) for one in scopes),
            ]
            if credential.user:
                query.append(("account", credential.user))
            headers = {"authorization": _basic(credential)} if credential else {}
            response = self._send("GET", realm, params=query, headers=headers)
        if response.status_code in (400, 401):
            raise self.refused()
        if response.status_code == 403:
            if credential.missing:
                raise LoginError(credential.missing)
            raise DeniedError(
                f"{self._reference.name}: the registry's token server refuses {scope} to {credential.who}; ask for the "
                "right, or log in as another user"
            )
        try:
            answer: dict[str, Any] = response.json()
            token = str(answer.get("token") or answer["access_token"])
            seconds = float(answer.get("expires_in") or _DEFAULT_SECONDS)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise RegistryError(
                f"{self._reference.host}: its token server answered {response.status_code} without a token; look at "
                f"its log"
            ) from None
        return token, seconds


def _basic(credential: Credential) -> str:
    pair = f"{credential.user}:{credential.password}".encode()
    return "Basic " + base64.b64encode(pair).decode()


__all__ = ["ANONYMOUS", "Authority", "challenge"]
