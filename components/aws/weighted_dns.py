"""One name that leads to several load balancers, of AWS or not, by weights: Route 53 leaves out who does not answer."""

import ipaddress
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NotRequired, Optional, TypedDict, cast

import pulumi
from pulumi_aws.route53.health_check import HealthCheck
from pulumi_aws.route53.record import Record

from components import checks, front
from components.api_access import RESERVED
from components.aws import checks as aws
from components.aws.tags import Tags
from components.outputs import once

HUNDRED: Final = 100
"""What weights are parts of. Route 53 takes as many records of one name by weights, too."""
TTL: Final = 60
"""Seconds: what load balancers of AWS have, and all weighted records of a name must have the same (Route 53's API,
ResourceRecordSet, 2026-11-22)."""
PROOF_TTL: Final = 300
INTERVAL, FAILURES = 10, 3
"""Seconds from one check to the next of the same checker, and how many in a row settle it: half a minute, and the TTL
until the last caller has heard of it. Another interval is another health check."""
HEALTH_CHECKERS: Final = (
    *("15.177.2.0/23", "15.177.6.0/23", "15.177.10.0/23", "15.177.14.0/23", "15.177.18.0/23", "15.177.22.0/23"),
    *("15.177.26.0/23", "15.177.30.0/23", "15.177.34.0/23", "15.177.38.0/23", "15.177.42.0/23", "15.177.46.0/23"),
    *("15.177.50.0/23", "15.177.54.0/23", "15.177.58.0/23", "15.177.62.0/23", "54.183.255.128/26", "54.228.16.0/26"),
    *("54.232.40.64/26", "54.241.32.64/26", "54.243.31.192/26", "54.244.52.192/26", "54.245.168.0/26"),
    *("54.248.220.0/26", "54.250.253.192/26", "54.251.31.128/26", "54.252.79.128/26", "54.252.254.192/26"),
    *("54.255.254.192/26", "107.23.255.0/26", "176.34.159.192/26", "177.71.207.128/26"),
)
"""Where Route 53's health checks come from (its API, GetCheckerIpRanges, 2026-11-22): a side that has an address has to
let them in."""
_SIDE = r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?"


class WeightedDnsBalancer(TypedDict):
    """A load balancer of AWS: outputs of an AwsLoadBalancer. Its targets' health is its own."""

    dns_name: pulumi.Input[str]
    """The name that AWS gave it. It should have one target group: one without targets, as a second one has most of the
    time, or with unhealthy ones alone, is to Route 53 a load balancer that does not answer."""
    zone_id: pulumi.Input[str]
    """Id of AWS's own zone with that name."""


class WeightedDnsProof(TypedDict):
    """A record by which another cloud sees that the name is ours, before it issues a certificate."""

    name: pulumi.Input[str]
    """Name of the record."""
    type: pulumi.Input[str]
    """Its type, as CNAME."""
    data: pulumi.Input[str]
    """What stands in it."""


class WeightedDnsSide(TypedDict):
    """One of those that answer for the name: either a load balancer of AWS, or an address."""

    weight: int
    """Percent of the answers that name this side. With 0 it gets nothing, unless no other side is healthy."""
    load_balancer: NotRequired[WeightedDnsBalancer]
    """A load balancer of AWS."""
    address: NotRequired[pulumi.Input[str]]
    """IPv4 address on the internet, of a GcpLoadBalancer for example. Whether it answers is checked over TLS at
    `/v2/health/ready`: it has to let `HEALTH_CHECKERS` in and to speak TLS 1.2, as they know no newer one."""
    validation: NotRequired[pulumi.Input[WeightedDnsProof]]
    """The record by which its cloud issues a certificate for the name: of `validation_records` of a GcpLoadBalancer.
    Default: none is made."""


class WeightedDnsArgs(TypedDict):
    hostname: str
    """DNS name that callers use, as `models.example.com`: every side answers for it, with a certificate of its own."""
    zone_name: str
    """Name of the hosted zone that it is in, as `example.com`."""
    hosted_zone_id: pulumi.Input[str]
    """Id of that hosted zone in Route 53."""
    sides: dict[str, WeightedDnsSide]
    """Two or more that answer, by a short name of each, as `aws` and `google`; their weights are 100 together."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of everything that is made and can have some, beside this library's. Default: none."""


class WeightedDns(pulumi.ComponentResource):
    """A name that leads to several sides, as often to each as its weight says, and to none that does not answer.

    Weighted records of Route 53, of 60 seconds. Another weight changes a record and replaces nothing. When no side is
    healthy, Route 53 takes all of them to be. Outputs: `url`, `health_check_ids`.
    """

    url: pulumi.Output[str]
    """Where callers find the model, `https://HOSTNAME`; known once the name leads to every side."""
    health_check_ids: pulumi.Output[dict[str, str]]
    """Id of the health check of each side that has an address: metrics of Route 53, which are in us-east-1, call it
    HealthCheckId."""

    def __init__(self, name: str, args: WeightedDnsArgs, opts: Optional[pulumi.ResourceOptions] = None) -> None:  # noqa: UP045
        checks.given("WeightedDns", args, WeightedDnsArgs)
        aws.named("WeightedDns", name, 63)
        front.zone("WeightedDns.zone_name", args["zone_name"], "hosted zone")
        front.hostname("WeightedDns.hostname", args["hostname"], args["zone_name"], front.COMMON_NAME)
        zone = checks.asked(args["hosted_zone_id"], partial(aws.hosted_zone, "WeightedDns.hosted_zone_id"))
        sides = _sides(args["sides"])
        tags = Tags("WeightedDns.tags", name, args.get("tags"))
        super().__init__("modelport:index:WeightedDns", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        records: list[pulumi.Resource] = []
        watched: dict[str, pulumi.Output[str]] = {}
        for called, side in sides.items():
            leads: dict[str, Any]
            if (balancer := side.get("load_balancer")) is not None:
                alias = {"name": balancer["dns_name"], "zone_id": balancer["zone_id"], "evaluate_target_health": True}
                leads = {"aliases": [alias]}
            else:
                address = cast("pulumi.Input[str]", side.get("address"))
                watched[called] = _check(f"{name}-{called}", args["hostname"], address, tags, child).id
                leads = {"ttl": TTL, "records": [address], "health_check_id": watched[called]}
            records.append(
                Record(
                    f"{name}-{called}",
                    zone_id=zone,
                    name=args["hostname"],
                    type="A",
                    set_identifier=called,
                    weighted_routing_policies=[{"weight": side["weight"]}],
                    opts=child,
                    **leads,
                )
            )
            if (proof := side.get("validation")) is not None:
                told: Any = pulumi.Output.from_input(cast("Any", proof))
                Record(
                    f"{name}-{called}-validation",
                    zone_id=zone,
                    name=told["name"],
                    type=told["type"],
                    ttl=PROOF_TTL,
                    records=[told["data"]],
                    opts=child,
                )
        self.url = once(f"https://{args['hostname']}", records)
        ids: Any = pulumi.Output.all(**watched) if watched else pulumi.Output.from_input({})
        self.health_check_ids = ids
        self.register_outputs({"url": self.url, "health_check_ids": self.health_check_ids})


def _check(
    name: str, hostname: str, address: pulumi.Input[str], tags: Tags, child: pulumi.ResourceOptions
) -> HealthCheck:
    """Whether the model is ready behind an address, asked as a caller of the name asks."""
    return HealthCheck(
        name,
        type="HTTPS",
        ip_address=address,
        port=front.HTTPS,
        # The name by which the server is asked, and for which it shows its certificate.
        fqdn=hostname,
        enable_sni=True,
        resource_path=front.READY,
        request_interval=INTERVAL,
        failure_threshold=FAILURES,
        measure_latency=False,
        tags=tags.of(name),
        opts=child,
    )


def _sides(sides: Mapping[str, WeightedDnsSide]) -> dict[str, WeightedDnsSide]:
    """The sides in the order of their names, each of one kind, with weights of a hundred. Raises ArgsError."""
    what = "WeightedDns.sides"
    found: dict[str, WeightedDnsSide] = {}
    if not 2 <= len(sides) <= HUNDRED:
        expected = f"two sides, and at most {HUNDRED}"
        raise checks.wrong(what, sorted(sides), expected, "name each that answers, as aws and google")
    for called, side in sides.items():
        expected = "a name of at most 32 of a-z, 0-9 and -"
        checks.fits(f"a key of {what}", called, _SIDE, expected, "aws")
        here = f"{what}[{called!r}]"
        checks.given(here, side, WeightedDnsSide)
        found[called] = {**side, "weight": checks.whole(f"{here}.weight", side["weight"], 0, HUNDRED, "percent")}
        balancer, address = side.get("load_balancer"), side.get("address")
        if (balancer is None) == (address is None):
            got = [key for key in ("load_balancer", "address") if side.get(key) is not None]
            raise checks.wrong(here, got, "either load_balancer or address", "write one of them")
        if balancer is not None:
            checks.given(f"{here}.load_balancer", balancer, WeightedDnsBalancer)
        if address is not None:
            found[called]["address"] = checks.asked(address, _address(called))
        proof = side.get("validation")
        if isinstance(proof, Mapping):
            checks.given(f"{here}.validation", proof, WeightedDnsProof)
    for called, side in found.items():
        if side.get("validation") is not None and f"{called}-validation" in found:
            # Their records would be called the same.
            expected = f"another name beside {called!r}, whose record of validation is called so"
            raise checks.wrong(f"a key of {what}", f"{called}-validation", expected, "rename it")
    _weights({called: side["weight"] for called, side in found.items()})
    return {called: found[called] for called in sorted(found)}


def _weights(found: Mapping[str, int]) -> None:
    what = "WeightedDns.sides"
    if not any(found.values()):
        expected = "one weight that is not 0, as Route 53 takes zeros alone for weights that are equal"
        raise checks.wrong(what, dict(found), expected, f"write {next(iter(found))}: {HUNDRED}")
    if (total := sum(found.values())) != HUNDRED:
        last, weight = list(found.items())[-1]
        rest = weight + HUNDRED - total
        fix = f"write {last}: {rest}" if 0 <= rest <= HUNDRED else f"write parts of {HUNDRED}"
        raise checks.wrong(what, dict(found), f"weights of {HUNDRED} together", fix)


def _address(side: str) -> Callable[[object], None]:
    what = f"WeightedDns.sides[{side!r}].address"

    def public(known: object) -> None:
        try:
            found = ipaddress.IPv4Address(known if isinstance(known, str) else "")
        except ValueError:
            found = None
        if found is None or any(found in checks.Network(each) for each in RESERVED):
            expected = "an IPv4 address on the internet, as Route 53 checks no other"
            raise checks.wrong(what, known, expected, "take that of a load balancer there")

    return public
