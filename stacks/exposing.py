"""How callers outside of the cluster reach the model, and how tenants have it to themselves: gateway, keys, tenants."""

from collections.abc import Mapping
from typing import Any, cast

import pulumi

from components.kubernetes import ModelService, ModelServiceArgs
from components.kubernetes.api_keys import ApiKeys, ApiKeysArgs
from components.kubernetes.load_balancer import GatewayKind, IssuerKind, ModelGateway, ModelGatewayArgs
from components.kubernetes.tenant import Tenant, TenantArgs
from stacks import pulling
from stacks.spec import StackSpec

_KEPT = (
    "image",
    "workers",
    "metrics",
    "requests_per_second",
    "resources",
    "ready_timeout",
    "context",
    "kubeconfig",
    "monitoring_namespace",
)
"""What a tenant's pods have of the service's own."""


def keyed(spec: StackSpec, name: str, args: ModelServiceArgs, within: pulumi.ResourceOptions) -> ApiKeys | None:
    """Give the service its API keys, and let the gateway's pods in. Call it before its pods are rendered."""
    wanted = spec.gateway
    if wanted is not None:
        args["allowed_namespaces"] = [*cast("list[str]", args.get("allowed_namespaces", [])), wanted.namespace]
    generated = list(spec.keys)
    if not generated and not spec.api_keys:
        return None
    given: ApiKeysArgs = {"namespace": args["namespace"], "service": name, "generated": generated}
    if spec.api_keys:
        given["given"] = pulumi.Output.secret(spec.api_keys)
    keys = ApiKeys(name, given, within)
    args["keys_secret"] = keys.secret
    return keys


def reached(
    spec: StackSpec, name: str, service: ModelService, behind: pulumi.ResourceOptions, cluster: Mapping[str, Any]
) -> ModelGateway | None:
    """The gateway in front of the service, if there is to be one. cluster: how it is reached."""
    wanted = spec.gateway
    if wanted is None:
        return None
    given = ModelGatewayArgs(
        namespace=service.namespace,
        service=name,
        hostname=wanted.hostname,
        class_name=wanted.class_name,
        kind=GatewayKind(wanted.kind),
        issuer_kind=IssuerKind(wanted.issuer_kind),
        tenants={each: tenant.hostname for each, tenant in spec.tenants.items() if tenant.hostname is not None},
    )
    if wanted.issuer is not None:
        given["issuer"] = wanted.issuer
    return ModelGateway(name, cast("ModelGatewayArgs", {**given, **cluster}), behind)


def apart(
    spec: StackSpec,
    args: ModelServiceArgs,
    gateway: ModelGateway | None,
    behind: pulumi.ResourceOptions,
) -> Mapping[str, Tenant]:
    """The tenants, each with pods of his own that run what the stable service does."""
    return {each: _tenant(each, spec, args, gateway, behind) for each in spec.tenants}


def _tenant(
    tenant: str,
    spec: StackSpec,
    args: ModelServiceArgs,
    gateway: ModelGateway | None,
    behind: pulumi.ResourceOptions,
) -> Tenant:
    wanted = spec.tenants[tenant]
    given = TenantArgs(
        service=tenant,
        keys=list(wanted.keys),
        quota=cast("Any", wanted.quota.model_dump(exclude_none=True)),
    )
    if wanted.hostname is not None and gateway is not None:
        given["hostname"] = wanted.hostname
        given["gateway"], given["gateway_namespace"] = gateway.gateway, args["namespace"]
    made = Tenant(tenant, given, behind)
    own: dict[str, Any] = {key: value for key, value in args.items() if key in _KEPT}
    own |= {"namespace": made.namespace, "replicas": wanted.replicas, "keys_secret": made.keys_secret}
    # The gateway's pods alone, and what he runs himself beside his model; not those whom the service lets in.
    own |= {"allowed_namespaces": [spec.gateway.namespace] if spec.gateway else [], "same_namespace": True}
    within = pulumi.ResourceOptions.merge(behind, pulumi.ResourceOptions(depends_on=[made]))
    if spec.kubernetes.pull_secret:
        own["pull_secret"] = pulling.secret(spec, tenant, made.namespace, within)
    ModelService(tenant, cast("ModelServiceArgs", own), within)
    return made
