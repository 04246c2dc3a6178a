"""Which addresses a network's subnets have."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from components import addresses, checks
from components.aws import catalog
from components.aws import checks as aws

USUAL = "10.0.0.0/16"
LETTERS = "abcdef"
"""Zones that have addresses in every network, whether it uses them or not: a zone more or less moves no subnet of
another. Of eighths, the first six are private, the seventh is left for whoever comes, and the last is public, in
eighths again."""
EIGHTH = 3
WIDEST, NARROWEST = 16, 21
"""Bits of a VPC's prefix: AWS takes none wider, and a narrower one's public subnets would have too few addresses for a
load balancer, which wants 27 bits at most."""
RESERVED = (*addresses.RESERVED, "240.0.0.0/4")
"""Addresses that no network on AWS has."""
clear = partial(addresses.clear, "AwsNetwork")


class Layout(NamedTuple):
    """Zones and what subnets in them have, in one order."""

    cidr: str
    zones: tuple[str, ...]
    private: tuple[str, ...]
    public: tuple[str, ...]


def layout(
    region: str,
    cidr: str,
    zones: Sequence[str] | None,
    private: Sequence[str] | None,
    public: Sequence[str] | None,
    apart_from: Sequence[str],
) -> Layout:
    """The subnets of a network as AwsNetwork is asked for it. Raises ArgsError."""
    if zones is None:
        zones = [f"{region}{letter}" for letter in catalog.ZONES[region][:3]]
    aws.zones("AwsNetwork.zones", zones, region)
    if (private is None) != (public is None):
        missing, there = ("private_cidrs", "public_cidrs") if private is None else ("public_cidrs", "private_cidrs")
        raise checks.wrong(
            f"AwsNetwork.{missing}", None, f"a network for each zone, as {there} has", f"write {missing}: ..."
        )
    if private is not None and public is not None:
        whole = checks.network("AwsNetwork.cidr", cidr, largest=WIDEST, smallest=28)
        found = Layout(str(whole), tuple(zones), tuple(private), tuple(public))
        _given(whole, found)
    else:
        whole = _wide(cidr, len(zones))
        found = _carved(whole, zones)
    addresses.usable("AwsNetwork.cidr", whole, RESERVED, USUAL)
    clear("AwsNetwork.cidr", whole, apart_from)
    return found


def _wide(cidr: str, zones: int) -> checks.Network:
    whole = checks.network("AwsNetwork.cidr", cidr, largest=WIDEST, smallest=32)
    if whole.prefixlen > NARROWEST:
        expected = f"at least a /{NARROWEST} for public and private subnets in {zones} zones"
        fix = (
            f"for example {whole.network_address}/{WIDEST}, or name the subnets' own by private_cidrs and public_cidrs"
        )
        raise checks.wrong("AwsNetwork.cidr", cidr, expected, fix)
    return whole


def _carved(whole: checks.Network, zones: Sequence[str]) -> Layout:
    eighths = list(whole.subnets(EIGHTH))
    small = list(eighths[-1].subnets(EIGHTH))
    at = [LETTERS.find(zone[-1]) for zone in zones]
    if -1 in at:
        raise checks.wrong(
            "AwsNetwork.zones", list(zones), f"zones of the letters {LETTERS[0]} to {LETTERS[-1]}, as AWS has them",
            "name others, or each subnet's addresses by private_cidrs and public_cidrs",
        )  # fmt: skip
    return Layout(
        str(whole),
        tuple(zones),
        tuple(str(eighths[each]) for each in at),
        tuple(str(small[each]) for each in at),
    )


def _given(whole: checks.Network, found: Layout) -> None:
    """Hold subnets that somebody named to their network and to each other."""
    named: dict[str, checks.Network] = {}
    for key, cidrs, smallest in (("private_cidrs", found.private, 28), ("public_cidrs", found.public, 27)):
        if len(cidrs) != len(found.zones):
            expected = f"one network for each of the zones {', '.join(found.zones)}"
            raise checks.wrong(f"AwsNetwork.{key}", list(cidrs), expected, f"write {len(found.zones)}")
        for at, cidr in enumerate(cidrs):
            what = f"AwsNetwork.{key}[{at}]"
            named[what] = checks.network(what, cidr, largest=whole.prefixlen, smallest=smallest)
            if not named[what].subnet_of(whole):
                raise checks.wrong(
                    what, cidr, f"a part of AwsNetwork.cidr, {whole}", "take addresses in it, or widen cidr"
                )
    checks.apart(named)
