"""Which addresses a network's nodes, pods and services have."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from components import addresses, checks

NODES: Final = "10.0.0.0/20"
"""4,092 nodes, as Google keeps four addresses of a subnetwork for itself."""
PODS: Final = "10.4.0.0/14"
"""A /24 for each of 1,024 nodes, which is what GKE gives one that may have its usual 110 pods: twice as many addresses
as pods, so that none is had by another pod soon after (GKE, "About IP ranges for clusters", 2026-11-22)."""
SERVICES: Final = "10.0.16.0/20"
"""4,096 services, as many as where GKE chooses."""
SIZES: Final[Mapping[str, tuple[int, int]]] = {
    "cidr": (8, 29),
    "pods_cidr": (9, 21),
    "services_cidr": (16, 27),
    "proxy_cidr": (8, 26),
    "private_services_cidr": (8, 24),
}
"""Bits of prefixes, widest and narrowest. Pods that share less than a /21 have fewer than eight nodes of GKE's usual
size; a region's proxies want 64 addresses (Cloud Load Balancing, "Proxy-only subnets", 2026-11-22); a producer of
private services takes a /24 at least (VPC, "Private services access", 2026-11-22)."""
GOOGLE: Final[Mapping[str, str]] = {
    "34.118.224.0/20": "GKE gives the services of clusters that have no range of their own",
    "34.126.0.0/18": "Google's APIs have for direct connections",
    "35.191.0.0/16": "load balancers and their health checks come from",
    "35.199.192.0/19": "Cloud DNS asks other servers from",
    "35.235.240.0/20": "Identity-Aware Proxy comes from",
    "130.211.0.0/22": "load balancers and their health checks come from",
    "199.36.153.4/30": "restricted.googleapis.com has",
    "199.36.153.8/30": "private.googleapis.com has",
}
"""Addresses that mean Google itself in every network (VPC, "Subnets", "Routes" and "Cloud NGFW", 2026-11-22). Those of
class E, 240.0.0.0/4, are to be had on Google Cloud, other than anywhere else."""
PRIVATE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""What RFC 1918 keeps for networks of one's own."""


class Layout(NamedTuple):
    """What a network's ranges are; the last two are empty where they were not asked for."""

    nodes: str
    pods: str
    services: str
    proxies: str
    private_services: str


def layout(args: Mapping[str, Any], apart_from: Sequence[str]) -> Layout:
    """The ranges of a network as GcpNetwork is asked for it. Raises ArgsError."""
    given = {"cidr": NODES, "pods_cidr": PODS, "services_cidr": SERVICES, **args}
    called = {key: f"GcpNetwork.{key}" for key in SIZES}
    found = _held({key: given.get(key) for key in SIZES}, called, apart_from)
    for key in SIZES:
        if key in found:
            _usable(called[key], found[key], str(given[key]), {"pods_cidr": PODS, "services_cidr": SERVICES}.get(key))
    return _laid(found)


def adopted(args: Mapping[str, Any], existing: Mapping[str, Any], apart_from: Sequence[str]) -> Layout:
    """Those of a network that is there, with what is asked for beside them. Raises ArgsError."""
    theirs = ("cidr", "pods_cidr", "services_cidr")
    called = {key: f"GcpNetwork.existing.{key}" if key in theirs else f"GcpNetwork.{key}" for key in SIZES}
    found = _held({key: (existing if key in theirs else args).get(key) for key in SIZES}, called, apart_from)
    for key in found:
        if key not in theirs:
            _usable(called[key], found[key], str(args[key]), None)
    return _laid(found)


def _held(
    given: Mapping[str, str | None], called: Mapping[str, str], apart_from: Sequence[str]
) -> dict[str, checks.Network]:
    """Networks, each of a size that Google takes, that share no address with each other nor with others."""
    found: dict[str, checks.Network] = {}
    for key, (largest, smallest) in SIZES.items():
        if (value := given.get(key)) is not None:
            found[key] = checks.network(called[key], value, largest=largest, smallest=smallest)
    checks.apart({called[key]: each for key, each in found.items()})
    for key, each in found.items():
        addresses.clear("GcpNetwork", called[key], each, apart_from)
    return found


def _usable(what: str, whole: checks.Network, given: str, usual: str | None) -> None:
    example = usual or f"10.8.0.0/{given.rpartition('/')[2]}"
    addresses.usable(what, whole, addresses.RESERVED, example)
    for each, whose in GOOGLE.items():
        if whole.overlaps(checks.Network(each)):
            raise checks.wrong(
                what, str(whole), f"another network than {each}, which {whose}", f"for example {example}"
            )
    if what.endswith("private_services_cidr") and not any(whole.subnet_of(checks.Network(each)) for each in PRIVATE):
        expected = f"a part of {', '.join(PRIVATE)}, as Google asks it of what its services have"
        raise checks.wrong(what, str(whole), expected, f"for example {example}")


def _laid(found: Mapping[str, checks.Network]) -> Layout:
    return Layout(*(str(found[key]) if key in found else "" for key in SIZES))
