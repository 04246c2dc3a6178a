"""Somebody who has the model to himself: apart from all others by namespace, quota, network, key and name."""

from collections.abc import Sequence
from typing import Any, NotRequired, Optional, TypedDict

import pulumi

from components.kubernetes import names
from components.kubernetes.api_keys import ApiKeys
from components.kubernetes.load_balancer import http_route
from components.kubernetes.namespace import ModelNamespace, ModelQuota


class TenantArgs(TypedDict):
    service: str
    """Name of the ModelService in the tenant's namespace."""
    quota: NotRequired[pulumi.Input[ModelQuota]]
    """What the tenant's pods may ask for together. Default: 16 cores, 32Gi of memory, 100 pods."""
    keys: NotRequired[Sequence[str]]
    """Names of the API keys that are made for the tenant. Default: `default`."""
    hostname: NotRequired[pulumi.Input[str]]
    """DNS name of the tenant's own route, one of the ModelGateway's `tenants`. Default: no route."""
    gateway: NotRequired[pulumi.Input[str]]
    """Name of the Gateway that the route is attached to: the output `gateway` of a ModelGateway."""
    gateway_namespace: NotRequired[pulumi.Input[str]]
    """Namespace of that Gateway."""


class Tenant(pulumi.ComponentResource):
    """A namespace closed to the network, with a quota, API keys and a route of its own, for one ModelService.

    The namespace is called as the component is. No pod of another namespace reaches it but by the service's policy,
    which names the gateway's. Outputs: `namespace`, `keys_secret` (for the service), `keys` (by name, a secret), `url`.
    """

    namespace: pulumi.Output[str]
    """Name of the tenant's namespace."""
    keys_secret: pulumi.Output[str]
    """Name of the Secret with the hashes of the tenant's keys."""
    keys: pulumi.Output[dict[str, str]]
    """The tenant's API keys by name."""
    url: pulumi.Output[str]
    """Where the tenant asks; empty without a route."""

    def __init__(self, name: str, args: TenantArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        super().__init__("modelport:index:Tenant", name, {}, opts)
        if ("hostname" in args) != ("gateway" in args and "gateway_namespace" in args):
            raise ValueError(
                f"tenant '{name}' has a part of a route, expected hostname, gateway and gateway_namespace together, "
                "or none of them"
            )
        child = pulumi.ResourceOptions(parent=self)
        space = ModelNamespace(name, {"quota": args.get("quota") or ModelQuota()}, child)
        within = pulumi.ResourceOptions(parent=self, depends_on=[space])
        service = names.service(args["service"])
        keys = ApiKeys(
            name,
            {"namespace": space.name, "generated": list(args.get("keys", ["default"])), "service": service},
            within,
        )
        self.namespace, self.keys_secret, self.keys = space.name, keys.secret, keys.keys
        self.url = pulumi.Output.from_input("")
        if "hostname" in args and "gateway" in args and "gateway_namespace" in args:
            host = args["hostname"]
            parent: dict[str, Any] = {"name": args["gateway"], "namespace": args["gateway_namespace"]}
            parent["sectionName"] = f"https-{name}"
            route = http_route(name, space.name, parent, [host], within, service=service)
            self.url = pulumi.Output.all(host, route.id).apply(lambda known: f"https://{known[0]}")
        self.register_outputs(
            {"namespace": self.namespace, "keys_secret": self.keys_secret, "keys": self.keys, "url": self.url}
        )
