"""What servers in Cloud Run and functions, which run there too, are asked for in the same words."""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, cast

import pulumi

from components import checks, environment
from components.gcp import checks as gcp

Json = dict[str, Any]

CALL: Final = "roles/run.invoker"
CONCURRENCY: Final = (1, 1000)
"""Requests at once in an instance ("Maximum concurrent requests" of Cloud Run, 2026-11-22)."""
TIMEOUT: Final = (1, 3600)
"""Seconds of an answer ("Request timeout", the same)."""
INSTANCES: Final = 1000
"""More than any region gives without a talk with Google first."""
VARIABLES: Final = 32_768
"""Characters of a variable's value ("Configure environment variables", the same)."""
RESERVED: Final = re.compile(r"PORT|K_(SERVICE|REVISION|CONFIGURATION)|X_GOOGLE_.*|CLOUD_RUN_.*")
"""Variables that Cloud Run sets, or keeps to itself ("Container runtime contract", the same)."""
TAGS: Final = 64
"""Network tags (VPC, "Network tags": of an instance, the same)."""


def variables(
    what: str, args: Mapping[str, Any], secret: type
) -> tuple[Mapping[str, pulumi.Input[str]], dict[str, Json]]:
    """`env` and `secrets` of a component's arguments: variables with a value, and with that of a secret.

    secret: the TypedDict of one. Raises ArgsError.
    """
    env, secrets = _environment(what, args.get("env") or {}), _secrets(what, args.get("secrets") or {}, secret)
    for key in secrets:
        if key in env:
            raise checks.wrong(f"a key of {what}.secrets", key, "one that is not in env too", "leave it out of env")
    return env, secrets


def _environment(what: str, given: Mapping[str, pulumi.Input[str]]) -> Mapping[str, pulumi.Input[str]]:
    environment.plain(f"{what}.env", given)
    for key, value in given.items():
        _reserved(f"a key of {what}.env", key)
        if isinstance(value, str) and len(value) > VARIABLES:
            expected = f"at most {VARIABLES}, as Cloud Run takes no more"
            raise checks.wrong(f"{what}.env[{key!r}]", f"a text of {len(value)} characters", expected, "shorten it")
    return given


def _reserved(what: str, key: str) -> None:
    if RESERVED.fullmatch(key):
        raise checks.wrong(what, key, "one that Cloud Run does not keep to itself", "leave it out")


def _secrets(component: str, given: Mapping[str, Any], secret: type) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, each in given.items():
        what = f"{component}.secrets[{key!r}]"
        # By name alone: what it is called is no reason to refuse it here.
        environment.plain(f"{component}.secrets", {key: None})
        _reserved(f"a key of {component}.secrets", key)
        if not isinstance(cast("object", each), Mapping):
            # The value, which might be the secret itself, is shown nowhere.
            raise checks.ArgsError(
                f"{what} is a text, expected the name of a secret in Secret Manager; write {{'secret': "
                "'projects/PROJECT/secrets/NAME'}, and put the value there"
            )
        checks.given(what, each, secret)
        version = each.get("version", "latest")
        checks.fits(f"{what}.version", version, r"latest|[1-9][0-9]*", "the number of a version, or latest", '"3"')
        found[key] = {"secret": gcp.told(f"{what}.secret", each["secret"], _secret), "version": version}
    return found


def _secret(what: str, value: object) -> None:
    pattern = r"(projects/[a-z0-9.:-]{1,64}/secrets/)?[A-Za-z0-9_-]{1,255}"
    checks.fits(what, value, pattern, "the name of a secret in Secret Manager", "projects/shop-prod/secrets/upstream")


def interface(what: str, given: Mapping[str, Any], region: str) -> Json:
    """An interface in a VPC network of a region, of a mapping that has `network_id` and `subnetwork_id`, and may have
    `tags`. Raises ArgsError."""
    tags = list(given.get("tags") or [])
    for at, each in enumerate(tags):
        expected = "a network tag: a letter and at most 62 more of a-z, 0-9 and -, the last of them no -"
        checks.fits(f"{what}.tags[{at}]", each, r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", expected, "models")
    if len(tags) > TAGS:
        raise checks.wrong(f"{what}.tags", f"{len(tags)} tags", f"at most {TAGS}", "leave some out")
    found: Json = {
        "network": gcp.told(f"{what}.network_id", given["network_id"], gcp.whole_network),
        "subnetwork": gcp.told(f"{what}.subnetwork_id", given["subnetwork_id"], partial(gcp.subnetwork, region=region)),
    }
    if tags:
        found["tags"] = tags
    return found
