"""API keys of a service: made here or given, and only their hashes in the cluster.

The provider is pickled by reference, so this module's and the class's names are part of every stack's state: they stay.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider
from pulumi_kubernetes.core.v1.Secret import Secret

from components.kubernetes import names

SHORTEST = 16
"""Characters of a key that is given: a hash of less could be guessed back."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


class ApiKeyProvider(ResourceProvider):
    """Makes a key once; it is what it is until the resource is deleted."""

    serialize_as_secret_always: ClassVar[bool] = False  # type: ignore[misc]  # there is nothing secret in a reference to a class

    def create(self, props: dict[str, Any]) -> CreateResult:
        key = f"mp_{secrets.token_urlsafe(32)}"
        return CreateResult(fingerprint(key)[:12], {"label": props["label"], "key": key, "sha256": fingerprint(key)})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        return DiffResult(changes=False, replaces=[])


class ApiKey(Resource, module="modelport", name="ApiKey"):
    """A key of 256 random bits. It stands in the state encrypted, and nowhere else."""

    key: pulumi.Output[str]
    """The key itself, a secret."""
    sha256: pulumi.Output[str]
    """Its hash in hex, which lets nobody in."""

    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["key"])
        merged = pulumi.ResourceOptions.merge(opts, hidden)
        super().__init__(ApiKeyProvider(), name, {"label": name, "key": None, "sha256": None}, merged)


class ApiKeysArgs(TypedDict):
    namespace: pulumi.Input[str]
    """Namespace of the service."""
    service: str
    """Name of the ModelService."""
    generated: NotRequired[Sequence[str]]
    """Names of keys that are made here, one for each caller. Default: none."""
    given: NotRequired[pulumi.Input[Mapping[str, pulumi.Input[str]]]]
    """Keys from elsewhere by name, as secrets: `config.require_secret_object("api_keys")`. Default: none."""


class ApiKeys(pulumi.ComponentResource):
    """The keys that let callers in at a service: pass `secret` as its `keys_secret`.

    To turn a key over, add one under a new name, hand it out, and take the old name away: both are good meanwhile.
    Outputs: `secret` (name of the Secret with the hashes), `keys` (the keys made here by name, a secret).
    """

    secret: pulumi.Output[str]
    """Name of the Secret with the hashes."""
    keys: pulumi.Output[dict[str, str]]
    """The keys that were made here, by name."""

    def __init__(self, name: str, args: ApiKeysArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        super().__init__("modelport:index:ApiKeys", name, {}, opts)
        service = names.service(args["service"])
        child = pulumi.ResourceOptions(parent=self)
        made = {each: ApiKey(f"{name}-{_checked(each)}", child) for each in args.get("generated", [])}
        own = pulumi.Output.from_input({each: key.sha256 for each, key in made.items()})
        given = pulumi.Output.from_input(cast("Any", args.get("given") or {})).apply(_hashes)
        Secret(
            name,
            metadata={"name": names.keys(service), "namespace": args["namespace"], "labels": names.labels(service)},
            type="Opaque",
            string_data=pulumi.Output.all(own, given).apply(_together),
            opts=child,
        )
        # The name by itself: were the pods to depend on the Secret, a provider that replaces Secrets (it does, without
        # `enable_secret_mutable`) would take the pods away first. A pod waits for its Secret anyway.
        self.secret = pulumi.Output.from_input(names.keys(service))
        self.keys = cast("Any", pulumi.Output.secret({each: key.key for each, key in made.items()}))
        self.register_outputs({"secret": self.secret, "keys": self.keys})


def fingerprint(key: str) -> str:
    """What the server compares a key with."""
    return hashlib.sha256(key.encode()).hexdigest()


def _hashes(given: Mapping[str, str]) -> dict[str, str]:
    for name, key in given.items():
        if len(key.strip()) < SHORTEST:
            raise ValueError(
                f"the API key '{_checked(name)}' has {len(key.strip())} characters, expected at least {SHORTEST}; "
                "let one be generated, or take `openssl rand -base64 32`"
            )
    return {_checked(name): fingerprint(key.strip()) for name, key in given.items()}


def _together(known: list[dict[str, str]]) -> dict[str, str]:
    generated, given = known
    if both := sorted(generated.keys() & given.keys()):
        raise ValueError(f"the API key '{both[0]}' is generated and given, expected one of them; rename one")
    return {**generated, **given}


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"the API key is called {name!r}, expected lower-case letters, digits and hyphens, at most 63")
    return name
