"""Who to be at Google's Artifact Registry, and at the addresses of the Container Registry that it has taken over.

It takes no password that lasts: whoever has Google's Application Default Credentials is given a token for an hour at
most. It is asked for when a registry wants a login and is kept in memory alone, so that no state, report or identity
changes with it; a push that takes longer asks for another before it ends.
"""

import functools
import importlib
import re
import time
import warnings
from datetime import UTC, datetime
from typing import Any

from model_build.push.credentials import Credential
from model_build.push.errors import LoginError, RegistryDown

USER = "oauth2accesstoken"
SOURCE = "Google's Application Default Credentials"
_HOST = re.compile(r"[a-z]+(-[a-z]+[0-9]+)?-docker\.pkg\.dev|((us|eu|asia)\.)?gcr\.io")
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECONDS = 20
_EARLY_SECONDS = 240
"""A machine's metadata server gives the token that it has until that is good for less than five minutes."""
_NONE = "default credentials were not found"
_AGAIN = "look at the account, or run `gcloud auth application-default login`"


def is_here(host: str) -> bool:
    """Whether the registry `host` is Google's; any other is never shown a token."""
    return bool(_HOST.fullmatch(host))


def find(host: str) -> Credential:
    """The credential for a registry of Google's, by the Application Default Credentials of the environment.

    Google's own library finds those, as it does for every other program: the file of GOOGLE_APPLICATION_CREDENTIALS (a
    service account, or a workload of another cloud), what `gcloud auth application-default login` left, the account of
    a machine, pod or job. Where there are none, nobody is tried first, as what is public is for nobody too; `missing`
    then says what to do. Raises LoginError where they are of no use, RegistryDown where Google does not answer.
    """
    try:
        # Typed by nobody, and of use to those alone who push to Google.
        auth: Any = importlib.import_module("google.auth")
        errors: Any = importlib.import_module("google.auth.exceptions")
        transport: Any = importlib.import_module("google.auth.transport.requests")
        requests: Any = importlib.import_module("requests")
    except ImportError:
        return Credential(
            missing=f"{host}: wants a login, and what asks Google for one is not installed, expected the extra gcp; "
            f"run `pip install 'modelport[gcp]'`, or {_by_hand(host)}"
        )
    try:
        with requests.Session() as session:
            request = functools.partial(transport.Request(session), timeout=_SECONDS)
            with warnings.catch_warnings():
                # That a person's credentials name no project to bill is of no account here.
                warnings.simplefilter("ignore", UserWarning)
                found, _ = auth.default(scopes=[_SCOPE], request=request)
            found.refresh(request)
    except (errors.GoogleAuthError, ValueError) as error:
        return _without(host, error, errors)
    if not found.token:
        raise LoginError(f"{host}: Google answered without a token, expected one; {_AGAIN}")
    name = str(getattr(found, "service_account_email", "") or "")
    return Credential(
        USER, str(found.token), source=SOURCE, again=_AGAIN, name=name, until=time.monotonic() + _good_for(found.expiry)
    )


def _without(host: str, error: Exception, errors: Any) -> Credential:
    """Nobody, where there are no credentials. Raises what any other error means."""
    while error.args and isinstance(error.args[0], errors.GoogleAuthError):
        error = error.args[0]
    # Behind the first there may be the whole answer of a server.
    said = " ".join(str(error.args[0] if error.args else type(error).__name__).split())[:300]
    if isinstance(error, errors.DefaultCredentialsError) and _NONE in said:
        return Credential(
            missing=f"{host}: wants a login, and there are no Application Default Credentials of Google to ask for one "
            "with; run `gcloud auth application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or "
            f"{_by_hand(host)}"
        )
    if isinstance(error, errors.TransportError) and len(error.args) == 1:
        raise RegistryDown(
            f"{host}: Google gave no login ({said}), expected an answer of its token server; look at the way there"
        ) from None
    raise LoginError(
        f"{host}: Google gave no login ({said}), expected Application Default Credentials that are good; run `gcloud "
        f"auth application-default login`, look at GOOGLE_APPLICATION_CREDENTIALS, or {_by_hand(host)}"
    ) from None


def _good_for(expiry: datetime | None) -> float:
    """Seconds until a token is to be asked for anew, the last of its life left out."""
    if expiry is None:
        return 0.0
    # Google's library leaves the zone out.
    left = ((expiry if expiry.tzinfo else expiry.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds()
    return max(left - _EARLY_SECONDS, left / 2, 0.0)


def _by_hand(host: str) -> str:
    return f"log in by hand: `gcloud auth print-access-token | docker login -u {USER} --password-stdin https://{host}`"
