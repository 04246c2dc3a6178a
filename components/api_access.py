"""Which networks may reach the API server of a cluster, whoever's cloud it is in."""

from collections.abc import Sequence
from typing import Final

from components import checks

RESERVED: Final = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.168.0.0/16", "224.0.0.0/4", "240.0.0.0/4"),
)
"""Addresses that nobody has on the internet."""


def public(component: str, cidrs: Sequence[str], *, opened: bool, most: int, service: str) -> list[str]:
    """Networks of the internet, `public_access_cidrs` of a component. Raises ArgsError.

    opened: whether one of them may be the internet. most: how many `service` takes.
    """
    what = f"{component}.public_access_cidrs"
    _networks(what, cidrs)
    for each in cidrs:
        network = checks.network(what, each, largest=0, smallest=32)
        if network.prefixlen < checks.OPEN and not opened:
            expected = "networks of those who administer the cluster, as this opens its API server to the internet"
            raise checks.wrong(what, each, expected, "name theirs, or write open_to_the_internet: true")
        if any(network.subnet_of(checks.Network(other)) for other in RESERVED):
            expected = "networks that somebody has on the internet"
            raise checks.wrong(what, each, expected, "write it under private_access_cidrs, or leave it out")
    if len(cidrs) > most:
        expected = f"at most {most}, as {service} takes no more"
        raise checks.wrong(what, f"{len(cidrs)} networks", expected, "join some")
    return list(cidrs)


def private(component: str, cidrs: Sequence[str]) -> list[str]:
    """Private networks, `private_access_cidrs` of a component. Raises ArgsError."""
    what = f"{component}.private_access_cidrs"
    _networks(what, cidrs)
    for each in cidrs:
        checks.network(what, each, largest=checks.OPEN, smallest=32)
    return list(cidrs)


def _networks(what: str, cidrs: Sequence[str]) -> None:
    if isinstance(cidrs, str):
        raise checks.wrong(what, cidrs, "a list of networks", f"write ['{cidrs}']")
    if len(set(cidrs)) != len(cidrs):
        raise checks.wrong(what, list(cidrs), "each network once", f"write {sorted(set(cidrs))}")
