"""What may come in: nothing, but what somebody asks for and what GKE opens for its own nodes."""

from collections.abc import Sequence
from typing import Any, Final

import pulumi
from pulumi_gcp.compute.firewall import Firewall

ANYWHERE: Final = "0.0.0.0/0"
PROXY: Final = "35.235.240.0/20"
"""Where Identity-Aware Proxy comes from (IAP, "Using IAP for TCP forwarding", 2026-11-22)."""
LAST: Final = 65534
"""Behind every other rule, and before the one of Google's that denies what is left and logs nothing."""
LOGGED: Final[Any] = {"metadata": "INCLUDE_ALL_METADATA"}


def closed(name: str, network: pulumi.Input[str], project: str, opts: pulumi.ResourceOptions) -> Firewall:
    """Nothing comes in that no other rule lets in, and what tried is logged."""
    return Firewall(
        f"{name}-deny",
        project=project,
        network=network,
        description="Denies and logs what no other rule lets in",
        direction="INGRESS",
        priority=LAST,
        source_ranges=[ANYWHERE],
        denies=[{"protocol": "all"}],
        log_config=LOGGED,
        opts=opts,
    )


def inside(
    name: str,
    network: pulumi.Input[str],
    project: str,
    sources: Sequence[str],
    ports: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> Firewall:
    """Everything answers nodes and pods on these ports of TCP."""
    return Firewall(
        f"{name}-internal",
        project=project,
        network=network,
        description="Ports that answer nodes and pods of the network",
        direction="INGRESS",
        source_ranges=list(sources),
        allows=[{"protocol": "tcp", "ports": list(ports)}],
        log_config=LOGGED,
        opts=opts,
    )


def ssh(name: str, network: pulumi.Input[str], project: str, opts: pulumi.ResourceOptions) -> Firewall:
    """SSH comes in through Identity-Aware Proxy, which asks IAM who may."""
    return Firewall(
        f"{name}-iap-ssh",
        project=project,
        network=network,
        description="SSH through Identity-Aware Proxy",
        direction="INGRESS",
        source_ranges=[PROXY],
        allows=[{"protocol": "tcp", "ports": ["22"]}],
        log_config=LOGGED,
        opts=opts,
    )
