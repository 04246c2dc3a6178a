"""What answers behind a load balancer on Google Cloud: nodes of a cluster, instances, or a service of Cloud Run."""

from collections.abc import Sequence
from typing import Any, Final

import pulumi
from pulumi_gcp.compute.backend_service import BackendService
from pulumi_gcp.compute.firewall import Firewall
from pulumi_gcp.compute.health_check import HealthCheck
from pulumi_gcp.compute.instance_group_named_port import InstanceGroupNamedPort
from pulumi_gcp.compute.region_network_endpoint_group import RegionNetworkEndpointGroup

from components import checks, outputs
from components.front import READY

SCHEME: Final = "EXTERNAL_MANAGED"
FRONT_ENDS: Final = ("35.191.0.0/16", "130.211.0.0/22")
"""Where Google's front ends and its health checks come from (Cloud Load Balancing, "Firewall rules", 2026-11-22)."""
RATE: Final = 100.0
"""Requests a second at which a node is full: the same for each, so that each gets as many, when all are full too."""
MOST_RATE: Final = 1000.0
"""The same of instances that an autoscaler counts by what part of it they get: more than one of them answers."""
GROUP: Final = r"projects/[a-z][a-z0-9.:-]{4,61}/zones/([a-z0-9-]+)/instanceGroup(?:Manager)?s/[a-z][a-z0-9-]{0,62}"
"""Instance groups; GKE names what manages one, whose name is the group's."""
INSTANCES: Final = r"projects/[a-z][a-z0-9.:-]{4,61}/(zones|regions)/[a-z0-9-]+/instanceGroups/[a-z][a-z0-9-]{0,62}"
"""Instance groups that somebody names whole."""


def service(
    name: str,
    kind: str,
    *,
    project: str,
    policy: pulumi.Input[str],
    sample: float,
    backends: Any,
    about: dict[str, Any],
    opts: pulumi.ResourceOptions,
) -> BackendService:
    """A backend service of either kind. The kind is in its name, as Google makes none of the other out of it."""
    return BackendService(
        f"{name}-{kind}",
        project=project,
        description=f"What answers for {name}",
        load_balancing_scheme=SCHEME,
        backends=backends,
        security_policy=policy,
        log_config={"enable": True, "sample_rate": sample},
        enable_cdn=False,
        opts=opts,
        **about,
    )


def nodes(
    name: str,
    *,
    project: str,
    network: pulumi.Input[str],
    tag: pulumi.Input[str],
    groups: pulumi.Input[Sequence[pulumi.Input[str]]],
    zones: Sequence[str],
    port: int,
    opts: pulumi.ResourceOptions,
) -> tuple[Any, dict[str, Any], list[pulumi.Resource]]:
    """Nodes as backends, what their backend service is told of them, and what it waits for.

    groups: one of each zone.
    """
    # Port in its name: another port is opened before the requests move to it, and this one closed after.
    called = f"{name}-{port}"
    opened = Firewall(
        f"{name}-port-{port}",
        project=project,
        network=network,
        description=f"Google's front ends and health checks to nodes of {name}",
        direction="INGRESS",
        source_ranges=list(FRONT_ENDS),
        target_tags=[tag],
        # Not logged: each request is, by the load balancer, and a health check comes every few seconds.
        allows=[{"protocol": "tcp", "ports": [str(port)]}],
        opts=opts,
    )
    found = {zone: outputs.known(group, of=groups, zone=zone) for zone in zones}
    ports: list[pulumi.Resource] = [
        InstanceGroupNamedPort(
            f"{name}-{zone}", name=called, project=project, zone=zone, group=each, port=port, opts=opts
        )
        for zone, each in found.items()
    ]
    backends = [_backend(each, RATE) for each in found.values()]
    return backends, _about(name, called, project=project, opts=opts), [opened, *ports]


def instances(
    name: str, *, project: str, group: pulumi.Input[str], port_name: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> tuple[Any, dict[str, Any]]:
    """A group of instances as a backend, and what its backend service is told.

    Whoever made the group has named its port, and lets Google's front ends in.
    """
    return [_backend(group, MOST_RATE)], _about(name, port_name, project=project, opts=opts)


def _backend(group: pulumi.Input[str], rate: float) -> dict[str, Any]:
    return {"group": group, "balancing_mode": "RATE", "max_rate_per_instance": rate, "capacity_scaler": 1.0}


def _about(name: str, port_name: pulumi.Input[str], *, project: str, opts: pulumi.ResourceOptions) -> dict[str, Any]:
    """What a backend service of machines is told: at which port a model answers, and how it is known to."""
    check = HealthCheck(
        name,
        project=project,
        description=f"Whether a model answers behind {name}",
        check_interval_sec=10,
        timeout_sec=5,
        healthy_threshold=2,
        unhealthy_threshold=2,
        http_health_check={"request_path": READY, "port_specification": "USE_SERVING_PORT"},
        log_config={"enable": True},
        opts=opts,
    )
    return {
        "protocol": "HTTP",
        "port_name": port_name,
        "health_checks": check.id,
        "locality_lb_policy": "LEAST_REQUEST",
    }


def group(of: Sequence[str], zone: str) -> str:
    """The instance group of a zone, by the address that a backend service wants. Raises ArgsError."""
    here = [each for each in of if f"/zones/{zone}/" in each]
    what = "GcpLoadBalancer.instance_groups"
    if len(here) != 1:
        expected = f"one group of {zone}, which is among the zones"
        raise checks.wrong(what, list(of), expected, "name the zones that there are nodes in")
    path = here[0].partition("/projects/")[2] if "://" in here[0] else here[0].removeprefix("projects/")
    plain = path.replace("/instanceGroupManagers/", "/instanceGroups/")
    return f"https://www.googleapis.com/compute/v1/projects/{plain}"


def run(
    name: str, *, project: str, region: str, service_name: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> tuple[Any, dict[str, Any]]:
    """A service of Cloud Run as a backend, and what its backend service is told. Cloud Run says itself who is ready."""
    endpoints = RegionNetworkEndpointGroup(
        name,
        project=project,
        region=region,
        description=f"Cloud Run behind {name}",
        network_endpoint_type="SERVERLESS",
        cloud_run={"service": service_name},
        opts=opts,
    )
    return [{"group": endpoints.id}], {"protocol": "HTTPS"}
