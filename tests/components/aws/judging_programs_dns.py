"""Names that lead to several sides by weights, as programs."""

from typing import Final

from pulumi import Output

from components.aws.load_balancer import AwsLoadBalancer
from components.aws.weighted_dns import WeightedDns, WeightedDnsBalancer

ZONE, HOSTNAME = "example.com", "shared.example.com"
ADDRESS: Final = "203.0.113.7"


def weighted(zone_id: Output[str], way: AwsLoadBalancer) -> None:
    """A load balancer of AWS, and one with an address."""
    WeightedDns(
        "shared",
        {
            "hostname": HOSTNAME,
            "zone_name": ZONE,
            "hosted_zone_id": zone_id,
            "sides": {
                "aws": {"weight": 90, "load_balancer": {"dns_name": way.dns_name, "zone_id": way.zone_id}},
                "google": {
                    "weight": 10,
                    "address": ADDRESS,
                    "validation": {
                        "name": f"_acme-challenge_abc.{HOSTNAME}.",
                        "type": "CNAME",
                        "data": "def.7.authorize.certificatemanager.goog.",
                    },
                },
            },
            "tags": {"team": "ml"},
        },
    )


def weighted_name() -> None:
    balancer: WeightedDnsBalancer = {"dns_name": "edge.eu-central-1.elb.amazonaws.com", "zone_id": "Z215JYRZR1TBD5"}
    WeightedDns(
        "shared",
        {
            "hostname": HOSTNAME,
            "zone_name": ZONE,
            "hosted_zone_id": "Z0123456789ABCDEFGHIJ",
            "sides": {"aws": {"weight": 90, "load_balancer": balancer}, "google": {"weight": 10, "address": ADDRESS}},
        },
    )
