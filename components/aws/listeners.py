"""What listens for callers of a load balancer, and what it sends where."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_aws.lb.listener import Listener
from pulumi_aws.lb.load_balancer import LoadBalancer
from pulumi_aws.lb.target_group import TargetGroup

from components.aws.tags import Tags
from components.front import HTTP, HTTPS, PATHS, READY

TLS_1_3 = "ELBSecurityPolicy-TLS13-1-3-PQ-2025-09"
TLS_1_2 = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
"""Both with forward secrecy and authenticated ciphers alone, and a key exchange that outlasts quantum computers for who
speaks it (ELB's guide, "Security policies", 2026-11-22)."""
PRIORITIES = 50_000
"""Places of a listener's rules (ELB's API, CreateRule)."""


def targets(
    name: str, args: Mapping[str, Any], port: int, application: bool, tags: Tags, child: pulumi.ResourceOptions
) -> TargetGroup:
    """What answers, as long as it is ready. TLS ends at the load balancer: behind it is the VPC."""
    about: dict[str, Any] = {"load_balancing_algorithm_type": "least_outstanding_requests"} if application else {}
    return TargetGroup(
        name,
        vpc_id=args["vpc_id"],
        target_type="instance" if args.get("node_port") is not None or args.get("instance_targets") else "ip",
        protocol="HTTP" if application else "TCP",
        port=port,
        # As long as the server itself goes on answering what it was asked.
        deregistration_delay=60,
        health_check={
            "enabled": True,
            "protocol": "HTTP",
            "path": READY,
            "port": "traffic-port",
            "matcher": "200",
            "interval": 10,
            "timeout": 5,
            "healthy_threshold": 2,
            "unhealthy_threshold": 2,
        },
        tags=tags.of(name),
        opts=child,
        **about,
    )


def ways(
    name: str,
    args: Mapping[str, Any],
    balancer: LoadBalancer,
    first: TargetGroup,
    other: TargetGroup | None,
    proven: pulumi.Output[str],
    hosts: Sequence[str],
    application: bool,
    tags: Tags,
    child: pulumi.ResourceOptions,
) -> tuple[list[pulumi.Resource], pulumi.Output[str]]:
    """The listeners, what they send where, and the ARN of what leads to the model."""
    forward: Any = {"type": "forward", "target_group_arn": first.arn}
    moved = child
    if other is not None:
        weighed = [{"arn": first.arn, "weight": 100}, {"arn": other.arn, "weight": 0}]
        forward = {"type": "forward", "forward": {"target_groups": weighed}}
        # From here on ECS says which version gets how much.
        ignored = ["actions" if application else "defaultActions"]
        moved = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(ignore_changes=ignored))
    secure: dict[str, Any] = {
        "load_balancer_arn": balancer.arn,
        "port": HTTPS,
        "certificate_arn": proven,
        "ssl_policy": TLS_1_2 if args.get("allow_tls_1_2", False) else TLS_1_3,
        "tags": tags.of(name),
    }
    if not application:
        listener = Listener(name, protocol="TLS", default_actions=[forward], opts=moved, **secure)
        return [listener], listener.arn
    from pulumi_aws.lb.listener_rule import ListenerRule

    nothing: Any = {
        "type": "fixed-response",
        "fixed_response": {"content_type": "text/plain", "message_body": "Not Found", "status_code": "404"},
    }
    https = Listener(name, protocol="HTTPS", default_actions=[nothing], opts=child, **secure)
    # One rule for each name: a rule compares with five values at most.
    rules = [
        ListenerRule(
            f"{name}-{host}",
            listener_arn=https.arn,
            priority=place,
            conditions=[{"host_header": {"values": [host]}}, {"path_pattern": {"values": list(PATHS)}}],
            actions=[forward],
            tags=tags.of(f"{name}-{host}"),
            opts=moved,
        )
        for host, place in _places(hosts).items()
    ]
    away: Any = {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": str(HTTPS), "status_code": "HTTP_301"}}
    called = f"{name}-redirect"
    redirect = Listener(
        called,
        load_balancer_arn=balancer.arn,
        port=HTTP,
        protocol="HTTP",
        default_actions=[away],
        tags=tags.of(called),
        opts=child,
    )
    return [https, *rules, redirect], rules[0].arn


def _places(hosts: Sequence[str]) -> dict[str, int]:
    """A priority for each name's rule that is its own whichever others there are: no two may meet in an update."""
    found: dict[str, int] = {}
    for host in sorted(hosts):
        place = zlib.crc32(host.encode()) % PRIORITIES
        while place + 1 in found.values():
            place = (place + 1) % PRIORITIES
        found[host] = place + 1
    return {host: found[host] for host in hosts}
