"""The sections `gateway`, `api_keys` and `tenants`: how callers outside of the cluster reach the model, and which."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self, cast

from pydantic import Field, StrictBool, StrictInt, model_validator

from stacks.specs.kubernetes import QuotaSpec
from stacks.specs.part import Part
from stacks.specs.service import NAME
from stacks.specs.words import once

_PART = "([-a-z0-9]{0,61}[a-z0-9])?"
HOST = rf"^([a-z0-9]{_PART}\.)+[a-z]{_PART}$"
"""The last part has a letter first, so that no address is a name."""
SHORTEST = 16
"""Characters of an API key that is given: a hash of less could be guessed back."""
LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"

Hostname = Annotated[
    str, Field(pattern=HOST, max_length=253, json_schema_extra={"x-expected": "a DNS name, as models.example.com"})
]
Label = Annotated[
    str,
    Field(pattern=LABEL, json_schema_extra={"x-expected": "lower-case letters, digits and hyphens, at most 63"}),
]


class GatewaySpec(Part):
    """How the model is reached from outside of the cluster: a name with TLS, and API keys."""

    hostname: Hostname
    """DNS name that callers use. That it leads to the gateway's address is up to your DNS."""
    class_name: Label
    """GatewayClass or IngressClass of the cluster (`kubectl get gatewayclass`)."""
    namespace: Label
    """Namespace of the gateway's own pods, which are let in at the model's; as `envoy-gateway-system`."""
    kind: Literal["gateway", "ingress"] = "gateway"
    """`gateway`: Gateway API, which releases by weight, header and mirror need. `ingress`: the older Ingress."""
    issuer: Label | None = None
    """Issuer of cert-manager that signs the certificate. Default: an authority of this stack's own, whose certificate
    callers must be given (`ca.crt` in the Secret NAME-tls)."""
    issuer_kind: Literal["ClusterIssuer", "Issuer"] = "ClusterIssuer"
    """Whether the issuer is the cluster's or the namespace's."""
    keys: tuple[Label, ...] = ("default",)
    """Names of the API keys that are made, one for each caller; `modelport stack output api_keys --show-secrets` tells
    them. Those of `api_keys` are good beside them."""
    anonymous: StrictBool = False
    """Whether everybody is answered, without a key."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        once(self.keys, "keys")
        if self.anonymous and self.keys and "keys" in self.model_fields_set:
            raise ValueError(
                "anonymous is true beside keys, expected one of them: who needs no key is asked for none; leave keys "
                "out, or anonymous"
            )
        return self


class TenantSpec(Part):
    """One tenant: the model in a namespace of his own, apart from all others."""

    hostname: Hostname | None = None
    """DNS name of his own at the gateway. Default: he is not reached from outside of the cluster."""
    keys: tuple[Label, ...] = ("default",)
    """Names of the API keys that are made for him."""
    replicas: Annotated[StrictInt, Field(ge=1, le=1000)] = 2
    """Pods that answer him."""
    quota: QuotaSpec = QuotaSpec()
    """What all his pods may ask for together."""

    @model_validator(mode="after")
    def _once(self) -> Self:
        once(self.keys, "keys")
        return self


def wrong_keys(given: object) -> list[str]:
    """A line for each mistake in API keys from elsewhere; none shows a key."""
    if not isinstance(given, Mapping):
        return ['api_keys is no mapping, expected a key by the name of who has it; for example {"shop": "..."}']
    lines: list[str] = []
    for name, key in cast("Mapping[str, object]", given).items():
        if not re.fullmatch(LABEL, name):
            lines.append(f"api_keys.{name} is no name, expected lower-case letters, digits and hyphens, at most 63")
        elif not isinstance(key, str):
            lines.append(
                f"api_keys.{name} is no text, expected a key of at least {SHORTEST} characters; put it in quotes"
            )
        elif len(key.strip()) < SHORTEST:
            lines.append(
                f"api_keys.{name} has {len(key.strip())} characters, expected at least {SHORTEST}; let one be made by "
                "gateway.keys, or take what openssl rand -base64 32 prints"
            )
        elif not (key.strip().isascii() and key.strip().isprintable()):
            lines.append(
                f"api_keys.{name} has a character that no HTTP header carries, expected ASCII; take another key"
            )
    return lines


def unfit(
    gateway: GatewaySpec | None,
    tenants: Mapping[str, TenantSpec],
    service: str,
    given: Iterable[str] = (),
    *,
    secret: bool = False,
    namespace: str | None = None,
) -> list[str]:
    """A line for each thing that is right by itself and wrong beside the rest.

    given: names of API keys. secret: there are some whose names cannot be read here. namespace: the stack's own.
    """
    given = tuple(given)
    made = gateway.keys if gateway is not None and not gateway.anonymous else ()
    lines = [
        f"api_keys.{name} has the name of a key that is made, expected another; rename it, or take {name} out of "
        "gateway.keys"
        for name in given
        if name in made
    ]
    if gateway is not None:
        lines += _answered(gateway, given=bool(given) or secret)
    lines += apart(tenants, namespace)
    lines += [
        f"tenants.{name} is no name of a service, expected at most 40 lower-case letters, digits and hyphens, "
        "a letter first"
        for name in tenants
        if not re.fullmatch(NAME, name)
    ]
    if service in tenants:
        lines.append(f"tenants.{service} is called as the service is, expected another name; rename the tenant")
    reached = {name: tenant.hostname for name, tenant in tenants.items() if tenant.hostname is not None}
    if reached and gateway is None:
        lines.append(f"tenants.{min(reached)}.hostname is set without a gateway, expected one; write gateway.hostname")
    if reached and gateway is not None and gateway.kind == "ingress":
        lines.append(
            f"tenants.{min(reached)}.hostname is set with gateway.kind ingress, expected gateway; "
            "an Ingress has no routes of tenants"
        )
    hosts = [*reached.values(), *([gateway.hostname] if gateway else [])]
    lines += [
        f"tenants.{name}.hostname is {host}, which somebody else has; give each a name of his own"
        for name, host in reached.items()
        if hosts.count(host) > 1
    ]
    return lines


def apart(tenants: Iterable[str], namespace: str | None) -> list[str]:
    """A line for a tenant who would live where the stack does. namespace: its own, where it is known."""
    return [
        f"tenants.{name} is called as the stack's own namespace, expected another name, as he has a namespace of that "
        "name for himself; rename the tenant, or set kubernetes.namespace"
        for name in tenants
        if name == namespace
    ]


def _answered(gateway: GatewaySpec, *, given: bool) -> list[str]:
    """A line where it is not said who is answered, or said twice. given: there are API keys from elsewhere."""
    if gateway.anonymous and given:
        return [
            "gateway.anonymous is true beside api_keys, expected one of them: the server would want a key from "
            "everybody; remove api_keys, or anonymous"
        ]
    if not gateway.keys and not gateway.anonymous and not given:
        return [
            "gateway.keys is empty, and there are no api_keys, expected a key's name, for without one everybody is "
            "answered; write keys: [default], or anonymous: true if that is meant"
        ]
    return []
