"""Who to be at a registry: what `docker login` left in Docker's config file, or in the helper that it names.

At Amazon ECR and Google's Artifact Registry, whoever the cloud's own credentials of the environment say, where Docker
knows nobody.
"""

import base64
import binascii
import json
import math
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from model_build.push.errors import DestinationError

_HELPER_SECONDS = 30
_HUB = "https://index.docker.io/v1/"
_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True)
class Credential:
    """A user and password, or a token that stands for them. `repr` shows neither."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)  # traded for access tokens
    registry_token: str = field(default="", repr=False)  # is an access token
    source: str = ""  # where it was found, for messages
    again: str = ""  # what to do when it is refused, where that is not `docker login`
    name: str = ""  # whose it is, where the user does not say that
    until: float = math.inf  # when another is to be asked for, by time.monotonic
    missing: str = ""  # of nobody: what to tell who is refused for that

    def __bool__(self) -> bool:
        return bool(self.password or self.identity_token or self.registry_token)

    @property
    def who(self) -> str:
        """Whose it is, for messages."""
        return self.name or self.user or ("the token" if self else "anonymous")


ANONYMOUS = Credential()


def config_file() -> Path:
    """Docker's config file: in DOCKER_CONFIG, else ~/.docker."""
    folder = os.environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def find(host: str) -> Credential:
    """The credential for `host`, one that is false when there is none.

    Raises DestinationError for a file that cannot be read, LoginError for a cloud's credentials that are of no use.
    """
    from model_build.push import artifact_registry, ecr

    found = _docker(host)
    if found:
        return found
    if ecr.place(host):
        return ecr.find(host)
    return artifact_registry.find(host) if artifact_registry.is_here(host) else ANONYMOUS


def _docker(host: str) -> Credential:
    place = config_file()
    try:
        config: object = json.loads(place.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return ANONYMOUS
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "not JSON"
        raise DestinationError(
            f"{place}: cannot be read ({why}), expected what `docker login` writes; mend or move it"
        ) from None
    keys = [_HUB, *_HUB_NAMES] if host in _HUB_NAMES else [host, f"https://{host}", f"http://{host}"]
    settings = _object(config, place)
    helpers = _object(settings.get("credHelpers") or {}, place)
    for key in keys:
        if key in helpers:
            return _ask(str(helpers[key]), key, place)
    for key, entry in _object(settings.get("auths") or {}, place).items():
        if _host(key) in {_host(name) for name in keys}:
            found = _read(_object(entry, place), key, place)
            if found:
                return found
    if settings.get("credsStore"):
        for key in keys:
            found = _ask(str(settings["credsStore"]), key, place)
            if found:
                return found
    return ANONYMOUS


def _object(value: object, place: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DestinationError(f"{place}: damaged, expected what `docker login` writes; mend or move it")
    return cast(dict[str, Any], value)


def _host(key: str) -> str:
    return key.split("://", 1)[-1].split("/", 1)[0]


def _read(entry: dict[str, Any], key: str, place: Path) -> Credential:
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            user, _, password = base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise DestinationError(
                f"{place}: auths.{key}.auth is not base64 of user:password; run `docker login {_host(key)}`"
            ) from None
        password = password.rstrip("\0")
    return Credential(
        user, password, str(entry.get("identitytoken") or ""), str(entry.get("registrytoken") or ""), source=str(place)
    )


def _ask(helper: str, key: str, place: Path) -> Credential:
    """What the credential helper knows. Its output is never shown: it may hold the secret."""
    program = f"docker-credential-{helper}"
    if not re.fullmatch(r"[A-Za-z0-9._-]+", helper) or shutil.which(program) is None:
        raise DestinationError(
            f"{place}: names the credential helper {program}, which is not on PATH; install it or mend the file"
        )
    try:
        ran = subprocess.run(
            [program, "get"], input=key, capture_output=True, text=True, timeout=_HELPER_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise DestinationError(
            f"{program}: no answer for {key} in {_HELPER_SECONDS} s; run `{program} get` by hand"
        ) from None
    if ran.returncode:
        if "not found" in (ran.stdout + ran.stderr).lower():
            return ANONYMOUS
        raise DestinationError(
            f"{program}: failed for {key} (exit {ran.returncode}); run `{program} get` by hand to see why"
        )
    try:
        answer = json.loads(ran.stdout)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise DestinationError(
            f"{program}: answered no JSON with Username and Secret for {key}; update the helper"
        ) from None
    if user == "<token>":
        return Credential(identity_token=secret, source=program)
    return Credential(user, secret, source=program)
