"""The way to a model from outside of its cluster: a name, TLS, and a route that releases may weigh."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_kubernetes.apiextensions.CustomResource import CustomResource
from pulumi_kubernetes.networking.v1.Ingress import Ingress

from components.kubernetes import access, certificates, names, watching
from components.kubernetes.service import AT_ONCE
from components.kubernetes.watched import Watched

API = "gateway.networking.k8s.io/v1"
PATHS = "/v2"
"""All that callers may ask for; the server's metrics lie beside it, and are for the cluster alone."""
ATTACHED = {"pulumi.com/waitFor": 'jsonpath={.status.parents[0].conditions[?(@.type=="Accepted")].status}=True'}
"""Waits until the Gateway has taken a route."""


class GatewayKind(Enum):
    """The objects that say what is routed."""

    GATEWAY = "gateway"
    """Gateway and HTTPRoute of the Gateway API: weights, mirrors, and matches by header for releases."""
    INGRESS = "ingress"
    """The older Ingress: one service behind one name."""


class IssuerKind(Enum):
    """Where an issuer of cert-manager lives."""

    CLUSTER_ISSUER = "ClusterIssuer"
    """One for the whole cluster."""
    ISSUER = "Issuer"
    """One of the service's namespace."""


class ModelGatewayArgs(TypedDict):
    namespace: pulumi.Input[str]
    """Namespace of the service."""
    service: str
    """Name of the ModelService."""
    hostname: pulumi.Input[str]
    """DNS name that callers use."""
    class_name: pulumi.Input[str]
    """GatewayClass or IngressClass of the cluster: `kubectl get gatewayclass`, `kubectl get ingressclass`."""
    kind: NotRequired[GatewayKind]
    """Gateway API, or Ingress. Default: Gateway API."""
    issuer: NotRequired[pulumi.Input[str]]
    """Issuer of cert-manager that signs the certificate. Default: an authority made for this gateway alone, whose
    certificate clients must be given."""
    issuer_kind: NotRequired[pulumi.Input[IssuerKind]]
    """Where the issuer lives. Default: ClusterIssuer."""
    tenants: NotRequired[Mapping[str, pulumi.Input[str]]]
    """DNS name of each tenant by his namespace, which alone may attach routes to it. Default: none."""
    annotations: NotRequired[pulumi.Input[Mapping[str, pulumi.Input[str]]]]
    """Annotations of the Gateway or Ingress, for what its controller is told that way."""
    context: NotRequired[pulumi.Input[str]]
    """Context of the kubeconfig, as given to the Kubernetes provider. Default: the current one."""
    kubeconfig: NotRequired[pulumi.Input[str]]
    """Text of a kubeconfig, as given to the Kubernetes provider, of a cluster that the same program makes. Default: the
    kubeconfig of this machine."""


class ModelGateway(pulumi.ComponentResource):
    """A name with TLS in front of a ModelService; plain HTTP is answered with the address that has TLS.

    Outputs: `url`, `hostname`, `address` (which the name has to lead to), `gateway` (name of the Gateway or Ingress),
    `route` (name of the HTTPRoute, empty for an Ingress), `tls_secret` (name of the Secret with certificate and
    authority).
    """

    url: pulumi.Output[str]
    """Where callers find the model: `https://HOSTNAME`."""
    hostname: pulumi.Output[str]
    """The DNS name."""
    address: pulumi.Output[str]
    """What your DNS has to say of the name: where the gateway answers, an address or a name that the cloud gave it."""
    gateway: pulumi.Output[str]
    """Name of the Gateway, or of the Ingress."""
    route: pulumi.Output[str]
    """Name of the HTTPRoute whose weights a release moves; empty for an Ingress."""
    tls_secret: pulumi.Output[str]
    """Name of the Secret with the certificate, and in `ca.crt` who signed it."""

    def __init__(self, name: str, args: ModelGatewayArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        super().__init__("modelport:index:ModelGateway", names.service(name), {}, opts)
        kind = GatewayKind(args.get("kind", GatewayKind.GATEWAY))
        tenants = args.get("tenants") or {}
        if tenants and kind is GatewayKind.INGRESS:
            raise ValueError(
                f"tenants is {sorted(tenants)} with an Ingress, expected the Gateway API, where each tenant attaches "
                "routes of his own; leave tenants out, or take kind gateway"
            )
        hosts = [args["hostname"], *tenants.values()]
        issuer = {"kind": _text(args.get("issuer_kind")), "name": args["issuer"]} if "issuer" in args else None
        signed = certificates.certificate(name, args["namespace"], hosts, issuer, self, access.where(args))
        # What is to be shown to callers is there before they are.
        behind = pulumi.ResourceOptions(parent=self, depends_on=[signed])
        made, opened = (
            _ingress(name, args, behind)
            if kind is GatewayKind.INGRESS
            else _routed(name, args, tenants, behind, pulumi.ResourceOptions(parent=self))
        )
        self.hostname = pulumi.Output.from_input(args["hostname"])
        self.address = opened.address.apply(lambda known: str(known or ""))
        # Known once the way is open.
        self.url = pulumi.Output.all(self.hostname, opened.id).apply(lambda known: f"https://{known[0]}")
        self.gateway = made.id.apply(lambda known: known.rpartition("/")[2])
        self.route = pulumi.Output.from_input(name if kind is GatewayKind.GATEWAY else "")
        self.tls_secret = pulumi.Output.from_input(certificates.secret(name))
        self.register_outputs(
            {
                "url": self.url,
                "hostname": self.hostname,
                "address": self.address,
                "gateway": self.gateway,
                "route": self.route,
                "tls_secret": self.tls_secret,
            }
        )


def http_route(
    name: str,
    namespace: pulumi.Input[str],
    parent: Mapping[str, Any],
    hosts: list[pulumi.Input[str]],
    options: pulumi.ResourceOptions,
    *,
    service: str,
) -> CustomResource:
    """The route to a service, its candidate named beside it with no weight: a release moves the weights and puts them
    back, and what it left of that is taken for ours."""
    rule = {
        "matches": [{"path": {"type": "PathPrefix", "value": PATHS}}],
        "backendRefs": [
            {"name": service, "port": names.SERVICE_PORT, "weight": 100},
            {"name": names.canary(service), "port": names.SERVICE_PORT, "weight": 0},
        ],
    }
    about: Any = {"name": name, "namespace": namespace, "labels": names.labels(service)}
    return CustomResource(
        name,
        api_version=API,
        kind="HTTPRoute",
        metadata={**about, "annotations": {"pulumi.com/patchForce": "true", **ATTACHED}},
        spec={"parentRefs": [parent], "hostnames": hosts, "rules": [rule]},
        opts=options,
    )


def _routed(
    name: str,
    args: ModelGatewayArgs,
    tenants: Mapping[str, pulumi.Input[str]],
    behind: pulumi.ResourceOptions,
    child: pulumi.ResourceOptions,
) -> tuple[pulumi.CustomResource, Watched]:
    """Gateway, the service's route, and the one that sends plain HTTP away."""
    shown = {"mode": "Terminate", "certificateRefs": [{"kind": "Secret", "name": certificates.secret(name)}]}
    secure: list[Any] = [
        {"name": "https", "hostname": args["hostname"], "allowedRoutes": {"namespaces": {"from": "Same"}}},
        *(
            {"name": f"https-{space}", "hostname": host, "allowedRoutes": {"namespaces": _only(space)}}
            for space, host in tenants.items()
        ),
    ]
    plain = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Same"}}}
    about: Any = {"name": name, "namespace": args["namespace"], "labels": names.labels(name)}
    told = pulumi.Output.from_input(args.get("annotations") or {}).apply(lambda given: {**given, **AT_ONCE})
    listeners = [plain, *({**each, "port": 443, "protocol": "HTTPS", "tls": shown} for each in secure)]
    spec: dict[str, Any] = {"gatewayClassName": args["class_name"], "listeners": listeners}
    gateway = CustomResource(
        name,
        api_version=API,
        kind="Gateway",
        metadata={**about, "annotations": told},
        spec=spec,
        opts=behind,
    )
    opened = _opened(name, args, watching.GATEWAYS, spec, gateway, child)
    after = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[opened]))
    away = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
    CustomResource(
        f"{name}-redirect",
        api_version=API,
        kind="HTTPRoute",
        metadata={**about, "name": f"{name}-redirect", "annotations": ATTACHED},
        spec={
            "parentRefs": [{"name": name, "sectionName": "http"}],
            "hostnames": [args["hostname"], *tenants.values()],
            "rules": [{"filters": [away]}],
        },
        opts=after,
    )
    parent = {"name": name, "sectionName": "https"}
    http_route(name, args["namespace"], parent, [args["hostname"]], after, service=args["service"])
    return gateway, opened


def _opened(
    name: str,
    args: ModelGatewayArgs,
    kind: str,
    spec: Mapping[str, Any],
    made: pulumi.Resource,
    child: pulumi.ResourceOptions,
) -> Watched:
    """The wait until the gateway answers."""
    where = {"namespace": args["namespace"], **access.where(args)}
    options = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[made]))
    return certificates.watched(name, kind, name, where, spec, options)


def _ingress(
    name: str, args: ModelGatewayArgs, behind: pulumi.ResourceOptions
) -> tuple[pulumi.CustomResource, Watched]:
    service = {"name": args["service"], "port": {"name": names.PORT_NAME}}
    path = {"path": PATHS, "pathType": "Prefix", "backend": {"service": service}}
    about: Any = {"name": name, "namespace": args["namespace"], "labels": names.labels(name)}
    spec: Any = {
        "ingressClassName": args["class_name"],
        "tls": [{"hosts": [args["hostname"]], "secretName": certificates.secret(name)}],
        "rules": [{"host": args["hostname"], "http": {"paths": [path]}}],
    }
    told = pulumi.Output.from_input(args.get("annotations") or {}).apply(lambda given: {**given, **AT_ONCE})
    made = Ingress(name, metadata=cast("Any", {**about, "annotations": told}), spec=spec, opts=behind)
    child = pulumi.ResourceOptions(parent=behind.parent)
    return made, _opened(name, args, watching.INGRESSES, spec, made, child)


def _only(namespace: str) -> dict[str, Any]:
    return {"from": "Selector", "selector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}


def _text(kind: pulumi.Input[IssuerKind] | None) -> pulumi.Output[str]:
    return pulumi.Output.from_input(kind or IssuerKind.CLUSTER_ISSUER).apply(lambda known: IssuerKind(known).value)
