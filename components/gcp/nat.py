"""The way to the internet from a subnetwork whose machines have no public addresses."""

from enum import Enum
from typing import Final

import pulumi
from pulumi_gcp.compute.address import Address
from pulumi_gcp.compute.route import Route
from pulumi_gcp.compute.router import Router
from pulumi_gcp.compute.router_nat import RouterNat

from components.gcp.firewall import ANYWHERE
from components.gcp.google_apis import GATEWAY
from components.gcp.labels import Labels


class GcpNat(Enum):
    """How what is in the network reaches the internet."""

    AUTOMATIC = "automatic"
    """By Cloud NAT, whose public addresses Google gives and takes as they are needed."""
    STATIC = "static"
    """By Cloud NAT with addresses that stay, which others can let in."""
    NONE = "none"
    """Not at all: Google's APIs are reached by addresses of their own, images come from Artifact Registry."""


LEAST_PORTS, MOST_PORTS = 64, 4096
"""Ports of a machine to one address and port elsewhere, which are given as it needs them: a node's pods share them, and
none may use up an address of 64,512."""
ADDRESSES: Final = 1
MOST_ADDRESSES: Final = 64


def out(
    name: str,
    network: pulumi.Input[str],
    subnetwork: pulumi.Input[str],
    *,
    project: str,
    region: str,
    count: int,
    labels: Labels,
    opts: pulumi.ResourceOptions,
) -> tuple[list[pulumi.CustomResource], list[pulumi.Output[str]]]:
    """What makes the way out, and its public addresses: `count` of its own, or with 0 those that Google chooses."""
    way = Route(
        f"{name}-internet",
        project=project,
        network=network,
        dest_range=ANYWHERE,
        next_hop_gateway=GATEWAY,
        description="The way to the internet",
        opts=opts,
    )
    router = Router(name, project=project, region=region, network=network, opts=opts)
    own = [
        Address(
            f"{name}-nat-{at}",
            project=project,
            region=region,
            address_type="EXTERNAL",
            description="Where the network comes from on the internet",
            labels=labels.all(),
            opts=opts,
        )
        for at in range(1, count + 1)
    ]
    gateway = RouterNat(
        name,
        project=project,
        region=region,
        router=router.name,
        nat_ip_allocate_option="MANUAL_ONLY" if own else "AUTO_ONLY",
        nat_ips=[each.self_link for each in own] or None,
        source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
        # Pods come with addresses of their own, of a secondary range.
        subnetworks=[{"name": subnetwork, "source_ip_ranges_to_nats": ["ALL_IP_RANGES"]}],
        enable_dynamic_port_allocation=True,
        # Not together with ports that are given as they are needed.
        enable_endpoint_independent_mapping=False,
        min_ports_per_vm=LEAST_PORTS,
        max_ports_per_vm=MOST_PORTS,
        log_config={"enable": True, "filter": "ERRORS_ONLY"},
        opts=opts,
    )
    return [way, gateway], [each.address for each in own]
