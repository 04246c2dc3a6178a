"""How Google's APIs are reached from a network: by which addresses, which names mean those, and which routes."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

import pulumi
from pulumi_gcp.compute.route import Route
from pulumi_gcp.dns.managed_zone import ManagedZone
from pulumi_gcp.dns.record_set import RecordSet

from components import checks
from components.gcp.labels import Labels


class GcpGoogleApis(Enum):
    """By which addresses Google's APIs are reached."""

    PUBLIC = "public"
    """By those that everybody has, though without leaving Google's network."""
    PRIVATE = "private"
    """By private.googleapis.com: all of them, by four addresses that only Google's network knows."""
    RESTRICTED = "restricted"
    """By restricted.googleapis.com: those that VPC Service Controls can guard, and no others."""


RANGES: Final[Mapping[GcpGoogleApis, str]] = {
    GcpGoogleApis.PRIVATE: "199.36.153.8/30",
    GcpGoogleApis.RESTRICTED: "199.36.153.4/30",
}
"""Their addresses (VPC, "Configure Private Google Access", 2026-11-22)."""
DIRECT: Final = "34.126.0.0/18"
"""Where some APIs, as that of Cloud Storage, are asked without a front end between (the same page)."""
GATEWAY: Final = "default-internet-gateway"
"""Also the way to Google's own addresses, which a packet takes without leaving Google's network."""
APIS: Final = "googleapis.com"
DOMAINS: Final = (APIS, "gcr.io", "pkg.dev", "gke.goog", "run.app")
"""Names that are answered there: the APIs, images of GKE's own parts, Artifact Registry, control planes of GKE that are
asked by name, and services of Cloud Run."""
TTL: Final = 300


def addresses(kind: GcpGoogleApis) -> list[str]:
    """The four that a kind has."""
    return [str(each) for each in checks.Network(RANGES[kind])]


def reached(
    name: str,
    network: pulumi.Input[str],
    kind: GcpGoogleApis,
    labels: Labels,
    project: str,
    opts: pulumi.ResourceOptions,
) -> list[pulumi.CustomResource]:
    """Zones that only the network sees, and routes, by which its parts reach Google's APIs."""
    if kind is GcpGoogleApis.PUBLIC:
        return []
    made: list[pulumi.CustomResource] = [
        Route(
            f"{name}-{what}",
            project=project,
            network=network,
            dest_range=range_,
            next_hop_gateway=GATEWAY,
            description="The way to Google's APIs",
            opts=opts,
        )
        for what, range_ in (("google-apis", RANGES[kind]), ("google-direct", DIRECT))
    ]
    for domain in DOMAINS:
        made += _zone(f"{name}-{domain.replace('.', '-')}", domain, network, kind, labels, project, opts)
    return made


def _zone(
    called: str,
    domain: str,
    network: pulumi.Input[str],
    kind: GcpGoogleApis,
    labels: Labels,
    project: str,
    opts: pulumi.ResourceOptions,
) -> list[pulumi.CustomResource]:
    zone = ManagedZone(
        called,
        project=project,
        dns_name=f"{domain}.",
        description=f"{domain} by {kind.value}.{APIS}",
        visibility="private",
        private_visibility_config={"networks": [{"network_url": network}]},
        labels=labels.all(),
        opts=opts,
    )
    # Google's own name for the four addresses is of the first domain, and has to be answered there too.
    at = f"{kind.value}.{APIS}." if domain == APIS else f"{domain}."
    return [
        zone,
        RecordSet(
            called,
            project=project,
            managed_zone=zone.name,
            name=at,
            type="A",
            ttl=TTL,
            rrdatas=addresses(kind),
            opts=opts,
        ),
        RecordSet(
            f"{called}-all",
            project=project,
            managed_zone=zone.name,
            name=f"*.{domain}.",
            type="CNAME",
            ttl=TTL,
            rrdatas=[at],
            opts=opts,
        ),
    ]
