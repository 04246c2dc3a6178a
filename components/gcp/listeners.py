"""What listens for callers of a load balancer on Google Cloud, and what it sends where."""

from collections.abc import Sequence
from typing import Any, Final

import pulumi
from pulumi_gcp.compute.global_address import GlobalAddress
from pulumi_gcp.compute.global_forwarding_rule import GlobalForwardingRule
from pulumi_gcp.compute.ssl_policy import SSLPolicy
from pulumi_gcp.compute.target_http_proxy import TargetHttpProxy
from pulumi_gcp.compute.target_https_proxy import TargetHttpsProxy
from pulumi_gcp.compute.url_map import URLMap

from components.front import HTTP, HTTPS, PATHS
from components.gcp.backends import SCHEME
from components.gcp.labels import Labels

TLS_1_3, TLS_1_2 = "TLS_1_3", "TLS_1_2"
PROFILE: Final = "RESTRICTED"
"""With forward secrecy and authenticated ciphers alone, and the one profile for TLS 1.3 alone (Compute Engine's API,
SslPolicy, 2026-11-22)."""
NOT_FOUND: Final[Any] = {"fault_injection_policy": {"abort": {"http_status": 404, "percentage": 100.0}}}
"""An answer of the front end's own: a URL map has no fixed ones, and an abort of every request is one."""


def routes(
    name: str, hosts: Sequence[str], backend: pulumi.Input[str], *, project: str, opts: pulumi.ResourceOptions
) -> URLMap:
    """The model's paths of the names that it has; every other path and name is answered with 404."""
    return URLMap(
        name,
        project=project,
        description=f"What callers of {name} may ask for",
        default_service=backend,
        default_route_action=NOT_FOUND,
        host_rules=[{"hosts": list(hosts), "path_matcher": "model"}],
        path_matchers=[
            {
                "name": "model",
                "default_service": backend,
                "default_route_action": NOT_FOUND,
                "path_rules": [{"paths": list(PATHS), "service": backend}],
            }
        ],
        opts=opts,
    )


def ways(
    name: str,
    *,
    project: str,
    address: GlobalAddress,
    routes: URLMap,
    certificates: pulumi.Input[str],
    entries: Sequence[pulumi.Resource],
    tls_1_2: bool,
    labels: Labels,
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Resource]:
    """The forwarding rules: HTTPS to what answers, and HTTP to HTTPS."""
    policy = SSLPolicy(
        name,
        project=project,
        description=f"TLS of {name}",
        profile=PROFILE,
        min_tls_version=TLS_1_2 if tls_1_2 else TLS_1_3,
        # A key exchange that outlasts quantum computers for who speaks it.
        post_quantum_key_exchange="ENABLED",
        opts=opts,
    )
    secure = TargetHttpsProxy(
        name,
        project=project,
        description=f"HTTPS of {name}",
        url_map=routes.id,
        certificate_map=certificates,
        ssl_policy=policy.id,
        # What somebody recorded could be sent again as early data.
        tls_early_data="DISABLED",
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(entries))),
    )
    called = f"{name}-redirect"
    away = URLMap(
        called,
        project=project,
        description=f"HTTP of {name} to HTTPS",
        default_url_redirect={
            "https_redirect": True,
            "redirect_response_code": "MOVED_PERMANENTLY_DEFAULT",
            "strip_query": False,
        },
        opts=opts,
    )
    plain = TargetHttpProxy(called, project=project, description=f"HTTP of {name}", url_map=away.id, opts=opts)
    doors: dict[str, tuple[int, pulumi.Output[str]]] = {name: (HTTPS, secure.id), called: (HTTP, plain.id)}
    return [
        GlobalForwardingRule(
            door,
            project=project,
            description=f"Port {port} of {name}",
            load_balancing_scheme=SCHEME,
            ip_address=address.address,
            ip_protocol="TCP",
            port_range=str(port),
            target=target,
            labels=labels.all(),
            opts=opts,
        )
        for door, (port, target) in doors.items()
    ]
